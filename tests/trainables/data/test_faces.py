"""The table of faces: looked for once, kept over a kill, turned into squares; and the detector's own border.

The detector is faked where rules and files are tested: whether it finds a drawn face is not ours to say.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from trainables.data.faces import (
    FLUSH_EVERY,
    DetectedFaces,
    FaceCounts,
    Look,
    SourceFaces,
    count_faces,
    count_unchanged,
    ensure_faces,
    face_squares,
    read_faces,
    recipe_squares,
    write_faces,
)
from trainables.data.images.crops import Square
from trainables.errors import InputError
from trainables.recipe import RecipeKeys

FACE = DetectedFaces("a" * 64, 100, 80, ((40.0, 30.0, 60.0, 50.0),), (0.99,))
NONE = DetectedFaces("b" * 64, 50, 40, (), ())
UNSURE = DetectedFaces("c" * 64, 50, 40, ((0.0, 0.0, 20.0, 20.0),), (0.94,))
SEVERAL = DetectedFaces("d" * 64, 100, 100, ((0.0, 0.0, 40.0, 40.0), (45.0, 45.0, 55.0, 55.0)), (0.96, 0.99))
Files = list[tuple[str, Path]]


def known(*found: DetectedFaces) -> dict[str, DetectedFaces]:
    return {each.sha256: each for each in found}


def files(count: int) -> dict[str, Path]:
    return {f"{number:064x}": Path(f"{number}.png") for number in range(count)}


def looking(seen: Files, *, stop_after: int | None = None) -> Look:
    """A detector that finds one face in each image, ten at a time, and may be interrupted."""

    def look(missing: Sequence[tuple[str, Path]]) -> Iterator[list[DetectedFaces]]:
        for start in range(0, len(missing), 10):
            if stop_after is not None and start >= stop_after:
                raise KeyboardInterrupt
            part = missing[start : start + 10]
            seen.extend(part)
            yield [DetectedFaces(digest, 10, 10, ((1.0, 2.0, 5.0, 6.5),), (0.99,)) for digest, _ in part]

    return look


def test_the_table_gives_back_what_was_written(tmp_path: Path) -> None:
    found = known(FACE, NONE, UNSURE, SEVERAL)
    write_faces(tmp_path / "faces.parquet", found)
    assert read_faces(tmp_path / "faces.parquet") == found


def test_each_image_is_looked_at_once(tmp_path: Path) -> None:
    """Catches a second detection when images are added, or when another margin is asked for."""
    seen: Files = []
    counted: list[tuple[int, int]] = []
    first = ensure_faces(
        tmp_path / "t.parquet", files(25), look=looking(seen), progress=lambda *done: counted.append(done)
    )
    assert counted == [(10, 25), (20, 25), (25, 25)]
    again = ensure_faces(tmp_path / "t.parquet", files(25), look=looking(seen))
    more = ensure_faces(tmp_path / "t.parquet", files(30), look=looking(seen))
    assert first == again and set(more) == set(files(30))
    assert [path.name for _, path in seen] == [f"{number}.png" for number in range(30)]


def test_what_was_found_before_a_kill_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill leaves no time to write: what counts is what had been written on the way."""
    monkeypatch.setattr("trainables.data.faces.FLUSH_EVERY", 20)
    written: list[int] = []

    def write(table: Path, found: dict[str, DetectedFaces]) -> None:
        written.append(len(found))
        write_faces(table, found)

    monkeypatch.setattr("trainables.data.faces.write_faces", write)
    seen: Files = []
    with pytest.raises(KeyboardInterrupt):
        ensure_faces(tmp_path / "t.parquet", files(100), look=looking(seen, stop_after=70))
    assert written == [20, 40, 60, 70]
    before = len(seen)
    ensure_faces(tmp_path / "t.parquet", files(100), look=looking(seen))
    assert len(seen) - before == 30
    assert FLUSH_EVERY <= 1000


@pytest.mark.parametrize("damage", [b"", b"PAR1 half a table"])
def test_a_damaged_table_is_made_again(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "t.parquet").write_bytes(damage)
    seen: Files = []
    assert len(ensure_faces(tmp_path / "t.parquet", files(3), look=looking(seen))) == 3 == len(seen)


def test_an_image_without_a_sure_face_has_no_square() -> None:
    squares = face_squares((FACE, NONE, UNSURE, SEVERAL), margin=0.5, rule="largest")
    assert squares == {FACE.sha256: Square(30, 20, 40), SEVERAL.sha256: Square(0, 0, 80)}
    assert face_squares((SEVERAL,), margin=0.0, rule="central") == {SEVERAL.sha256: Square(45, 45, 10)}


def test_a_recipe_without_face_crop_needs_no_table(tmp_path: Path) -> None:
    assert recipe_squares(tmp_path / "nowhere", [FACE.sha256], RecipeKeys()) is None


