"""Trained networks in formats that run without this program: ONNX, and TorchScript by trace.

    images float32 [B, 3, S, S], normalised  ->  logits float32 [B, 1], or [B, C]

B is free. What is written is read again by its own runtime and gives the logits of some images, which are
compared with the network's own in batches of three sizes: an export that computes something else is no
export. What has to be done to an image before is `Preprocessing`, which is written beside it. A kernel
machine has no network to write.
"""

import contextlib
import importlib.util
import logging
import os
import re
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import torch
from torch import Tensor, nn

from trainables.backbones import is_kernel_machine
from trainables.data.faces import local_detector
from trainables.data.images.crops import FaceRule
from trainables.files import file_sha256, replace_file
from trainables.trained import TrainedTrial, load_network, prepared_pixels
from trainables.trial_inputs import ImageCaches

ExportFormat = Literal["onnx", "torchscript"]
SUFFIX: dict[ExportFormat, str] = {"onnx": ".onnx", "torchscript": ".pt"}
# Two runtimes add up in different orders. Logits of trained networks are some units large.
TOLERANCE = 1e-3
NUM_CHECKED = 32
OPSET = 18
INPUT, OUTPUT = "images", "logits"
Run = Callable[[Tensor], np.ndarray]
OPERATOR = re.compile(r"(?:aten|prims|torchvision|quantized)[.:]+[A-Za-z_][\w.]*")


class ExportError(Exception):
    """A network that can't be written, or that computes something else once it is: one sentence."""


@dataclass(frozen=True, slots=True)
class Preprocessing:
    """What is done to an image before the network sees it, in this order.

    The upright image (turned as EXIF says) in RGB; a square cut out of it: with `face_crop` around the face
    that `face_rule` names, as wide as the longer side of MTCNN's box and `face_crop_margin` of it on both
    sides, else and where there is no face the largest central one; resized to `image_size` x `image_size`
    (Lanczos); divided by 255; minus `mean`, divided by `std`, channel by channel; channels first.
    """

    image_size: int
    face_crop: bool
    face_crop_margin: float | None
    face_rule: FaceRule | None
    mean: tuple[float, ...]
    std: tuple[float, ...]
    channels: str = "RGB"


@dataclass(frozen=True, slots=True)
class ExportedNetwork:
    """A network as a file. `max_difference` is that of a logit, over `num_images` images.

    `opset` is that of ONNX; None of another format. `checked_by` is the runtime that read it.
    """

    path: Path
    format: ExportFormat
    opset: int | None
    num_images: int
    max_difference: float
    checked_by: str


def why_not_exported(backbone: str, wanted: ExportFormat) -> str:
    """Say in a sentence why a backbone can't be written, or what is missing for it; "" where it can be."""
    if is_kernel_machine(backbone):
        return f"{backbone} is a kernel machine and no network: it compares images and has no graph to export"
    lacking = [
        name for name in (("onnx", "onnxscript") if wanted == "onnx" else ()) if not _is_installed(name)
    ]
    if lacking:
        return f"--format onnx needs {' and '.join(lacking)}; `pip install 'deepfake-orchestrator[export]'`"
    return ""


def preprocessing_of(trained: TrainedTrial) -> Preprocessing:
    """Return what is done to an image before a trained network sees it."""
    recipe = trained.recipe
    assert trained.normalization is not None, "a network has one"
    return Preprocessing(
        recipe.image_size,
        recipe.face_crop,
        recipe.face_crop_margin if recipe.face_crop else None,
        recipe.face_rule if recipe.face_crop else None,
        tuple(trained.normalization.mean),
        tuple(trained.normalization.std),
    )


def images_to_check(trained: TrainedTrial, files: Sequence[Path], *, scratch: Path) -> np.ndarray:
    """Return images as the network sees them before they are normalised: uint8 [N, S, S, 3].

    Without files they are noise, drawn with a fixed seed.

    Args:
        trained: whose images.
        files: images that can be read, below one folder.
        scratch: a folder for what is derived from them.

    Raises:
        InputError: one can't be read.
    """
    size_px = trained.recipe.image_size
    if not files:
        rng = np.random.default_rng(0)
        return rng.integers(0, 256, (NUM_CHECKED, size_px, size_px, 3), dtype=np.uint8)
    root = Path(os.path.commonpath([file.parent for file in files]))
    rows = pd.DataFrame(
        {
            "path": [file.relative_to(root).as_posix() for file in files],
            "sha256": [file_sha256(file) for file in files],
        }
    )
    caches = ImageCaches(faces=scratch / "faces.parquet", pixels=scratch / "pixels")
    opened = prepared_pixels(trained, rows, root=root, caches=caches, look=local_detector("cpu"))
    return np.array(opened.array[opened.rows(rows["sha256"].tolist())])


