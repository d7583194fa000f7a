"""The final report of stored studies: which slides there are, what is said of what is missing, its files."""

import json
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

from orchestrator import cli
from orchestrator.analysis.attention import Attention
from orchestrator.analysis.collect import collect
from orchestrator.analysis.elsewhere import ElsewhereScore
from orchestrator.analysis.evaluation_tables import EvaluationTables
from orchestrator.analysis.robustness import RobustMean, Robustness
from orchestrator.analysis.trial_facts import read_files
from orchestrator.report.explained import ExplainedImages
from orchestrator.report.material import read_material
from orchestrator.report.rendering import render_page
from orchestrator.report.slides.attention import attention_slide
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.elsewhere import elsewhere_slide
from orchestrator.report.slides.final_report import write_final_report
from orchestrator.report.slides.self_evaluation import self_evaluation
from orchestrator.report.slides.slide import Deck
from orchestrator.report.slides.typesetting import deck_pages
from orchestrator.report.slides.web import deck_document
from orchestrator.store.decision_file import TakenBy
from orchestrator.store.evaluation_files import EvaluationRecord, ForeignDetector
from orchestrator.store.explanation_files import ExplanationRecord, Explanations
from orchestrator.store.folder import Store
from orchestrator.store.run_record import Environment
from trainables.errors import InputError

GOLDEN = Path(__file__).parents[3] / "golden" / "results"


@dataclass(frozen=True)
class Written:
    """A final report, and what was written."""

    store: Store
    html: str
    sheet: str
    files: tuple[Path, ...]


def write(store: Store) -> Written:
    files = write_final_report(store).files
    _, page, sheet = files
    html = page.read_text(encoding="utf-8").replace("<wbr>", "")
    return Written(store, html, sheet.read_text(encoding="utf-8"), files)


@pytest.fixture(scope="module")
def one_phase(tmp_path_factory: pytest.TempPathFactory, write_results: Any) -> Written:
    """The final report of phase1 alone, a trial missing, with a page of people’s own; don't change it."""
    root = tmp_path_factory.mktemp("final")
    store = write_results(root, without=[("p1_b", 1)])
    (root / "slides.md").write_text("# Generated <faces>\n- FID of **#1**: 12\n")
    return write(store)


