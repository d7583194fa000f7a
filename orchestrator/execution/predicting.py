"""Predictions for new images by the finished trials of an experiment, in batches, fanned out by trial.

Faces, pixels and rows of the images lie in a folder of their own, which is emptied after each batch: memory
and disk stay bounded however many images there are, and results/ are only read.
"""

import contextlib
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console

from orchestrator.analysis.joint_models import JointModels, JointThreshold, joint_threshold
from orchestrator.analysis.known_images import count_learned
from orchestrator.analysis.predicted import Predicted, predicted_table
from orchestrator.console import progress_bar
from orchestrator.execution.executor import Executor
from orchestrator.execution.final_scores import final_metrics
from orchestrator.execution.remote_places import refuse_far_workers
from orchestrator.execution.scoring import ScoredImages, score_trials
from orchestrator.execution.workplace import HERE
from orchestrator.store.final_file import FinalMetric
from orchestrator.store.folder import Store
from trainables.data.dataset.layouts import UNLABELLED
from trainables.data.dataset.named_images import NamedImages
from trainables.errors import InputError
from trainables.predict import JointScores, join_scores, predicted_at
from trainables.removal import remove_folder

# Networks are loaded once for so many images, of which 75 MiB of pixels are on disk at 224 x 224.
BATCH = 512


def seen_by_workers(store: Store, address: str) -> Path | None:
    """Return the folder that workers of other machines share with this one; None where there are none.

    Raises:
        InputError: there are, and they don't see this machine's copy of remote results.
    """
    refuse_far_workers(address, store.root)
    # They read what is derived from images where they read results.
    return None if address in HERE else store.cached("predict")


@contextlib.contextmanager
def scratch_store(above: Path | None = None) -> Iterator[Store]:
    """Give a folder for what is derived from images, which is gone in the end.

    Args:
        above: where it is made, for workers of other machines; None = where temporary files are.
    """
    if above is not None:
        above.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="predict-", dir=above))
    try:
        yield Store.open(folder)
    finally:
        with contextlib.suppress(OSError):
            remove_folder(folder, below=folder.parent)


def predict_images(
    store: Store,
    models: JointModels,
    images: NamedImages,
    *,
    scratch: Store,
    executor: Executor,
    console: Console,
    quiet: bool,
) -> Predicted:
    """Score the usable images with every model, and predict by the mean of what they give, calibrated.

    A model that can't score is left out with the reason; the threshold is then that of the others.

    Args:
        store: the results that the models are of, which are only read.
        models: the models.
        images: at least one of them usable.
        scratch: where faces and pixels are kept for the time being.
        executor: where to score.
        console: where progress is shown.
        quiet: show none.

    Raises:
        InputError: no model can score, or a file changed since it was looked into.
    """
    rows = images.usable
    scores, problems = _scores(models, rows, scratch=scratch, executor=executor, console=console, quiet=quiet)
    if len(problems) == len(models.trials):
        raise InputError(f"no model of {models.experiment.name} can score: {next(iter(problems.values()))}")
    kept = models.without(problems, list(problems.values()))
    calibrations = [each.calibration for each in kept.trials]
    joint = join_scores(list(scores.values()), calibrations)
    threshold = joint_threshold(kept)
    labelled = (rows["label"] != UNLABELLED).to_numpy()
    return Predicted(
        models=kept,
        threshold=threshold,
        images=images,
        table=predicted_table(images, joint, kept, threshold),
        metrics=_metrics(rows, joint, threshold, labelled),
        num_labelled=int(labelled.sum()),
        num_groups=int(rows.loc[labelled, "group"].nunique()),
        num_learned=count_learned(store, models.experiment, [each.trial for each in kept.trials], rows),
    )


def _scores(
    models: JointModels,
    rows: pd.DataFrame,
    *,
    scratch: Store,
    executor: Executor,
    console: Console,
    quiet: bool,
) -> tuple[dict[int, np.ndarray], dict[int, str]]:
    """Raw scores of each model by its place, and the problems of those that can't score all images."""
    table = rows[["file", "sha256"]].rename(columns={"file": "path"})
    is_one = len(table) <= BATCH
    parts: dict[int, list[np.ndarray]] = {place: [] for place in range(len(models.trials))}
    problems: dict[int, str] = {}
    with progress_bar(console, "Scoring images", quiet=quiet or is_one) as progress:
        for start in range(0, len(table), BATCH):
            places = [place for place in parts if place not in problems]
            found = score_trials(
                scratch,
                [models.trials[place].trial for place in places],
                batch := table.iloc[start : start + BATCH],
                root=Path(batch["path"].iloc[0]).parent,
                executor=executor,
                console=console,
                # Two progress bars can't be drawn at once.
                quiet=quiet or not is_one,
            )
            for place, each in zip(places, found, strict=True):
                if each.scores is None or not np.isfinite(each.scores).all():
                    problems[place] = _problem(each)
                else:
                    parts[place].append(each.scores)
            with contextlib.suppress(OSError):
                remove_folder(scratch.cache, below=scratch.root)
            if len(problems) == len(parts):
                break
            progress(min(start + BATCH, len(table)), len(table))
    return {place: np.concatenate(each) for place, each in parts.items() if place not in problems}, problems


def _problem(found: ScoredImages) -> str:
    return found.problem or f"{found.trial.folder.name}: a score is no number, the model diverged"


def _metrics(
    rows: pd.DataFrame, joint: JointScores, threshold: JointThreshold, labelled: np.ndarray
) -> tuple[FinalMetric, ...]:
    """Metrics of the images whose class is told; none where there are none."""
    if not labelled.any():
        return ()
    known = replace(joint, each=joint.each[:, labelled])
    decide = partial(predicted_at, threshold=threshold.value)
    return final_metrics(rows[labelled], known.mean, list(known.each), decide=decide)
