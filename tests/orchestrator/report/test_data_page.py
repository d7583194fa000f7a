"""The page about a set of images: one file, nothing from elsewhere, names escaped, small enough to send."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from orchestrator.cli import main
from orchestrator.report.data_page import MAX_PAGE_BYTES, write_data_report
from trainables.data import overview
from trainables.data.dataset.manifest import scan
from trainables.errors import InputError

SECTIONS = ["counts", "samples", "files", "colours", "spectra", "twice"]


class Page(HTMLParser):
    """What a browser would make of a page: tags with their attributes, sections, and text."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.tags if name == tag]


@pytest.fixture
def page(own_faces: Path, tmp_path: Path) -> Callable[..., Page]:
    def write(**options: object) -> Page:
        manifest = scan(own_faces, max_unusable=1.0)
        return Page(write_data_report(manifest, tmp_path / "page.html", **options))  # type: ignore[arg-type]

    return write


def test_the_page_has_every_section_and_asks_for_nothing_from_elsewhere(page: Callable[..., Page]) -> None:
    found = page()
    assert [section["id"] for section in found.all("section")] == SECTIONS
    assert not found.all("script") and not found.all("link") and not found.all("iframe")
    for _, attributes in found.tags:
        for name in ("src", "href"):
            assert (attributes.get(name) or "#").startswith(("#", "data:image/"))
    assert not re.search(r"url\(\s*['\"]?(?!#)", found.text)
    assert found.all("meta")[0] == {"charset": "utf-8"}
    assert "img-src data:" in str(found.all("meta")[2]["content"])


@pytest.mark.slow
def test_every_picture_says_what_it_shows(page: Callable[..., Page]) -> None:
    found = page()
    assert len(found.all("img")) == 36 + 3
    assert all(attributes.get("alt") for attributes in found.all("img"))
    figures = [attributes for attributes in found.all("svg")]
    assert len(figures) > 10
    assert all(attributes.get("aria-label") and attributes.get("role") == "img" for attributes in figures)


def test_names_from_a_stranger_are_text_and_never_markup(page: Callable[..., Page], own_faces: Path) -> None:
    evil = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&{{7*7}}.jpg".replace("/", "∕")
    (own_faces / "wiki" / evil).write_bytes((own_faces / "wiki" / "face_1.jpg").read_bytes())
    (own_faces / "<b>fake").mkdir()
    (own_faces / "wiki" / "face_2.jpg").rename(own_faces / "<b>fake" / "x.jpg")
    (own_faces / "wiki" / "<i>broken.jpg").write_text("no image")
    found = page(near_duplicates=[(f"wiki/{evil}", "<b>fake/x.jpg", 0.97)])
    assert not found.all("script") and not found.all("i") and not found.all("b")
    assert not any("onerror" in attributes for _, attributes in found.tags)
    assert found.text.count(evil) >= 2 and "<b>fake" in found.text and "<i>broken.jpg" in found.text
    assert "49" not in found.text.partition("alert(1)")[2][:40]


@pytest.mark.slow
def test_what_is_there_twice_is_shown_side_by_side_with_what_differs(
    page: Callable[..., Page], own_faces: Path
) -> None:
    assert "No two files are identical" in page().text
    (own_faces / "text2img" / "copy.jpg").write_bytes((own_faces / "wiki" / "face_3.jpg").read_bytes())
    (own_faces / "wiki" / "again.jpg").write_bytes((own_faces / "wiki" / "face_4.jpg").read_bytes())
    near = [("wiki/face_1.jpg", "wiki/face_2.jpg", 0.914), ("wiki/face_1.jpg", "text2img/face_1.jpg", 0.99)]
    found = page(near_duplicates=near)
    assert "2 pictures are there more than once" in found.text
    assert "Identical files: different classes" in found.text
    assert "Identical files: same class and split" in found.text
    assert found.text.index("Correlation 0.990") < found.text.index("Correlation 0.914")
    assert len(found.all("img")) == 38 + 3 + 2 * 4


