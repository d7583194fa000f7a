"""Races between experiments: how often the best is lost and how much is saved, against Optuna's pruner.

    python benchmarks/racing.py [--races 500] [--small]

Deciding scores by fold are drawn, or resampled from those of a finished phase (deciding_scores.csv), and
raced by the project's own rule. Optuna's WilcoxonPruner sees the same scores: experiments one after the other
in the order drawn, each reporting its folds to a study whose best trial is the best of those before it that
ran to their end. Lost: the experiment with the best true mean was stopped. As good: the same, by experiment,
of the others whose true mean is within rope of the best. Saved: the share of trials that were not run.
"""

import argparse
import csv
import math
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import optuna
from threadpoolctl import threadpool_limits

from orchestrator.analysis.trial_scores import Place
from orchestrator.decisions.race import ALPHA, Course, Judged, run_race
from orchestrator.store.records import Rule
from trainables.evaluation.metrics import ROPE

RACES, SMALL_RACES, PROCESSES = 500, 20, 2
STORED = Path(__file__).with_name("deciding_scores.csv")
# n_val / n_train of an inner validation part of a tenth.
SHARE = 0.11
# What folds have in common beside their images: the correlation that the share above stands for.
RHO = SHARE / (1.0 + SHARE)
FOLD_SD, TOP = 0.02, 0.9
THRESHOLDS = (0.1, 0.05)
MOST_LOST, LEAST_SAVED = ALPHA, 0.10


@dataclass(frozen=True, slots=True)
class Draw:
    """One study: scores by fold, float [K, n], and what each experiment is truly worth, float [K]."""

    scores: np.ndarray
    truth: np.ndarray


@dataclass(frozen=True, slots=True)
class Fate:
    """What a method did: how many folds of each experiment it ran, int [K]."""

    ran: np.ndarray
    num_folds: int

    def lost(self, draw: Draw) -> bool:
        """Whether the truly best was stopped; of equals the first."""
        return bool(self.ran[int(draw.truth.argmax())] < self.num_folds)

    def as_good(self, draw: Draw) -> float:
        """Return the stopped share of the others that are within rope of the best; NaN without any."""
        close = draw.truth >= draw.truth.max() - ROPE
        close[int(draw.truth.argmax())] = False
        return float(np.mean(self.ran[close] < self.num_folds)) if close.any() else math.nan

    @property
    def saved(self) -> float:
        """Share of the trials that were not run."""
        return 1.0 - float(self.ran.sum()) / (len(self.ran) * self.num_folds)


@dataclass(frozen=True, slots=True)
class Setting:
    """A kind of study: `behind` is how far each is behind the best, or the spread of drawn qualities."""

    name: str
    count: int = 6
    folds: int = 5
    repeats: int = 1
    behind: float | tuple[float, ...] = 0.03
    noise: float = 0.01
    uneven: bool = False
    rho: float = RHO
    is_stored: bool = False
    has_limit: bool = True

    @property
    def places(self) -> tuple[Place, ...]:
        """Folds in their order."""
        return tuple((repeat, fold) for repeat in range(self.repeats) for fold in range(self.folds))

    def draw(self, rng: np.random.Generator) -> Draw:
        """Draw one study."""
        if self.is_stored:
            return self._resampled(rng)
        count, n = self.count, len(self.places)
        if isinstance(self.behind, float):
            truth = TOP - np.abs(rng.normal(size=count)) * self.behind
        else:
            truth = TOP - np.array(self.behind)
        noise = (
            self.noise * np.exp(rng.normal(size=count) * 0.5) if self.uneven else np.full(count, self.noise)
        )
        own = math.sqrt(1.0 - self.rho) * rng.normal(size=(count, n))
        shared = math.sqrt(self.rho) * rng.normal(size=(count, 1))
        common = FOLD_SD * np.tile(rng.normal(size=self.folds), self.repeats)
        scores = truth[:, None] + common + noise[:, None] * (own + shared)
        return Draw(np.clip(scores, 0.0, 1.0), truth)

    def _resampled(self, rng: np.random.Generator) -> Draw:
        """Draw experiments and folds of a finished phase, and add noise: its means are the truth."""
        stored = stored_scores()
        chosen = stored[rng.choice(len(stored), size=self.count, replace=False)]
        truth = chosen.mean(axis=1)
        folds = chosen[:, rng.integers(0, chosen.shape[1], size=len(self.places))]
        scores = folds + self.noise * rng.normal(size=folds.shape)
        return Draw(np.clip(scores, 0.0, 1.0), truth)


