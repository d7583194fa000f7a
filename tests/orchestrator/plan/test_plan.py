"""Experiments x folds to trials: folds, states read from disk, filters, and that planning starts nothing."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import phase_of
from orchestrator.execution.probe import questions
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.measured import measurement_file
from orchestrator.plan.plan import Options, StudyPlan, Trial, plan_study
from orchestrator.plan.resources import Machine
from orchestrator.store.folder import Store
from trainables.errors import InputError
from trainables.trial_files import CHECKPOINT, DONE, ERROR, LOCK, TRIAL

Write = Callable[..., Path]
MACHINE = Machine(4, 16_000)


class Planner:
    """Plans experiments of one folder against one results folder."""

    def __init__(self, experiments: Path, data: Path, results: Path) -> None:
        self.experiments, self.data, self.results = experiments, data, results

    def __call__(
        self, *names: str, machine: Machine = MACHINE, device: str = "cpu", **options: Any
    ) -> StudyPlan:
        settings = options.pop("settings", ())
        loaded = load_experiments(Library((self.experiments,)), names or ("a", "b"), settings=settings)
        phase = phase_of(tuple(experiment.name for experiment in loaded))
        asked = Options(results=self.results, data=self.data, **options)
        data = DataSets(Store.look(self.results), override=self.data)
        return plan_study(phase, loaded, asked, data=data, machine=machine, device=device)


@pytest.fixture
def plan(write_experiments: Write, faces: Path, scanned: Path, tmp_path: Path) -> Planner:
    folder = write_experiments({"p/a.json": {}, "p/b.json": {"image_size": 48, "dropout": 0.5}})
    return Planner(folder, faces, Path(shutil.copytree(scanned, tmp_path / "results")))


def only(study: StudyPlan) -> Trial:
    (trial,) = study.selected()
    return trial


def test_every_experiment_has_every_fold_once(plan: Planner) -> None:
    names = [trial.name for trial in plan().trials]
    assert names == [f"{name}-r0f{fold}" for name in "ab" for fold in range(5)]
    assert len({trial.key for trial in plan().trials}) == 10


def test_repeats_come_with_their_own_folds(plan: Planner) -> None:
    study = plan("a", settings=["cv_repeats=2"])
    assert [(trial.repeat, trial.fold) for trial in study.trials] == [
        (r, f) for r in (0, 1) for f in range(5)
    ]
    first, second = study.experiments[0].rows
    assert list(first["path"]) == list(second["path"])
    assert list(first["fold"]) != list(second["fold"])


def test_all_experiments_have_the_same_folds(plan: Planner) -> None:
    """Catches pairs of folds that are no pairs: image size and dropout must not move an image."""
    one, other = (planned.rows[0] for planned in plan().experiments)
    assert one.equals(other)


def test_each_image_is_in_one_test_fold_and_no_group_is_divided(plan: Planner) -> None:
    rows = plan("a").experiments[0].rows[0]
    assert len(rows) == 36
    assert rows["path"].is_unique
    assert set(rows["fold"]) == set(range(5))
    assert (rows.groupby("group")["fold"].nunique() == 1).all()
    assert sum(trial.sizes["test"] for trial in plan("a").trials) == 36
    assert all(sum(trial.sizes.values()) == 36 for trial in plan("a").trials)


def test_a_plan_is_the_same_every_time_and_wherever_the_data_lies(plan: Planner, own_faces: Path) -> None:
    """Catches keys that hang on a path, a scan's order or the time of a file."""
    before = [trial.key for trial in plan().trials]
    assert [trial.key for trial in plan().trials] == before
    plan.data = own_faces
    assert [trial.key for trial in plan().trials] == before


def test_a_changed_image_changes_the_trials_that_use_it(plan: Planner, own_faces: Path) -> None:
    plan.data = own_faces
    before = {trial.key for trial in plan("a").trials}
    victim = own_faces / "wiki" / "face_0.jpg"
    victim.write_bytes((own_faces / "wiki" / "face_1.jpg").read_bytes() + b"\0")
    assert before.isdisjoint(trial.key for trial in plan("a").trials)


def leave(folder: Path, *names: str) -> None:
    """Leave files in a trial's folder as a run would."""
    folder.mkdir(parents=True)
    for name in names:
        if name == CHECKPOINT:
            (folder / name).mkdir()
        else:
            (folder / name).write_text(json.dumps({"format": 1, "message": "the loss is nan"}))


