"""Experiments that a phase makes: for which sources and models, under which names, on top of what."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import main
from orchestrator.config.generated import DataFacts, for_selected, for_sources
from orchestrator.config.library import Library
from orchestrator.config.load import ResolvedPhase, complete, load
from orchestrator.config.phase import Phase
from trainables.errors import InputError

Write = Callable[..., Path]
FAKES = ("inpainting", "text2img")
HOLDOUTS = {
    "title": "Two",
    "experiments": ["c"],
    "for_each_source": [{"name": "c_without_{source}", "extends": "c", "description": "No {source}."}],
}
SIZES = {
    "title": "Three",
    "builds_on": "phase1",
    "for_each_selected": [
        {"name": "{model}_20", "extends": "{experiment}", "values": {"subsample": 0.2}},
        {
            "name": "{model}_100",
            "extends": "{experiment}",
            "values": {"subsample": 1.0},
            "against": "{model}_20",
        },
        {
            "name": "{model}_full",
            "extends": "{experiment}",
            "against": "{first}_full",
            "question": "{model}?",
        },
    ],
    "decision": {"choose": "auc", "among": ["*_full"]},
}
FILES: dict[str, Any] = {
    "phase1/phase.json": {
        "title": "One",
        "experiments": ["p_a", "p_b"],
        "decision": {"choose": "auc", "top": 2},
    },
    "phase1/p_a.json": {"image_size": 48},
    "phase1/p_b.json": {"backbone": "resnet18"},
    "phase2/phase.json": HOLDOUTS,
    "phase2/c.json": {"image_size": 40},
    "phase3/phase.json": SIZES,
    "phase3/presets/quick.json": {"dropout": 0.5},
    "presets/quick.json": {"subsample": 0.9, "epochs": 7},
}


def facts(fakes: tuple[str, ...] = FAKES, **changes: Any) -> DataFacts:
    usual: dict[str, Any] = {"root": "/faces", "fingerprint": "f", "num_classes": 2}
    return DataFacts(**{**usual, "sources": ("wiki", *fakes), "fake_sources": fakes, **changes})


@pytest.fixture
def selected(tmp_path: Path) -> Path:
    """Results in which phase1 has selected p_b and p_a."""
    record = {
        "format": 1, "phase": "phase1", "version": 1, "chosen": "p_b", "rule": {"choose": "auc"},
            "trials": [],
        "evidence": {"metric": "auc", "better_is": "higher", "candidates": []},
        "handed_over": {"dropout": 0.25}, "selected": ["p_b", "p_a"], "preset": None,
    }  # fmt: skip
    path = tmp_path / "results" / "decisions" / "phase1.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(record))
    return tmp_path / "results"


def question(
    folder: Path, results: Path, name: str, data: DataFacts | None = None, **more: Any
) -> ResolvedPhase:
    options = {"preset": None, "settings": (), **more}
    return complete(load([name], Library((folder,)), results=results, **options), lambda _: data or facts())


def test_each_source_of_fakes_is_held_out_once(write_experiments: Write, tmp_path: Path) -> None:
    found = question(write_experiments(FILES), tmp_path / "results", "phase2")
    assert [each.name for each in found.experiments] == ["c", "c_without_inpainting", "c_without_text2img"]
    assert found.phase.experiments == ("c", "c_without_inpainting", "c_without_text2img")
    for experiment, source in zip(found.experiments[1:], FAKES, strict=True):
        assert set(experiment.train_sources or ()) == {"wiki", *FAKES} - {source}
        assert set(experiment.eval_sources or ()) == {"wiki", *FAKES}
        assert (experiment.image_size, experiment.description) == (40, f"No {source}.")
    assert found.notes == ()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (facts(("fake",)), "/faces has 1 source of fakes (fake), and holding one out needs at least two"),
        (facts((), num_classes=5), "/faces has 5 classes"),
    ],
)
def test_where_nothing_can_be_held_out_it_is_said(
    write_experiments: Write, tmp_path: Path, data: DataFacts, said: str
) -> None:
    found = question(write_experiments(FILES), tmp_path / "results", "phase2", data)
    assert [each.name for each in found.experiments] == ["c"]
    (note,) = found.notes
    assert note.startswith("c_without_{source}: left out, since ") and said in note


def test_a_phase_of_hold_outs_alone_with_nothing_to_hold_out_is_refused(
    write_experiments: Write, tmp_path: Path
) -> None:
    folder = write_experiments({**FILES, "phase2/phase.json": {**HOLDOUTS, "experiments": []}})
    with pytest.raises(InputError, match=r"phase2 has nothing to run; .*1 source of fakes"):
        question(folder, tmp_path / "results", "phase2", facts(("fake",)))


def test_names_of_sources_become_names_of_files() -> None:
    """Catches a source like stylegan/cats that makes a folder of a trial's name, and two under one name."""
    phase = Phase.model_validate_json(json.dumps({"name": "phase2", **HOLDOUTS}))
    made = for_sources(Path("/e/phase2/phase.json"), phase, facts(("a/b", "a b", "../x", "ü"))).experiments
    assert [each.name for each in made] == [
        "c_without_a-b", "c_without_a-b-2", "c_without_x", "c_without_source",
    ]  # fmt: skip
    assert made[0].values["train_sources"] == ["wiki", "a b", "../x", "ü"]


