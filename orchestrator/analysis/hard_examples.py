"""Hard examples: images that most experiments of a phase get wrong, and what each of them said.

    hard_examples.csv  rank, path, source, label, kind, wrong, experiments, share_wrong, score, own_class
    hard_scores.csv    rank, path, experiment, repeat, fold, trial, score, threshold, is_wrong

`score` is P(fake) of two classes (a mean in the first table), and else the probability of the image's own
class, which `own_class` is in either case. `kind` is false_positive (real, taken for fake), false_negative,
or wrong_class of several classes. An image is hard where more than half of the experiments that test it get
it wrong; see `image_tally`.

The order: by the share of experiments that are wrong, then by how many they are, then by the mean probability
of the image's own class, the least first, then by path. So that each kind of mistake is seen, the first
of each class come first, then the second of each, and so on, up to MOST images.
"""

from dataclasses import astuple, dataclass, fields

import numpy as np
import pandas as pd

from orchestrator.analysis.image_tally import ImageTally

MOST = 30
FALSE_POSITIVE, FALSE_NEGATIVE, WRONG_CLASS = "false_positive", "false_negative", "wrong_class"


@dataclass(frozen=True, slots=True)
class TrialOpinion:
    """What one trial said of an image; threshold NaN where its predicted class counts."""

    experiment: str
    repeat: int
    fold: int
    trial: str
    score: float
    threshold: float
    is_wrong: bool


@dataclass(frozen=True, slots=True)
class HardExample:
    """An image and how hard it is; `scores` in the order of the experiments, then of their folds."""

    rank: int
    path: str
    source: str
    label: int
    kind: str
    wrong: int
    experiments: int
    score: float
    own_class: float
    scores: tuple[TrialOpinion, ...] = ()

    @property
    def share_wrong(self) -> float:
        """Which share of the experiments that test it get it wrong, 0 to 1."""
        return self.wrong / self.experiments


@dataclass(frozen=True, slots=True)
class HardExamples:
    """The hardest images, and how many are hard: num_hard and num_images by label."""

    examples: tuple[HardExample, ...] = ()
    num_hard: tuple[int, ...] = ()
    num_images: tuple[int, ...] = ()


def find_hard_examples(tally: ImageTally) -> HardExamples:
    """Find the hardest images of a tally."""
    labels = tally.images.labels
    is_hard = 2 * tally.num_wrong > tally.num_experiments
    chosen = _in_turn(tally, np.flatnonzero(is_hard))
    scores = _fold_scores(tally, chosen)
    examples = []
    for rank, image in enumerate(chosen.tolist(), start=1):
        own = float(tally.own_class[image])
        examples.append(
            HardExample(
                rank=rank,
                path=str(tally.images.paths[image]),
                source=str(tally.images.sources[image]),
                label=int(labels[image]),
                kind=_kind(int(labels[image]), tally.num_classes),
                wrong=int(tally.num_wrong[image]),
                experiments=int(tally.num_experiments[image]),
                score=float(tally.probabilities[image, 1]) if tally.num_classes == 2 else own,
                own_class=own,
                scores=tuple(scores.get(image, ())),
            )
        )
    is_tested = tally.num_experiments > 0
    num_hard, num_images = (
        tuple(np.bincount(labels[rows], minlength=tally.num_classes).tolist())
        for rows in (is_hard, is_tested)
    )
    return HardExamples(tuple(examples), num_hard, num_images)


def hard_table(found: HardExamples) -> pd.DataFrame:
    """Return the table of the hardest images, with the columns named above."""
    names = [
        "rank", "path", "source", "label", "kind", "wrong", "experiments", "share_wrong", "score",
        "own_class",
    ]  # fmt: skip
    return pd.DataFrame([[getattr(each, name) for name in names] for each in found.examples], columns=names)


def hard_scores_table(found: HardExamples) -> pd.DataFrame:
    """Return the table of what every trial said of the hardest images, with the columns named above."""
    rows = [(each.rank, each.path, *astuple(score)) for each in found.examples for score in each.scores]
    return pd.DataFrame(rows, columns=["rank", "path", *(each.name for each in fields(TrialOpinion))])


def _in_turn(tally: ImageTally, hard: np.ndarray) -> np.ndarray:
    """Order hard images as stated above, and keep MOST of them."""
    share = tally.num_wrong[hard] / tally.num_experiments[hard]
    # The images are in the order of their paths, which the last key keeps.
    order = hard[np.lexsort((hard, tally.own_class[hard], -tally.num_wrong[hard], -share))]
    labels = tally.images.labels[order]
    turn = np.zeros(len(order), dtype=np.int64)
    for label in np.unique(labels):
        mine = labels == label
        turn[mine] = np.arange(int(mine.sum()))
    return order[np.argsort(turn, kind="stable")][:MOST]


def _kind(label: int, num_classes: int) -> str:
    return WRONG_CLASS if num_classes > 2 else FALSE_NEGATIVE if label == 1 else FALSE_POSITIVE


def _fold_scores(tally: ImageTally, chosen: np.ndarray) -> dict[int, list[TrialOpinion]]:
    found: dict[int, list[TrialOpinion]] = {}
    labels = tally.images.labels
    for each, scores, counted in zip(tally.experiments, tally.scores, tally.counted, strict=True):
        for row in np.flatnonzero(np.isin(scores.codes, chosen) & counted).tolist():
            image, place = int(scores.codes[row]), scores.places[int(scores.trial[row])]
            said = scores.probabilities[row]
            found.setdefault(image, []).append(
                TrialOpinion(
                    experiment=each.name,
                    repeat=place[0],
                    fold=place[1],
                    trial=each.folders[place].name,
                    score=float(said if scores.probabilities.ndim == 1 else said[labels[image]]),
                    threshold=scores.thresholds[int(scores.trial[row])],
                    is_wrong=bool(scores.is_wrong[row]),
                )
            )
    return found