@pytest.mark.parametrize(
    ("files", "state", "why"),
    [
        ([], "missing", "no such trial"),
        ([TRIAL, DONE], "done", "finished in"),
        ([TRIAL, ERROR], "failed", "failed before: the loss is nan"),
        ([TRIAL, CHECKPOINT], "interrupted", "goes on"),
        ([TRIAL], "interrupted", "goes on"),
        ([LOCK], "missing", "no such trial"),
        ([TRIAL, ERROR, DONE, LOCK, CHECKPOINT], "done", "finished in"),
        ([TRIAL, ERROR, LOCK], "failed", "failed before"),
    ],
)
def test_the_state_of_a_trial_is_read_from_its_folder(
    plan: Planner, files: list[str], state: str, why: str
) -> None:
    """Catches a finished trial that runs again, and an unfinished one that is taken for finished."""
    folder = only(plan("a", folds=(0,))).folder
    assert folder is not None
    leave(folder, *files)
    found = only(plan("a", folds=(0,)))
    assert (found.state, found.folder) == (state, folder)
    assert why in found.why


def test_a_trial_is_running_while_its_lock_is_held(plan: Planner) -> None:
    folder = only(plan("a", folds=(0,))).folder
    assert folder is not None
    leave(folder, TRIAL, CHECKPOINT, ERROR)
    with FileLock(folder / LOCK):
        assert only(plan("a", folds=(0,))).state == "running"
    assert only(plan("a", folds=(0,))).state == "failed"


def test_what_is_done_is_not_missing(plan: Planner) -> None:
    folder = plan("a").trials[2].folder
    assert folder is not None
    leave(folder, TRIAL, DONE)
    assert [trial.fold for trial in plan("a").missing()] == [0, 1, 3, 4]


def test_experiments_that_differ_in_name_alone_share_their_trials(
    plan: Planner, write_experiments: Write
) -> None:
    """Catches the same training being paid for twice."""
    write_experiments({"p/twin.json": {"description": "a again", "tags": ["x"], "num_workers": 1}})
    folder = plan("a").trials[0].folder
    assert folder is not None
    leave(folder, TRIAL, DONE)
    mine, twin = plan("a"), plan("twin")
    assert [trial.key for trial in mine.trials] == [trial.key for trial in twin.trials]
    assert (twin.trials[0].state, twin.trials[0].folder) == ("done", folder)
    assert [trial.state for trial in twin.trials[1:]] == ["missing"] * 4


def test_two_twins_in_one_plan_do_not_run_one_trial_twice(plan: Planner, write_experiments: Write) -> None:
    """Catches two workers that want one folder: what is missing is asked for once."""
    write_experiments({"p/twin.json": {}})
    study = plan("a", "twin")
    assert len(study.trials) == 10
    assert len({trial.folder for trial in study.trials}) == 5


def test_an_experiment_named_twice_is_planned_once(plan: Planner) -> None:
    """Catches `run a a`, whose scores would count each fold twice."""
    try:
        study = plan("a", "a")
    except InputError:
        return  # refused with a message: as good
    assert len(study.trials) == 5


def test_the_precision_is_not_known_before_it_is_measured(plan: Planner) -> None:
    study = plan("a", settings=["precision=auto"])
    for trial in study.trials:
        assert (trial.state, trial.why, trial.key) == ("missing", "precision not measured yet", "")
        assert trial.estimate_s is None
    assert study.experiments[0].recipe is None


def measured(plan: Planner, name: str, *, images_per_s: float, **options: Any) -> None:
    """Leave the outcome of a measurement as a run would."""
    settings = options.get("settings", ())
    (experiment,) = load_experiments(Library((plan.experiments,)), [name], settings=settings)
    path = measurement_file(Store.look(plan.results), experiment, options.get("device", "cpu"))
    path.parent.mkdir(parents=True, exist_ok=True)
    choice = {"precision": "bf16", "memory_format": "channels_last", "peak_mib": 500.0}
    path.write_text(json.dumps({"choice": {**choice, "images_per_s": images_per_s}}))


def test_a_measured_precision_is_part_of_the_recipe(plan: Planner) -> None:
    measured(plan, "a", images_per_s=10.0, settings=["precision=auto"])
    study = plan("a", settings=["precision=auto"])
    recipe = study.experiments[0].recipe
    assert recipe is not None
    assert (recipe.precision, recipe.memory_format) == ("bf16", "channels_last")
    assert all(trial.key for trial in study.trials)
    given = plan("a", settings=["precision=float32"])
    assert {trial.key for trial in given.trials}.isdisjoint(trial.key for trial in study.trials)


