"""Files of an experiment's models for other programs: a network per trial, and beside it how it is used.

The file beside a network (`<name>.json`) holds what leads from an image to an answer: preprocessing, what the
outputs mean, calibration and threshold, each from inner validation rows alone; and what the network
was compared with. A trial that can't be written is told with the reason, and the others go on.
"""

import json
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.analysis.joint_models import (
    CalibratedTrial,
    JointModels,
    JointThreshold,
    joint_threshold,
    own_threshold,
)
from orchestrator.store.folder import claimed_hash
from orchestrator.store.predictions import DAMAGE, read_predictions
from trainables.errors import InputError
from trainables.evaluation.calibration import Parameters
from trainables.files import file_sha256, write_json
from trainables.trial_files import WEIGHTS

if TYPE_CHECKING:
    from trainables.export import ExportedNetwork, ExportFormat, Preprocessing

CHECKED_ON_DATA, CHECKED_ON_NOISE = "test images", "noise"


@dataclass(frozen=True, slots=True)
class ExportedModel:
    """A trial's model as a file, or the `problem`. `checked_on` is what the two were compared on."""

    trial: str
    network: "ExportedNetwork | None" = None
    checked_on: str = ""
    problem: str = ""


@dataclass(frozen=True, slots=True)
class ExportedUse:
    """The file beside a network, as JSON.

    `probabilities` is the function that makes them of logits: "sigmoid" gives P(fake), "softmax" one for each
    of `classes`. They are calibrated by `calibration`; the mean over the experiment's models is called fake
    from `threshold` on, which was tuned for `threshold_by` ("" = it was not), and this network alone from
    `own_threshold` on (None = its inner validation rows give none). `max_difference` is that of a logit of
    the file from the trained network's, over `num_images` images (`checked_on`).
    """

    experiment: str
    repeat: int
    fold: int
    trial: str
    weights_sha256: str
    file: str
    format: str
    opset: int | None
    preprocessing: "Preprocessing"
    classes: tuple[str, ...]
    probabilities: str
    calibration: Parameters
    threshold: float
    own_threshold: float | None
    threshold_by: str
    max_difference: float
    num_images: int
    checked_on: str
    checked_by: str


def export_models(
    models: JointModels, folder: Path, *, wanted: "ExportFormat", data: Path
) -> Iterator[ExportedModel]:
    """Write every model of an experiment, one after the other in this process.

    Args:
        models: the models.
        folder: where the files go; those of an earlier export are replaced.
        wanted: the format.
        data: the folder of images that the experiment was run on; where its test images are not there, a
            network is compared on noise.
    """
    threshold = joint_threshold(models)
    for each in models.trials:
        name = f"{models.experiment.name}-{each.trial.column}"
        try:
            yield _export(each, models, threshold, folder / name, wanted=wanted, data=data)
        except InputError as error:
            yield ExportedModel(each.trial.folder.name, problem=str(error))


def _export(
    each: CalibratedTrial,
    models: JointModels,
    threshold: JointThreshold,
    path: Path,
    *,
    wanted: "ExportFormat",
    data: Path,
) -> ExportedModel:
    # torch takes seconds to import, and a wrong name is said before.
    from trainables.export import (
        SUFFIX,
        ExportError,
        export_network,
        images_to_check,
        preprocessing_of,
    )
    from trainables.trained import read_trained

    trial = each.trial
    trained = read_trained(trial.folder, num_classes=trial.num_classes, bases=trial.bases)
    files = _test_images(each, data)
    with tempfile.TemporaryDirectory(prefix="export-") as scratch:
        pixels = images_to_check(trained, files, scratch=Path(scratch))
    # With the suffix behind the name: a name may hold a dot.
    file = path.with_name(path.name + SUFFIX[wanted])
    try:
        network = export_network(trained, file, wanted=wanted, pixels=pixels)
    except ExportError as error:
        return ExportedModel(trial.folder.name, problem=f"{trial.folder.name}: {error}")
    use = ExportedUse(
        experiment=trial.experiment,
        repeat=trial.repeat,
        fold=trial.fold,
        trial=trial.folder.name,
        weights_sha256=file_sha256(trial.folder / WEIGHTS),
        file=file.name,
        format=wanted,
        opset=network.opset,
        preprocessing=preprocessing_of(trained),
        classes=models.classes,
        probabilities="sigmoid" if len(models.classes) == 2 else "softmax",
        calibration=each.calibration,
        threshold=threshold.value,
        own_threshold=own_threshold(each, models),
        threshold_by=threshold.by,
        max_difference=network.max_difference,
        num_images=network.num_images,
        checked_on=CHECKED_ON_DATA if files else CHECKED_ON_NOISE,
        checked_by=network.checked_by,
    )
    write_json(path.with_name(path.name + ".json"), json.loads(json.dumps(asdict(use))))
    return ExportedModel(trial.folder.name, network, use.checked_on)


def _test_images(each: CalibratedTrial, data: Path) -> Sequence[Path]:
    """Some test images of a trial, those of one number for all; none where they can't all be found."""
    from trainables.export import NUM_CHECKED

    try:
        test = read_predictions(each.trial.folder, sha256=claimed_hash(each.trial.folder)).test
    except DAMAGE:
        return ()
    paths = test.paths.to_pylist()
    # Evenly over the paths, which come in order: of every source, as far as possible.
    chosen = paths[:: max(1, len(paths) // NUM_CHECKED)][:NUM_CHECKED]
    files = [data / path for path in chosen]
    return files if len(files) > 1 and all(file.is_file() for file in files) else ()
