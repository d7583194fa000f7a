"""Estimates of what a plan costs: images a second, memory, hours and disk of each experiment and of a phase.

The speed of an experiment is that of its finished trials, else what was measured of its model, else what
the work of the network takes on this device (`device_speed`), by the ratio that measured models of the same
device have to their estimates. Hours are at most these: early stopping may end a trial before its last
epoch. They are hours on the clock, with so many trials at a time as the shares of the machine allow.
"""

import math
import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from orchestrator.plan.device_speed import DeviceSpeed, device_speed
from orchestrator.plan.network_work import Model, model_of, networks_work
from orchestrator.plan.pixel_plan import PixelNeed, pixel_needs
from orchestrator.plan.plan import PlannedExperiment, StudyPlan, Trial
from orchestrator.plan.resources import Machine, trials_at_a_time
from orchestrator.plan.trial_work import images_to_train
from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.folder import State, Store, read_measurement, read_metrics
from orchestrator.store.sweep_record import SweepRecord
from trainables.backbones import is_kernel_machine
from trainables.measurement import Measurement
from trainables.trial_files import HISTORY
from trainables.work import Work, known_work

# Before the first trial: Ray with its first worker, which imports torch; after the last: tables and page.
RAY_S, END_S = 12.0, 8.0
# A pixel of an image file that is decoded and resized by one core, and a face that is looked for.
PIXEL_S, FACE_S = 35e-9, 0.1
# The measurement of a model tries number formats and layouts, and stops each after some seconds.
CANDIDATES, TRIED_STEPS, TRIED_S = 3, 4, 2.0
# Of a worker on the CPU before it has a model, and what gradients and an optimizer's two moments add.
WORKER_MIB, COPIES = 700.0, 4
# Numbers kept of an activation between the passes, over those that a layer puts out.
KEPT = 1.5
PREDICTION_BYTES, MIB = 60, 2**20


class Basis(StrEnum):
    """What an estimated speed rests on, the best first."""

    FINISHED = "finished trials"
    MEASURED = "measured"
    ESTIMATED = "estimated"


@dataclass(frozen=True, slots=True)
class ExperimentEstimate:
    """What an experiment's trials take that are still to run.

    `images_per_s` is the speed of training in one trial, `peak_mib` the most memory of one, `work_s` the sum
    of what the missing trials take, `seconds` what each of them takes by its name, and `disk_bytes` what they
    leave in results/.
    """

    experiment: str
    trials: int
    missing: int
    images_per_s: float
    basis: Basis
    peak_mib: float
    is_memory_measured: bool
    at_a_time: int
    seconds: Mapping[str, float]
    disk_bytes: int

    @property
    def work_s(self) -> float:
        """Seconds of all missing trials, one after the other."""
        return sum(self.seconds.values())

    @property
    def clock_s(self) -> float:
        """Seconds on the clock, as many trials at a time as fit."""
        return max(self.work_s / self.at_a_time, max(self.seconds.values(), default=0.0))


@dataclass(frozen=True, slots=True)
class PhaseEstimate:
    """What is still to run of a phase: its experiments, what comes before and after, and disk.

    `units` are the GPUs or machines that are paid for; `assumes` says what it rests on that is not decided.
    """

    phase: str
    experiments: tuple[ExperimentEstimate, ...]
    start_s: float
    pixel_bytes: int
    checkpoint_bytes: int
    units: int
    assumes: tuple[str, ...] = ()

    @property
    def trials(self) -> int:
        """Trials that the command is about."""
        return sum(each.trials for each in self.experiments)

    @property
    def missing(self) -> int:
        """Trials that are still to run."""
        return sum(each.missing for each in self.experiments)

    @property
    def clock_s(self) -> float:
        """Seconds on the clock, start-up included."""
        work = sum(each.work_s / each.at_a_time for each in self.experiments)
        longest = max((max(each.seconds.values(), default=0.0) for each in self.experiments), default=0.0)
        return self.start_s + max(work, longest)

    @property
    def peak_mib(self) -> float:
        """The most memory that trials take which run at a time."""
        return max((each.peak_mib * min(each.at_a_time, each.trials) for each in self.experiments), default=0)

    @property
    def disk_bytes(self) -> int:
        """Bytes that come to lie in results/."""
        return self.pixel_bytes + self.checkpoint_bytes + sum(each.disk_bytes for each in self.experiments)

    @property
    def bases(self) -> tuple[Basis, ...]:
        """What the speeds of what is still to run rest on, the best first."""
        used = {each.basis for each in self.experiments if each.missing}
        return tuple(basis for basis in Basis if basis in used)


