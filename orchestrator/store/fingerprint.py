"""Canonical JSON, and the hash of a value: what keys and records are named by."""

import hashlib
import json
from typing import Any

SHORT = 12


def canonical_json(value: Any) -> str:
    """Return the one JSON text of `value`: keys sorted, no spaces, no NaN."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def fingerprint(value: Any) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, 64 hexadecimal digits."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
