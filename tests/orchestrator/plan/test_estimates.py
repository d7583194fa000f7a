"""Estimates before and after a measurement: speed, hours, and what is counted once."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import phase_of
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.device_speed import DeviceSpeed
from orchestrator.plan.estimates import Basis, Estimator, PhaseEstimate, with_estimates
from orchestrator.plan.measured import measurement_file
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.plan.resources import Machine, Share, trials_at_a_time, unit_share
from orchestrator.plan.trial_work import trial_seconds
from orchestrator.store.folder import State, Store, write_measurement
from trainables.backbones import BACKBONES
from trainables.measurement import Measurement, Speed
from trainables.work import KNOWN, known_work

Write = Callable[..., Path]
Plan = Callable[..., StudyPlan]
MACHINE = Machine(2, 16_000)
RESNET = {"backbone": "resnet18", "image_size": 64, "precision": "auto"}


@pytest.fixture
def plan(write_experiments: Write, faces: Path, scanned: Path, tmp_path: Path) -> Plan:
    """Plan experiments: a (simple_cnn), r (a ResNet-18), r2 (the same under another name)."""
    folder = write_experiments({"p/a.json": {"precision": "auto"}, "p/r.json": RESNET, "p/r2.json": RESNET})
    results = Path(shutil.copytree(scanned, tmp_path / "results"))

    def make(*names: str) -> StudyPlan:
        loaded = load_experiments(Library((folder,)), names)
        data = DataSets(Store.look(results), override=faces)
        asked = Options(results=results, data=faces)
        return plan_study(phase_of(names), loaded, asked, data=data, machine=MACHINE, device="cpu")

    return make


def estimator(study: StudyPlan, speed: DeviceSpeed | None = None) -> Estimator:
    """An estimator on a device of known rates."""
    speed = speed or DeviceSpeed("cpu", "cpu", flops_per_s=1e11, bytes_per_s=2e10)
    return Estimator(study.store, MACHINE, "cpu", is_ray=False, _speed=speed)


def speeds(found: PhaseEstimate) -> dict[str, tuple[float, Basis]]:
    return {each.experiment: (each.images_per_s, each.basis) for each in found.experiments}


def measure(study: StudyPlan, name: str, images_per_s: float) -> None:
    """Leave a measurement of an experiment's model."""
    experiment = study.experiment(name).experiment
    choice = Speed(
        precision="float32", memory_format="contiguous", images_per_s=images_per_s, peak_mib=2000.0
    )
    measured = Measurement(device="cpu", batch_size=8, speeds=(choice,), choice=choice)
    path = measurement_file(study.store, experiment, "cpu")
    path.parent.mkdir(exist_ok=True)
    write_measurement(path, measured)


def test_there_is_an_estimate_of_everything_before_a_measurement(plan: Plan) -> None:
    study = plan("a", "r")
    found = estimator(study).phase(study)
    assert {basis for _, basis in speeds(found).values()} == {Basis.ESTIMATED}
    for each in found.experiments:
        assert each.images_per_s > 0 and each.peak_mib > 0 and each.disk_bytes > 0 and each.missing == 5
    # A ResNet-18 at 64 px does fifteen times the work of the small network at 32 px.
    small, large = (each.images_per_s for each in found.experiments)
    assert 5 < small / large < 30
    assert all(trial.estimate_s for trial in with_estimates(study, found).missing())
    assert found.start_s > 0 and found.clock_s > found.start_s


def test_twice_the_rates_are_twice_the_speed(plan: Plan) -> None:
    study = plan("r")
    one, two = (
        estimator(study, DeviceSpeed("cpu", "cpu", k * 1e11, k * 2e10)).phase(study) for k in (1.0, 2.0)
    )
    layers = 1.5
    assert layers < two.experiments[0].images_per_s / one.experiments[0].images_per_s <= 2.0


def test_a_measurement_counts_and_corrects_the_estimates_of_other_models(plan: Plan) -> None:
    """Catches estimates that stay as they are on a device that is known to be slower."""
    study = plan("a", "r")
    before = speeds(estimator(study).phase(study))
    measure(study, "a", before["a"][0] / 4)
    study = plan("a", "r")
    after = speeds(estimator(study).phase(study))
    assert after["a"][1] is Basis.MEASURED
    assert after["r"][1] is Basis.ESTIMATED
    assert after["r"][0] == pytest.approx(before["r"][0] / 4, rel=1e-6)


def test_finished_trials_count_before_the_measurement(plan: Plan) -> None:
    measure(plan("a"), "a", 100.0)
    study = plan("a")
    done = study.trials[0]
    assert done.folder is not None
    done.folder.mkdir(parents=True)
    metrics = {"n_train": 1, "n_val": 1, "n_test": 1, "epochs": 2, "seconds": 10.0, "device": "cpu"}
    (done.folder / "metrics.json").write_text(json.dumps(metrics))
    trials = (replace(done, state=State.DONE), *study.trials[1:])
    found = estimator(study).phase(replace(study, trials=trials))
    (speed, basis) = speeds(found)["a"]
    assert basis is Basis.FINISHED and found.missing == 4
    assert trial_seconds(done.sizes, study.experiment("a").experiment, speed) == pytest.approx(10.0, abs=0.06)


def test_a_trial_that_two_experiments_or_phases_have_is_counted_once(plan: Plan) -> None:
    study = plan("r", "r2")
    once = estimator(study)
    assert once.phase(study).missing == 5
    assert once.phase(plan("r2")).missing == 0
    assert estimator(study).phase(plan("r2")).missing == 5


def test_hours_are_shared_by_trials_that_run_at_a_time(plan: Plan) -> None:
    study = plan("a")
    alone = replace_machine(estimator(study), Machine(1, 16_000)).phase(study)
    both = estimator(study)
    both.is_ray = True
    found = both.phase(study)
    assert (alone.experiments[0].at_a_time, found.experiments[0].at_a_time) == (1, 2)
    assert found.experiments[0].clock_s == pytest.approx(alone.experiments[0].clock_s / 2)


def replace_machine(made: Estimator, machine: Machine) -> Estimator:
    made.machine = machine
    return made


@pytest.mark.parametrize(
    ("machine", "share", "most", "together", "unit"),
    [
        (Machine(8, 1), Share(2, 0.0, 2), None, 4, 0.25),
        (Machine(8, 1), Share(2, 0.0, 2), 3, 3, 0.25),
        (Machine(8, 1, gpus=2), Share(1, 0.333, 1), None, 6, 0.333),
        (Machine(8, 1, gpus=2, nodes=3), Share(4, 0.5, 4), None, 6, 0.5),
    ],
)
def test_trials_at_a_time_and_what_each_pays_for(
    machine: Machine, share: Share, most: int | None, together: int, unit: float
) -> None:
    assert trials_at_a_time(machine, share, most=most) == together
    assert unit_share(machine, share) == unit


def test_the_work_of_every_backbone_of_the_registry_is_known() -> None:
    for name in BACKBONES:
        found = known_work(name, cnn_preset="medium", image_size=256)
        assert found is not None and found.flops > 0, name
    assert known_work("vit_tiny_patch16_224", cnn_preset="", image_size=224) is None
    four = KNOWN["resnet18"].at(256)
    assert four.flops == 4 * KNOWN["resnet18"].flops and four.parameters == KNOWN["resnet18"].parameters
