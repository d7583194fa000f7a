"""`data prepare`: what it writes, counts and refuses; the detector itself is faked."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from orchestrator.cli import main
from trainables.data.dataset.manifest import scan
from trainables.data.faces import DetectedFaces
from trainables.data.pixels import cache_key

Call = Callable[..., tuple[int, str, str]]


def fake_look(files: Sequence[tuple[str, Any]], device: str) -> list[DetectedFaces]:
    """One face in each file but the first of each source (face_0), and two in face_1."""
    found = []
    for digest, path in files:
        number = int(Path(path).stem.rpartition("_")[2])
        boxes = ((2.0, 2.0, 12.0, 12.0), (10.0, 10.0, 14.0, 14.0))[: 0 if number == 0 else 1 + (number == 1)]
        found.append(DetectedFaces(digest, 32, 32, boxes, (0.99,) * len(boxes)))
    return found


@pytest.fixture
def detector(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Fake the detector; the list gets the number of images of each call."""
    calls: list[int] = []

    def look_here(files: Sequence[tuple[str, Path]], *, device: str) -> Iterator[list[DetectedFaces]]:
        calls.append(len(files))
        yield fake_look(files, device)

    monkeypatch.setattr("trainables.data.face_detector.look_here", look_here)
    return calls


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in ("data", "prepare", *arguments)])
        out, err = capsys.readouterr()
        return int(end.value.code or 0), out, err

    return run


def test_crops_are_written_counted_and_not_looked_for_twice(
    call: Call, faces: Path, detector: list[int], tmp_path: Path
) -> None:
    code, out, _ = call(faces, "--faces")
    assert code == 0
    assert "33 of 36 images show a face, 3 several (the largest is taken), 3 none" in out
    assert "no face  wiki/face_0.jpg" in out and "36 files written to cropped/classifier" in out
    assert len(list((tmp_path / "cropped" / "classifier").rglob("*.jpg"))) == 36
    code, out, _ = call(faces, "--faces", "--out", "other", "--margin", 0, "--rule", "central", "--json")
    outcome = json.loads(out)
    assert (code, outcome["with_face"], outcome["written"], outcome["rule"]) == (0, 33, 36, "central")
    assert outcome["without_face"] == [
        f"{source}/face_0.jpg" for source in ("inpainting", "text2img", "wiki")
    ]
    assert detector == [36]


def test_a_size_alone_builds_the_cache_that_a_study_will_use(
    call: Call, faces: Path, detector: list[int]
) -> None:
    code, out, _ = call(faces, "--size", 16, "--json")
    outcome = json.loads(out)
    assert (code, outcome["images"], outcome["bytes"]) == (0, 36, 36 * 16 * 16 * 3)
    hashes = json.loads((Path(outcome["cache"]) / "images.json").read_text())
    assert Path(outcome["cache"]) == Path("results/cache/pixels").resolve() / cache_key(hashes, size_px=16)
    assert detector == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "--faces or --size"),
        (["--size", 32, "--out", "x"], "--out goes with --faces"),
        (["--faces", "--rule", "smallest"], "there are largest and central"),
        (["--faces", "--margin", -1], "margin"),
    ],
)
def test_what_makes_no_sense_is_refused(
    call: Call, faces: Path, detector: list[int], arguments: list[object], message: str
) -> None:
    code, _, err = call(faces, *arguments)
    assert code == 2 and message in " ".join(err.split())
    assert not Path("cropped").exists() and detector == []


def test_no_image_of_a_csv_set_is_lost_whatever_its_crop_is_called(
    call: Call, detector: list[int], tmp_path: Path
) -> None:
    """Catches rows that name a .gif when its crop is a .png."""
    for number in range(6):
        path = tmp_path / "set" / "train" / f"face_{number}.{'gif' if number % 2 else 'webp'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.linear_gradient("L").rotate(30 * number).resize((48, 40)).save(path)
    rows = "".join(f"face_{n}.{'gif' if n % 2 else 'webp'},{n // 3}\n" for n in range(6))
    (tmp_path / "set" / "train.csv").write_text(f"image_id,label\n{rows}")
    code, out, _ = call(tmp_path / "set", "--faces", "--out", tmp_path / "crops")
    assert code == 0 and "6 files written" in out
    before, after = scan(tmp_path / "set"), scan(tmp_path / "crops")
    assert (len(after.rows), len(after.excluded)) == (6, 0)
    for manifest in (before, after):
        assert {Path(row.path).stem: row.label for row in manifest.rows.itertuples()} == {
            f"face_{number}": number // 3 for number in range(6)
        }