@pytest.mark.slow
def test_a_measurement_counts_for_its_model_size_and_device_alone(plan: Planner) -> None:
    """Catches a GPU's choice used on a CPU, or a small image's for a large one."""
    auto = ("precision=auto",)
    measured(plan, "a", images_per_s=10.0, settings=auto)
    for settings in (("image_size=64",), ("cnn_preset=small",), ("backbone=resnet18",)):
        assert plan("a", settings=[*auto, *settings]).experiments[0].recipe is None
    assert plan("a", settings=auto, device="cuda").experiments[0].recipe is None
    assert plan("a", settings=[*auto, "epochs=1"]).experiments[0].recipe is not None


@pytest.mark.parametrize(
    ("precision", "memory_format"), [("float32", "contiguous"), ("bf16", "channels_last")]
)
def test_a_given_precision_needs_no_measurement(plan: Planner, precision: str, memory_format: str) -> None:
    recipe = plan("a", settings=[f"precision={precision}"]).experiments[0].recipe
    assert recipe is not None
    assert (recipe.precision, recipe.memory_format) == (precision, memory_format)


def test_the_longest_trials_come_first(plan: Planner) -> None:
    """Catches a run whose last hour is one long trial on an otherwise idle machine."""
    measured(plan, "a", images_per_s=100.0)
    measured(plan, "b", images_per_s=10.0)
    study = plan()
    assert [trial.experiment for trial in study.missing()] == ["b"] * 5 + ["a"] * 5
    estimates = [trial.estimate_s for trial in study.missing()]
    assert estimates == sorted(estimates, key=lambda value: -(value or 0.0))


def test_the_estimate_counts_the_images_of_all_epochs(plan: Planner) -> None:
    measured(plan, "a", images_per_s=2.0)
    trial = plan("a", settings=["epochs=4"]).trials[0]
    train, val, test = (trial.sizes[part] for part in ("train", "val", "test"))
    images = 4 * (train + val / 3) + (val + test) / 3
    assert trial.estimate_s == pytest.approx(images / 2.0, abs=0.06)


def test_only_and_folds_choose_trials(plan: Planner) -> None:
    names = [trial.name for trial in plan(only="b*", folds=(3, 1)).selected()]
    assert names == ["b-r0f1", "b-r0f3"]


def test_choosing_folds_does_not_change_a_key(plan: Planner) -> None:
    assert only(plan("a", folds=(3,))).key == plan("a").trials[3].key


@pytest.mark.parametrize("folds", [(5,), (0, 17), (-1,)])
def test_a_fold_that_is_not_there_is_refused(plan: Planner, folds: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="folds 0 to 4"):
        plan("a", folds=folds)


def test_a_pattern_that_matches_nothing_is_refused(plan: Planner) -> None:
    with pytest.raises(InputError, match=r"--only z\*.*a, b"):
        plan(only="z*")


def test_planning_writes_nothing_but_the_cache(plan: Planner) -> None:
    """Catches a plan that looks like a run to `status` and `collect`."""
    plan()
    assert [path.name for path in plan.results.iterdir()] == ["cache"]


def test_class_weights_must_fit_the_classes(plan: Planner) -> None:
    with pytest.raises(InputError, match="3 values, the data has 2 classes"):
        plan("a", settings=['loss={"class_weights": [1.0, 2.0, 3.0]}'])
    assert plan("a", settings=['loss={"class_weights": [1.0, 2.0]}']).trials


def left_by(plan: Planner, device: str, *, batch_size: int, micro_batch: int) -> None:
    """Leave a measurement for precision auto that tried a batch and saw a part of it fit."""
    (experiment,) = load_experiments(Library((plan.experiments,)), ["a"], settings=["precision=auto"])
    path = measurement_file(Store.look(plan.results), experiment, device)
    path.parent.mkdir(parents=True, exist_ok=True)
    choice = {"precision": "float32", "memory_format": "channels_last", "peak_mib": 500.0}
    choice |= {"images_per_s": 10.0, "micro_batch": micro_batch}
    path.write_text(json.dumps({"choice": choice, "batch_size": batch_size, "batch_norm": True}))


@pytest.mark.parametrize(
    ("tried", "fitted", "asked", "part"),
    [(64, 64, 64, None), (64, 16, 64, 16), (64, 16, 32, 16), (64, 16, 16, None), (64, 16, 128, 16)],
)
def test_a_batch_that_was_seen_not_to_fit_is_cut(
    plan: Planner, tried: int, fitted: int, asked: int, part: int | None
) -> None:
    """Catches parts for batches that fit, and a smaller batch than the one asked for."""
    left_by(plan, "cuda", batch_size=tried, micro_batch=fitted)
    machine = Machine(8, 64_000, 1, 80_000)
    (planned,) = plan(
        "a", settings=["precision=auto", f"batch_size={asked}"], machine=machine, device="cuda"
    ).experiments
    assert planned.recipe is not None
    assert (planned.recipe.batch_size, planned.recipe.micro_batch) == (asked, part)


