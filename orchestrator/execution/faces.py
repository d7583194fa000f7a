"""The search for faces before images are scored or trained on, on the executor that the trials will run on.

What is found is kept (`orchestrator.plan.face_counts` says where), so that no image is looked at twice.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pandas as pd
from rich.console import Console

from orchestrator.console import progress_bar
from orchestrator.execution.executor import Executor, one_gpu
from orchestrator.plan.plan import StudyPlan
from orchestrator.store.caches import image_caches
from orchestrator.store.remote.data_copy import files_here
from orchestrator.store.remote.local_copy import LocalCopy, copy_at, copy_of
from trainables.data.faces import DetectedFaces, Look
from trainables.trial_inputs import detect_faces


def find_faces(study: StudyPlan, executor: Executor, *, console: Console, quiet: bool) -> None:
    """Look for faces in the images of every experiment that has trials to run and crops to faces.

    Raises:
        InputError: a file changed since it was scanned.
    """
    for name in dict.fromkeys(trial.experiment for trial in study.missing()):
        planned = study.experiment(name)
        if not planned.experiment.face_crop:
            continue
        with progress_bar(console, "Finding faces", quiet=quiet) as progress:
            detect_faces(
                pd.concat(planned.rows),
                planned.experiment.recipe_keys(),
                root=planned.manifest.root.resolve(),
                caches=image_caches(study.store),
                look=detector_on(executor, images=copy_at(planned.manifest.root.resolve())),
                progress=progress,
            )


def detector_on(executor: Executor, *, images: LocalCopy | None = None) -> Look:
    """Return the detector of faces on the workers of an executor; they fetch what they need of `images`."""

    def look(missing: Sequence[tuple[str, Path]]) -> Iterator[list[DetectedFaces]]:
        from trainables.data import face_detector

        parts = [
            [(digest, str(path)) for digest, path in missing[start : start + face_detector.PART]]
            for start in range(0, len(missing), face_detector.PART)
        ]
        calls: list[dict[str, object]] = [{"files": part, "device": executor.device} for part in parts]
        function: Callable[..., list[DetectedFaces]] = face_detector.look_at
        if images is not None:
            function = _look_at_remote
            calls = [{**call, "uri": images.address.uri, "root": images.root} for call in calls]
        for _, found in executor.each(function, calls, cpus=1, gpus=one_gpu(executor)):
            yield found

    return look


def _look_at_remote(
    files: Sequence[tuple[str, str]], device: str, uri: str, root: Path
) -> list[DetectedFaces]:
    """Look at some files of remote images, whose paths are below the driver's copy `root`."""
    from trainables.data import face_detector

    names = [Path(path).relative_to(root).as_posix() for _, path in files]
    here = files_here(copy_of(uri, "data"), names)
    return face_detector.look_at(
        [(digest, path) for (digest, _), path in zip(files, here, strict=True)], device
    )
