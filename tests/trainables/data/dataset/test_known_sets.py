"""Class, source, split and group-forming fields of published data sets, as they lie on disk."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd
import pytest

from trainables.data.dataset.layouts import ListedImage, Listing
from trainables.data.dataset.recognition import list_images
from trainables.errors import InputError

# A file is not opened to be listed.
NO_PIXELS = b"\x89PNG\r\n\x1a\n"
Write = Callable[[Path], list[str]]


def touch(root: Path, *paths: str) -> list[str]:
    for path in paths:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_bytes(NO_PIXELS)
    return list(paths)


def numbered(*folders: str, times: int = 4, suffix: str = "png") -> list[str]:
    return [f"{folder}/{number:05d}.{suffix}" for folder in folders for number in range(times)]


def read(root: Path, *, layout: str = "auto", real: tuple[str, ...] = ()) -> Listing:
    return list_images(root, layout=layout, real_sources=real)


def by_path(listing: Listing) -> dict[str, ListedImage]:
    return {image.path: image for image in listing.images}


@dataclass(frozen=True, slots=True)
class Known:
    """A made tree, and what some of its files are: (label, source, split, inside, its group)."""

    layout: str
    write: Write
    images: dict[str, tuple[int, str, str, str, str]]
    fake: tuple[str, ...]
    real: tuple[str, ...]


def nested(*levels: str) -> list[str]:
    """Return every path of folders, a name of each level: "a b", "x y" are a/x, a/y, b/x, b/y."""
    return ["/".join(names) for names in product(*(level.split() for level in levels))]


def genimage(root: Path) -> list[str]:
    return touch(root, *numbered(*nested("biggan glide", "train val", "ai nature")))


def forensynths(root: Path) -> list[str]:
    return touch(
        root, *numbered(*nested("progan", "car cat", "0_real 1_fake"), *nested("biggan", "0_real 1_fake"))
    )


def forensynths_by_object(root: Path) -> list[str]:
    return touch(root, *numbered(*nested("train val", "car cat", "0_real 1_fake")))


def cifake(root: Path) -> list[str]:
    return touch(root, *numbered(*nested("train test", "REAL FAKE"), suffix="jpg"))


def faces_140k(root: Path) -> list[str]:
    """Here 1 is real, as label_str and folders say."""
    top = "real_vs_fake/real-vs-fake"
    paths = numbered(
        *(f"{top}/{s}/{c}" for s in ("train", "valid", "test") for c in ("real", "fake")), suffix="jpg"
    )
    for split in ("train", "valid", "test"):
        rows = [path.removeprefix(f"{top}/") for path in paths if f"/{split}/" in path]
        lines = [
            f"{n},/kaggle/{row},{Path(row).stem},{int('/real/' in row)},{row.split('/')[1]},{row}"
            for n, row in enumerate(rows)
        ]
        (root / f"{split}.csv").write_text("\n".join([",original_path,id,label,label_str,path", *lines]))
    return touch(root, *paths)


def faceforensics(root: Path) -> list[str]:
    tops = ["original_sequences/youtube/c23/frames/000", "original_sequences/actors/c23/frames/01__hall"]
    tops += [f"manipulated_sequences/{m}/c23/frames/000_003" for m in ("Deepfakes", "FaceSwap")]
    masks = touch(root, "manipulated_sequences/Deepfakes/masks/000_003/0000.png")
    return [path for path in touch(root, *numbered(*tops, times=5)) if path not in masks]


def celebdf(root: Path) -> list[str]:
    tested = "1 Celeb-real/id0_0000.mp4\n0 Celeb-synthesis/id0_id1_0000.mp4\n"
    (root / "List_of_testing_videos.txt").write_text(tested)
    frames = nested("Celeb-real", "id0_0000 id0_0001")
    frames += ["YouTube-real/00170", "Celeb-synthesis/id0_id1_0000"]
    return touch(root, *numbered(*frames), *(f"Celeb-synthesis/id0_id1_0002_frame{n}.png" for n in range(4)))


def celebdf_without_list(root: Path) -> list[str]:
    videos = ("Celeb-real/id0_0", "Celeb-synthesis/id0_id1_0")
    return touch(root, *(f"{video}_frame{n}.jpg" for video in videos for n in range(10)))


def dfdc(root: Path) -> list[str]:
    for part in (0, 1):
        folder = root / f"dfdc_train_part_{part}"
        folder.mkdir(parents=True)
        videos = {
            f"a{part}.mp4": {"label": "REAL", "split": "train"},
            f"b{part}.mp4": {"label": "FAKE", "split": "train", "original": f"a{part}.mp4"},
        }
        (folder / "metadata.json").write_text(json.dumps(videos))
    in_folders = numbered("dfdc_train_part_0/a0", "dfdc_train_part_0/frames/b0", times=6)
    return touch(root, *in_folders, *(f"dfdc_train_part_1/{v}1_{n:03d}.png" for v in "ab" for n in range(6)))


def deepfakebench(root: Path) -> list[str]:
    """Paths are those of another machine; the frames of 001 are in train and in test."""
    frames = numbered("FF/original/c23/000", "FF/original/c23/001", "FF/Deepfakes/c23/000_003", times=5)
    real, tested, fake = (["/data/rgb/" + path for path in frames[n : n + 5]] for n in (0, 5, 10))
    first, second, third = (
        {name: {"label": label, "frames": listed}}
        for name, label, listed in (
            ("000", "FF-real", real),
            ("001", "FF-real", tested),
            ("000_003", "FF-DF", fake),
        )
    )
    content = {
        "FaceForensics++": {
            "FF-real": {"train": {"c23": {**first, **second}}, "test": {"c23": second}},
            "FF-DF": {"train": {"c23": third}},
        }
    }
    (root / "FaceForensics++.json").write_text(json.dumps(content))
    return touch(root, *frames)


def imagefolder(root: Path) -> list[str]:
    paths = [f"{split}/{n}.png" for split in ("train", "test") for n in range(10)]
    for split in ("train", "test"):
        rows = [{"file_name": f"{n}.png", "label": "generated" if n % 2 else "human"} for n in range(10)]
        (root / split).mkdir()
        (root / split / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return touch(root, *paths)


def artifact(root: Path) -> list[str]:
    """Numbers are those of generators; cycle_gan has photos too."""
    targets = {"ffhq": (0, 0, 0), "glide": (3, 3, 3), "cycle_gan": (0, 6, 6)}
    for folder, numbers in targets.items():
        lines = [f"{n:05d}.png,images/{n:05d}.png,{target},human" for n, target in enumerate(numbers)]
        (root / folder).mkdir()
        table = "\n".join(["filename,image_path,target,category", *lines])
        (root / folder / "metadata.csv").write_text(table)
    return touch(root, *numbered(*(f"{folder}/images" for folder in targets), times=3))


def parquet(root: Path) -> list[str]:
    paths = [f"pictures/{n}.png" for n in range(20)]
    table = pd.DataFrame({"filename": paths, "label": [n % 2 for n in range(20)]})
    table = table.assign(source=["ffhq", "sd"] * 10, group=[f"g{n // 2}" for n in range(20)])
    table.assign(split="validation").to_parquet(root / "metadata.parquet")
    return touch(root, *paths)


SETS = {
    "GenImage": Known(
        "folders",
        genimage,
        {
            "biggan/train/ai/00000.png": (1, "biggan", "train", "", ""),
            "glide/val/ai/00001.png": (1, "glide", "val", "", ""),
            "glide/val/nature/00001.png": (0, "glide/nature", "val", "", ""),
        },
        ("ai",),
        ("nature",),
    ),
    "ForenSynths": Known(
        "folders",
        forensynths,
        {
            "progan/car/1_fake/00000.png": (1, "progan", "", "", ""),
            "progan/cat/0_real/00000.png": (0, "progan/0_real", "", "", ""),
            "biggan/1_fake/00000.png": (1, "biggan", "", "", ""),
        },
        ("1_fake",),
        ("0_real",),
    ),
    "ForenSynths by object": Known(
        "folders",
        forensynths_by_object,
        {
            "train/car/1_fake/00000.png": (1, "car", "train", "", ""),
            "val/cat/0_real/00003.png": (0, "cat/0_real", "val", "", ""),
        },
        ("1_fake",),
        ("0_real",),
    ),
    "CIFAKE": Known(
        "splits",
        cifake,
        {
            "train/REAL/00000.jpg": (0, "real", "train", "", ""),
            "test/FAKE/00000.jpg": (1, "fake", "test", "", ""),
        },
        ("fake",),
        ("real",),
    ),
    "140k faces": Known(
        "tables",
        faces_140k,
        {
            "real_vs_fake/real-vs-fake/train/real/00000.jpg": (0, "real", "train", "", ""),
            "real_vs_fake/real-vs-fake/valid/fake/00003.jpg": (1, "fake", "val", "", ""),
        },
        ("0 (fake)",),
        ("1 (real)",),
    ),
    "FaceForensics++": Known(
        "faceforensics",
        faceforensics,
        {
            "original_sequences/youtube/c23/frames/000/00000.png": (0, "youtube", "", "000", ""),
            "original_sequences/actors/c23/frames/01__hall/00000.png": (0, "actors", "", "01__hall", ""),
            "manipulated_sequences/FaceSwap/c23/frames/000_003/00004.png": (1, "FaceSwap", "", "000_003", ""),
        },
        ("manipulated_sequences",),
        ("original_sequences",),
    ),
    "Celeb-DF": Known(
        "celebdf",
        celebdf,
        {
            "Celeb-real/id0_0000/00000.png": (0, "Celeb-real", "test", "id0_0000", ""),
            "Celeb-real/id0_0001/00000.png": (0, "Celeb-real", "train", "id0_0001", ""),
            "YouTube-real/00170/00000.png": (0, "YouTube-real", "train", "00170", ""),
            "Celeb-synthesis/id0_id1_0000/00000.png": (1, "Celeb-synthesis", "test", "id0_id1_0000", ""),
            "Celeb-synthesis/id0_id1_0002_frame3.png": (1, "Celeb-synthesis", "train", "", ""),
        },
        ("Celeb-synthesis",),
        ("Celeb-real", "YouTube-real"),
    ),
    "Celeb-DF without its list": Known(
        "sources",
        celebdf_without_list,
        {
            "Celeb-real/id0_0_frame0.jpg": (0, "Celeb-real", "", "", ""),
            "Celeb-synthesis/id0_id1_0_frame0.jpg": (1, "Celeb-synthesis", "", "", ""),
        },
        ("Celeb-synthesis",),
        ("Celeb-real",),
    ),
    "DFDC": Known(
        "dfdc",
        dfdc,
        {
            "dfdc_train_part_0/a0/00000.png": (0, "real", "train", "a0", "a0"),
            "dfdc_train_part_0/frames/b0/00000.png": (1, "fake", "train", "b0", "a0"),
            "dfdc_train_part_1/b1_005.png": (1, "fake", "train", "b1", "a1"),
        },
        ("FAKE",),
        ("REAL",),
    ),
    "DeepfakeBench": Known(
        "deepfakebench",
        deepfakebench,
        {
            "FF/original/c23/000/00000.png": (0, "FF-real", "train", "000", ""),
            "FF/original/c23/001/00004.png": (0, "FF-real", "test", "001", ""),
            "FF/Deepfakes/c23/000_003/00000.png": (1, "FF-DF", "train", "000_003", ""),
        },
        ("FF-DF",),
        ("FF-real",),
    ),
    "Hugging Face imagefolder": Known(
        "tables",
        imagefolder,
        {"train/0.png": (0, "real", "train", "", ""), "test/1.png": (1, "fake", "test", "", "")},
        ("generated",),
        ("human",),
    ),
    "ArtiFact": Known(
        "tables",
        artifact,
        {
            "ffhq/images/00000.png": (0, "ffhq", "", "", ""),
            "glide/images/00000.png": (1, "glide", "", "", ""),
            "cycle_gan/images/00000.png": (0, "cycle_gan/real", "", "", ""),
            "cycle_gan/images/00002.png": (1, "cycle_gan", "", "", ""),
        },
        ("1 (fake)",),
        ("0 (real)",),
    ),
    "metadata.parquet": Known(
        "tables",
        parquet,
        {
            "pictures/0.png": (0, "ffhq", "val", "", "g0"),
            "pictures/1.png": (1, "sd", "val", "", "g0"),
        },
        ("1",),
        ("0",),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SETS)
def test_a_published_set_is_read_as_it_lies(name: str, tmp_path: Path) -> None:
    """Catches a generator taken for a class, real called fake, or a split, source or group lost."""
    known = SETS[name]
    paths = known.write(tmp_path)
    listing = read(tmp_path)
    assert (listing.layout, listing.classes) == (known.layout, ("real", "fake"))
    assert (listing.reading.fake, listing.reading.real) == (known.fake, known.real)
    assert listing.reading.rule
    found = by_path(listing)
    assert sorted(found) == sorted(paths)
    for path, expected in known.images.items():
        image = found[path]
        assert (image.label, image.source, image.split, image.inside, image.named_group) == expected, path


@pytest.mark.parametrize("name", SETS)
def test_a_layout_by_its_name_is_the_one_that_is_recognised(name: str, tmp_path: Path) -> None:
    """Catches a finished trial's recipe, which names the layout, that reads other rows than auto did."""
    SETS[name].write(tmp_path)
    assert read(tmp_path, layout=SETS[name].layout) == read(tmp_path)


