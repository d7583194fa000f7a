"""The records in results/: what a study planned, as its one writer wrote it and its one reader gives it back.

A record is read leniently: a key that this version does not know is passed over, and one that came later has
its default. What is set in a record is what was written, so that it is written again as it was.
"""

import json
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal, Self

from pydantic import ConfigDict, Field, JsonValue, model_validator

from orchestrator.store.differing_keys import DifferingKeys
from orchestrator.store.plain_names import PlainName, TrialFolder
from orchestrator.store.price_record import PriceRecord
from orchestrator.store.record import Record
from orchestrator.store.run_record import Environment, RunRecord
from orchestrator.store.share_record import ShareRecord
from orchestrator.store.sweep_record import SweepRecord
from trainables.errors import nearest
from trainables.evaluation.metrics import ROPE, ComparedMetric, ThresholdMetric
from trainables.measurement import Measurement
from trainables.recipe import MemoryFormat, RecipeKeys
from trainables.recipe_part import COUNTS, IF_SET, Frozen
from trainables.starting_weights import StartingWeights
from trainables.trial_files import FORMAT

# What file facts reach: nothing much, enough to stop a run, the same and known, or too few images to tell.
Verdict = Literal["passed", "refused", "accepted", "uncertain"]


class Comparison(Frozen):
    """A question that two experiments answer: is `treatment` better than `baseline` by `metrics`?

    Differences up to `rope` are practically none. `delong` asks for DeLong's test of the AUC beside the tests
    over folds. `differs` are the keys in which the two are meant to differ; any other is named.
    """

    question: str
    baseline: str
    treatment: str
    metrics: tuple[ComparedMetric, ...] = Field(("auc",), min_length=1)
    rope: float = Field(ROPE, ge=0.0, lt=1.0, allow_inf_nan=False)
    delong: bool = False
    differs: DifferingKeys = ()


