"""The gate as a run meets it: what is stopped, what is remembered, what a plan says of it."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from orchestrator.checks import data_gate
from orchestrator.checks.data_gate import check_name, check_study, known_checks
from orchestrator.cli import main
from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import phase_of
from orchestrator.plan import record
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.store.folder import Store
from orchestrator.store.records import ShortcutRecord
from trainables.errors import InputError
from trainables.files import write_json

Write = Callable[..., Path]
ONE = {"p/a.json": {"cv_folds": 3, "val_ratio": 0.2}}


def draw(root: Path, *, suffixes: tuple[str, str] = (".jpg", ".png"), num_each: int = 24) -> Path:
    """Noise in two sources whose files differ in nothing but their suffix and format."""
    for source, suffix in zip(("real", "gan"), suffixes, strict=True):
        (root / source).mkdir(parents=True)
        for number in range(num_each):
            rng = np.random.default_rng([source == "gan", number])
            pixels = rng.integers(0, 256, (32, 32, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(root / source / f"{source}_{number}{suffix}")
    return root


@pytest.fixture(scope="module")
def confounded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real images are JPEG, fake ones PNG."""
    return draw(tmp_path_factory.mktemp("confounded") / "set")


@pytest.fixture(scope="module")
def honest(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All images are JPEG."""
    return draw(tmp_path_factory.mktemp("honest") / "set", suffixes=(".jpg", ".jpg"))


@pytest.fixture
def plan(write_experiments: Write, tmp_path: Path) -> Callable[..., tuple[StudyPlan, Options]]:
    def make(data: Path, files: dict[str, Any] = ONE, **options: Any) -> tuple[StudyPlan, Options]:
        folder = write_experiments(files)
        names = [Path(name).stem for name in files]
        given = Options(results=tmp_path / "results", data=data, quiet=True, **options)
        sets = DataSets(Store.open(given.results), override=data)
        return plan_study(
            phase_of(tuple(names)), load_experiments(Library((folder,)), names), given, data=sets
        ), given

    return make


def silent() -> Console:
    return Console(file=io.StringIO())


def check(planned: tuple[StudyPlan, Options]) -> list[ShortcutRecord]:
    study, options = planned
    return check_study(study, options, console=silent())


def test_a_confounded_set_is_refused_before_anything_starts(
    capsys: pytest.CaptureFixture[str], write_experiments: Write, confounded: Path, tmp_path: Path
) -> None:
    arguments = ["run", "a", "--experiments", str(write_experiments(ONE)), "--data", str(confounded)]
    with pytest.raises(SystemExit) as end:
        main([*arguments, "--results", str(tmp_path / "results")])
    said = capsys.readouterr().err
    assert end.value.code == 2
    assert said.count("Error:") == 1
    for part in ("file extension 1.000", "file format 1.000", "AUC 1.000", "equalise", "--accept-shortcut"):
        assert part in said
    assert not (tmp_path / "results" / "trials").exists()
    assert not (tmp_path / "results" / "studies").exists()


def test_an_honest_set_passes(plan: Any, honest: Path) -> None:
    (found,) = check(plan(honest))
    assert found.verdict == "passed" and found.experiments == ("a",)
    assert found.file_facts.mean == 0.5 and found.file_facts.n == 3
    assert found.trivial_pixels.mean is not None


def test_a_shortcut_can_be_accepted(plan: Any, confounded: Path) -> None:
    (found,) = check(plan(confounded, accept_shortcut=True))
    assert (found.verdict, found.file_facts.mean) == ("accepted", 1.0)


@pytest.mark.slow
def test_the_limit_is_an_experiments_own(plan: Any, confounded: Path) -> None:
    files = {"p/a.json": ONE["p/a.json"], "p/b.json": {**ONE["p/a.json"], "shortcut_threshold": 1.0}}
    with pytest.raises(InputError, match=r"limit of 0\.7"):
        check(plan(confounded, files))
    found = check(plan(confounded, files, only="b"))
    assert {each.experiments: each.verdict for each in found} == {
        ("a",): "refused", ("b",): "passed",
    }  # fmt: skip


def test_the_limit_is_no_part_of_a_trials_identity(plan: Any, honest: Path) -> None:
    keys = []
    for limit in (0.7, 0.9):
        study, _ = plan(honest, {"p/a.json": {**ONE["p/a.json"], "shortcut_threshold": limit}})
        keys.append([trial.key for trial in study.trials])
    assert keys[0] == keys[1] and all(keys[0])


def test_a_check_is_made_once(plan: Any, honest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a second run that looks at every image again."""
    first = check(plan(honest))
    assert len(list((plan(honest)[0].store.root / "checks").iterdir())) == 1
    monkeypatch.setattr(data_gate, "look", None)
    assert check(plan(honest)) == first


@pytest.mark.slow
def test_experiments_on_the_same_rows_share_a_check(
    plan: Any, honest: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[object] = []
    original = data_gate.look
    monkeypatch.setattr(data_gate, "look", lambda *a, **k: made.append(a) or original(*a, **k))
    same = ONE["p/a.json"]
    files = {"p/a.json": same, "p/b.json": {**same, "epochs": 3}, "p/c.json": {**same, "cv_folds": 4}}
    found = check(plan(honest, files))
    assert [each.experiments for each in found] == [("a", "b"), ("c",)] and len(made) == 2


@pytest.mark.slow
def test_other_rows_folds_or_suffixes_are_another_check(plan: Any, honest: Path, tmp_path: Path) -> None:
    """Catches an outcome that is taken for that of other data."""

    def name(data: Path, **keys: Any) -> str:
        study, _ = plan(data, {"p/a.json": {**ONE["p/a.json"], **keys}})
        planned = study.experiments[0]
        return check_name(planned.rows, planned.experiment.recipe_keys())

    names = [name(honest), name(honest, seed=1), name(honest, cv_folds=4), name(honest, subsample=0.5)]
    names.append(name(honest, protocol="holdout"))
    renamed = tmp_path / "renamed"
    for path in honest.rglob("*.jpg"):
        target = renamed / path.parent.name / f"{path.stem}.jpeg"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(path.read_bytes())
    names.append(name(renamed))
    assert len(set(names)) == len(names)
    # What can't change the outcome is no reason to look again.
    assert name(honest, image_size=64, epochs=9) == names[0]


@pytest.mark.slow
def test_a_damaged_outcome_is_made_again(plan: Any, honest: Path) -> None:
    planned = plan(honest)
    first = check(planned)
    (path,) = (planned[0].store.root / "checks").iterdir()
    for content in ("", "[]", '{"check": "x"}'):
        path.write_text(content)
        assert check(planned) == first, content
        assert json.loads(path.read_text())["check"] == path.stem


@pytest.mark.slow
def test_a_plan_says_whether_there_is_an_outcome_and_makes_none(
    plan: Any, confounded: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
) -> None:  # fmt: skip
    ((_, known),) = known_checks(plan(confounded)[0])
    assert known is None
    check(plan(confounded, accept_shortcut=True))
    monkeypatch.setattr(data_gate, "look", None)
    ((_, known),) = known_checks(plan(confounded)[0])
    assert known is not None and known.verdict == "refused"
    arguments = ["plan", "a", "--experiments", str(tmp_path / "experiments"), "--data", str(confounded)]
    for results, made, words in (("results", True, "stops a run"), ("none", False, "not looked for yet")):
        for more in ([], ["--json"]):
            with pytest.raises(SystemExit) as end:
                main([*arguments, "--results", str(tmp_path / results), *more])
            out = capsys.readouterr().out
            assert end.value.code == 0
            if more:
                assert json.loads(out)["shortcuts"][0]["made"] is made
            else:
                assert words in " ".join(out.split())
    left = [path.relative_to(tmp_path / "none").parts[:2] for path in (tmp_path / "none").rglob("*.*")]
    assert {parts[:2] for parts in left} == {("cache", "scans"), ("cache", "speeds")}


@pytest.mark.slow
def test_a_study_that_is_finished_can_still_be_looked_at(plan: Any, confounded: Path) -> None:
    """Nothing would start, so nothing is stopped; the record says whether the shortcut had been accepted."""
    study, options = plan(confounded, accept_shortcut=True)
    stamped = check_study(study, options, console=silent())
    record.write_study(study, shortcuts=stamped)
    for trial in study.trials:
        assert trial.folder is not None
        write_json(trial.folder / "done.json", {"format": 1})
    (again,) = check(plan(confounded))
    assert again.verdict == "accepted"
    study.store.study_file(study.phase.name).unlink()
    (unasked,) = check(plan(confounded))
    assert unasked.verdict == "refused"


@pytest.mark.slow
def test_the_study_record_is_stamped(plan: Any, confounded: Path) -> None:
    study, options = plan(confounded, accept_shortcut=True)
    found = check_study(study, options, console=silent())
    record.write_study(study, shortcuts=found)
    stamped = study.store.study(study.phase.name)
    assert list(stamped.shortcuts) == found and found[0].verdict == "accepted"
    assert not stamped.asks_the_same(record.study_record(study))
    assert stamped.asks_the_same(record.study_record(study, shortcuts=found))


@pytest.mark.slow
def test_what_was_found_is_said_unless_quiet(plan: Any, honest: Path) -> None:
    study, options = plan(honest)
    for quiet in (False, True):
        console = Console(file=io.StringIO(), width=300)
        given = Options(results=options.results, data=honest, quiet=quiet)
        check_study(study, given, console=console)
        said = console.file.getvalue()  # type: ignore[attr-defined]
        assert ("file facts alone AUC 0.500" in said) is not quiet
