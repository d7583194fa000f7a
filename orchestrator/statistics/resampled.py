"""Test rows as sums over groups, and the metrics of a draw of groups from these sums.

Two classes: auc, accuracy, balanced_accuracy, f1, precision, recall, brier, log_loss. Several: the same, with
means over classes, and macro_f1 and auc_ovr, as `trainables.evaluation` defines them. Metrics that are no
function of such sums (EER, ECE, average precision), those at the tuned threshold and those of single sources
have no bootstrap interval.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from orchestrator.statistics.delong import placements
from trainables.evaluation.proper_scores import log_losses, squared_errors
from trainables.evaluation.rates import ClassCounts, DetectionCounts

EXACT_ROWS = 1000
# Integers up to here, and so their sums, are exact in float32.
LARGEST = 2**24


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """The group of each row, int64 [N], numbered so that each stratum is a range [first, end).

    A stratum is the groups that hold the same classes.
    """

    of_row: np.ndarray
    strata: tuple[tuple[int, int], ...]

    @property
    def num_groups(self) -> int:
        """How many groups there are."""
        return self.strata[-1][1]

    @classmethod
    def of(cls, codes: np.ndarray, labels: np.ndarray) -> "Groups":
        """Number groups by stratum; `codes` names the group of each row by 0 .. G - 1, int [N]."""
        number = int(codes.max()) + 1
        holds = np.zeros((number, int(labels.max()) + 1), dtype=bool)
        holds[codes, labels] = True
        _, stratum = np.unique(holds, axis=0, return_inverse=True)
        order = np.argsort(stratum.ravel(), kind="stable")
        place = np.empty(number, dtype=np.int64)
        place[order] = np.arange(number)
        sizes = np.bincount(stratum.ravel())
        ends = np.cumsum(sizes)
        strata = zip((ends - sizes).tolist(), ends.tolist(), strict=True)
        return cls(place[codes], tuple(strata))

    def sum(self, values: np.ndarray) -> np.ndarray:
        """Sum values of rows, float [N], by group, float64 [G]."""
        return np.bincount(self.of_row, weights=values, minlength=self.num_groups)


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """One trial's test rows as sums by group.

    `sums` (float32 [G, C], whole numbers) times `scales` [C] are the sums: rows called right by class, rows
    called so by class (of two classes the second alone), squared errors, log losses, influence on the AUC.
    `points` are the metrics of all rows for the columns that were rounded: [brier, log_loss, auc].
    `support` is the number of rows of each class by group, float32 [G, classes]. `runs` is there when the
    AUC is to be counted in each draw: for each class against the rest, the groups of neighbours in the
    order of scores. `key` names rows, labels and groups; it starts with 16 hexadecimal digits, the seed.
    """

    key: str
    num_classes: int
    groups: Groups
    support: np.ndarray
    sums: np.ndarray
    scales: np.ndarray
    points: tuple[float, float, float]
    runs: tuple[list[tuple[np.ndarray, np.ndarray]], ...]

    @property
    def least_groups(self) -> int:
        """How many groups hold the class that the fewest groups hold."""
        return int(np.count_nonzero(self.support, axis=0).min())

    @property
    def num_bytes(self) -> int:
        """Memory that it takes, about."""
        return self.sums.nbytes + self.support.nbytes + self.groups.of_row.nbytes


def make_sample(
    key: str, labels: np.ndarray, probabilities: np.ndarray, predicted: np.ndarray, groups: Groups
) -> Sample:
    """Sum one trial's test rows by group.

    Args:
        key: names rows, labels and groups; starts with 16 hexadecimal digits.
        labels: int [N].
        probabilities: P(fake), float [N], or one column per class, float [N, C]; every class must have rows.
        predicted: int [N], the classes that were decided for.
        groups: the rows' groups.
    """
    num_classes = 2 if probabilities.ndim == 1 else probabilities.shape[1]
    classes = np.arange(num_classes)
    if probabilities.ndim == 1:
        views = [(labels, probabilities)]
    else:
        views = [((labels == c).astype(np.int64), probabilities[:, c]) for c in classes]
    squares = squared_errors(labels, probabilities)
    losses = log_losses(labels, probabilities)
    placed = [_influence(truth, scores) for truth, scores in views]
    influence = np.mean([values for values, _ in placed], axis=0)
    is_exact = len(labels) <= EXACT_ROWS
    # Of two classes, what the first lacks follows from the second and the support.
    counted = classes[1:] if num_classes == 2 else classes
    counts = [groups.sum((labels == c) & (predicted == c)) for c in counted]
    counts += [groups.sum(predicted == c) for c in counted]
    rounded = [_rounded(groups.sum(values)) for values in (squares, losses, influence)]
    sums = np.stack([*counts, *(column for column, _ in rounded)], axis=1).astype(np.float32)
    scales = np.array([1.0] * len(counts) + [scale for _, scale in rounded])
    support = np.stack([groups.sum(labels == c) for c in classes], axis=1).astype(np.float32)
    points = (float(np.mean(squares)), float(np.mean(losses)), float(np.mean([auc for _, auc in placed])))
    runs = tuple(_runs(truth, scores, groups.of_row) for truth, scores in views) if is_exact else ()
    return Sample(key, num_classes, groups, support, sums, scales, points, runs)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Samples of the same rows, ready to be multiplied by draws of their groups.

    `matrix` is their support and sums side by side, float32 [G, classes + samples x C]; `moved` takes off
    what rounding moved the means of the last three columns by, float64 [3, samples].
    """

    samples: tuple[Sample, ...]
    matrix: np.ndarray
    scales: np.ndarray
    moved: np.ndarray

    @classmethod
    def of(cls, samples: Sequence[Sample]) -> "Batch":
        """Put samples that were tested on the same rows side by side."""
        first = samples[0]
        matrix = np.concatenate([first.support, *(sample.sums for sample in samples)], axis=1)
        scales = np.stack([sample.scales for sample in samples])
        totals = np.stack([sample.sums[:, -3:].sum(axis=0, dtype=np.float64) for sample in samples])
        rounded = totals * scales[:, -3:]
        # Squared errors and losses are means over rows; influence on the AUC is per row, and sums to 0.
        num_rows = len(first.groups.of_row)
        points = np.array([[*sample.points[:2], 0.0] for sample in samples])
        return cls(tuple(samples), matrix, scales, (points - rounded / np.array([num_rows, num_rows, 1.0])).T)

    def measures(self, counts: np.ndarray) -> dict[str, np.ndarray]:
        """Compute every metric of draws of groups.

        Args:
            counts: how often each group is drawn, float32 [draws, G].

        Returns:
            Metric -> float64 [draws, samples]; NaN where a draw lacks what the metric needs.
        """
        first = self.samples[0]
        num_classes, num_counted = first.num_classes, (first.sums.shape[1] - 3) // 2
        product = counts @ self.matrix
        support = product[:, :num_classes].astype(np.float64)[:, None, :]
        by_sample = product[:, num_classes:].reshape(len(counts), len(self.samples), -1) * self.scales
        hits, called = by_sample[:, :, :num_counted], by_sample[:, :, num_counted : 2 * num_counted]
        total = support.sum(axis=2)
        with np.errstate(divide="ignore", invalid="ignore"):
            compute = _of_two if num_classes == 2 else _of_several
            found = compute(hits, called, support)
            found["brier"] = by_sample[:, :, -3] / total + self.moved[0]
            found["log_loss"] = by_sample[:, :, -2] / total + self.moved[1]
        found["auc"] = self._aucs(counts, by_sample[:, :, -1])
        if num_classes > 2:
            found["auc_ovr"] = found["auc"]
        return found

    def _aucs(self, counts: np.ndarray, first_order: np.ndarray) -> np.ndarray:
        if not self.samples[0].runs:
            points = np.array([sample.points[2] for sample in self.samples])
            return np.asarray(np.clip(points + first_order + self.moved[2], 0.0, 1.0))
        by_group = np.ascontiguousarray(counts.T)
        curves = [[_counted(runs, by_group) for runs in sample.runs] for sample in self.samples]
        return np.stack([np.mean(each, axis=0) for each in curves], axis=1)


