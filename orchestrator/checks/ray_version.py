"""Versions of Ray: the one that a cluster file installs, and the one that the project's constraints name.

A head of one version and a driver of another do not speak with each other, and Ray says so late.
"""

import importlib.metadata
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from orchestrator.checks.yaml_file import YamlPart

CONSTRAINTS = "constraints.txt"
PINNED = re.compile(r"^ray==([\w.]+)", re.MULTILINE)
# `pip install ray==2.9.0`, `ray[default]==2.9.0`; an image by its tag; a wheel of Ray's by its name.
INSTALLED = re.compile(r"\bray(?:\[[\w,]*\])?\s*==\s*([\d.]+\d)")
IMAGE = re.compile(r"rayproject/ray(?:-ml)?:([\w.]+)")
NEWEST = re.compile(
    r"\bpip3? install\b(?![^;&|]*(?:-c|--constraint)\b)[^;&|]*[\s'\"]ray(?:\[[\w,]*\])?['\"]?(?=\s|$)"
)
WHEEL = re.compile(r"ray-wheels|ray-\d[\w.]*\.whl")


def pinned_ray(folders: Iterable[Path]) -> str:
    """Return the version that the first constraints.txt of these folders names; "" where none does."""
    for folder in folders:
        file = folder / CONSTRAINTS
        if file.is_file() and (found := PINNED.search(file.read_text(encoding="utf-8"))):
            return found[1]
    return ""


def ray_here() -> str:
    """Return the version of Ray that is installed here."""
    return importlib.metadata.version("ray")


def version_problems(texts: Iterable[YamlPart], *, pinned: str) -> Iterator[str]:
    """Say where commands and images bring another Ray than `pinned`, or whichever is the newest."""
    for part in texts:
        for found in (*INSTALLED.findall(part.text), *IMAGE.findall(part.text)):
            if not (found == pinned or found.startswith((f"{pinned}-", f"{pinned}."))):
                yield f"{part.place} brings Ray {found}, and {CONSTRAINTS} says {pinned}"
        if NEWEST.search(part.text) or WHEEL.search(part.text):
            yield (
                f"{part.place} brings whichever Ray is there on that day: install ray=={pinned}, "
                f"or with `-c {CONSTRAINTS}`"
            )