@dataclass(slots=True)
class Estimator:
    """Estimates for plans of one command on one machine; what is found out is found out once.

    A trial that several phases have is counted with the first of them.
    """

    store: Store
    machine: Machine
    device: str
    most: int | None = None
    is_ray: bool = True
    _speed: DeviceSpeed | None = None
    _ratio: float | None = None
    _works: dict[Model, Work] = field(default_factory=dict)
    _counted: set[str] = field(default_factory=set)

    def phase(self, study: StudyPlan, *, assumes: Sequence[str] = ()) -> PhaseEstimate:
        """Estimate what a study still takes."""
        selected = {trial.experiment for trial in study.selected()}
        planned = [each for each in study.experiments if each.experiment.name in selected]
        self._works |= networks_work([each.experiment for each in planned], self.store)
        missing = self._uncounted(study)
        experiments = tuple(self._experiment(study, each, missing) for each in planned)
        to_come = [found for each in study.sweeps if (found := _to_come(study, each, experiments))]
        needs = [need for need in pixel_needs(study) if not need.is_there] if missing else []
        parameters = max((self._works[model_of(each.experiment)].parameters for each in planned), default=0)
        together = max((each.at_a_time for each in experiments), default=1)
        return PhaseEstimate(
            phase=study.phase.name,
            experiments=(*experiments, *to_come),
            start_s=self._start_s(study, planned, needs) if missing else 0.0,
            pixel_bytes=sum(need.bytes for need in needs),
            # Weights, the best of them, and two moments.
            checkpoint_bytes=together * parameters * 4 * COPIES if missing else 0,
            units=self.machine.units,
            assumes=tuple(assumes),
        )

    def _uncounted(self, study: StudyPlan) -> list[Trial]:
        """The missing trials that no phase before has, each once, whatever experiment it is called after."""
        found = []
        recipes = {
            each.experiment.name: fingerprint(each.experiment.recipe_keys().model_dump(mode="json"))
            for each in study.experiments
        }
        for trial in study.missing():
            known_by = trial.key or f"{recipes[trial.experiment]}-r{trial.repeat}f{trial.fold}"
            if known_by not in self._counted:
                self._counted.add(known_by)
                found.append(trial)
        return found

    def _experiment(
        self, study: StudyPlan, planned: PlannedExperiment, missing: Sequence[Trial]
    ) -> ExperimentEstimate:
        experiment = planned.experiment
        mine = [trial for trial in study.selected() if trial.experiment == experiment.name]
        to_run = [trial for trial in missing if trial.experiment == experiment.name]
        work = self._works[model_of(experiment)]
        speed, basis = self._images_per_s(study, planned, work)
        measured = planned.measurement
        peak = self._peak_mib(work, experiment.batch_size) if measured is None else measured.choice.peak_mib
        weights = work.parameters * 4
        rows = sum(trial.sizes.get("val", 0) + trial.sizes.get("test", 0) for trial in to_run)
        return ExperimentEstimate(
            experiment=experiment.name,
            trials=len(mine),
            missing=len(to_run),
            images_per_s=speed,
            basis=basis,
            peak_mib=peak,
            is_memory_measured=measured is not None,
            at_a_time=trials_at_a_time(self.machine, mine[0].share, most=self.most) if self.is_ray else 1,
            seconds={trial.name: _left(trial, planned) / speed for trial in to_run},
            disk_bytes=len(to_run) * weights + rows * PREDICTION_BYTES,
        )

    def _images_per_s(self, study: StudyPlan, planned: PlannedExperiment, work: Work) -> tuple[float, Basis]:
        experiment = planned.experiment
        finished = _finished_speed(study, planned)
        if finished is not None:
            return finished, Basis.FINISHED
        if planned.measurement is not None:
            return planned.measurement.choice.images_per_s, Basis.MEASURED
        speed = self._device_speed()
        if is_kernel_machine(experiment.backbone):
            num_train = max(
                trial.sizes["train"] + trial.sizes["val"]
                for trial in study.trials
                if trial.experiment == experiment.name
            )
            # A product of all images with all images, and one look at it is all the training.
            products = 2.0 * 3 * experiment.image_size**2 * num_train
            epochs = images_to_train({"train": num_train, "val": 0, "test": 0}, experiment) / num_train
            return epochs * speed.flops_per_s / 2 / products, Basis.ESTIMATED
        alone = 1.0 / speed.seconds_an_image(work, batch_size=experiment.batch_size)
        return alone * self._measured_ratio(), Basis.ESTIMATED

    def _device_speed(self) -> DeviceSpeed:
        if self._speed is None:
            self._speed = device_speed(self.store, self.device)
        return self._speed

    def _measured_ratio(self) -> float:
        """Measured over estimated speed of the models that were measured on this device; 1 where none was."""
        if self._ratio is None:
            ratios = [
                measured.choice.images_per_s
                * self._device_speed().seconds_an_image(work, batch_size=measured.batch_size or 32)
                for measured, work in _measured_models(self.store, self.device)
            ]
            self._ratio = statistics.median(ratios) if ratios else 1.0
        return self._ratio

    def _peak_mib(self, work: Work, batch_size: int) -> float:
        kept = KEPT * 4 * work.activations * batch_size
        own = 0.0 if self.device == "cuda" else WORKER_MIB
        return own + (kept + COPIES * 4 * work.parameters) / MIB

    def _start_s(
        self, study: StudyPlan, planned: Sequence[PlannedExperiment], needs: Sequence[PixelNeed]
    ) -> float:
        """Seconds before the first trial and after the last: Ray, measurements, faces, pixels, tables."""
        running = {trial.experiment for trial in study.missing()}
        unmeasured = {
            model_of(each.experiment): each
            for each in planned
            if each.measurement is None
            and each.experiment.name in running
            and each.experiment.precision == "auto"
            and not is_kernel_machine(each.experiment.backbone)
        }
        tried = 0.0
        for model, each in unmeasured.items():
            batch_s = each.experiment.batch_size / self._images_per_s(study, each, self._works[model])[0]
            tried += CANDIDATES * min(TRIED_STEPS * batch_s, 2 * batch_s + TRIED_S)
        cores = max(1, self.machine.cores)
        sizes = [_pixels_an_image(each) for each in planned]
        decoding = sum(need.num_images for need in needs) * max(sizes, default=0.0) * PIXEL_S / cores
        faces = max((need.num_images for need in needs if need.key is None), default=0) * FACE_S / cores
        # Every round of a search starts Ray anew.
        rounds = 1 + sum(map(_num_rounds_to_come, study.sweeps))
        return (RAY_S * rounds if self.is_ray else 0.0) + tried + decoding + faces + END_S


