"""`data scan`, for people and as JSON."""

import json
from collections.abc import Callable
from pathlib import Path

Write = Callable[..., Path]
Run = Callable[..., str]


def test_data_scan_json_says_what_a_folder_holds(run_command_line: Run, faces: Path) -> None:
    found = json.loads(run_command_line("data", "scan", faces, "--json"))
    assert (found["layout"], found["group_by"], found["classes"]) == (
        "sources",
        "basename+near",
        ["real", "fake"],
    )
    assert (found["images"], found["groups"], found["excluded"]) == (36, 12, [])
    assert {(row["source"], row["class"], row["images"]) for row in found["counts"]} == {
        ("wiki", "real", 12), ("text2img", "fake", 12), ("inpainting", "fake", 12),
    }  # fmt: skip


def test_data_scan_names_the_files_that_were_kept_out(run_command_line: Run, own_faces: Path) -> None:
    (own_faces / "wiki" / "broken.jpg").write_bytes(b"no image")
    out = run_command_line("data", "scan", own_faces)
    assert "36 images, 12 groups" in out
    assert "kept out  wiki/broken.jpg: not an image" in out
    found = json.loads(run_command_line("data", "scan", own_faces, "--json"))
    assert [row["path"] for row in found["excluded"]] == ["wiki/broken.jpg"]


def test_data_scan_writes_the_manifest(run_command_line: Run, faces: Path, tmp_path: Path) -> None:
    out = tmp_path / "new" / "manifest.csv"
    run_command_line("data", "scan", faces, "--out", out)
    lines = out.read_text().splitlines()
    assert lines[0] == "path,sha256,bytes,width,height,format,label,source,group,split"
    assert len(lines) == 37


def test_data_scan_says_the_rule_and_which_names_are_fake(
    run_command_line: Run, draw: Callable[[Path], Path], tmp_path: Path
) -> None:
    """Catches a set whose real images are called fake without a word: by the alphabet ai comes first."""
    for generator in ("biggan", "glide"):
        for name in ("ai", "nature"):
            for number in range(2):
                draw(tmp_path / "data" / generator / "train" / name / f"{generator}{number}.png")
    out = run_command_line("data", "scan", tmp_path / "data")
    assert "fake = ai; real = nature (folders: the deepest folder called like real or fake" in out
    found = json.loads(run_command_line("data", "scan", tmp_path / "data", "--json"))
    assert (found["fake"], found["real"]) == (["ai"], ["nature"])
    assert {(row["source"], row["class"], row["split"]) for row in found["counts"]} == {
        ("biggan", "fake", "train"), ("biggan/nature", "real", "train"),
        ("glide", "fake", "train"), ("glide/nature", "real", "train"),
    }  # fmt: skip


def test_a_folder_with_orders_in_its_name_is_shown_and_written_as_a_text(
    run_command_line: Run, draw: Callable[[Path], Path], tmp_path: Path
) -> None:
    """Catches a name that colours the screen, is left out as markup, or is a formula in a table."""
    name = "=cmd|\x1b[31m[red]fake"
    for source in ("real", name):
        for number in range(2):
            draw(tmp_path / "é  données [a]" / source / f"{number}.png")
    out = run_command_line("data", "scan", tmp_path / "é  données [a]", "--out", tmp_path / "out.csv")
    assert "\x1b" not in out and r"=cmd|\x1b[31m[red]fake" in out and "é  données [a]: 4 images" in out
    assert "\n'=cmd|" in (tmp_path / "out.csv").read_text()


def test_links_are_followed_where_the_command_says_so(
    run_command_line: Run, faces: Path, tmp_path: Path
) -> None:
    (tmp_path / "data").mkdir()
    for source in ("wiki", "text2img"):
        (tmp_path / "data" / source).symlink_to(faces / source)
    out = run_command_line("data", "scan", tmp_path / "data", "--follow-links")
    assert "data: 24 images" in out and "links that lead out of the folder are followed" in out