@pytest.mark.slow
def test_face_rates_are_shown_if_they_are_known(page: Callable[..., Page]) -> None:
    assert "Faces" not in page().text
    rates = {"wiki": {"one face": 9, "several faces": 2, "no face": 1}, "text2img": {"one face": 12}}
    found = page(face_rates=rates)
    assert "Faces found by source" in [attributes.get("aria-label") for attributes in found.all("div")]
    assert "75.0%" in found.text and "8.3%" in found.text


@pytest.mark.slow
def test_excluded_and_misnamed_files_are_listed(page: Callable[..., Page], own_faces: Path) -> None:
    (own_faces / "wiki" / "empty.jpg").write_bytes(b"")
    Image.new("RGB", (40, 40)).save(own_faces / "wiki" / "wrong.png", "JPEG")
    found = page()
    assert "empty file" in found.text and "wrong.png" in found.text
    assert "Files whose suffix misleads" in found.text


@pytest.mark.slow
def test_the_page_stays_small_however_many_sources_there_are(tmp_path: Path) -> None:
    """Noise is what JPEG and PNG can shrink least."""
    rng = np.random.default_rng(0)
    for source in ("wiki", *(f"fake{number:02d}" for number in range(41))):
        (tmp_path / "set" / source).mkdir(parents=True)
        for number in range(4):
            pixels = rng.integers(0, 256, (130, 130, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(tmp_path / "set" / source / f"{number}.png")
    manifest = scan(tmp_path / "set")
    copies = [(f"fake00/{n}.png", f"fake01/{n}.png", 0.9) for n in range(4)] * 20
    out = write_data_report(manifest, tmp_path / "page.html", near_duplicates=copies)
    assert out.stat().st_size < MAX_PAGE_BYTES
    found = Page(out)
    assert "show the first 40 of 42 sources" in found.text
    assert len(found.all("img")) >= 40 * 2


@pytest.mark.slow
def test_the_same_images_give_the_same_page(page: Callable[..., Page], tmp_path: Path) -> None:
    page()
    first = (tmp_path / "page.html").read_bytes()
    page()
    assert (tmp_path / "page.html").read_bytes() == first


@pytest.mark.slow
def test_a_set_of_several_classes_has_no_real_images_to_compare_with(
    tmp_path: Path, draw: Callable[[Path], Path]
) -> None:
    root = tmp_path / "set"
    for name in ("biggan", "dalle", "glide"):
        for number in range(3):
            draw(root / "train" / name / f"{number}.png")
    found = Page(write_data_report(scan(root), tmp_path / "page.html"))
    assert "log10 of the mean power" in found.text and "relative to the real" not in found.text


def test_pictures_too_small_for_a_spectrum_leave_the_page_whole(tmp_path: Path) -> None:
    for source in ("wiki", "fake"):
        (tmp_path / "set" / source).mkdir(parents=True)
        Image.new("RGB", (20, 20), (1, 2, 3)).save(tmp_path / "set" / source / f"{source}.png")
    found = Page(write_data_report(scan(tmp_path / "set"), tmp_path / "page.html"))
    assert "No picture has 32 × 32 pixels" in found.text


@pytest.mark.slow
def test_the_command_writes_the_page(
    own_faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "deep" / "faces.html"
    with pytest.raises(SystemExit) as end:
        main(["data", "report", str(own_faces), "--out", str(out), "--per-source", "5"])
    assert end.value.code == 0 and out.is_file()
    assert f"Report: {out} (0." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{root}/nowhere"], "no such data folder"),
        (["{root}", "--layout", "x"], "auto, sources, splits, folders"),
        (["{root}", "--out", "{root}"], "can't be written"),
    ],
)
def test_a_bad_argument_is_one_sentence(
    own_faces: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["data", "report", *(argument.format(root=own_faces) for argument in arguments)])
    err = capsys.readouterr().err
    assert end.value.code == 2 and said in err and len(err.splitlines()) == 1


def test_a_page_that_fails_leaves_the_old_one(
    page: Callable[..., Page], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "page.html").write_text("old")

    def broken(*arguments: object, **options: object) -> None:
        raise InputError("gone")

    monkeypatch.setattr(overview, "thumbnails", broken)
    with pytest.raises(InputError, match="gone"):
        page()
    assert (tmp_path / "page.html").read_text() == "old"
