"""A copy with nothing but smaller images: for the tests of what every copy keeps to."""

from collections.abc import Callable
from pathlib import Path

from trainables.data.copies.dataset_copy import CopyCounts, CopyMethod, CopyRecord, Encoding, write_copy
from trainables.data.dataset.manifest import Manifest
from trainables.data.images.decoding import square

Draw = Callable[..., Path]
SIDE = 72


def text(root: Path, **tables: str) -> Path:
    for name, content in tables.items():
        (root / f"{name}.csv").write_text(content, encoding="utf-8")
    return root


def record_of(root: Path, **settings: int) -> CopyRecord:
    return CopyRecord("a test", str(root.resolve()), settings)


PLAIN = CopyMethod(lambda path: Encoding("PNG", {}, suffix=".png"), lambda image, digest: square(image, 24))


def write(manifest: Manifest, out: Path) -> CopyCounts:
    return write_copy(manifest, out, record=record_of(manifest.root, size_px=24), method=PLAIN)


def files(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
