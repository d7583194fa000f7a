"""Faces for the experiments that crop to them: found before the first trial, kept, and summed up.

Detection runs as tasks on the Ray that the trials will run on; what was found is kept in
results/cache/faces/, one table for each version of the detector, whatever data folder an image comes from.
The record of a study says how many images show a face, so that the report can.
"""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console

from orchestrator.console import progress_bar
from orchestrator.plan.plan import PlannedExperiment, Study
from orchestrator.store.folder import Store
from orchestrator.store.records import FacesRecord
from trainables.data.faces import (
    Found,
    count_faces,
    count_unchanged,
    ensure_faces,
    read_faces,
    recipe_squares,
)
from trainables.data.images.crops import Square
from trainables.data.splits.trial_rows import image_files


def find(study: Study, cluster: Any, launch: Any, *, console: Console, quiet: bool) -> None:
    """Look for faces in the images of every experiment that has trials to run and crops to faces.

    `cluster` is what the module `launch` has started.

    Raises:
        InputError: a file changed since it was scanned.
    """
    for name in dict.fromkeys(trial.experiment for trial in study.missing()):
        planned = study.experiment(name)
        if not planned.experiment.face_crop:
            continue
        files = {}
        for rows in planned.rows:
            files.update(image_files(rows, planned.manifest.root.resolve()))

        def look(missing: Sequence[tuple[str, Path]]) -> Iterator[list[Found]]:
            from trainables.data import face_detector

            parts = [
                [(digest, str(path)) for digest, path in missing[start : start + face_detector.PART]]
                for start in range(0, len(missing), face_detector.PART)
            ]
            calls = [{"files": part, "device": cluster.device} for part in parts]
            gpus = 1.0 if cluster.device == "cuda" else 0.0
            yield from launch.each(face_detector.look_at, calls, cpus=1, gpus=gpus)

        with progress_bar(console, "Finding faces", quiet=quiet) as progress:
            ensure_faces(study.store.faces_table, files, look=look, progress=progress)


def squares(store: Store, planned: PlannedExperiment, hashes: Iterable[str]) -> dict[str, Square] | None:
    """Return what an experiment cuts out of its images; None when it crops to no face."""
    return recipe_squares(store.faces_table, hashes, planned.experiment.recipe_keys())


def summary(study: Study, root: str) -> FacesRecord | None:
    """Say what was found in the data folder `root`; None when nobody asked for faces.

    Counted are the images of the experiments that crop to faces. Where the table is gone, or does not hold
    all of them, the counts of the record that is there stay.
    """
    asking = [
        planned
        for planned in study.experiments
        if planned.experiment.face_crop and str(planned.manifest.root.resolve()) == root
    ]
    if not asking:
        return None
    every = pd.concat([rows for planned in asking for rows in planned.rows])
    images, known = every.drop_duplicates("path"), read_faces(study.store.faces_table)
    counts = count_faces(images[["path", "sha256", "source"]], known)
    if counts is None:
        before = study.store.known_study(study.phase.name)
        return next((each.faces for each in before.data if each.root == root), None) if before else None
    shown = [known[digest] for digest in images["sha256"]]
    cuts = sorted({(each.experiment.face_crop_margin, each.experiment.face_rule) for each in asking})
    unchanged = [
        {"margin": margin, "images": count_unchanged(shown, margin=margin, rule=rule)}
        for margin, rule in cuts
    ]
    rules = sorted({rule for _, rule in cuts})
    return FacesRecord.model_validate({**counts, "rules": rules, "unchanged": unchanged})
