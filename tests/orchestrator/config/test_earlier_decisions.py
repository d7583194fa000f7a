"""The settings that a phase takes over from an earlier decision: which layer wins, what stays its own."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cli import main
from orchestrator.config.earlier_decisions import sentence, varied_keys
from orchestrator.config.generated import DataFacts
from orchestrator.config.library import Library
from orchestrator.config.load import ResolvedPhase, complete, load
from orchestrator.decisions.decision import decide
from orchestrator.store.folder import Store
from trainables.errors import InputError

Write = Callable[..., Path]
PHASE1 = {"title": "One", "experiments": ["a", "b"], "decision": {"choose": "auc"}}
PHASE2 = {"title": "Two", "builds_on": "phase1", "experiments": ["c", "d"]}
FILES: dict[str, Any] = {
    "phase1/phase.json": PHASE1, "phase1/a.json": {}, "phase1/b.json": {"backbone": "resnet18"},
    "phase2/phase.json": PHASE2, "phase2/c.json": {}, "phase2/d.json": {"image_size": 48},
}  # fmt: skip
VALUES: dict[str, Any] = {
    "backbone": "resnet18",
    "image_size": 64,
    "optimizer": {"lr": 0.5, "weight_decay": 0.1},
}


@pytest.fixture
def decided(tmp_path: Path) -> Callable[..., Path]:
    """Write the decision of a phase by hand; return the results folder."""

    def write(values: Mapping[str, Any] = VALUES, *, phase: str = "phase1", version: int = 3) -> Path:
        record = {
            "format": 1, "phase": phase, "version": version, "chosen": "b", "rule": {"choose": "auc"},
            "trials": [],
            "evidence": {"metric": "auc", "better_is": "higher", "candidates": []},
            "handed_over": values,
        }  # fmt: skip
        path = tmp_path / "results" / "decisions" / f"{phase}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(record))
        return tmp_path / "results"

    return write


def loaded(
    folder: Path,
    results: Path,
    *,
    name: str = "phase2",
    preset: str | None = None,
    settings: tuple[str, ...] = (),
) -> ResolvedPhase:
    return load([name], Library((folder,)), results=results, preset=preset, settings=settings)


def test_what_was_decided_lies_on_top_of_the_files(
    write_experiments: Write, decided: Callable[..., Path]
) -> None:
    """Catches a decision that the file's own value hides, and inner objects that are replaced."""
    files = {
        **FILES,
        "phase2/c.json": {"backbone": "simple_cnn"},
        "phase2/d.json": {"backbone": "simple_cnn"},
    }
    question = loaded(write_experiments(files), decided())
    for experiment in question.experiments:
        assert (experiment.backbone, experiment.image_size) == ("resnet18", 64)
        assert (experiment.optimizer.lr, experiment.optimizer.type) == (0.5, "adamw")


def test_preset_and_settings_lie_on_top_of_what_was_decided(
    write_experiments: Write, decided: Callable[..., Path]
) -> None:
    folder = write_experiments({**FILES, "presets/quick.json": {"lr": 0.25}})
    question = loaded(folder, decided(), preset="quick", settings=("backbone=convnext_tiny",))
    assert {experiment.optimizer.lr for experiment in question.experiments} == {0.25}
    assert {experiment.backbone for experiment in question.experiments} == {"convnext_tiny"}
    assert {experiment.optimizer.weight_decay for experiment in question.experiments} == {0.1}


def test_what_a_phase_asks_itself_is_not_decided_for_it(
    write_experiments: Write, decided: Callable[..., Path]
) -> None:
    """Catches a comparison of image sizes in which both have the size that was decided before."""
    question = loaded(write_experiments(FILES), decided())
    assert [experiment.image_size for experiment in question.experiments] == [32, 48]
    assert [experiment.backbone for experiment in question.experiments] == ["resnet18", "resnet18"]
    (taken,) = question.handed_over
    assert (taken.phase, taken.version, taken.chosen, taken.own) == ("phase1", 3, "b", ("image_size",))
    assert taken.values == {key: value for key, value in VALUES.items() if key != "image_size"}
    said = sentence(taken, [each.recipe_keys().model_dump(mode="json") for each in question.experiments])
    assert "decision of phase1 (version 3), b: backbone = resnet18, optimizer.lr = 0.5" in said
    assert said.endswith("its own question: image_size")


def test_an_inner_key_that_is_asked_leaves_its_neighbours_to_the_decision(
    write_experiments: Write, decided: Callable[..., Path]
) -> None:
    files = {**FILES, "phase2/c.json": {"lr": 0.01}, "phase2/d.json": {"lr": 0.02}}
    question = loaded(write_experiments(files), decided())
    assert [experiment.optimizer.lr for experiment in question.experiments] == [0.01, 0.02]
    assert {experiment.optimizer.weight_decay for experiment in question.experiments} == {0.1}
    assert question.handed_over[0].own == ("optimizer.lr",)


