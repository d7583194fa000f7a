"""Writes tests/golden/expected/ anew, where a change of numbers or words is meant."""

import shutil
import tempfile
from pathlib import Path

from tests.golden.outputs import HERE, texts

if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        made = texts(Path(folder))
    shutil.rmtree(HERE / "expected", ignore_errors=True)
    for name, text in made.items():
        path = HERE / "expected" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8", newline="\n")