def with_estimates(study: StudyPlan, estimate: PhaseEstimate) -> StudyPlan:
    """Return a study in which every trial that is not done has an estimate."""
    speeds = {each.experiment: each.images_per_s for each in estimate.experiments}
    trials = (
        replace(
            trial,
            estimate_s=round(_left(trial, study.experiment(trial.experiment)) / speeds[trial.experiment], 1),
        )
        if trial.state != State.DONE and trial.experiment in speeds
        else trial
        for trial in study.trials
    )
    return replace(study, trials=tuple(trials))


def _finished_speed(study: StudyPlan, planned: PlannedExperiment) -> float | None:
    """Images a second of the experiment's finished trials on this type of device, all they did included."""
    images, seconds = 0.0, 0.0
    for trial in study.trials:
        if trial.experiment != planned.experiment.name or trial.state != State.DONE or trial.folder is None:
            continue
        metrics = read_metrics(trial.folder)
        if metrics is None or metrics.device != study.device or not metrics.seconds or not metrics.epochs:
            continue
        share = metrics.epochs / planned.experiment.epochs
        images += images_to_train(trial.sizes, planned.experiment, epochs_share=min(1.0, share))
        seconds += metrics.seconds
    return images / seconds if images and seconds else None


def _left(trial: Trial, planned: PlannedExperiment) -> float:
    """Images' training that a trial still is worth: one that was begun goes on from its last epoch."""
    done = 0
    if trial.state in (State.INTERRUPTED, State.RUNNING) and trial.folder is not None:
        try:
            done = max(0, len((trial.folder / HISTORY).read_text(encoding="utf-8").splitlines()) - 1)
        except OSError:
            done = 0
    share = max(0.0, 1.0 - done / planned.experiment.epochs)
    return images_to_train(trial.sizes, planned.experiment, epochs_share=share)


