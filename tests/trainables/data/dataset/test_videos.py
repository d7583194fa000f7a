"""Groups of frames and people: by folder, by the name before a frame number, and over the ids in names."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from trainables.data.dataset.groups import described, group_names, resolve
from trainables.data.dataset.manifest import scan
from trainables.data.splits.trial_rows import experiment_rows, trial_table
from trainables.errors import InputError
from trainables.recipe import RecipeKeys

Fill = Callable[..., Path]


def rows_of(*places: str, table: dict[str, str] | None = None) -> pd.DataFrame:
    """Rows as a scan has them, of places <class>/<folders below it>/<file>; real has label 0."""
    rows = []
    for path in places:
        source, *between, _ = path.split("/")
        inside = "/".join(between)
        row = {"path": path, "sha256": path, "label": int(not source.startswith("real")), "source": source}
        rows.append({**row, "inside": inside, "named_group": (table or {}).get(path, "")})
    return pd.DataFrame(rows)


def grouped(rows: pd.DataFrame, group_by: str = "auto") -> tuple[str, list[list[str]]]:
    """How the rows are grouped, without near-duplicates, and the paths of each group."""
    by = resolve(group_by, root=Path("/data"), layout="sources", rows=rows).removesuffix("+near")
    names = group_names(Path("/data"), rows, by, None)
    groups = rows["path"].groupby(names).apply(sorted).tolist()
    return by, sorted(groups)


def frames(*videos: str, count: int = 3, name: str = "{}.png") -> list[str]:
    return [f"{video}/{name.format(f'{frame:03d}')}" for video in videos for frame in range(count)]


def flat(name: str, *videos: str) -> list[str]:
    return [name.format(video, frame) for video in videos for frame in (0, 10, 20)]


def test_images_in_folders_below_the_class_are_groups_by_folder_although_files_are_called_alike() -> None:
    """Catches 000.png of all videos in one group, and frames of one video in groups of their own."""
    videos = [f"{side}/{side}_{n}" for side in ("real", "fake") for n in range(3)]
    by, groups = grouped(rows_of(*frames(*videos)))
    assert by == "folder"
    assert groups == sorted(frames(video) for video in videos)


def test_folders_below_frames_are_the_videos() -> None:
    videos = [f"{side}/c23/frames/{side}v{n}" for side in ("real", "fake") for n in range(3)]
    by, groups = grouped(rows_of(*frames(*videos)))
    assert by == "folder" and len(groups) == 6


def test_of_nested_folders_the_outermost_with_enough_for_folds_is_the_group() -> None:
    """Catches two videos of one person on two sides."""
    videos = [f"{s}/{s}person{n}/{clip}" for s in ("real", "fake") for n in range(5) for clip in "ab"]
    assert len(grouped(rows_of(*frames(*videos)))[1]) == 10
    one = [f"{s}/youtube/{s}{n}" for s in ("real", "fake") for n in range(5)]
    assert len(grouped(rows_of(*frames(*one)))[1]) == 10


@pytest.mark.parametrize(
    "places",
    [
        # Numbered folders that keep large numbers of files apart.
        [f"{s}/{b:05d}/{s}{b * 10 + n}.png" for s in ("real", "fake") for b in range(4) for n in range(3)],
        # Two folders of a class are two sources rather than its only two videos.
        [f"{s}/{s}{b}/{s}{b}{n}x.png" for s in ("real", "fake") for b in range(2) for n in range(3)],
        # Numbers behind one word.
        [f"{s}/{word}{n:04d}.png" for s, word in (("real", "img_"), ("fake", "out-")) for n in range(9)],
        [f"{s}/{n:05d}.png" for s in ("real", "fake") for n in range(9)],
        [f"{s}/{s[0]}{n}.png" for s in ("real", "fake") for n in range(9)],
        # A person and a number, each once.
        [f"{s}/{s}{n}_{n}.png" for s in ("real", "fake") for n in range(9)],
        # Second photos of a person, in both classes.
        [f"{s}/{n:03d}_{m:03d}.png" for s in ("real", "fake") for n in range(3) for m in range(1)],
    ],
)
def test_ordinary_names_are_no_videos(places: list[str]) -> None:
    assert grouped(rows_of(*places))[0] == "basename"


def test_a_name_that_is_the_same_in_many_folders_is_no_basename_group() -> None:
    """Two folders of a class are no videos, and their 000.png are not one picture either."""
    places = frames("real/a", "real/b", "fake/c", "fake/d")
    by, groups = grouped(rows_of(*places))
    assert by == "none" and len(groups) == len(places)


@pytest.mark.parametrize(
    "name",
    [
        "{}_frame{}.jpg",
        "{}_{:05d}.png",
        "{}-f{:04d}.png",
        "{}.{:03d}.png",
        "{}_frame_{}.jpg",
        "{}frame{}.jpg",
    ],
)
def test_flat_frames_are_groups_by_the_name_before_the_frame_number(name: str) -> None:
    videos = [f"{side}/{side}clip{n}x" for side in ("real", "fake") for n in range(3)]
    by, groups = grouped(rows_of(*flat(name, *videos)))
    assert by == "frames"
    assert groups == sorted(sorted(flat(name, video)) for video in videos)


def test_fakes_of_faceforensics_are_with_the_originals_of_both_ids() -> None:
    originals = [f"real/youtube/c23/frames/{n:03d}" for n in range(8)]
    fakes = [
        f"{m}/c23/frames/{a:03d}_{b:03d}"
        for m in ("Deepfakes", "Face2Face")
        for a, b in ((0, 3), (3, 0), (5, 6))
    ]
    by, groups = grouped(rows_of(*frames(*originals, *fakes, count=1)))
    assert by == "frames+ids"
    joined = [sorted({path.split("/")[-2] for path in group}) for group in groups]
    assert sorted(joined) == [
        ["000", "000_003", "003", "003_000"],
        ["001"],
        ["002"],
        ["004"],
        ["005", "005_006", "006"],
        ["007"],
    ]


@pytest.mark.parametrize("name", ["{}_frame{}.jpg", "{}/{:03d}.png", "{}.jpg"])
def test_videos_of_celeb_df_are_groups_by_the_persons_that_they_show(name: str) -> None:
    real = [f"real/id{n}_{v:04d}" for n in range(6) for v in range(2)]
    fake = [f"fake/id{a}_id{b}_{v:04d}" for a, b in ((0, 1), (1, 0), (3, 4)) for v in range(2)]
    by, groups = grouped(rows_of(*dict.fromkeys(flat(name, *real, *fake))))
    assert by == "frames+ids"
    found = sorted(sorted({place.split("/")[1].split("_")[0] for place in group}) for group in groups)
    assert found == [["id0", "id1"], ["id2"], ["id3", "id4"], ["id5"]]


def test_a_fake_is_with_the_original_that_its_table_names() -> None:
    """As in DFDC, where metadata.json names the original of each fake, and nothing for originals."""
    places = frames("real/aaa", "real/bbb", "real/ccc", "fake/xxx", "fake/yyy", "fake/zzz")
    original = {"xxx": "aaa.mp4", "yyy": "aaa.mp4", "zzz": "ccc.mp4"}
    table = {path: original.get(path.split("/")[1], "") for path in places}
    by, groups = grouped(rows_of(*places, table=table))
    assert by == "folder+table"
    found = sorted(sorted({path.split("/")[1] for path in group}) for group in groups)
    assert found == [["aaa", "xxx", "yyy"], ["bbb"], ["ccc", "zzz"]]
    whole = {path: path.split("/")[1][0] for path in places}
    assert grouped(rows_of(*places, table=whole))[0] == "none+table"


@pytest.mark.parametrize("group_by", ["folder", "frames"])
def test_a_rule_that_no_image_has_is_refused(group_by: str) -> None:
    with pytest.raises(
        InputError, match=f"group_by is {group_by}, but no image of /data has a f.* use auto, basename"
    ):
        grouped(rows_of("real/a.png", "fake/b.png"), group_by)


def test_groups_are_told_in_words() -> None:
    assert described("none") == "each file by itself"
    assert described("frames+ids+near") == (
        "the video (its folder, or the file's name without the frame number), joining fakes with the "
        "originals of the ids in their names and near-duplicates"
    )
    assert described("person") == "the column person of manifest.csv"


def test_no_video_is_on_two_sides(fill: Fill) -> None:
    """Catches a network that is tested on other frames of the videos that it has learned."""
    videos = [f"{side}/{side}{n}" for side in ("real", "fake") for n in range(6)]
    manifest = scan(fill(*frames(*videos)))
    recipe = RecipeKeys(cv_folds=3, val_ratio=0.25)
    rows = experiment_rows(manifest, recipe, repeat=0)
    for fold in range(3):
        table = trial_table(rows, recipe, repeat=0, fold=fold)
        video = table["path"].str.rsplit("/", n=1).str[0]
        assert table.groupby(video)["part"].nunique().eq(1).all()


def test_persons_that_are_all_joined_are_refused_with_the_way_to_group_that_works(fill: Fill) -> None:
    """Catches a study of Celeb-DF that ends with no word about how to go on: its fakes join all persons."""
    real = flat("{}_frame{}.jpg", *(f"real/id{n}_{n:04d}" for n in range(6)))
    fake = flat("{}_frame{}.jpg", *(f"fake/id{n}_id{(n + 1) % 6}_{n:04d}" for n in range(6)))
    root = fill(*real, *fake)
    manifest = scan(root)
    assert manifest.group_by == "frames+ids+near" and manifest.rows["group"].nunique() == 1
    with pytest.raises(InputError) as refused:
        experiment_rows(manifest, RecipeKeys(), repeat=0)
    message = str(refused.value)
    assert "class real has 1 group, fewer than the 5 folds" in message
    assert (
        "; --set group_by=frames+near (--group-by frames+near in a data command) makes 6 or more" in message
    )
    assert "of each class, with one person or original on both sides" in message
    rows = experiment_rows(scan(root, group_by="frames+near"), RecipeKeys(), repeat=0)
    assert rows["group"].nunique() == 12