def export_network(
    trained: TrainedTrial, path: Path, *, wanted: ExportFormat, pixels: np.ndarray
) -> ExportedNetwork:
    """Write a trained network to `path`, read it again, and compare the two.

    Args:
        trained: what `read_trained` gave, of a network.
        path: the file, which is replaced.
        wanted: the format.
        pixels: images to compare them on, uint8 [N, S, S, 3], two or more.

    Raises:
        InputError: its weights can't be loaded.
        ExportError: an operator has no counterpart, or the logits differ by more than TOLERANCE.
    """
    model = load_network(trained, device=torch.device("cpu"))
    model.to(memory_format=torch.contiguous_format)
    images = _normalised(trained, pixels)
    with replace_file(path) as partial, _quiet():
        write, read = (_write_onnx, _onnx_runtime) if wanted == "onnx" else (_write_script, _script)
        try:
            write(model, images, partial)
        # Exporters have many ways to fail, which all mean that this network can't be written.
        except Exception as error:
            raise ExportError(_why(error, trained, wanted)) from error
        run, checked_by = read(partial)
        difference = _difference(model, run, images)
        if not difference <= TOLERANCE:
            raise ExportError(
                f"{path.name} gives logits that differ by up to {difference:.2g} from the network's own (at "
                f"most {TOLERANCE:g} is allowed), so it was not kept"
            )
    opset = OPSET if wanted == "onnx" else None
    return ExportedNetwork(path, wanted, opset, len(images), difference, checked_by)


def _normalised(trained: TrainedTrial, pixels: np.ndarray) -> Tensor:
    """Normalise as `Preprocessing` says it, which is thereby checked too."""
    said = preprocessing_of(trained)
    x_BCHW = torch.from_numpy(np.array(pixels)).permute(0, 3, 1, 2).float() / 255.0
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (said.mean, said.std))
    return ((x_BCHW - mean) / std).contiguous()


def _write_onnx(model: nn.Module, images: Tensor, path: Path) -> None:
    program: Any = torch.onnx.export(
        model,
        (images[:2],),
        dynamo=True,
        opset_version=OPSET,
        input_names=[INPUT],
        output_names=[OUTPUT],
        dynamic_shapes=({0: torch.export.Dim("batch")},),
        verbose=False,
    )
    program.save(str(path), external_data=False)


def _onnx_runtime(path: Path) -> tuple[Run, str]:
    """Return what runs an ONNX file: onnxruntime, or where it is not installed ONNX's own evaluator."""
    session: Any
    if by_runtime := _is_installed("onnxruntime"):
        import onnxruntime

        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    else:
        from onnx.reference import ReferenceEvaluator

        session = ReferenceEvaluator(str(path))
    return (
        lambda images: np.asarray(session.run([OUTPUT], {INPUT: images.numpy()})[0]),
        "onnxruntime" if by_runtime else "onnx.reference",
    )


def _write_script(model: nn.Module, images: Tensor, path: Path) -> None:
    jit: Any = torch.jit
    with torch.inference_mode():
        jit.trace(model, images[:2], check_trace=False).save(str(path))


def _script(path: Path) -> tuple[Run, str]:
    jit: Any = torch.jit
    # Written by this process a moment ago.
    loaded = jit.load(str(path))

    def run(images: Tensor) -> np.ndarray:
        with torch.inference_mode():
            return np.asarray(loaded(images).numpy())

    return run, "torch.jit"


def _difference(model: nn.Module, run: Run, images: Tensor) -> float:
    """The largest difference of a logit: of all images together, of one alone, and of one less."""
    largest = 0.0
    for part in (images, images[:1], images[1:]):
        with torch.inference_mode():
            ours = model(part).numpy()
        difference = np.abs(np.asarray(run(part)) - ours).max(initial=0.0)
        # A NaN on either side is no agreement.
        largest = max(largest, float(difference)) if np.isfinite(difference) else float("inf")
    return largest


def _why(error: Exception, trained: TrainedTrial, wanted: ExportFormat) -> str:
    """Name the operator that has no counterpart, where one of the causes does."""
    cause: BaseException | None = error
    texts = []
    while cause is not None:
        texts.append(str(cause))
        cause = cause.__cause__ or cause.__context__
    # The innermost cause names the operator, the outer ones the whole graph.
    named = next((found.group() for text in reversed(texts) if (found := OPERATOR.search(text))), "")
    what = f"operator {named}" if named else f"{type(error).__name__}: {' '.join(texts[-1].split())[:160]}"
    other = "torchscript" if wanted == "onnx" else "onnx"
    return f"{trained.recipe.backbone} can't be written as {wanted} ({what}); try --format {other}"


def _is_installed(package: str) -> bool:
    return importlib.util.find_spec(package) is not None


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporters' own words off the screen."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
