"""Shards: the same plan cut into parts that no machine has to agree on with another."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import phase_of
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.plan.resources import Machine
from orchestrator.plan.sharding import Shard, read_shard
from orchestrator.store.folder import Store
from trainables.errors import InputError
from trainables.trial_files import DONE

EXPERIMENTS = {
    "p/small.json": {"backbone": "simple_cnn", "cnn_preset": "micro"},
    "p/twin.json": {"extends": "small"},
    "p/large.json": {"backbone": "resnet18", "pretrained": False},
    "p/vgg.json": {"backbone": "vgg16", "pretrained": False},
    "p/both.json": {"backbone": "ensemble_cnn", "bases": ["large", "vgg"]},
}
Plan = Callable[[Shard | None], StudyPlan]


@pytest.fixture
def plan(write_experiments: Callable[..., Path], faces: Path, tmp_path: Path) -> Plan:
    folder = write_experiments(EXPERIMENTS)
    names = ("small", "twin", "large", "vgg", "both")
    settings = ("epochs=1", "image_size=32", "cv_folds=4", "precision=float32")
    experiments = load_experiments(Library((folder,)), list(names), settings=settings)

    def make(shard: Shard | None) -> StudyPlan:
        store = Store.open(tmp_path / "results")
        return plan_study(
            phase_of(names),
            experiments,
            Options(results=store.root, shard=shard),
            data=DataSets(store, override=faces),
            machine=Machine(2 if shard is None else shard.number, 8000),
            device="cpu",
        )

    return make


def chosen(study: StudyPlan) -> set[str]:
    return {trial.name for trial in study.selected()}


def test_each_trial_is_of_one_shard_and_what_belongs_together_stays_together(plan: Plan) -> None:
    """Catches trials that nobody runs or that two run, and ensembles whose bases are on another machine."""
    parts = [chosen(plan(Shard(number, 3))) for number in (1, 2, 3)]
    assert sum(map(len, parts)) == len(set().union(*parts)) == len(plan(None).trials)
    for part in parts:
        for fold in range(4):
            assert len({f"{name}-r0f{fold}" in part for name in ("large", "vgg", "both")}) == 1
            assert len({f"{name}-r0f{fold}" in part for name in ("small", "twin")}) == 1


def test_shards_have_like_amounts_of_work(plan: Plan) -> None:
    """Catches one machine with all the large networks: four folds of an ensemble are cut in two and two."""
    for number in (1, 2):
        assert len([name for name in chosen(plan(Shard(number, 2))) if name.startswith("both")]) == 2


@pytest.mark.slow
def test_the_cut_stays_while_trials_are_finished(plan: Plan) -> None:
    """Catches a shard that starts later, counts what is left, and takes what another one has begun."""
    before = chosen(plan(Shard(1, 2)))
    done = next(trial for trial in plan(None).trials if trial.experiment == "small")
    assert done.folder is not None
    done.folder.mkdir(parents=True)
    (done.folder / DONE).write_text("{}")
    assert chosen(plan(Shard(1, 2))) == before


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "1/0", "a/b", "-1/2"])
def test_what_is_no_part_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="give I/N"):
        read_shard(text)


def test_the_only_part_is_the_whole() -> None:
    """Catches `--shard 1/1` that never decides."""
    assert (read_shard("1/1"), read_shard(None), read_shard("2/4")) == (None, None, Shard(2, 4))