def test_each_selected_model_has_its_experiments_and_comparisons(
    write_experiments: Write, selected: Path
) -> None:
    found = question(write_experiments(FILES), selected, "phase3")
    names = [f"{model}_{size}" for model in ("b", "a") for size in ("20", "100", "full")]
    assert [each.name for each in found.experiments] == names
    by_name = {each.name: each for each in found.experiments}
    assert [by_name[name].subsample for name in names] == [0.2, 1.0, 1.0] * 2
    assert by_name["a_20"].image_size == 48 and by_name["b_20"].backbone == "resnet18"
    # What the decision hands over lies on top of the files that are extended.
    assert {each.dropout for each in found.experiments} == {0.25}
    asked = [(each.question, each.baseline, each.treatment) for each in found.phase.comparisons]
    assert asked == [
        ("Is b_100 better than b_20?", "b_20", "b_100"),
        ("Is a_100 better than a_20?", "a_20", "a_100"),
        ("a?", "b_full", "a_full"),
    ]
    assert found.phase.decision is not None and found.phase.decision.among == ("b_full", "a_full")


def test_a_phase_may_make_both_kinds_beside_its_files(write_experiments: Write, selected: Path) -> None:
    both = {**SIZES, "experiments": ["c"], "for_each_source": HOLDOUTS["for_each_source"]}
    found = question(write_experiments({**FILES, "phase3/phase.json": both}), selected, "phase3")
    assert [each.name for each in found.experiments] == [
        "c", *(f"{model}_{size}" for model in ("b", "a") for size in ("20", "100", "full")),
        "c_without_inpainting", "c_without_text2img",
    ]  # fmt: skip
    assert found.phase.experiments == tuple(each.name for each in found.experiments)


def test_a_preset_does_not_make_siblings_the_same(write_experiments: Write, selected: Path) -> None:
    """Catches `subsample` of a preset that makes 20 % and 100 % of the data one experiment."""
    found = question(write_experiments(FILES), selected, "phase3", preset="quick")
    by_name = {each.name: each for each in found.experiments}
    assert (by_name["a_20"].subsample, by_name["a_100"].subsample) == (0.2, 1.0)
    assert {(each.epochs, each.dropout) for each in found.experiments} == {(7, 0.5)}
    # What does not tell it from its siblings is the preset's.
    assert by_name["a_full"].subsample == 0.9
    forced = question(write_experiments(FILES), selected, "phase3", settings=("subsample=0.3",))
    assert {each.subsample for each in forced.experiments} == {0.3}


