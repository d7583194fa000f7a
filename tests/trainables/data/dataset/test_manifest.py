"""The table of usable images: what is kept out and why, groups, and the memory of earlier scans."""

import hashlib
import os
import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image

from trainables.data.dataset.manifest import COLUMNS, Manifest, scan
from trainables.data.images import inspection
from trainables.errors import InputError

Fill = Callable[..., Path]
Spoil = Callable[[Path], object]


def groups(manifest: Manifest) -> dict[str, str]:
    return dict(zip(manifest.rows["path"], manifest.rows["group"], strict=True))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def huge(path: Path) -> None:
    Image.new("1", (8000, 7000)).save(path, format="PNG")


def outside(path: Path) -> None:
    elsewhere = path.parents[3] / "elsewhere.png"
    path.rename(elsewhere)
    path.symlink_to(elsewhere)


OUTSIDE = (
    "a link that leaves the data folder; follow it with --follow-links (data commands; --set "
    "follow_links=true for plan and run), or put a copy in its place (cp -rL copies what links lead to)"
)
SPOILED: list[tuple[str, Spoil, str]] = [
    ("x.jpg", truncate, "broken image"),
    ("x.png", truncate, "broken image"),
    ("x.jpg", lambda path: path.write_bytes(b""), "empty file"),
    ("x.jpg", lambda path: path.write_text("no image"), "not an image"),
    ("x.jpg", lambda path: path.write_bytes(path.read_bytes()[:20]), "(not an|broken) image"),
    ("x.png", huge, "more than 50 megapixels"),
    ("x.png", outside, "a link that leaves the data folder"),
    ("x.png", lambda path: path.rename(path.with_name("x.heic")), r"not an image file \(\.heic\)"),
    ("x.png", lambda path: path.rename(path.with_name("x")), r"not an image file \(no suffix\)"),
]


def test_rows_describe_the_files_sorted_by_path(fill: Fill) -> None:
    root = fill("wiki/b.jpg", "wiki/a.png", "text2img/z.jpg")
    manifest = scan(root)
    assert tuple(manifest.rows.columns) == COLUMNS
    assert list(manifest.rows["path"]) == ["text2img/z.jpg", "wiki/a.png", "wiki/b.jpg"]
    for row in manifest.rows.itertuples():
        content = (root / str(row.path)).read_bytes()
        assert row.sha256 == hashlib.sha256(content).hexdigest() and row.bytes == len(content)
        assert (row.width, row.height) == (40, 32)
    assert list(manifest.rows["format"]) == ["JPEG", "PNG", "JPEG"]
    assert manifest.excluded.empty and manifest.root == root and manifest.layout == "sources"


@pytest.mark.parametrize(("name", "spoil", "reason"), SPOILED)
def test_an_unusable_file_is_kept_out_and_listed_with_the_reason(
    fill: Fill, name: str, spoil: Spoil, reason: str
) -> None:
    root = fill("wiki/a.jpg", "text2img/a.jpg", f"wiki/{name}")
    spoil(root / "wiki" / name)
    manifest = scan(root, max_unusable=0.5)
    assert list(manifest.rows["path"]) == ["text2img/a.jpg", "wiki/a.jpg"]
    [(path, why)] = manifest.excluded[["path", "reason"]].itertuples(index=False)
    assert path.startswith("wiki/x") and re.search(reason, why)


def test_a_csv_row_without_its_file_is_listed_not_dropped(fill: Fill) -> None:
    root = fill("train/a.png", "train/b.png")
    (root / "train.csv").write_text("image_id,label\na,0\nb,1\ngone,1\n")
    manifest = scan(root, max_unusable=0.5)
    assert manifest.excluded.to_dict("records") == [{"path": "train/gone", "reason": "no such file"}]


def test_a_csv_id_does_not_lead_out_of_the_folder_through_a_link(fill: Fill) -> None:
    root = fill("train/a.png", "train/b.png")
    (fill("secret.png", root="elsewhere")).rename(root.parent / "moved")
    (root / "train" / "door").symlink_to(root.parent / "moved")
    (root / "train.csv").write_text("image_id,label\na,0\nb,1\ndoor/secret.png,1\n")
    manifest = scan(root, max_unusable=0.5)
    assert manifest.excluded["reason"].tolist() == [OUTSIDE]