class Factor(Frozen):
    """A key that a phase decides by pairs of experiments (baseline, treatment) which differ in it alone."""

    key: str
    pairs: tuple[tuple[str, str], ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.key not in RecipeKeys.model_fields:
            near = nearest(self.key, RecipeKeys.model_fields)
            raise ValueError(f"decision.factors: {self.key!r} is no key of an experiment; {near}")
        return self


class Rule(Frozen):
    """How a phase decides, on inner-validation scores: by the metric `choose`.

    Among experiments: the best of `among`, names or patterns like "p4b_*" (every experiment of the phase
    where it is left out). Candidates that the best mean is not better than by more than `rope` with a
    probability above 0.95 are tied with it, and the tie goes to the one that `prefer` names: fewer FLOPs per
    image, then fewer parameters. With `top` above 1 the same rule fills each further place from those that
    are left.

    By `factors`: each key on its own. A treatment's value is taken where it is more than `rope` better with
    a probability above 0.95, over all its pairs; else the baseline's value stays.
    """

    choose: ComparedMetric
    among: tuple[str, ...] = ()
    top: Annotated[int, Field(ge=1)] = 1
    factors: tuple[Factor, ...] = ()
    prefer: Literal["cheaper"] = "cheaper"
    rope: Annotated[float, Field(ge=0.0, lt=1.0, allow_inf_nan=False)] = ROPE

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if self.factors and (self.among or self.top > 1):
            raise ValueError("decision: factors decide keys, among and top experiments; keep one of the two")
        twice = [key for key, count in Counter(factor.key for factor in self.factors).items() if count > 1]
        if twice:
            raise ValueError(f"decision.factors: {', '.join(twice)} is there twice; put its pairs together")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """The experiments that the decision is taken on."""
        pairs = (pair for factor in self.factors for pair in factor.pairs)
        return self.among or tuple(dict.fromkeys(name for pair in pairs for name in pair))


class PhaseRecord(Record):
    """What a phase asked when it was last run."""

    name: str
    title: str
    question: str = ""
    builds_on: tuple[str, ...] = ()
    experiments: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    decision: Rule | None = None


class RecipeRecord(RecipeKeys):
    """What decided the numbers of an experiment: its keys, and what was found out for its model."""

    model_config = ConfigDict(extra="ignore")

    memory_format: Annotated[MemoryFormat | None, COUNTS] = None
    weights: Annotated[StartingWeights | None, IF_SET] = None
    micro_batch: Annotated[int | None, IF_SET] = None

    def plain(self) -> dict[str, JsonValue]:
        """Return what is set, as JSON has it, with keys in their order."""
        return dict(json.loads(json.dumps(self.model_dump(exclude_unset=True), sort_keys=True)))


class PlannedTrial(Record):
    """A trial of an experiment: its place, its folder below results/, and how many images each part has."""

    key: str = ""
    repeat: int
    fold: int
    folder: TrialFolder
    sizes: dict[str, int] = Field(default_factory=dict)
    estimate_s: float | None = None


class ExperimentRecord(Record):
    """An experiment as it was planned. `fold_files` is None where no study names it any more.

    `held_out_file` names the images that no fold holds, below results/holdout; None = there are none. `share`
    is what a trial has of a machine; None = it has not been planned on an executor.
    """

    name: PlainName
    description: str = ""
    tags: tuple[str, ...] = ()
    recipe: RecipeRecord
    threshold_by: ThresholdMetric = "balanced_accuracy"
    measurement: Measurement | None = None
    fold_files: tuple[PlainName, ...] | None
    held_out_file: PlainName | None = None
    data: str = ""
    num_classes: int = 2
    share: ShareRecord | None = None
    trials: tuple[PlannedTrial, ...]


class SourceCount(Record):
    """Images of a source, by label and by the data set's own split."""

    source: str
    label: int
    split: str
    count: int


class Excluded(Record):
    """A file that was kept out of a data set, and why."""

    path: str
    reason: str


class FacesOfSource(Record):
    """In how many images of a source a face was found, and in how many several."""

    source: str
    images: int
    with_face: int
    several: int


class UnchangedCrops(Record):
    """How many images a face crop with this margin leaves as they are without a crop."""

    margin: float
    images: int


class FacesRecord(Record):
    """What the face crops of a study found in a data set."""

    images: int
    with_face: int
    several: int
    without_face: tuple[str, ...]
    by_source: tuple[FacesOfSource, ...]
    rules: tuple[str, ...] = ()
    unchanged: tuple[UnchangedCrops, ...] = ()


class DataRecord(Record):
    """A data set in counts. `width` and `height` are least, median and greatest, in pixels.

    `polarity` says which names stand for fake and real.
    """

    root: str
    layout: str
    group_by: str
    classes: tuple[str, ...]
    polarity: str = ""
    fingerprint: str = ""
    images: int
    groups: int
    counts: tuple[SourceCount, ...]
    formats: dict[str, int]
    width: tuple[int, int, int]
    height: tuple[int, int, int]
    bytes: int
    identical_files: int
    excluded: tuple[Excluded, ...]
    faces: FacesRecord | None = None


class CheckScores(Record):
    """What a model of a shortcut reached over the folds, by AUC; None where there is no number."""

    n: int
    mean: float | None
    std: float | None
    ci_low: float | None
    ci_high: float | None


class ShortcutRecord(Record):
    """What one check for shortcuts says of some experiments.

    `leaks` are file facts with the AUC that each reaches alone, the strongest first. `bytes_alone` is that of
    bytes per pixel; of files that are written alike it is a matter of what they show.
    """

    check: str
    data: str
    experiments: tuple[str, ...]
    threshold: float
    verdict: Verdict
    leaks: tuple[tuple[str, float], ...]
    written_alike: bool
    bytes_alone: float | None
    file_facts: CheckScores
    trivial_pixels: CheckScores

    def scores(self, check: str) -> CheckScores:
        """Return what the model of a check reached: file_facts or trivial_pixels."""
        return {"file_facts": self.file_facts, "trivial_pixels": self.trivial_pixels}[check]


class UnevenParts(Record):
    """One thing said of trials' parts: a fold far from the others, or few images to select by."""

    name: str
    sentence: str
    experiments: tuple[str, ...]


class HandedOver(Record):
    """What is taken over from the decision of one phase.

    `values` are keys of an experiment file. `own` names, with dots, the keys that were decided and are the
    question of this phase. `selected` are the experiments that were selected, where there are several.
    `preset` is what the decision was taken under, and `data` are the fingerprints of its images. Version 0:
    nothing has been decided, and `values` are those of the experiment files, which are assumed to be right.
    """

    phase: str
    version: int
    chosen: str
    # Any keys of an experiment file, objects in part.
    values: dict[str, JsonValue]
    own: tuple[str, ...]
    selected: tuple[str, ...] = ()
    preset: str | None = None
    data: tuple[str, ...] = ()

    @property
    def is_assumed(self) -> bool:
        """Whether nothing was decided."""
        return self.version == 0

    @property
    def origin(self) -> str:
        """How the place of these values is called in a message."""
        return f"decision of {self.phase} (version {self.version})"


class TrialRecord(Record):
    """trial.json: which trial a folder is of, and what its key is made of."""

    format: int = FORMAT
    key: str
    experiment: str
    repeat: int
    fold: int
    # Compared key by key, whatever they are.
    ingredients: dict[str, JsonValue]
    recipe: RecipeRecord
    run: RunRecord


class StudyRecord(Record):
    """studies/<phase>.json: what the last run of a phase planned.

    `price` is that of an hour of one GPU or one machine, and `unit_shares` what part of it a trial of each
    experiment has.
    """

    format: int = FORMAT
    phase: PhaseRecord
    preset: str | None = None
    handed_over: tuple[HandedOver, ...] = ()
    notes: tuple[str, ...] = ()
    uneven: tuple[UnevenParts, ...] = ()
    device: str
    experiments: tuple[ExperimentRecord, ...] = Field(min_length=1)
    data: tuple[DataRecord, ...]
    shortcuts: tuple[ShortcutRecord, ...] = ()
    sweeps: tuple[SweepRecord, ...] = ()
    command: str
    started: str
    environment: Environment
    price: PriceRecord | None = None
    unit_shares: dict[str, float] = Field(default_factory=dict)

    def trials(self) -> Iterator[tuple[ExperimentRecord, PlannedTrial]]:
        """Yield every trial, with its experiment."""
        for experiment in self.experiments:
            for trial in experiment.trials:
                yield experiment, trial

    def money_a_second(self) -> dict[str, float]:
        """Return what a second of one trial of each experiment costs; nothing without a price."""
        a_second = 0.0 if self.price is None else self.price.per_hour / 3600
        return {name: share * a_second for name, share in self.unit_shares.items() if a_second}

    def recipes(self) -> list[dict[str, JsonValue]]:
        """Return what decides the numbers of each experiment, as JSON has it."""
        return [each.recipe.plain() for each in self.experiments]

    def asks_the_same(self, other: "StudyRecord") -> bool:
        """Tell whether another record asks for the same trials of the same data, whenever it was written."""
        asked = {
            "format", "phase", "preset", "handed_over", "notes", "experiments", "data", "shortcuts", "sweeps",
        }  # fmt: skip
        return self.model_dump(include=asked) == other.model_dump(include=asked)