@pytest.fixture(scope="module")
def two_phases(tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The final report of the golden study; read it, don't change it."""
    root = tmp_path_factory.mktemp("golden") / "results"
    shutil.copytree(GOLDEN, root)
    return write(Store.reopen(root))


def anchors_of(written: Written) -> list[str]:
    return re.findall(r'<section id="([^"]+)"', written.html)


def check_links(written: Written) -> None:
    """Fail on a link to a file, or a section of a page, that is not there."""
    folder = written.store.report("final")
    sheet = re.findall(r"\]\(([^)]+)\)", written.sheet)
    page = [link for link in re.findall(r'href="([^"]+)"', written.html) if not link.startswith("#")]
    assert page and sheet
    for link in page + sheet:
        path, _, anchor = link.partition("#")
        assert (folder / path).is_file(), link
        assert not anchor or f'<section id="{anchor}"' in (folder / path).read_text(encoding="utf-8"), link


def test_slides_are_there_in_their_order(one_phase: Written) -> None:
    anchors = anchors_of(one_phase)
    first = ["problem", "traps", "protocol", "models", "results-phase1"]
    assert anchors[:5] == first and anchors[-2:] == ["own-1", "limits"]
    assert {"performance", "significance"} <= {*anchors}
    # What nobody looked at has no slide of its own: it is said at the end.
    assert not {"attention", "generalisation", "elsewhere"} & {*anchors}
    assert len(set(anchors)) == len(anchors)


def test_the_page_says_the_same_as_that_of_the_phase_and_is_escaped(one_phase: Written) -> None:
    """Catches sentences of another wording, and a text of a user that becomes a tag."""
    assert "Generated &lt;faces&gt;" in one_phase.html and "<faces>" not in one_phase.html
    page = one_phase.store.report("phase1") / "index.html"
    (lead,) = re.findall(r'<p class="lead">(.*?)</p>', page.read_text(encoding="utf-8").replace("<wbr>", ""))
    assert f'<p class="lead">{lead}</p>' in one_phase.html


def test_what_is_missing_is_said(one_phase: Written) -> None:
    """Catches phases and trials that are passed over in silence."""
    assert "Not in these results: phase2, phase3 and phase4" in one_phase.html
    assert "python -m orchestrator phase1 runs what is missing" in one_phase.html
    assert "Not all trials of phase1 are finished" in one_phase.sheet


def test_every_link_leads_to_a_file_and_a_section(one_phase: Written) -> None:
    check_links(one_phase)


def test_the_sheet_ticks_what_is_there_alone(one_phase: Written) -> None:
    sheet = one_phase.sheet
    own = "- [x] Generated data: set-up, metrics and performance: there ([slides.md](../../slides.md))"
    assert own in sheet
    missing = "(missing: `decisions/phase1.json`)"
    assert f"- [ ] Conclusion: which baseline is better, and why: not there {missing}" in sheet
    assert "- [ ] Gap between training and validation: not there (phase2 has not run)" in sheet
    assert "- [ ] Maps of all phases and architectures, with their numbers: not asked" in sheet
    ticked = len(re.findall(r"^- \[x\].*: there \(", sheet, re.M))
    counts = re.search(r"Of (\d+) points: (\d+) there, (\d+) not there, (\d+) not asked\.", sheet)
    assert counts is not None
    total, there, *others = map(int, counts.groups())
    assert there == ticked == sheet.count("- [x]") and total == there + sum(others)


@pytest.mark.slow
def test_the_same_results_give_the_same_bytes(one_phase: Written) -> None:
    """Catches a date, and an order of files or sets."""
    before = [path.read_bytes() for path in one_phase.files]
    assert [path.read_bytes() for path in write_final_report(one_phase.store).files] == before


def test_a_table_without_rows_and_an_empty_file_are_no_evidence(tmp_path: Path) -> None:
    """Catches a point that is ticked for a file that says nothing."""
    store = Store.open(tmp_path)
    table = store.collected("phase1") / "confusion.csv"
    table.parent.mkdir(parents=True)
    sections = {"phase1": frozenset({"confusion"})}
    (tmp_path / "slides.md").write_text("")
    for rows, state in (("", "not there"), ("a,b\n", "not there"), ("a,b\n1,2\n", "there")):
        table.write_text(rows)
        sheet = self_evaluation(store, sections)
        assert f"Confusion matrices: {state} (" in sheet
        assert "Description of the generative solution: not there" in sheet


def test_pictures_of_explained_images_stand_on_a_slide(one_phase: Written, tmp_path: Path) -> None:
    """Catches pictures that are looked for elsewhere, and a slide that is silent where there are none."""
    assert "python -m orchestrator explain-images phase1" in one_phase.html
    rows = []
    for place, outcome in enumerate(("true_fake", "true_fake", "true_fake", "false_real")):
        Image.new("RGB", (32, 32), (40 * place, 0, 0)).save(tmp_path / f"{place}.webp")
        rows.append(("p1_a", f"{place}.png", "wiki", 0.5, outcome, f"{place}.webp"))
    rows.append(("p1_a", "gone.png", "wiki", 0.5, "true_real", "gone.webp"))
    numbers = pd.DataFrame(rows, columns=["experiment", "path", "source", "score", "outcome", "overlay"])
    record = ExplanationRecord(phase="phase1", per_experiment=4)
    found = Explanations(tmp_path, record, pd.DataFrame(), numbers)
    store, tables = one_phase.store, collect(one_phase.store, "phase1")
    phase = read_material(store, tables, None, read_files(store, tables.study))
    explained = replace(phase, explained=ExplainedImages(found, Attention((), (), ())))
    slide = attention_slide(DeckMaterial(store, (explained, phase), (), ""))
    assert slide is not None
    # One of an outcome, and none whose file is gone.
    taken_for = ("fake", "real")
    captions = [f"wiki: fake, taken for {each}, P(fake) 0.500" for each in taken_for]
    assert [each.caption for each in slide.pictures] == captions
    assert slide.more == "phase1/index.html#attention"
    with_pictures, without = (Deck("t", "", "", "", (each,)) for each in (slide, replace(slide, pictures=())))
    assert deck_pages(with_pictures)[1] != deck_pages(without)[1]
    assert render_page(deck_document(with_pictures)).count("data:image/webp;base64,") == 2


def test_evaluations_on_other_images_share_a_slide() -> None:
    """Catches an evaluation that is passed over, and a number without what weakens it."""
    made = TakenBy(command="evaluate", time="2024-01-02T03:04:05+00:00", environment=Environment())
    notes = ("2 of 10 images have no score",)
    foreign = ForeignDetector(name="theirs", file="theirs.csv", sha256="0" * 64, images=8, notes=notes)
    found = []
    for name in ("b", "a", "d", "c"):
        record = EvaluationRecord(
            name=name, data="/data", layout="sources", group_by="none", classes=("real", "fake"),
            fingerprint="0", images=10, groups=10, counts=(), excluded={}, foreign=(foreign,), made=made,
        )  # fmt: skip
        found.append(EvaluationTables(record, pd.DataFrame(), (), (), (), (), 0, Robustness(("clean",))))
    score = ElsewhereScore(
        detector="theirs", kind="foreign", condition="clean", metric="auc", images=10, groups=10, n=1,
        n_expected=1, mean=0.75, ci_low=0.5, ci_high=0.875,
    )  # fmt: skip
    mean = RobustMean("theirs", conditions=3, n=1, n_expected=1, mean=0.625, ci_low=0.5, ci_high=0.75)
    found[1] = replace(found[1], summary=(score,), robustness=Robustness(("clean", "blur:1"), means=(mean,)))
    slide = elsewhere_slide(found)
    said = " ".join(str(part) for point in slide.points for part in point)
    assert "No detector has an AUC on b" in said and "2 of 10 images have no score" in said
    assert slide.grid is not None
    rows = [[f"{cell.text} {cell.note}".strip() for cell in row] for row in slide.grid.rows]
    assert rows == [
        ["theirs", "b", "–", "–", "–"],
        ["theirs", "a", "0.750 0.500 to 0.875", "–", "0.625 0.500 to 0.750"],
        ["theirs", "d", "–", "–", "–"],
    ]
    assert "1 more evaluations" in slide.note and "reports/evaluation-d/index.html" in slide.note
    assert slide.more == "evaluation-b/index.html"


def test_the_shipped_study_has_about_fifteen_slides(one_phase: Written) -> None:
    """Catches slides that are made for every phase once more, and pages with a line on them."""
    without = [each for each in anchors_of(one_phase) if not each.startswith(("results-", "own-"))]
    # Four phases, the questions of one, maps, held-out sources, more data, and the first page.
    assert len(without) + 4 + 1 + 3 + 1 <= 16


@pytest.mark.slow
def test_phases_stand_in_the_order_in_which_they_build_on_each_other(two_phases: Written) -> None:
    anchors = anchors_of(two_phases)
    assert anchors.index("results-first") < anchors.index("results-second")
    assert "Not in these results" not in two_phases.html
    check_links(two_phases)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["hostile_phase", "five_classes"])
