"""Evidence on shortcuts in the data that a choice is about: what file facts, sizes and trivial pixels reach.

A detector that uses a shortcut and one that does not may have the same score, so none of this is a verdict on
a model: it says what there is to be used.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from orchestrator.store.check_outcome import read_outcome
from orchestrator.store.folder import Store
from orchestrator.store.records import CheckScores, StudyRecord

SIZES = ("width", "height", "aspect ratio")


@dataclass(frozen=True, slots=True)
class ShortcutEvidence:
    """What a check found on the images of some experiments.

    `size_alone` is the size of the file that tells the classes apart best, with its AUC; None where the
    outcome of the check is gone. `one_size` is the size of all images in pixels, where they have one.
    """

    file_facts: CheckScores
    trivial_pixels: CheckScores
    size_alone: tuple[str, float] | None
    one_size: tuple[int, int] | None


def shortcut_evidence(store: Store, study: StudyRecord, names: Iterable[str]) -> ShortcutEvidence | None:
    """Return what is known of the images of experiments; None where no check was made of them."""
    wanted = set(names)
    record = next((each for each in study.shortcuts if wanted & set(each.experiments)), None)
    if record is None:
        return None
    outcome = read_outcome(store, record.check)
    alone = [] if outcome is None else [pair for pair in outcome.alone if pair[0] in SIZES]
    data = next((each for each in study.data if each.root == record.data), None)
    is_one = data is not None and data.width[0] == data.width[2] and data.height[0] == data.height[2]
    return ShortcutEvidence(
        record.file_facts,
        record.trivial_pixels,
        size_alone=max(alone, key=lambda pair: (pair[1], pair[0])) if alone else None,
        one_size=(data.width[0], data.height[0]) if is_one and data is not None else None,
    )
