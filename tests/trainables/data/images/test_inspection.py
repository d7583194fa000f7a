"""Usable images, readable by everything that comes after, and looking that leaves no traces."""

import threading
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from trainables.data.images import inspection
from trainables.data.images.decoding import square
from trainables.data.images.inspection import inspect_file, inspect_files, open_image


def write_jpeg(path: Path, *, progressive: bool = False) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (48, 40, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, progressive=progressive)
    return path.read_bytes()


@pytest.mark.parametrize("progressive", [False, True])
def test_wherever_a_jpeg_was_cut_off_the_quick_look_finds_it(tmp_path: Path, progressive: bool) -> None:
    """Else the scan passes and the pixel cache stops on a file that was called usable."""
    path = tmp_path / "a.jpg"
    content = write_jpeg(path, progressive=progressive)
    for length in [*range(0, len(content) - 40, 97), *range(len(content) - 40, len(content))]:
        path.write_bytes(content[:length])
        if not inspect_file(path).problem:
            with Image.open(path) as image:
                square(image, 32)
        assert inspect_file(path).problem or length >= len(content) - 2


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGBA", "P", "1", "I;16"])
def test_every_mode_of_pixels_is_usable(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.tif" if mode == "CMYK" else "a.png")
    image = Image.new("I;16", (40, 32)) if mode == "I;16" else Image.new("RGB", (40, 32)).convert(mode)
    image.save(path)
    found = inspect_file(path)
    assert (found.problem, found.width, found.height) == ("", 40, 32)


def test_a_file_that_cannot_be_opened_is_a_problem_not_an_exception(tmp_path: Path) -> None:
    assert inspect_file(tmp_path / "gone.jpg").problem.startswith("can't be opened")
    assert inspect_file(tmp_path).problem.startswith("can't be opened")


def test_order_is_kept_and_progress_reaches_the_total(tmp_path: Path) -> None:
    paths = []
    for number in range(70):
        paths.append(tmp_path / f"{number}.png")
        Image.new("L", (number + 1, 1)).save(paths[-1])
    seen: list[tuple[int, int]] = []
    found = inspect_files(paths, progress=lambda done, total: seen.append((done, total)))
    assert [facts.width for facts in found] == list(range(1, 71))
    assert seen == [(64, 70), (70, 70)]


def test_threads_do_not_silence_the_warnings_of_the_whole_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two threads that change the warning filters and restore them out of order leave them changed."""
    for name in ("a.png", "b.png"):
        Image.new("L", (8, 8)).save(tmp_path / name)
    a_is_inside, b_is_inside, a_has_left = threading.Event(), threading.Event(), threading.Event()
    inspect, load = inspection.inspect_file, Image.open

    def inspect_in_turn(path: Path) -> inspection.Facts:
        if path.name == "b.png":
            a_is_inside.wait(5)
        try:
            return inspect(path)
        finally:
            if path.name == "a.png":
                a_has_left.set()

    def open_in_turn(*arguments: object, **options: object) -> Image.Image:
        if not a_is_inside.is_set():
            a_is_inside.set()
            b_is_inside.wait(5)
        else:
            b_is_inside.set()
            a_has_left.wait(5)
        return load(*arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(inspection, "num_workers", lambda: 2)
    monkeypatch.setattr(inspection, "inspect_file", inspect_in_turn)
    monkeypatch.setattr(Image, "open", open_in_turn)
    with warnings.catch_warnings():
        before = list(warnings.filters)
        inspect_files([tmp_path / "a.png", tmp_path / "b.png"])
        assert list(warnings.filters) == before


def test_a_png_with_the_workflow_of_a_generator_as_text_is_usable(tmp_path: Path) -> None:
    """Catches fakes alone left out, for a text of more than 1 MiB that says nothing of the pixels."""
    texts = PngImagePlugin.PngInfo()
    texts.add_text("workflow", "node " * 400_000, zip=True)
    path = tmp_path / "a.png"
    Image.new("RGB", (32, 32)).save(path, pnginfo=texts)
    assert inspect_file(path).problem == ""
    with open_image(path) as image:
        assert len(image.text["workflow"]) == 2_000_000  # type: ignore[attr-defined]


def packed_text() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("workflow", "node " * 20_000_000, zip=True)
    return texts


def plain_text() -> PngImagePlugin.PngInfo:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("workflow", "n" * 9 * 2**20)
    texts.add_text("prompt", "a face")
    return texts


@pytest.mark.parametrize("texts", [packed_text, plain_text])
def test_texts_beyond_the_bound_are_passed_over_and_the_others_kept(
    tmp_path: Path, texts: Callable[[], PngImagePlugin.PngInfo]
) -> None:
    """Catches fakes alone left out for 100 MB of text, or all of it unpacked for nothing."""
    path = tmp_path / "a.png"
    pixels = np.random.default_rng(0).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path, pnginfo=texts())
    assert inspect_file(path).problem == ""
    with open_image(path) as image:
        assert (square(image, 32) == pixels).all()
        assert set(image.info) <= {"prompt"}


@pytest.mark.parametrize("suffix", ["png", "webp", "jpg"])
def test_an_exif_block_that_cannot_be_read_says_nothing_of_the_pixels(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    Image.new("RGB", (32, 32), "red").save(path, exif=b"Exif\x00\x00no block at all")
    assert inspect_file(path).problem == ""
    with open_image(path) as image:
        assert square(image, 16).shape == (16, 16, 3)