def _to_come(
    study: StudyPlan, sweep: SweepRecord, experiments: Sequence[ExperimentEstimate]
) -> ExperimentEstimate | None:
    """Estimate the settings that a search has not proposed yet: each takes what those known take on average.

    None where all are known, or none of them is what the command is about.
    """
    left = sweep.num_planned - len(sweep.settings)
    known = [each for each in experiments if each.experiment in sweep.experiments and each.trials]
    if left < 1 or not known:
        return None
    speeds = {each.experiment: each.images_per_s for each in known}
    taken = [
        images_to_train(trial.sizes, study.experiment(trial.experiment).experiment) / speeds[trial.experiment]
        for trial in study.selected()
        if trial.experiment in speeds
    ]
    num_trials = left * max(each.trials for each in known)
    disk = statistics.mean(each.disk_bytes / max(1, each.missing) for each in known)
    name = f"{left} more of the search from {sweep.base}"
    return replace(
        max(known, key=lambda each: each.peak_mib),
        experiment=name,
        trials=num_trials,
        missing=num_trials,
        images_per_s=statistics.mean(speeds.values()),
        basis=max((each.basis for each in known), key=list(Basis).index),
        at_a_time=min(each.at_a_time for each in known),
        seconds={f"{name}, {number}": statistics.mean(taken) for number in range(1, num_trials + 1)},
        disk_bytes=round(disk * num_trials),
    )


def _num_rounds_to_come(sweep: SweepRecord) -> int:
    """How many rounds of a search have not been proposed yet."""
    search = sweep.asked.get("search")
    parallel = search.get("parallel") if isinstance(search, dict) else None
    left = sweep.num_planned - len(sweep.settings)
    return math.ceil(left / parallel) if isinstance(parallel, int) else 0


def _pixels_an_image(planned: PlannedExperiment) -> float:
    rows = planned.manifest.rows
    return float((rows["width"] * rows["height"]).mean())


def _measured_models(store: Store, device: str) -> list[tuple[Measurement, Work]]:
    """What was measured on a type of device of models of the registry."""
    found = []
    for path in sorted(store.precision_file("any").parent.glob("*.json")):
        match = re.fullmatch(rf"(.+)-(\d+)px-{device}([-@].+)?", path.stem)
        measured = read_measurement(path) if match else None
        if match is None or measured is None:
            continue
        name, _, preset = match[1].partition("simple_cnn-")
        backbone = name or "simple_cnn"
        work = known_work(backbone, cnn_preset=preset, image_size=int(match[2]))
        if work is not None and math.isfinite(measured.choice.images_per_s):
            found.append((measured, work))
    return found