def test_several_classes_and_hostile_texts_are_reported(
    tmp_path: Path, request: pytest.FixtureRequest, name: str
) -> None:
    """Catches a slide that needs two classes, and markup in a name or a question."""
    shutil.copytree(request.getfixturevalue(name).store.root, tmp_path / "results", symlinks=True)
    written = write(Store.reopen(tmp_path / "results"))
    assert written.files[0].read_bytes().startswith(b"%PDF")
    assert "<script>alert" not in written.html


def test_without_a_phase_there_is_nothing_to_report(
    tmp_path: Path, write_results: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    Store.open(tmp_path / "empty")
    with pytest.raises(SystemExit) as ended:
        cli.main(["report", "final", "--results", str(tmp_path / "empty")])
    assert ended.value.code == 2
    assert "has no phase to report on (there are: none)" in capsys.readouterr().err
    # Experiments that were run alone ask nothing.
    store = write_results(tmp_path / "single", compare=False)
    path = store.study_file("phase1")
    study = json.loads(path.read_text())
    study["phase"]["question"] = ""
    path.write_text(json.dumps(study))
    with pytest.raises(InputError, match=r"no phase to report on \(there are: phase1\)"):
        write_final_report(store)
    assert not store.report("final").exists()


def test_slides_that_are_no_text_are_refused(tmp_path: Path, write_results: Any) -> None:
    store = write_results(tmp_path)
    (tmp_path / "slides.md").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="write it in UTF-8"):
        write_final_report(store)
