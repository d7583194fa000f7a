"""The pixel cache: the right pixels under a name made of content, built once, complete or not there."""

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

from trainables.data.images.crops import Square
from trainables.data.images.decoding import MAX_DIFFERENCE, square
from trainables.data.pixels import cache_key, ensure_pixels, open_pixels
from trainables.errors import InputError

Start = Callable[[Path, dict[str, Path]], "subprocess.Popen[str]"]

REPOSITORY = Path(__file__).parents[3]
ORIENTATION = 0x0112

# Builds one cache; says when it is asked and when building has begun, and stops there for a line of input.
BUILDER = """
import json, sys
from pathlib import Path
from trainables.data.pixels import ensure_pixels
def begun(done, total):
    print("building", flush=True)
    sys.stdin.readline()
cache, files = Path(sys.argv[1]), {k: Path(v) for k, v in json.loads(sys.argv[2]).items()}
print("asked", flush=True)
print(ensure_pixels(cache, files, size_px=16, num_threads=1, progress=begun), flush=True)
"""


def pixels_of(seed: int, width: int = 48, height: int = 36) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def digest_of(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    found = {}
    for number in range(5):
        path = tmp_path / "images" / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(pixels_of(number)).save(path)
        found[digest_of(path)] = path
    return found


def left_behind(cache: Path) -> list[str]:
    """What is in the cache folder besides locks."""
    return sorted(path.name for path in cache.iterdir() if path.suffix != ".lock")


def test_every_image_is_its_central_square_resized_once(files: dict[str, Path], tmp_path: Path) -> None:
    """Only the outer three columns may differ: the filter reaches 4.5 pixels past the edge of the square."""
    seen: list[tuple[int, int]] = []
    folder = ensure_pixels(
        tmp_path / "cache", files, size_px=24, progress=lambda done, total: seen.append((done, total))
    )
    pixels = open_pixels(folder)
    assert pixels.array.shape == (5, 24, 24, 3) and pixels.array.dtype == np.uint8
    assert seen[-1] == (5, 5)
    for digest, path in files.items():
        with Image.open(path) as image:
            expected = image.crop((6, 0, 42, 36)).resize((24, 24), Image.Resampling.LANCZOS)
        [row] = pixels.rows([digest])
        np.testing.assert_array_equal(pixels.array[row][:, 3:-3], np.asarray(expected)[:, 3:-3])


def test_a_square_picture_is_what_pillow_makes_of_it_to_the_edge() -> None:
    image = Image.fromarray(pixels_of(7, 51, 51))
    expected = np.asarray(image.resize((24, 24), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(square(image, 24), expected)


def test_rows_are_found_by_hash_in_the_order_asked_for(files: dict[str, Path], tmp_path: Path) -> None:
    pixels = open_pixels(ensure_pixels(tmp_path, files, size_px=16))
    hashes = list(files)
    rows = pixels.rows([hashes[3], hashes[0], hashes[3]])
    assert rows.dtype == np.int64 and rows[0] == rows[2] != rows[1]


def test_an_open_cache_cannot_be_written_to(files: dict[str, Path], tmp_path: Path) -> None:
    pixels = open_pixels(ensure_pixels(tmp_path, files, size_px=16))
    with pytest.raises(ValueError, match="read-only"):
        pixels.array[0] = 0


def test_the_key_is_made_of_content_and_size_not_of_names_or_order(
    files: dict[str, Path], tmp_path: Path
) -> None:
    folder = ensure_pixels(tmp_path / "cache", files, size_px=16)
    renamed = {}
    for digest, path in reversed(files.items()):
        renamed[digest] = path.rename(path.with_name(f"other-{path.name}"))
    assert ensure_pixels(tmp_path / "cache", renamed, size_px=16) == folder
    hashes = list(files)
    assert cache_key([*hashes, hashes[0]], size_px=16) == cache_key(hashes, size_px=16) == folder.name
    others = {cache_key(hashes, size_px=17), cache_key(hashes[1:], size_px=16), cache_key([], size_px=16)}
    assert len(others) == 3 and folder.name not in others


def test_a_finished_cache_is_used_without_the_images(files: dict[str, Path], tmp_path: Path) -> None:
    folder = ensure_pixels(tmp_path / "cache", files, size_px=16)
    for path in files.values():
        path.unlink()
    assert ensure_pixels(tmp_path / "cache", files, size_px=16) == folder


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_that_says_how_it_was_held_is_turned_upright(tmp_path: Path, orientation: int) -> None:
    upright = np.zeros((32, 32, 3), np.uint8)
    upright[:16, :16, 0] = 255
    upright[:16, 16:, 1] = 255
    # What a camera that was held that way stores, from the EXIF standard's table.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[orientation]
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "a.png", exif=exif)
    with Image.open(tmp_path / "a.png") as image:
        np.testing.assert_array_equal(square(image, 32), upright)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_region_is_one_of_the_upright_picture_reduced_or_not(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    """Catches a region that is looked up in the picture as it lies in the file, or in a reduced one."""
    down, across = np.mgrid[0:331, 0:403]
    smooth = np.stack([across / 403, down / 331, (across + down) / 734], axis=-1) * 255
    image = Image.fromarray(smooth.astype(np.uint8))
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    image.save(tmp_path / f"a.{suffix}", exif=exif, **({"quality": 98} if suffix == "jpg" else {}))
    with Image.open(tmp_path / f"a.{suffix}") as opened:
        upright = ImageOps.exif_transpose(opened).convert("RGB")
    for region in (Square(17, 44, 250), Square(61, 3, 239), Square(0, 0, 97)):
        box = (region.left, region.top, region.left + region.side, region.top + region.side)
        with Image.open(tmp_path / f"a.{suffix}") as opened:
            found = square(opened, 24, region).astype(int)
        expected = np.asarray(upright.resize((24, 24), Image.Resampling.LANCZOS, box=box)).astype(int)
        assert np.abs(found - expected).max() <= 2


def photograph(seed: int, side: int) -> np.ndarray:
    """Noise whose power falls with the square of the frequency, as that of photographs does (Field 1987)."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side)[None])
    spectrum = np.fft.fft2(rng.normal(size=(3, side, side))) / np.maximum(frequency, 1 / side)
    picture = np.fft.ifft2(spectrum).real
    picture = 128 + 50 * (picture - picture.mean()) / picture.std()
    return np.moveaxis(picture, 0, -1).clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize(("side", "size_px"), [(600, 64), (600, 112), (600, 128), (256, 56), (1024, 112)])
def test_reduced_decoding_stays_within_the_stated_tolerance(side: int, size_px: int) -> None:
    file = io.BytesIO()
    Image.fromarray(photograph(side, side)).save(file, "JPEG", quality=92)
    with Image.open(file) as image:
        found = square(image, size_px).astype(int)
        assert image.size[0] < side, "decoded in full: nothing is tested"
    with Image.open(file) as image:
        full = image.convert("RGB").resize((size_px, size_px), Image.Resampling.LANCZOS)
    assert 0 < np.abs(found - np.asarray(full)).mean() <= MAX_DIFFERENCE


@pytest.mark.parametrize(("side", "size_px"), [(256, 128), (600, 224), (256, 114)])
def test_a_jpeg_near_the_target_size_is_decoded_in_full(side: int, size_px: int) -> None:
    file = io.BytesIO()
    Image.fromarray(photograph(side, side)).save(file, "JPEG", quality=92)
    with Image.open(file) as image:
        found = square(image, size_px)
    with Image.open(file) as image:
        full = image.convert("RGB").resize((size_px, size_px), Image.Resampling.LANCZOS)
    np.testing.assert_array_equal(found, np.asarray(full))


def test_squares_are_cut_out_and_are_part_of_the_key(files: dict[str, Path], tmp_path: Path) -> None:
    """Catches crops of another margin that are taken for those that were asked for."""
    first, second, *_ = files
    squares = {first: Square(5, 7, 16)}
    folder = ensure_pixels(tmp_path / "cache", files, size_px=16, squares=squares)
    pixels = open_pixels(folder)
    with Image.open(files[first]) as image:
        expected = np.asarray(image)[7:23, 5:21]
    np.testing.assert_array_equal(pixels.array[pixels.rows([first])[0]], expected)
    plain = open_pixels(ensure_pixels(tmp_path / "cache", files, size_px=16))
    rows = pixels.rows([second]), plain.rows([second])
    np.testing.assert_array_equal(pixels.array[rows[0]], plain.array[rows[1]])
    keys = {
        cache_key(list(files), size_px=16, squares=given)
        for given in (None, squares, {first: Square(5, 7, 17)}, {second: Square(5, 7, 16)})
    }
    assert len(keys) == 4 and cache_key(list(files), size_px=16, squares={}) in keys


def test_a_cache_that_holds_more_is_used_and_one_that_differs_is_not(
    files: dict[str, Path], tmp_path: Path
) -> None:
    """Catches a fifth of the images decoded again, and crops taken for whole images."""
    cache = tmp_path / "cache"
    part = dict(list(files.items())[:3])
    first, outside = next(iter(part)), list(files)[4]
    all_of_them = ensure_pixels(cache, files, size_px=16)
    assert ensure_pixels(cache, part, size_px=16) == all_of_them
    # A square of an image that is not asked for makes no difference.
    assert ensure_pixels(cache, part, size_px=16, squares={outside: Square(0, 0, 9)}) == all_of_them
    assert ensure_pixels(cache, part, size_px=17) != all_of_them
    cropped = ensure_pixels(cache, part, size_px=16, squares={first: Square(0, 0, 9)})
    assert cropped != all_of_them and len(open_pixels(cropped).array) == 3
    for name in ("about.json", "images.json"):
        (all_of_them / name).write_text("{")
    assert ensure_pixels(cache, part, size_px=16) not in (all_of_them, cropped)


@pytest.mark.parametrize("shape", [(36, 48), (48, 36), (33, 50), (16, 16)])
def test_the_square_is_cut_from_the_middle_of_wide_and_tall_pictures(shape: tuple[int, int]) -> None:
    height, width = shape
    picture = np.zeros((height, width, 3), np.uint8)
    side = min(shape)
    top, left = (height - side) // 2, (width - side) // 2
    picture[top : top + side, left : left + side] = 200
    assert (square(Image.fromarray(picture), side) == 200).all()


def test_grey_and_print_colours_become_rgb() -> None:
    pixels = pixels_of(1, 32, 32)
    grey = Image.fromarray(pixels[..., 0])
    np.testing.assert_array_equal(square(grey, 32), np.stack([pixels[..., 0]] * 3, axis=-1))
    # Device CMYK without a profile: each colour is (255 - ink) * (255 - black) / 255.
    inks = np.concatenate([pixels, pixels_of(2, 32, 32)[..., :1]], axis=-1)
    expected = (255.0 - inks[..., :3]) * (255.0 - inks[..., 3:]) / 255.0
    found = square(Image.merge("CMYK", [Image.fromarray(ink) for ink in np.moveaxis(inks, -1, 0).copy()]), 32)
    assert np.abs(found - expected).max() <= 1


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_keep_their_contrast(tmp_path: Path, suffix: str) -> None:
    """Cut off at 255, nearly every 16-bit picture is plain white."""
    deep = np.arange(32 * 32, dtype=np.uint16).reshape(32, 32) * 64
    Image.fromarray(deep).save(tmp_path / f"a.{suffix}")
    with Image.open(tmp_path / f"a.{suffix}") as image:
        found = square(image, 32)
    assert np.abs(found.astype(int) - (deep // 257)[..., None]).max() <= 1


@pytest.mark.parametrize("transparency", [0, bytes([0, 128, 255])])
def test_a_palette_with_transparency_becomes_rgb_without_a_warning(
    tmp_path: Path, transparency: int | bytes
) -> None:
    pixels = np.repeat(np.repeat(np.array([[0, 1], [2, 1]], np.uint8), 16, axis=0), 16, axis=1)
    palette = Image.fromarray(pixels).convert("P")
    palette.putpalette([10, 20, 30, 110, 120, 130, 210, 220, 230])
    palette.save(tmp_path / "a.png", transparency=transparency)
    with Image.open(tmp_path / "a.png") as image:
        assert image.mode == "P"
        found = square(image, 32)
    assert found.shape == (32, 32, 3) and tuple(found[31, 0]) == (210, 220, 230)


@pytest.mark.parametrize("change", ["content", "gone"])
def test_a_file_changed_since_the_scan_stops_the_build_by_name(
    files: dict[str, Path], tmp_path: Path, change: str
) -> None:
    path = list(files.values())[2]
    if change == "content":
        Image.fromarray(pixels_of(99)).save(path)
    else:
        path.unlink()
    message = f"{path.name} (changed since it was scanned|was scanned but can't be read now)"
    with pytest.raises(InputError, match=message):
        ensure_pixels(tmp_path / "cache", files, size_px=16)
    assert left_behind(tmp_path / "cache") == []


def test_a_failure_in_the_middle_leaves_nothing_and_the_next_build_succeeds(
    files: dict[str, Path], tmp_path: Path
) -> None:
    def fail(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure_pixels(tmp_path / "cache", files, size_px=16, progress=fail)
    assert left_behind(tmp_path / "cache") == []
    folder = ensure_pixels(tmp_path / "cache", files, size_px=16)
    assert left_behind(tmp_path / "cache") == [folder.name]


def test_what_a_killed_builder_left_is_not_used_but_replaced(files: dict[str, Path], tmp_path: Path) -> None:
    key = cache_key(list(files), size_px=16)
    partial = tmp_path / "cache" / f"{key}.partial"
    partial.mkdir(parents=True)
    (partial / "pixels.npy").write_bytes(b"half")
    (partial / "images.json").write_text("[]")
    (partial / "extra").write_text("")
    folder = ensure_pixels(tmp_path / "cache", files, size_px=16)
    assert left_behind(tmp_path / "cache") == [key]
    assert sorted(path.name for path in folder.iterdir()) == ["about.json", "images.json", "pixels.npy"]
    assert len(open_pixels(folder).array) == 5


def test_nothing_has_the_final_name_while_building(files: dict[str, Path], tmp_path: Path) -> None:
    final = tmp_path / "cache" / cache_key(list(files), size_px=16)
    seen: list[bool] = []
    ensure_pixels(
        tmp_path / "cache", files, size_px=16, progress=lambda done, total: seen.append(final.exists())
    )
    assert seen == [False] and final.is_dir()


def test_a_full_disk_is_refused_before_anything_is_written(
    files: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    with pytest.raises(InputError, match="MiB are free"):
        ensure_pixels(tmp_path / "cache", files, size_px=16)
    assert left_behind(tmp_path / "cache") == []


def test_the_number_of_threads_does_not_change_a_byte(tmp_path: Path) -> None:
    files = {}
    for number in range(70):
        path = tmp_path / f"{number}.png"
        Image.fromarray(pixels_of(number, 16, 16)).save(path)
        files[digest_of(path)] = path
    arrays = [
        open_pixels(ensure_pixels(tmp_path / f"cache{threads}", files, size_px=16, num_threads=threads))
        for threads in (1, 4)
    ]
    np.testing.assert_array_equal(arrays[0].array, arrays[1].array)
    assert arrays[0].row_of == arrays[1].row_of


@pytest.fixture
def start() -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def begin(cache: Path, files: dict[str, Path]) -> "subprocess.Popen[str]":
        texts = json.dumps({digest: str(path) for digest, path in files.items()})
        started.append(
            subprocess.Popen(
                [sys.executable, "-c", BUILDER, str(cache), texts],
                cwd=REPOSITORY,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.mark.slow
def test_two_processes_at_once_build_once(files: dict[str, Path], tmp_path: Path, start: Start) -> None:
    """The second asks while the first is in the middle of building, and must find the first one's cache."""
    first = start(tmp_path / "cache", files)
    assert first.stdout and first.stdin
    assert [first.stdout.readline(), first.stdout.readline()] == ["asked\n", "building\n"]
    second = start(tmp_path / "cache", files)
    assert second.stdout and second.stdout.readline() == "asked\n"
    first.stdin.write("go on\n")
    first.stdin.flush()
    folder = tmp_path / "cache" / cache_key(list(files), size_px=16)
    assert first.communicate(timeout=30)[0] == f"{folder}\n"
    assert second.communicate(timeout=30)[0] == f"{folder}\n"
    assert first.returncode == second.returncode == 0
    assert len(open_pixels(folder).array) == 5