def test_a_plain_value_does_not_flatten_an_object_that_is_asked(
    write_experiments: Write, decided: Callable[..., Path]
) -> None:
    """Catches `augment: false` of a decision over augmentations that this phase compares."""
    files = {
        **FILES,
        "phase2/c.json": {"augment": {"hflip_p": 0.5}},
        "phase2/d.json": {"augment": {"hflip_p": 0.1}},
    }
    question = loaded(write_experiments(files), decided({"augment": False}))
    assert question.handed_over[0].own == ("augment",)
    assert all(experiment.augment for experiment in question.experiments)


def test_of_two_decisions_the_one_named_later_counts(
    write_experiments: Write, decided: Callable[..., Path]
) -> None:
    phase0 = {"title": "Zero", "experiments": ["y", "z"], "decision": {"choose": "auc"}}
    files = {
        **FILES, "phase0/phase.json": phase0, "phase0/y.json": {}, "phase0/z.json": {},
        "phase2/phase.json": {**PHASE2, "builds_on": ["phase1", "phase0"]},
    }  # fmt: skip
    decided({"dropout": 0.1, "seed": 1})
    results = decided({"dropout": 0.2}, phase="phase0")
    question = loaded(write_experiments(files), results)
    assert {(each.dropout, each.seed) for each in question.experiments} == {(0.2, 1)}
    assert [taken.phase for taken in question.handed_over] == ["phase1", "phase0"]


def test_a_wrong_value_names_the_decision(write_experiments: Write, decided: Callable[..., Path]) -> None:
    with pytest.raises(InputError, match=r"decision of phase1 \(version 3\).*epochs"):
        loaded(write_experiments(FILES), decided({"epochs": "many"}))


def test_bases_take_over_what_was_decided_but_stay_what_they_are(
    write_experiments: Write, decided: Callable[..., Path]
) -> None:
    """Catches an ensemble whose bases still have the image size of their files."""
    ensemble = {"backbone": "ensemble_cnn", "bases": ["x", "y"], "image_size": 100}
    files = {
        **FILES, "phase2/phase.json": {**PHASE2, "experiments": ["c"]}, "phase2/c.json": ensemble,
        "systems/x.json": {"backbone": "skip_con_cnn", "image_size": 100},
        "systems/y.json": {"backbone": "three_cnn", "image_size": 100},
    }  # fmt: skip
    question = loaded(write_experiments(files), decided({"image_size": 64, "seed": 5}))
    assert {(each.image_size, each.seed) for each in question.experiments} == {(64, 5)}
    assert [each.backbone for each in question.experiments] == ["skip_con_cnn", "three_cnn", "ensemble_cnn"]


def test_single_experiments_are_what_their_files_say(
    write_experiments: Write, decided: Callable[..., Path]
) -> None:
    question = loaded(write_experiments(FILES), decided(), name="c")
    assert (question.handed_over, question.experiments[0].backbone) == ((), "simple_cnn")