def _of_two(hits: np.ndarray, called: np.ndarray, support: np.ndarray) -> dict[str, np.ndarray]:
    found, named = hits[:, :, 0], called[:, :, 0]
    counts = DetectionCounts(found, named - found, fakes=support[:, :, 1], reals=support[:, :, 0])
    return {
        "accuracy": counts.accuracy(),
        "balanced_accuracy": counts.balanced_accuracy(),
        "recall": counts.recall(),
        "precision": counts.precision(),
        "f1": counts.f1(),
    }


def _of_several(hits: np.ndarray, called: np.ndarray, support: np.ndarray) -> dict[str, np.ndarray]:
    counts = ClassCounts(hits, called, support)
    recall, f1 = counts.recalls().mean(axis=2), counts.f1s().mean(axis=2)
    return {
        "accuracy": counts.accuracy(),
        "balanced_accuracy": recall,
        "recall": recall,
        "precision": counts.precisions().mean(axis=2),
        "f1": f1,
        "macro_f1": f1,
    }


def _influence(labels: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, float]:
    """How much each row moves the AUC, float [N]: its placement value less the mean, per row; and the AUC."""
    of_fakes, of_reals = placements(labels, scores)
    values = np.empty(len(labels))
    values[labels == 1] = (of_fakes - of_fakes.mean()) / len(of_fakes)
    values[labels != 1] = (of_reals - of_reals.mean()) / len(of_reals)
    return values, float(of_fakes.mean())