def test_models_that_would_be_called_the_same_keep_their_whole_names() -> None:
    phase = Phase.model_validate_json(json.dumps({"name": "phase3", **SIZES}))
    made = for_selected(Path("/e/phase3/phase.json"), phase, ["p_a", "q_a"]).experiments
    assert [each.name for each in made][:1] == ["p_a_20"]
    assert len({each.name for each in made}) == 6


def test_without_a_selection_the_phase_is_refused(write_experiments: Write, selected: Path) -> None:
    path = selected / "decisions" / "phase1.json"
    record = json.loads(path.read_text())
    folder = write_experiments(FILES)
    path.write_text(json.dumps({**record, "selected": []}))
    with pytest.raises(InputError, match=r"phase3 makes its experiments from a selection, but .* phase1"):
        question(folder, selected, "phase3")
    path.unlink()
    with pytest.raises(InputError, match=r"phase3 builds on the decision of phase1.*phase1` first"):
        question(folder, selected, "phase3")


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ({"name": "x_{sauce}", "extends": "c"}, "nothing is called {sauce} here; known: source"),
        ({"name": "x_{source}", "extends": "nowhere"}, "extends 'nowhere'"),
        (
            {"name": "x_{source}", "extends": "c", "values": {"epohcs": 1}},
            "unknown key 'epohcs'; nearest: epochs",
        ),
    ],
)
def test_a_wrong_template_is_named_with_its_file(
    write_experiments: Write, tmp_path: Path, template: dict[str, Any], said: str
) -> None:
    folder = write_experiments({**FILES, "phase2/phase.json": {**HOLDOUTS, "for_each_source": [template]}})
    with pytest.raises(InputError) as problem:
        question(folder, tmp_path / "results", "phase2")
    assert said in str(problem.value)


def test_baselines_of_a_phase_that_was_not_run_are_said(write_experiments: Write, tmp_path: Path) -> None:
    """Catches phase 2 before phase 1 that trains the baselines without a word, or refuses to."""
    folder = write_experiments({**FILES, "phase2/phase.json": {**HOLDOUTS, "experiments": ["p_a", "c"]}})
    found = question(folder, tmp_path / "results", "phase2")
    (note,) = found.notes
    assert "phase1 has not been run in " in note and "its p_a run here, as part of phase2" in note
    (tmp_path / "results" / "studies").mkdir(parents=True)
    (tmp_path / "results" / "studies" / "phase1.json").write_text("{}")
    assert question(folder, tmp_path / "results", "phase2").notes == ()


def test_a_made_experiment_that_is_asked_for_by_name_says_who_makes_it(
    write_experiments: Write, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"phase2 makes it, .*phase2 --only c_without_text2img"):
        load(
            ["c_without_text2img"],
            Library((write_experiments(FILES),)),
            results=tmp_path,
            preset=None,
            settings=(),
        )


def test_a_template_that_makes_what_is_there_already_is_refused(
    write_experiments: Write, tmp_path: Path
) -> None:
    template = {"name": "c_{source}", "extends": "c"}
    files = {"phase2/c_text2img.json": {}, "phase2/phase.json": {
        "title": "Two", "experiments": ["c", "c_text2img"], "for_each_source": [template]
    }}  # fmt: skip
    with pytest.raises(InputError, match=r"phase.json: c_text2img is made, and there already"):
        question(write_experiments({**FILES, **files}), tmp_path / "results", "phase2")


def test_a_phase_of_ones_own_is_a_command_by_its_name(
    write_experiments: Write, faces: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = write_experiments(
        {"robust/phase.json": {"title": "R", "experiments": ["x"]}, "robust/x.json": {}}
    )
    given = ["--experiments", str(folder), "--results", str(tmp_path / "results"), "--data", str(faces)]
    with pytest.raises(SystemExit) as ended:
        main(["robust", *given, "--folds", "9"])
    assert ended.value.code == 2 and "x has the folds 0 to 4" in capsys.readouterr().err
    with pytest.raises(SystemExit) as ended:
        main(["robusta", *given])
    assert ended.value.code == 2 and "No such command" in capsys.readouterr().err