def test_without_the_decision_nothing_starts(
    write_experiments: Write, tmp_path: Path, faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, results = write_experiments(FILES), tmp_path / "results"
    for command in (["plan", "phase2"], ["phase2"]):
        with pytest.raises(SystemExit) as end:
            main([*command, "--experiments", str(folder), "--data", str(faces), "--results", str(results)])
        said = capsys.readouterr().err
        assert end.value.code == 2
        assert "phase2 builds on the decision of phase1" in said
        assert "run `python -m orchestrator phase1` first" in said
    assert not results.exists()


@pytest.mark.slow
def test_plan_shows_what_was_taken_over(
    write_experiments: Write, decided: Callable[..., Path], faces: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    line = ["plan", "phase2", "--experiments", str(write_experiments(FILES)), "--data", str(faces)]
    line += ["--results", str(decided())]
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as end:
            main([*line, *more])
        assert end.value.code == 0
        out = capsys.readouterr().out
        assert "phase1" in out
    assert json.loads(out)["handed_over"] == [
        {
            "phase": "phase1",
            "version": 3,
            "chosen": "b",
            "values": {key: value for key, value in VALUES.items() if key != "image_size"},
            "own": ["image_size"],
            "selected": [],
            "preset": None,
            "data": [],
        }
    ]


ASSUMING = {**PHASE2, "assumes": ["backbone", "dropout"]}


def test_without_a_decision_what_the_files_say_is_assumed_and_said(
    write_experiments: Write, tmp_path: Path
) -> None:
    """Catches a phase on settings that nobody decided, which looks like one that stands on a decision."""
    files = {**FILES, "phase2/phase.json": ASSUMING, "phase2/c.json": {"backbone": "resnet18"}}
    files["phase2/d.json"] = {"backbone": "resnet18", "image_size": 48}
    question = loaded(write_experiments(files), tmp_path / "results", settings=("dropout=0.5",))
    (taken,) = question.handed_over
    assert taken.is_assumed and taken.values == {"backbone": "resnet18", "dropout": 0.0}
    recipes = [each.recipe_keys().model_dump(mode="json") for each in question.experiments]
    assert sentence(taken, recipes) == (
        "phase1 has not decided anything here, so this is assumed: backbone = resnet18, dropout = 0.0; "
        "--preset or --set puts in its place: dropout = 0.5"
    )


def test_a_decision_counts_where_something_could_have_been_assumed(
    write_experiments: Write, decided: Callable[..., Path]
) -> None:
    question = loaded(write_experiments({**FILES, "phase2/phase.json": ASSUMING}), decided())
    assert {each.backbone for each in question.experiments} == {"resnet18"}
    assert not question.handed_over[0].is_assumed


@pytest.mark.parametrize(("taken_under", "dropout"), [("quick", 0.75), ("other", 0.5), (None, 0.5)])
def test_what_was_decided_under_a_preset_is_not_undone_by_it(
    write_experiments: Write, decided: Callable[..., Path], taken_under: str | None, dropout: float
) -> None:
    """Catches a smoke run whose phase 3 has the preset's image size and not the one that phase 2 chose."""
    results = decided({"dropout": 0.75})
    path = results / "decisions" / "phase1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "preset": taken_under}))
    files = {**FILES, "presets/quick.json": {"dropout": 0.5}, "presets/other.json": {}}
    question = loaded(write_experiments(files), results, preset="quick")
    assert {each.dropout for each in question.experiments} == {dropout}
    recipes = [each.recipe_keys().model_dump(mode="json") for each in question.experiments]
    said = sentence(question.handed_over[0], recipes)
    assert ("--preset or --set puts in its place: dropout = 0.5" in said) == (dropout == 0.5)
    forced = loaded(write_experiments(files), results, preset="quick", settings=("dropout=0.25",))
    assert {each.dropout for each in forced.experiments} == {0.25}
    notes = question.notes
    assert len(notes) == (taken_under == "other")
    assert all("was taken under --preset other, and this run has --preset quick" in note for note in notes)
    # Catches a smoke run's image size in a study that nobody told of it.
    full = loaded(write_experiments(files), results).notes
    assert len(full) == (taken_under is not None) and all("this run has no preset" in note for note in full)


@pytest.mark.parametrize(("fingerprint", "number"), [("here", 0), ("elsewhere", 1)])
def test_a_decision_from_other_data_is_said(
    write_experiments: Write, decided: Callable[..., Path], fingerprint: str, number: int
) -> None:
    results = decided()
    path = results / "decisions" / "phase1.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), "data": [fingerprint]}))
    question = loaded(write_experiments(FILES), results)
    facts = DataFacts("/faces", "here", 2, ("wiki", "fake"), ("fake",))
    notes = complete(question, lambda _: facts).notes
    assert len(notes) == number
    for note in notes:
        assert note.startswith("The decision of phase1 (version 3) was taken on other data than /faces")


def test_a_decision_that_was_edited_is_refused_until_it_is_taken_again(
    write_experiments: Write, results: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Catches a value that somebody wrote into a decision, and a dead end for who did."""
    results.add("a", shift=0.5)
    results.add("b", shift=2.0, dropout=0.25)
    results.decide("a", "b")
    store = Store.open(results.write())
    first = decide(store, "phase1")
    path = results.root / "decisions" / "phase1.json"
    folder = write_experiments(FILES)
    assert loaded(folder, results.root).handed_over[0].version == 1
    path.write_text(path.read_text().replace('"dropout": 0.25', '"dropout": 0.75'))
    with pytest.raises(InputError, match=r"phase1.json was edited .* decide phase1 --again"):
        loaded(folder, results.root)
    with pytest.raises(SystemExit) as end:
        main(["decide", "phase1", "--results", str(results.root)])
    assert end.value.code == 2 and "was edited" in capsys.readouterr().err
    with pytest.raises(SystemExit) as end:
        main(["decide", "phase1", "--again", "--results", str(results.root)])
    assert end.value.code == 0
    taken = loaded(folder, results.root).handed_over[0]
    assert (taken.version, taken.values) == (2, first.record.handed_over)
    assert json.loads(path.read_text())["moved"] == ["its file was edited after it was taken"]
    assert "0.75" in (results.root / "decisions" / "phase1.v1.json").read_text()


TREES = st.recursive(
    st.integers(0, 2), lambda inner: st.dictionaries(st.sampled_from("abc"), inner, min_size=1), max_leaves=6
)


@given(st.dictionaries(st.sampled_from("abc"), TREES), st.integers(1, 4))
def test_experiments_that_say_the_same_vary_nothing(values: dict[str, Any], number: int) -> None:
    assert varied_keys([values] * number) == frozenset()


@given(st.lists(st.dictionaries(st.sampled_from("abc"), TREES), min_size=2, max_size=3))
def test_the_order_of_experiments_does_not_matter(several: list[dict[str, Any]]) -> None:
    assert varied_keys(several) == varied_keys(several[::-1])
    assert bool(varied_keys(several)) == any(each != several[0] for each in several)
