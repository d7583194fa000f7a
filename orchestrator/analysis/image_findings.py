"""Findings about single images of a phase: hard examples, doubted labels, and scores by outcome.

All come from one tally of the test images over the complete experiments (`image_tally`).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.hard_examples import (
    HardExamples,
    find_hard_examples,
    hard_scores_table,
    hard_table,
)
from orchestrator.analysis.image_tally import NotCounted, tally_images
from orchestrator.analysis.label_errors import LabelErrors, find_label_errors, label_errors_table
from orchestrator.analysis.outcome_scores import OutcomeScores, outcome_scores, outcomes_table
from orchestrator.store.folder import Store


@dataclass(frozen=True, slots=True)
class ImageFindings:
    """What was found in the images; `experiments` are those that were counted, `not_counted` the others."""

    hard: HardExamples = field(default_factory=HardExamples)
    doubted: LabelErrors = field(default_factory=LabelErrors)
    outcomes: tuple[OutcomeScores, ...] = ()
    experiments: tuple[str, ...] = ()
    not_counted: tuple[tuple[str, NotCounted], ...] = ()


def find_in_images(store: Store, experiments: Iterable[Gathered]) -> ImageFindings:
    """Look through the test images of a phase."""
    tally = tally_images(store, experiments)
    if tally is None:
        return ImageFindings()
    return ImageFindings(
        find_hard_examples(tally),
        find_label_errors(tally),
        tuple(outcome_scores(tally)),
        tuple(each.name for each in tally.experiments),
        tally.not_counted,
    )


def finding_tables(found: ImageFindings) -> dict[str, pd.DataFrame]:
    """Return the tables of the findings by the names of their files."""
    return {
        "hard_examples": hard_table(found.hard),
        "hard_scores": hard_scores_table(found.hard),
        "label_errors": label_errors_table(found.doubted),
        "outcome_scores": outcomes_table(found.outcomes),
    }
