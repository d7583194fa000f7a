"""Scores of images by finished trials, fanned out over the executor that trials run on.

Faces are found and pixels prepared once for all trials that see images alike; then each trial is a call of
its own. A trial that can't score is told with the reason, and the others go on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from orchestrator.console import progress_bar
from orchestrator.execution.executor import Executor, one_gpu
from orchestrator.execution.faces import detector_on
from orchestrator.execution.trial_call import TrialCall, keep_rows
from orchestrator.store.caches import image_caches
from orchestrator.store.finished_trials import FinishedTrial
from orchestrator.store.folder import Store
from trainables.recipe import RecipeKeys
from trainables.trial_inputs import detect_faces, prepare_pixels


@dataclass(frozen=True, slots=True, eq=False)
class ScoredImages:
    """What a trial gave images, in their order: P(fake), float64 [N], or [N, C]; None with the `problem`."""

    trial: FinishedTrial
    scores: np.ndarray | None
    problem: str = ""


def score_trials(
    store: Store,
    trials: Sequence[FinishedTrial],
    rows: pd.DataFrame,
    *,
    root: Path,
    executor: Executor,
    console: Console,
    quiet: bool,
    perturbation: str = "",
) -> list[ScoredImages]:
    """Score images by finished trials.

    Args:
        store: results that can be written: faces and pixels are kept there.
        trials: the models.
        rows: columns path and sha256.
        root: the folder that the paths are below, which every worker reads.
        executor: where to score.
        console: where progress is shown.
        quiet: show none.
        perturbation: what is done to the images first, like jpeg:90; "" = nothing.

    Returns:
        One for each of `trials`, in their order.

    Raises:
        InputError: a file changed since its hash was taken, or the disk is too small.
    """
    caches = image_caches(store)
    if (cropping := next((each.recipe for each in trials if each.recipe.face_crop), None)) is not None:
        with progress_bar(console, "Finding faces", quiet=quiet) as progress:
            look = detector_on(executor)
            detect_faces(rows, cropping, root=root, caches=caches, look=look, progress=progress)
    said = f" ({perturbation})" if perturbation else ""
    for recipe in {_view(each.recipe): each.recipe for each in trials}.values():
        with progress_bar(console, f"Preparing images{said}", quiet=quiet) as progress:
            prepare_pixels(
                rows, recipe, root=root, caches=caches, perturbation=perturbation, progress=progress
            )
    table = keep_rows(store, rows[["path", "sha256"]])
    calls = [
        {
            "call": TrialCall(trial, root, caches, executor.device),
            "rows": table,
            "perturbation": perturbation,
        }
        for trial in trials
    ]
    found: dict[int, ScoredImages] = {}
    with progress_bar(console, f"Scoring with trained models{said}", quiet=quiet) as progress:
        for place, (scores, problem) in executor.each(score_by_trial, calls, cpus=1, gpus=one_gpu(executor)):
            found[place] = ScoredImages(trials[place], scores, problem)
            progress(len(found), len(calls))
    return [found[place] for place in range(len(trials))]


def score_by_trial(*, call: TrialCall, rows: Path, perturbation: str) -> tuple[np.ndarray | None, str]:
    """Score the images of the table `rows` (parquet) in a worker; return the scores, or None and why not."""
    from trainables.trained import score_images

    try:
        scores = score_images(
            call.trained(),
            pd.read_parquet(rows),
            root=call.root,
            caches=call.caches,
            look=call.look(),
            device=call.torch_device(),
            perturbation=perturbation,
        )
    # The border of a trial.
    except Exception as error:
        return None, call.problem(error)
    return scores, ""


def _view(recipe: RecipeKeys) -> tuple[object, ...]:
    """What images look like to a model: recipes with the same view share their pixels."""
    return recipe.image_size, recipe.face_crop, recipe.face_crop_margin, recipe.face_rule