def _rounded(values: np.ndarray) -> tuple[np.ndarray, float]:
    """Turn sums by group into whole numbers that any draw can sum exactly, and the scale that undoes it."""
    largest = float(np.abs(values).max())
    scale = largest * len(values) / LARGEST if largest else 1.0
    return np.trunc(values / scale), scale


def _runs(labels: np.ndarray, scores: np.ndarray, groups: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Cut rows in the order of scores into runs: (groups of the fakes, groups of the real ones).

    Within a run all scores are equal, or all rows are of one class: their order does not matter.
    """
    order = np.argsort(scores, kind="stable")
    ordered, fake, group = scores[order], labels[order] == 1, groups[order]
    starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
    ends = np.append(starts[1:], len(ordered))
    num_fake = np.add.reduceat(fake.astype(np.int64), starts)
    kind = np.where(num_fake == 0, 0, np.where(num_fake == ends - starts, 1, 2))
    # A block of both classes stands alone; neighbours of one class join.
    opens = np.concatenate([[True], (kind[1:] != kind[:-1]) | (kind[1:] == 2)])
    firsts = starts[opens]
    found = []
    for first, end in zip(firsts.tolist(), [*firsts[1:].tolist(), len(ordered)], strict=True):
        part = slice(first, end)
        found.append((group[part][fake[part]], group[part][~fake[part]]))
    return found


def _counted(runs: list[tuple[np.ndarray, np.ndarray]], by_group: np.ndarray) -> np.ndarray:
    """Count the AUC of each draw; by_group is float32 [G, draws], how often each group is drawn."""
    draws = by_group.shape[1]
    below, fakes, pairs = (np.zeros(draws, dtype=np.float64) for _ in range(3))
    for of_fakes, of_reals in runs:
        drawn = _drawn(by_group, of_fakes) if len(of_fakes) else None
        if len(of_reals):
            reals = _drawn(by_group, of_reals)
            if drawn is not None:
                pairs += drawn * (below + 0.5 * reals)
            below += reals
        elif drawn is not None:
            pairs += drawn * below
        if drawn is not None:
            fakes += drawn
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(pairs / (fakes * below))


def _drawn(by_group: np.ndarray, groups: np.ndarray) -> np.ndarray:
    return np.asarray(by_group[groups[0]] if len(groups) == 1 else by_group[groups].sum(axis=0))
