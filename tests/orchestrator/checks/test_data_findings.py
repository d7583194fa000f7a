"""Findings about a data folder: which checks there are, in which order, and what they mean for a run."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from orchestrator.checks.data_findings import DataCheck, check_data, exit_code
from orchestrator.store.folder import Store
from trainables.data.checks.findings import Finding
from trainables.data.dataset.manifest import scan
from trainables.errors import InputError
from trainables.progress import OnProgress

NOTE, WARNING = Finding("x", "note", "."), Finding("y", "warning", ".")
OF_RUN, OF_DATA = Finding("run_x", "error", "."), Finding("z", "error", ".")


def test_exit_codes() -> None:
    assert exit_code([]) == exit_code([NOTE, WARNING]) == 0
    assert exit_code([NOTE, OF_RUN]) == 1
    assert exit_code([OF_RUN, OF_DATA]) == exit_code([OF_DATA]) == 2


@pytest.mark.parametrize(
    ("findings", "verdict"),
    [
        ((NOTE,), "Nothing against a run on this data (no warnings)."),
        ((WARNING, NOTE), "Nothing against a run on this data (1 warning)."),
        ((OF_RUN, WARNING, WARNING), "A finished run fails its verification"),
        ((OF_RUN, OF_DATA), "Refused"),
    ],
)
def test_the_verdict_is_that_of_the_exit_code(
    findings: tuple[Finding, ...], verdict: str, faces: Path
) -> None:
    assert DataCheck(scan(faces), findings).verdict.startswith(verdict)


def check(folder: Path, **changes: Any) -> DataCheck:
    titles: list[str] = []

    @contextmanager
    def bar(title: str) -> Iterator[OnProgress]:
        titles.append(title)
        yield lambda done, total: None

    given: dict[str, Any] = {
        "layout": "auto", "group_by": "auto", "real_sources": ("wiki",), "protocol": "cv", "store": None,
        "phase": None, "bar": bar,
    }  # fmt: skip
    found = check_data(folder, **{**given, **changes})
    assert titles[0] == "Reading images"
    return found


@pytest.mark.slow
def test_the_gravest_finding_comes_first(own_faces: Path) -> None:
    (own_faces / "wiki" / "broken.jpg").write_bytes(b"no image")
    found = check(own_faces, max_unusable=0.1)
    assert [(finding.name, finding.severity) for finding in found.findings] == [
        ("unusable_files", "warning"),
        ("shortcut", "note"),
    ]
    assert found.findings[0].rows[0]["path"] == "wiki/broken.jpg"


@pytest.mark.slow
def test_more_unusable_files_than_a_run_allows_are_an_error_in_the_words_of_the_run(own_faces: Path) -> None:
    """Catches a check that finds nothing against data on which a run then stops."""
    (own_faces / "wiki" / "film.mp4").write_bytes(b"no image")
    with pytest.raises(InputError) as refused:
        scan(own_faces)
    found = check(own_faces)
    assert (found.findings[0].name, found.findings[0].severity) == ("unusable_files", "error")
    assert found.findings[0].sentence == str(refused.value)
    assert found.findings[0].rows[0]["path"] == "wiki/film.mp4"
    assert found.exit_code == 2


def test_a_fold_whose_inner_part_lacks_a_class_is_refused_as_in_a_plan(own_faces: Path) -> None:
    """Catches a check that deals the outer folds alone."""
    for source, left in (("text2img", 0), ("inpainting", 2)):
        for path in sorted((own_faces / source).iterdir())[left:]:
            path.unlink()
    found = check(own_faces, group_by="none", protocol="holdout")
    (error,) = [each for each in found.findings if each.severity == "error"]
    assert error.name == "no_folds" and "fewer than two classes" in error.sentence


def test_data_that_can_have_no_folds_is_refused(own_faces: Path) -> None:
    for path in (own_faces / "text2img").iterdir():
        path.unlink()
    for path in list((own_faces / "inpainting").iterdir())[1:]:
        path.unlink()
    found = check(own_faces, group_by="none")
    assert [finding.name for finding in found.findings if finding.severity == "error"] == ["no_folds"]
    assert found.exit_code == 2


def test_a_protocol_that_there_is_not_is_named(faces: Path) -> None:
    with pytest.raises(InputError, match="--protocol loo: cv, holdout or official"):
        check(faces, protocol="loo")


def test_a_scan_is_remembered_beside_the_results(faces: Path, tmp_path: Path, results: Any) -> None:
    """Catches a check that reads every image again although a run on it just did."""
    results.add("a")
    root = results.write()
    with pytest.raises(InputError, match="no finished trial on"):
        check(faces, store=Store.look(root))
    assert list((root / "cache" / "scans").glob("*.memo"))
