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

Search = Callable[[Sequence[tuple[str, str]]], list[DetectedFaces]]


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
        # One process a GPU has all of its cores to decode with; on the CPU there is one a core.
        machine = executor.machine
        threads = max(1, machine.cores // machine.gpus) if machine.gpus else 1
        make: Callable[..., Search] = face_detector.FaceSearch
        made_with: dict[str, object] = {"device": executor.device, "threads": threads}
        if images is not None:
            make = RemoteFaceSearch
            made_with |= {"uri": images.address.uri, "root": images.root}
        for _, found in executor.each_staying(
            make,
            [{"files": part} for part in parts],
            made_with=made_with,
            worth=face_detector.WORTH_A_PROCESS // face_detector.PART,
            cpus=threads,
            gpus=one_gpu(executor),
        ):
            yield found

    return look


class RemoteFaceSearch:
    """A detector of faces that fetches remote images, whose paths are below the driver's copy `root`."""

    def __init__(self, device: str, threads: int, uri: str, root: Path) -> None:
        from trainables.data import face_detector

        self._search = face_detector.FaceSearch(device, threads)
        self._copy, self._root = copy_of(uri, "data"), root

    def __call__(self, files: Sequence[tuple[str, str]]) -> list[DetectedFaces]:
        """Look at some files (content hash, path)."""
        names = [Path(path).relative_to(self._root).as_posix() for _, path in files]
        here = files_here(self._copy, names)
        return self._search([(digest, path) for (digest, _), path in zip(files, here, strict=True)])