SETTINGS = (
    Setting("6 equals", behind=(0.0,) * 6),
    Setting("6, five of them at the edge of rope", behind=(0.0, *[ROPE] * 5)),
    Setting("6, each 0.02 below the one before", behind=tuple(0.02 * place for place in range(6))),
    Setting("6, two of them at chance", behind=(0.0, 0.0, 0.005, 0.01, 0.4, 0.4)),
    Setting("4 drawn within 0.03, noise 0.03", count=4, noise=0.03),
    Setting("7 drawn within 0.03, noise 0.01", count=7),
    Setting("10 drawn within 0.05, noise 0.02", count=10, behind=0.05, noise=0.02),
    Setting("7 drawn within 0.03, unequal noise around 0.01", count=7, uneven=True),
    Setting("7 drawn within 0.03, noise 0.02, two repeats", count=7, noise=0.02, repeats=2),
    Setting("7 drawn within 0.03, ten folds", count=7, folds=10),
    Setting("stored: 6 of a phase, noise 0.005", is_stored=True, noise=0.005),
    Setting("stored: 6 of a phase, noise 0.02, two repeats", is_stored=True, noise=0.02, repeats=2),
    Setting(
        "7 drawn within 0.03, unequal noise, folds correlated by 0.3", count=7, uneven=True, rho=0.3,
        has_limit=False,
    ),
)  # fmt: skip


def stored_scores() -> np.ndarray:
    """Read the deciding scores of a finished phase, float [experiments, folds]."""
    with STORED.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    names = list(dict.fromkeys(row["experiment"] for row in rows))
    return np.array([[float(row["auc"]) for row in rows if row["experiment"] == name] for name in names])


def race(setting: Setting, draw: Draw) -> Fate:
    """Race by the project's own rule."""
    names, places = [f"e{number}" for number in range(len(draw.scores))], setting.places
    course = Course(
        rule=Rule(choose="auc", among=tuple(names)),
        heats=(tuple(names),),
        staying=frozenset(),
        places=places,
        test_share=SHARE,
        keys={(name, place): f"{name} {place}" for name in names for place in places},
    )
    judged = {
        (name, place): Judged(float(score), rows=str(place))
        for name, scores in zip(names, draw.scores, strict=True)
        for place, score in zip(places, scores, strict=True)
    }
    standing = run_race(course, judged, covariance=no_draws)
    ran = np.full(len(names), len(places))
    for each in standing.eliminated:
        ran[names.index(each.experiment)] = each.n
    return Fate(ran, len(places))


def no_draws(names: Sequence[str], place: Place) -> np.ndarray:
    """Nothing is known of validation images here, which makes a race bolder than it is."""
    return np.zeros((len(names), len(names)))


def prune(draw: Draw, threshold: float) -> Fate:
    """Run one experiment after the other under Optuna's WilcoxonPruner."""
    pruner = optuna.pruners.WilcoxonPruner(p_threshold=threshold)
    count, n = draw.scores.shape
    ran, best = np.full(count, n), None
    for number, scores in enumerate(draw.scores):
        study = SimpleNamespace(best_trial=best, direction=optuna.study.StudyDirection.MAXIMIZE)
        for step in range(n):
            known = {place: float(score) for place, score in enumerate(scores[: step + 1])}
            trial = optuna.trial.create_trial(
                state=optuna.trial.TrialState.RUNNING, intermediate_values=known
            )
            if best is not None and pruner.prune(study, trial):  # type: ignore[arg-type]
                ran[number] = step + 1
                break
        else:
            done = optuna.trial.create_trial(value=float(scores.mean()), intermediate_values=known)
            if best is None or done.value > best.value:
                best = done
    return Fate(ran, n)


