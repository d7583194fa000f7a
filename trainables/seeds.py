"""Seeds derived from a few words, so that every random choice has a name and none shares a stream.

A hash, not arithmetic: seed 42 of fold 1 and seed 43 of fold 0 must have nothing in common. The result
does not depend on the platform or on the Python version.
"""

import hashlib


def derived_seed(*words: int | str) -> int:
    """Return a seed in [0, 2**63) for `words`, for example (experiment seed, repeat, fold, "init")."""
    text = "\x1f".join(f"{type(word).__name__}:{word}" for word in words)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