def test_a_link_inside_the_folder_is_an_image_like_another(fill: Fill) -> None:
    root = fill("wiki/a.png", "fake/b.png")
    (root / "wiki" / "c.png").symlink_to(root / "wiki" / "a.png")
    found = groups(scan(root))
    assert found["wiki/c.png"] == found["wiki/a.png"] != found["fake/b.png"]


def test_one_percent_unusable_passes_and_more_stops_with_the_value_that_would_pass(fill: Fill) -> None:
    root = fill(*(f"wiki/{n}.png" for n in range(50)), *(f"fake/{n}.png" for n in range(49)))
    (root / "wiki" / "x.png").write_bytes(b"")
    assert len(scan(root).excluded) == 1
    (root / "wiki" / "y.png").write_bytes(b"")
    with pytest.raises(
        InputError, match=r"2 of 101 files \(2\.0%\).*wiki/x\.png, wiki/y\.png: empty file"
    ) as raised:
        scan(root)
    way_out = re.search(r"--set max_unusable=([0-9.]+)", str(raised.value))
    assert way_out and len(scan(root, max_unusable=float(way_out[1])).rows) == 99


def test_no_usable_image_stops_even_when_everything_may_be_unusable(fill: Fill) -> None:
    root = fill("wiki/a.png")
    (root / "wiki" / "a.png").write_bytes(b"")
    with pytest.raises(InputError, match=r"none of the 1 files is a usable image \(wiki/a\.png: empty file"):
        scan(root, max_unusable=1.0)


def test_sources_are_grouped_by_basename_and_other_layouts_by_file(fill: Fill) -> None:
    by_name = scan(fill("wiki/a.jpg", "text2img/deep/a.png", "text2img/b.jpg"))
    assert by_name.group_by == "basename+near"
    assert groups(by_name) == {"wiki/a.jpg": "a", "text2img/deep/a.png": "a", "text2img/b.jpg": "b"}
    by_file = scan(fill("train/real/a.jpg", "train/fake/a.jpg", root="other"))
    assert by_file.group_by == "none+near" and len(set(groups(by_file).values())) == 2


@pytest.mark.parametrize("group_by", ["basename", "none", "person"])
def test_identical_files_share_a_group_whatever_else_groups_them(fill: Fill, group_by: str) -> None:
    """Else the same picture could be on both sides of a split. Here a chain: a = b, b's group holds c = d."""
    root = fill("wiki/a.png", "wiki/c.png", "fake/e.png")
    for copy, original in (("fake/b.png", "wiki/a.png"), ("wiki/deep/b.png", "wiki/c.png")):
        (root / copy).parent.mkdir(exist_ok=True)
        (root / copy).write_bytes((root / original).read_bytes())
    paths = ["wiki/a.png", "wiki/c.png", "fake/b.png", "wiki/deep/b.png", "fake/e.png"]
    people = ["p5", "p1", "p2", "p2", "p9"]
    pd.DataFrame({"path": paths, "person": people}).to_csv(root / "manifest.csv", index=False)
    found = groups(scan(root, group_by=group_by))
    pairs = [{"wiki/a.png", "fake/b.png"}, {"wiki/c.png", "wiki/deep/b.png"}]
    together = pairs if group_by == "none" else [pairs[0] | pairs[1]]
    expected = sorted([*map(sorted, together), ["fake/e.png"]])
    assert sorted(sorted(p for p in found if found[p] == g) for g in set(found.values())) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, r"group_by is 'person', but .*manifest\.csv does not exist"),
        ("path,who\nwiki/a.png,p\n", r"has no column person; its columns: path, who"),
        ("person\np\n", r"has no column path"),
        ("path,person\nwiki/a.png,p\n", r"1 images have no person, fake/b\.png for one"),
        ("path,person\nwiki/a.png,p\nfake/b.png,\n", r"1 images have no person, fake/b\.png for one"),
        ("", r"can't be read as UTF-8 CSV"),
    ],
)
def test_a_group_column_that_does_not_cover_the_images_is_refused(
    fill: Fill, content: str | None, message: str
) -> None:
    root = fill("wiki/a.png", "fake/b.png")
    if content is not None:
        (root / "manifest.csv").write_text(content)
    with pytest.raises(InputError, match=message):
        scan(root, group_by="person")


def test_a_group_column_is_read_however_its_paths_are_written(fill: Fill) -> None:
    """Catches tables of Windows, and rows that repeat each other, taken for something else."""
    root = fill("wiki/a.png", "fake/b.png")
    (root / "manifest.csv").write_text("path,person\nwiki\\a.png,p\n./fake/b.png,q\nwiki/a.png,p\n")
    assert list(scan(root, group_by="person").rows["group"]) == ["q", "p"]
    (root / "manifest.csv").write_text("path;person\nwiki\\a.png;p\nfake/b.png;q\n", encoding="utf-8-sig")
    assert list(scan(root, group_by="person").rows["group"]) == ["q", "p"]