def measure(number: int, races: int) -> list[tuple[float, float, float]]:
    """Race and prune studies of a setting; lost, as good lost and saved of the race and of each threshold."""
    setting = SETTINGS[number]
    rng = np.random.default_rng((7, number))
    fates: list[list[tuple[float, float, float]]] = []
    with threadpool_limits(1), warnings.catch_warnings():
        # The pruner is experimental, and Wilcoxon's test of two pairs is not exact where they are tied.
        warnings.simplefilter("ignore")
        for _ in range(races):
            draw = setting.draw(rng)
            # In which order experiments are run must not tell which is best.
            order = rng.permutation(len(draw.truth))
            draw = Draw(draw.scores[order], draw.truth[order])
            every = [race(setting, draw), *(prune(draw, each) for each in THRESHOLDS)]
            fates.append([(float(each.lost(draw)), each.as_good(draw), each.saved) for each in every])
        means = np.nanmean(np.array(fates), axis=0)
    return [(float(lost), float(as_good), float(saved)) for lost, as_good, saved in means]


def lines(found: Sequence[Sequence[tuple[float, float, float]]], races: int) -> Iterator[tuple[str, bool]]:
    """Yield the rows of the table, and whether each is within its limits."""
    most = MOST_LOST + 2.0 * math.sqrt(MOST_LOST * (1.0 - MOST_LOST) / races)
    for setting, (ours, *others) in zip(SETTINGS, found, strict=True):
        is_held = ours[0] <= most or not setting.has_limit
        limit = f"limit {percent(MOST_LOST)}" if setting.has_limit else "limit none, beyond what folds tell"
        row = (
            f"| {setting.name} | {percent(ours[0])} ({limit}){'' if is_held else ' !'} | {percent(ours[1])} "
        )
        row += f"| {percent(ours[2])} "
        yield (
            row + "".join(f"| {percent(lost)} | {percent(saved)} " for lost, _, saved in others) + "|",
            is_held,
        )


def percent(share: float) -> str:
    """Write a share."""
    return "-" if math.isnan(share) else f"{100 * share:.3g} %"


def main() -> int:
    """Print the table; return 1 when a limit is passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--races", type=int, default=RACES)
    parser.add_argument("--small", action="store_true", help="20 races each; no limit is enforced")
    wanted = parser.parse_args()
    races = SMALL_RACES if wanted.small else wanted.races
    start, is_good = time.perf_counter(), True
    heads = ["studies", "best lost", "as good lost", "saved"]
    heads += [f"Wilcoxon {each}: {what}" for each in THRESHOLDS for what in ("best lost", "saved")]
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}")
    with ProcessPoolExecutor(PROCESSES) as pool:
        found = list(pool.map(measure, range(len(SETTINGS)), [races] * len(SETTINGS)))
    for line, is_held in lines(found, races):
        print(line)
        is_good &= is_held
    saved = float(np.mean([each[0][2] for each in found]))
    is_good &= saved >= LEAST_SAVED
    others = ", ".join(
        f"Wilcoxon {threshold} {percent(float(np.mean([each[place][2] for each in found])))}"
        for place, threshold in enumerate(THRESHOLDS, start=1)
    )
    print(f"saved over all of these: {percent(saved)} (limit {percent(LEAST_SAVED)}); {others}")
    print(f"{time.perf_counter() - start:.0f} s, {races} races each")
    return int(not is_good and not wanted.small)


if __name__ == "__main__":
    sys.exit(main())