def test_a_recipe_applies_its_margin_and_rule_and_needs_every_image(tmp_path: Path) -> None:
    write_faces(tmp_path / "t.parquet", known(FACE, SEVERAL))
    recipe = RecipeKeys(face_crop=True, face_crop_margin=0.0, face_rule="central")
    hashes = [FACE.sha256, SEVERAL.sha256]
    expected = {FACE.sha256: Square(40, 30, 20), SEVERAL.sha256: Square(45, 45, 10)}
    assert recipe_squares(tmp_path / "t.parquet", hashes, recipe) == expected
    with pytest.raises(InputError, match="knows nothing of 1 images"):
        recipe_squares(tmp_path / "t.parquet", [*hashes, NONE.sha256], recipe)


def test_counts_by_source_and_the_images_without_a_face() -> None:
    rows = pd.DataFrame(
        {
            "path": ["r/1", "r/2", "f/1", "f/2"],
            "sha256": [each.sha256 for each in (FACE, NONE, UNSURE, SEVERAL)],
            "source": ["r", "r", "f", "f"],
        }
    )
    assert count_faces(rows, known(FACE, NONE, UNSURE, SEVERAL)) == FaceCounts(
        images=4,
        with_face=2,
        several=1,
        without_face=("f/1", "r/2"),
        by_source=(SourceFaces("f", 2, 1, 1), SourceFaces("r", 2, 1, 0)),
    )
    assert count_faces(rows, known(FACE)) is None


@pytest.mark.parametrize(("margin", "expected"), [(0.0, 0), (1.4, 0), (1.5, 1), (3.0, 1)])
def test_a_face_that_fills_the_image_is_the_picture_without_a_crop(margin: float, expected: int) -> None:
    """FACE is 20 px wide, in the middle of an image of 100 x 80; an image without a face is never counted."""
    assert count_unchanged([FACE, NONE, UNSURE], margin=margin, rule="largest") == expected


@pytest.fixture(scope="module")
def write(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[str, str]]:
    folder = tmp_path_factory.mktemp("detector")

    def one(name: str, width: int, height: int, **options: object) -> tuple[str, str]:
        pixels = np.random.default_rng(len(name)).integers(0, 256, (height, width, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / name, **options)
        return hashlib.sha256((folder / name).read_bytes()).hexdigest(), str(folder / name)

    return one


def test_the_detector_takes_any_size_and_says_how_large_images_are_upright(
    write: Callable[..., tuple[str, str]],
) -> None:
    """Catches sizes as they lie in the file, reduced decoding, and images too small for the pyramid."""
    from trainables.data.face_detector import look_at

    exif = Image.Exif()
    exif[0x0112] = 6
    given = [
        write("turned.jpg", 1001, 1000, exif=exif),
        write("turned.png", 60, 40, exif=exif),
        write("turned.tif", 60, 40, exif=exif),
        write("flat.png", 400, 3),
        write("tiny.png", 1, 1),
        write("plain.jpg", 60, 40),
    ]
    found = look_at(given)
    assert [each.sha256 for each in found] == [digest for digest, _ in given]
    sizes = [(each.width, each.height) for each in found]
    assert sizes == [(1000, 1001), (40, 60), (40, 60), (400, 3), (1, 1), (60, 40)]


def test_a_file_changed_since_the_scan_stops_the_detector(write: Callable[..., tuple[str, str]]) -> None:
    from trainables.data.face_detector import look_at

    digest, path = write("changing.png", 50, 50)
    Path(path).write_bytes(b"other")
    with pytest.raises(InputError, match="changed since it was scanned"):
        look_at([(digest, path)])


def test_boxes_come_in_pixels_of_the_whole_image_and_by_image(
    write: Callable[..., tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches boxes in the pixels that the detector saw, and boxes given to another image of the batch."""
    from trainables.data import face_detector

    def fake(images: list[Image.Image], *rest: object) -> tuple[list[np.ndarray], None]:
        widths = [image.width for image in images]
        return [np.array([[0, 0, width, width / 2, 0.9]]) for width in widths], None

    monkeypatch.setattr(face_detector, "detect_face", fake)
    found = face_detector.look_at([write("wide.png", 768, 384), write("a.png", 64, 64)])
    assert [each.boxes for each in found] == [((0.0, 0.0, 768.0, 384.0),), ((0.0, 0.0, 64.0, 32.0),)]
    assert [each.probabilities for each in found] == [(0.9,), (0.9,)]


def test_the_package_stumbling_over_an_image_costs_that_image_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    from trainables.data import face_detector

    detector = face_detector.FaceDetector(torch.device("cpu"))
    images = [Image.new("RGB", (40, 40), colour) for colour in ("red", "blue")]

    def fake(given: list[Image.Image], *rest: object) -> tuple[list[np.ndarray], None]:
        if any(image.getpixel((0, 0)) == (255, 0, 0) for image in given):
            raise RuntimeError("torch.cat(): expected a non-empty list of Tensors")
        return [np.array([[1, 2, 3, 4, 0.9]]) for _ in given], None

    monkeypatch.setattr(face_detector, "detect_face", fake)
    assert detector._find(images) == [[], [((1.0, 2.0, 3.0, 4.0), 0.9)]]

    def broken(*given: object) -> None:
        raise RuntimeError("CUDA error")

    monkeypatch.setattr(face_detector, "detect_face", broken)
    with pytest.raises(RuntimeError, match="CUDA error"):
        detector._find(images)