def test_what_the_json_files_of_deepfakebench_say_twice_is_said(tmp_path: Path) -> None:
    deepfakebench(tmp_path)
    (tmp_path / "FF/original/c23/000/00000.png").unlink()
    notes = " ".join(read(tmp_path).reading.notes)
    assert (
        "5 frames are in several splits" in notes
        and "1 frames that the JSON files name are not there" in notes
    )


def test_paths_of_json_files_do_not_lead_upwards(tmp_path: Path) -> None:
    deepfakebench(tmp_path)
    text = (tmp_path / "FaceForensics++.json").read_text()
    (tmp_path / "FaceForensics++.json").write_text(text.replace("/data/rgb/FF/original", "../FF/original"))
    with pytest.raises(InputError, match="leads upwards"):
        read(tmp_path)


def test_masks_of_faceforensics_are_left_out_and_said(tmp_path: Path) -> None:
    faceforensics(tmp_path)
    assert "1 files below masks/" in " ".join(read(tmp_path).reading.notes)


def test_frames_of_no_named_video_are_left_out_and_said(tmp_path: Path) -> None:
    dfdc(tmp_path)
    touch(tmp_path, "dfdc_train_part_0/c9/0.png")
    listing = read(tmp_path)
    assert "dfdc_train_part_0/c9/0.png" not in by_path(listing)
    assert "1 files are of no video" in " ".join(listing.reading.notes)
