"""Files of the final report: its name, what people write for it, and what it may point at below results/."""

import os

from orchestrator.store.folder import Store
from trainables.errors import InputError
from trainables.files import read_text

# As a phase is called, so that its folder is one of reports/; no phase can have this name.
FINAL_REPORT = "final"
OWN_SLIDES = "slides.md"
MOST_BYTES = 2**20


def read_own_slides(store: Store) -> str:
    """Return the text of results/slides.md; empty where there is none.

    Raises:
        InputError: it can't be read, or is no UTF-8.
    """
    path = store.root / OWN_SLIDES
    if not os.path.lexists(path):
        return ""
    try:
        return read_text(path, most_bytes=MOST_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path} can't be read ({reason}); write it in UTF-8, or move it away") from error


def files_like(store: Store, pattern: str) -> list[str]:
    """Return what records call the files below results/ that match a glob pattern and are not empty."""
    found = (path for path in store.root.glob(pattern) if path.is_file() and path.stat().st_size)
    return sorted(map(store.called, found))