def test_rows_of_a_group_column_that_contradict_each_other_are_refused(fill: Fill) -> None:
    """Catches a group that hangs on the order of the rows."""
    root = fill("wiki/a.png", "fake/b.png")
    (root / "manifest.csv").write_text("path,person\nwiki/a.png,p\nfake/b.png,q\nwiki//a.png,r\n")
    with pytest.raises(
        InputError, match=r"wiki/a\.png has two groups, p in line 2 and r in line 4; keep one"
    ):
        scan(root, group_by="person")


def test_a_second_scan_opens_no_file(fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = fill("wiki/a.jpg", "text2img/a.jpg", "wiki/broken.jpg")
    truncate(root / "wiki/broken.jpg")
    memory = tmp_path / "cache" / "scan.memo"
    first = scan(root, memory=memory, max_unusable=0.5)

    def fail(path: Path) -> inspection.Facts:
        raise AssertionError(f"{path} was opened again")

    monkeypatch.setattr(inspection, "inspect_file", fail)
    second = scan(root, memory=memory, max_unusable=0.5)
    pd.testing.assert_frame_equal(first.rows, second.rows)
    pd.testing.assert_frame_equal(first.excluded, second.excluded)


def test_only_new_and_changed_files_are_inspected_again(
    fill: Fill, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root, memory = fill("wiki/a.png", "fake/b.png", "fake/c.png"), tmp_path / "scan.memo"
    before = scan(root, memory=memory)
    # Same size, other time: an edit in place must not hide behind the length.
    content = (root / "fake/b.png").read_bytes()
    status = (root / "fake/b.png").stat()
    os.utime(root / "fake/b.png", ns=(status.st_atime_ns, status.st_mtime_ns + 1))
    fill("fake/d.png")
    inspect, opened = inspection.inspect_file, set()

    def watched(path: Path) -> inspection.Facts:
        opened.add(path.name)
        return inspect(path)

    monkeypatch.setattr(inspection, "inspect_file", watched)
    after = scan(root, memory=memory)
    assert opened == {"b.png", "d.png"}
    assert set(after.rows["path"]) == {*before.rows["path"], "fake/d.png"}
    (root / "fake/b.png").write_bytes(content + b" ")
    changed = scan(root, memory=memory).rows.set_index("path").loc["fake/b.png", "sha256"]
    assert changed == hashlib.sha256(content + b" ").hexdigest()


@pytest.mark.parametrize("damage", ["empty", "garbage", "truncated", "other table", "no rows"])
def test_a_damaged_memory_is_no_harm_and_written_anew(fill: Fill, tmp_path: Path, damage: str) -> None:
    root, memory = fill("wiki/a.png", "fake/b.png"), tmp_path / "scan.memo"
    first = scan(root, memory=memory)
    whole = memory.read_bytes()
    if damage == "other table":
        pd.DataFrame({"something": [1]}).to_parquet(memory)
    elif damage == "no rows":
        pd.DataFrame([]).to_parquet(memory)
    else:
        half = whole[: len(whole) // 2]
        memory.write_bytes({"empty": b"", "garbage": b"PAR1 no", "truncated": half}[damage])
    pd.testing.assert_frame_equal(scan(root, memory=memory).rows, first.rows)
    assert memory.read_bytes() == whole


def test_progress_ends_at_the_number_of_files(fill: Fill) -> None:
    seen: list[tuple[int, int]] = []
    scan(fill("wiki/a.png", "fake/b.png"), progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (2, 2)


def test_a_name_that_is_not_utf8_is_listed_and_kept_out(fill: Fill) -> None:
    """Catches a traceback when such a name comes to a table, a record or a page."""
    root = fill("wiki/a.png", "fake/b.png")
    os.link(root / "fake" / "b.png", os.path.join(os.fsencode(root), b"fake", b"caf\xe9.png"))
    manifest = scan(root, max_unusable=1.0)
    assert list(manifest.rows["path"]) == ["fake/b.png", "wiki/a.png"]
    assert manifest.excluded.to_dict("records") == [
        {"path": "fake/caf\\xe9.png", "reason": "its name is not UTF-8"}
    ]
