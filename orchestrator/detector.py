"""Finished models of an experiment in Python: images in, a table of calibrated probabilities out.

    from orchestrator import Detector
    detector = Detector.of(results="results", experiment="p1_resnet18_baseline")
    detector.predict(["a.jpg", "b.png"])

The same models, calibration, threshold and columns as those of the command `predict`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
import pandas as pd

from orchestrator.analysis.joint_models import CalibrationChoice, JointModels, joint_models
from orchestrator.console import screen
from orchestrator.execution.in_process_executor import InProcessExecutor
from orchestrator.execution.predicting import predict_images, scratch_store
from orchestrator.store.existing_results import existing_results
from orchestrator.store.find_experiment import find_experiment
from orchestrator.store.folder import Store
from orchestrator.store.remote.local_copy import results_folder
from trainables.data.dataset.named_images import NamedImages, name_files, name_images
from trainables.errors import InputError
from trainables.kept_networks import KeptNetworks, keeping_networks
from trainables.predict import write_images

Named = str | Path | Iterable[str | Path | np.ndarray]


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """The finished models of an experiment, which score together in this process.

    Their networks are loaded by the first prediction, and stay in memory as long as the detector does.
    """

    store: Store
    models: JointModels
    _networks: KeptNetworks = field(default_factory=dict, repr=False)

    @classmethod
    def of(
        cls,
        *,
        results: str | Path = "results",
        experiment: str,
        folds: Collection[int] | None = None,
        calibration: CalibrationChoice = "temperature",
    ) -> Self:
        """Find the models of an experiment.

        Args:
            results: the folder of results, which is only read.
            experiment: its name, or PHASE/NAME.
            folds: only these; None = all.
            calibration: temperature, platt, isotonic or none.

        Raises:
            InputError: there are no such results, experiment or fold, or none of its trials has a model.
        """
        store = existing_results(results_folder(results))
        record = find_experiment(store, experiment)
        return cls(store, joint_models(store, record, folds=folds, method=calibration))

    @property
    def classes(self) -> tuple[str, ...]:
        """The names of the classes: real and fake, or those of the data set."""
        return self.models.classes

    def predict(self, images: Named) -> pd.DataFrame:
        """Score images; return one row per image with the columns of `orchestrator.analysis.predicted`.

        Args:
            images: paths of images, or arrays of pixels (uint8 [height, width, 3], RGB), whose `path` is then
                their number; or the path of one image, of a folder, or of a table of files.

        Raises:
            InputError: none of them is a usable image, or no model can score.
        """
        with scratch_store() as scratch, keeping_networks(self._networks):
            return predict_images(
                self.store,
                self.models,
                self._named(images, scratch.root),
                scratch=scratch,
                executor=InProcessExecutor(),
                console=screen(stderr=True),
                quiet=True,
            ).table

    def _named(self, images: Named, folder: Path) -> NamedImages:
        if isinstance(images, str | Path):
            return name_images(Path(images), classes=self.classes)
        given = list(images)
        written = iter(write_images((each for each in given if isinstance(each, np.ndarray)), folder))
        files = [next(written) if isinstance(each, np.ndarray) else Path(each) for each in given]
        named = name_files(files)
        paths = [
            str(number) if isinstance(each, np.ndarray) else str(each) for number, each in enumerate(given)
        ]
        found = NamedImages(named.rows.assign(path=paths))
        if found.usable.empty:
            first = f" ({paths[0]}: {named.rows['reason'].iloc[0]})" if given else ""
            raise InputError(f"none of the {len(given)} images is usable{first}")
        return found
