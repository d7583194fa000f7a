"""Files that a copy holds and what they were made of: copied.jsonl, beside copy.json.

One line per file, [path below the copy, content hash of the original]; the hash of a CSV file is "". A line
is added after its file is whole, and the lines of files that are about to be replaced go before, so that a
line never speaks of an older content. The last line of a path counts; a line that was cut off by a kill is
passed over, and its file written again.
"""

import contextlib
import json
import threading
from collections.abc import Mapping
from pathlib import Path

from trainables.files import write_text

COPIED = "copied.jsonl"


class CopyLog:
    """The lines of the copy at `out`; `add` may be called from several threads."""

    def __init__(self, out: Path) -> None:
        self._path = out / COPIED
        self._lock = threading.Lock()

    def read(self) -> dict[str, str]:
        """Return path -> content hash of the original; empty where nothing can be read."""
        found: dict[str, str] = {}
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").split("\n")
        except OSError:
            return found
        for line in lines:
            with contextlib.suppress(ValueError, TypeError):
                path, digest = json.loads(line)
                if isinstance(path, str) and isinstance(digest, str):
                    found[path] = digest
        return found

    def rewrite(self, copied: Mapping[str, str]) -> None:
        """Put these files in place of all lines, in the order of their paths."""
        write_text(self._path, "".join(_line(path, digest) for path, digest in sorted(copied.items())))

    def add(self, path: str, digest: str) -> None:
        """Add a file that is whole."""
        with self._lock, self._path.open("a", encoding="utf-8") as stream:
            stream.write(_line(path, digest))


def _line(path: str, digest: str) -> str:
    return json.dumps([path, digest]) + "\n"