def test_a_larger_batch_than_was_tried_is_measured_again_in_the_settled_precision(plan: Planner) -> None:
    """The precision of a model is settled once; whether a larger batch fits is not known yet."""
    left_by(plan, "cuda", batch_size=32, micro_batch=32)
    machine = Machine(8, 64_000, 1, 80_000)
    large, small = ["precision=auto", "batch_size=64"], ["precision=auto", "batch_size=32"]
    study = plan("a", settings=large, machine=machine, device="cuda")
    assert {trial.why for trial in study.trials} == {"precision not measured yet"}
    (question,) = questions(study, "cuda")
    assert question.question.time and question.question.memory_format == "channels_last"
    assert question.question.recipe.precision == "float32"
    assert questions(plan("a", settings=small, machine=machine, device="cuda"), "cuda") == []
    # Memory is shared out by what was seen on the CPU, and nothing is tried there.
    left_by(plan, "cpu", batch_size=32, micro_batch=32)
    assert plan("a", settings=large).experiments[0].recipe is not None


def test_of_two_batch_sizes_the_larger_is_tried(plan: Planner, write_experiments: Write) -> None:
    write_experiments({"p/small.json": {"batch_size": 8}, "p/large.json": {"batch_size": 64}})
    machine = Machine(8, 64_000, 1, 80_000)
    study = plan("small", "large", settings=["precision=auto"], machine=machine, device="cuda")
    (question,) = questions(study, "cuda")
    assert question.question.recipe.batch_size == 64


def test_an_estimate_of_a_frozen_trunk_counts_one_pass(plan: Planner) -> None:
    """Catches hours that are announced for a head on kept features."""
    measured(plan, "a", images_per_s=1.0)

    def estimate(*settings: str) -> float:
        return only(plan("a", folds=(0,), settings=[*settings, "epochs=30"])).estimate_s or 0.0

    whole = estimate()
    head = estimate('stages=[{"epochs": 30, "trainable": "head"}]')
    changing = estimate('stages=[{"epochs": 30, "trainable": "head"}]', 'augment={"hflip_p": 0.5}')
    half = estimate('stages=[{"epochs": 15, "trainable": "head"}, {"epochs": 15, "trainable": "all"}]')
    assert head < whole / 30 < changing < whole
    assert whole / 2 < half < whole / 1.8


def test_bce_is_refused_for_several_classes_only(plan: Planner) -> None:
    assert plan("a", settings=['loss={"type": "bce"}']).trials


@pytest.mark.parametrize("protocol", ["holdout"])
def test_a_protocol_without_folds_has_one_trial(plan: Planner, protocol: str) -> None:
    trials = plan("a", settings=[f"protocol={protocol}", "test_ratio=0.25", "precision=float32"]).trials
    assert [(trial.fold, trial.repeat) for trial in trials] == [(0, 0)]
    assert trials[0].sizes["test"] > 0


def test_a_kernel_machine_needs_no_measurement(plan: Planner) -> None:
    trials = plan("a", settings=["backbone=svm_rbf", "precision=auto", "dropout=0.0"]).trials
    assert all(trial.key for trial in trials)


def test_an_unknown_source_is_refused_with_those_that_are_there(plan: Planner) -> None:
    with pytest.raises(InputError, match=r"stylegan.*inpainting, text2img, wiki"):
        plan("a", settings=['train_sources=["wiki","stylegan"]'])


def test_shares_come_from_the_machine_that_will_run(plan: Planner) -> None:
    assert plan("a").trials[0].share.gpus == 0.0
    share = plan("a", machine=Machine(8, 64_000, 1, 80_000), device="cuda").trials[0].share
    assert 0.0 < share.gpus <= 1.0


def test_a_study_can_t_be_changed(plan: Planner) -> None:
    study = plan("a")
    with pytest.raises(dataclasses.FrozenInstanceError):
        study.trials[0].state = "done"  # type: ignore[misc]


def test_a_model_is_checked_although_a_larger_batch_of_it_is_asked_about_first(
    plan: Planner, write_experiments: Write
) -> None:
    """Catches missing weights that show only when the trials run."""
    pretrained = {"backbone": "resnet18", "pretrained": True, "precision": "auto"}
    write_experiments(
        {"p/small.json": {**pretrained, "batch_size": 8}, "p/large.json": {**pretrained, "batch_size": 64}}
    )
    machine = Machine(8, 64_000, 1, 80_000)
    study = plan("small", "large", only="small", machine=machine, device="cuda")
    (question,) = questions(study, "cuda")
    assert question.question.check and question.question.recipe.batch_size == 64
