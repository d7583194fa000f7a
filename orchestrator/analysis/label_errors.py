"""Label errors: images whose given label the models doubt with confidence, found by confident learning.

Northcutt, Jiang, Chuang 2021, "Confident Learning: Estimating Uncertainty in Dataset Labels" (JAIR 70). Each
image has out-of-fold probabilities of the C classes. The threshold of a class is its mean self-confidence:
the mean probability of the class over the images that are labelled so. An image is counted as of the class j
where its probability reaches the threshold of j, of several such classes the most probable; the counts by
given and counted class are the confident joint, and what lies off its diagonal are the candidates. They are
ordered by their normalised margin, the probability of the given label minus the greatest of the others, the
least first. The joint distribution is estimated by scaling each row of counts to the images of its label.

The probabilities are means over all experiments of a tally, each of its repeats: an average has less of the
noise of a single training run than any of them, and needs no choice among models, which the same test images
would have to judge. A poor model adds nearly a constant, which the thresholds move along with.

    label_errors.csv  rank, path, source, label, suggested, given_probability, given_threshold,
                      suggested_probability, suggested_threshold, margin, experiments
"""

from dataclasses import dataclass, fields

import numpy as np
import pandas as pd

from orchestrator.analysis.image_tally import ImageTally

MOST = 100
# Scores are stored in 32 bits: a difference below it is what rounding leaves of none.
LEAST_GAP = 1e-6


@dataclass(frozen=True, slots=True)
class LabelDoubt:
    """An image whose label is doubted: what speaks against it.

    Probabilities are means over `experiments`; margin is -1 to 1, the most doubtful the lowest.
    """

    rank: int
    path: str
    source: str
    label: int
    suggested: int
    given_probability: float
    given_threshold: float
    suggested_probability: float
    suggested_threshold: float
    margin: float
    experiments: int


@dataclass(frozen=True, slots=True)
class LabelErrors:
    """The MOST doubtful of num_found candidates among num_images.

    thresholds: mean self-confidence of each class. counts: the confident joint by given and counted class.
    share: estimated share of labels that are wrong, off the diagonal of the joint distribution; NaN where
    a class has no confident image. is_told_apart: whether the scores tell any class from the others; if not,
    nothing is doubted.
    """

    doubts: tuple[LabelDoubt, ...] = ()
    num_found: int = 0
    num_images: int = 0
    thresholds: tuple[float, ...] = ()
    counts: tuple[tuple[int, ...], ...] = ()
    share: float = float("nan")
    is_told_apart: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class ConfidentJoint:
    """thresholds: float64 [C]. counted: the confident class of each image, int64 [N], -1 where there is none.

    counts: int64 [C, C], by given and counted class.
    """

    thresholds: np.ndarray
    counted: np.ndarray
    counts: np.ndarray

    def noise_share(self, labels: np.ndarray) -> float:
        """Estimate the share of wrong labels, 0 to 1; NaN where a class has no confident image."""
        totals = self.counts.sum(axis=1)
        if not len(labels) or bool((totals == 0).any()):
            return float("nan")
        given = np.bincount(labels, minlength=len(totals)) / len(labels)
        right = self.counts.diagonal() / totals
        return float((given * (1.0 - right)).sum())


def confident_joint(probabilities: np.ndarray, labels: np.ndarray) -> ConfidentJoint:
    """Count images by given and by confident class.

    Args:
        probabilities: out of fold, float [N, C].
        labels: the given classes, int64 [N]; each class has one image or more.
    """
    number = probabilities.shape[1]
    thresholds = np.array([probabilities[labels == label, label].mean() for label in range(number)])
    # Of equal probabilities the mean may be above each by rounding.
    reaching = np.where(probabilities >= thresholds - LEAST_GAP, probabilities, -1.0)
    counted = np.where(reaching.max(axis=1) >= 0.0, reaching.argmax(axis=1), -1)
    counts = np.zeros((number, number), dtype=np.int64)
    known = counted >= 0
    np.add.at(counts, (labels[known], counted[known]), 1)
    return ConfidentJoint(thresholds, counted, counts)


def normalised_margins(probabilities: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return the probability of the given label minus the greatest of the others, float64 [N], -1 to 1."""
    rows = np.arange(len(labels))
    others = probabilities.astype(np.float64)
    given = others[rows, labels]
    others[rows, labels] = -np.inf
    margins: np.ndarray = given - others.max(axis=1)
    return margins


def find_label_errors(tally: ImageTally) -> LabelErrors:
    """Find the images of a tally whose labels are doubted; nothing where a class has no image."""
    tested = np.flatnonzero(tally.num_experiments > 0)
    probabilities, labels = tally.probabilities[tested], tally.images.labels[tested]
    if len(np.unique(labels)) < tally.num_classes:
        return LabelErrors(num_images=len(tested))
    joint = confident_joint(probabilities, labels)
    if not _tells_apart(probabilities, labels, joint.thresholds):
        # Of equal scores each reaches every threshold, and all images are counted as of one class.
        return LabelErrors(
            num_images=len(tested), thresholds=tuple(joint.thresholds.tolist()), is_told_apart=False
        )
    margins = normalised_margins(probabilities, labels)
    doubted = np.flatnonzero((joint.counted >= 0) & (joint.counted != labels))
    doubted = doubted[np.lexsort((doubted, margins[doubted]))]
    doubts = [
        LabelDoubt(
            rank=rank,
            path=str(tally.images.paths[tested[row]]),
            source=str(tally.images.sources[tested[row]]),
            label=int(labels[row]),
            suggested=int(joint.counted[row]),
            given_probability=float(probabilities[row, labels[row]]),
            given_threshold=float(joint.thresholds[labels[row]]),
            suggested_probability=float(probabilities[row, joint.counted[row]]),
            suggested_threshold=float(joint.thresholds[joint.counted[row]]),
            margin=float(margins[row]),
            experiments=int(tally.num_experiments[tested[row]]),
        )
        for rank, row in enumerate(doubted[:MOST].tolist(), start=1)
    ]
    return LabelErrors(
        tuple(doubts),
        len(doubted),
        len(tested),
        tuple(joint.thresholds.tolist()),
        tuple(map(tuple, joint.counts.tolist())),
        joint.noise_share(labels),
    )


def _tells_apart(probabilities: np.ndarray, labels: np.ndarray, thresholds: np.ndarray) -> bool:
    """Tell whether the images of some class have a higher mean probability of it than all others have."""
    others = [
        probabilities[labels != label, label].mean(dtype=np.float64)
        for label in range(probabilities.shape[1])
    ]
    return bool((thresholds > np.array(others) + LEAST_GAP).any())


def label_errors_table(found: LabelErrors) -> pd.DataFrame:
    """Return the table of the doubts, with the columns named above."""
    names = [each.name for each in fields(LabelDoubt)]
    return pd.DataFrame([[getattr(each, name) for name in names] for each in found.doubts], columns=names)
