"""The explanation of images by one trial, in a worker: maps and pictures as files, numbers handed back.

What it gives hangs on the trial, the images and this module's code, all that it imports included; `rests_on`
hashes these, so that nothing that is finished is done again.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from orchestrator.store.explanation_files import MAP, OVERLAY, SMALL_IMAGE, SMALL_OVERLAY, write_array
from trainables import memo
from trainables.device import DeviceType
from trainables.errors import InputError
from trainables.files import replace_file
from trainables.trial_inputs import ImageCaches

# Sides of the pictures on a page, and at least of the overlay that lies beside it.
SMALL_PX, OVERLAY_PX = 112, 224
# How far a score may be from the stored one: another device or precision gives other digits, no other score.
TOLERANCE = 0.02


def rests_on(key: str, rows: pd.DataFrame) -> str:
    """Hash what the explanations of a trial's images come from, 64 hexadecimal digits.

    Args:
        key: the trial's key.
        rows: columns path, sha256 and file.
    """
    images = rows[["path", "sha256", "file"]].to_numpy(dtype=str).tolist()
    return memo.key([key, images], code=__name__, libraries=("torch", "captum", "pillow"))


def explain_by_trial(
    *,
    folder: str,
    bases: Sequence[str],
    num_classes: int,
    rows: str,
    root: str,
    faces: str,
    pixels: str,
    device: DeviceType,
    into: Sequence[str],
) -> tuple[pd.DataFrame | None, str]:
    """Explain the images of a table by a finished trial.

    Args:
        folder: the trial's folder; `bases` are those of the trials that it combines.
        bases: see `folder`.
        num_classes: classes of the data set.
        rows: a parquet file with the columns path, sha256, label, score (as stored) and file.
        root: the folder that the paths are below.
        faces: the table of faces.
        pixels: the folder of pixel caches.
        device: where to score.
        into: the folders that pictures and maps are written to.

    Returns:
        One row per image, path, score and the numbers of its map, or None and why there are none.
    """
    import torch

    from trainables.data.faces import local_detector
    from trainables.explain.explaining import explain_images
    from trainables.trained import read_trained

    table = pd.read_parquet(rows)
    try:
        found = explain_images(
            read_trained(Path(folder), num_classes=num_classes, bases=[Path(each) for each in bases]),
            table,
            root=Path(root),
            caches=ImageCaches(faces=Path(faces), pixels=Path(pixels)),
            look=local_detector(device),
            device=torch.device(device),
        )
        scores = np.asarray(found.scores, dtype=float)
        if (apart := float(np.abs(scores - table["score"]).max())) > TOLERANCE:
            return None, (
                f"{Path(folder).name} gives scores up to {apart:.3f} away from those that it stored: other "
                "images lie at these paths now, or its weights are others"
            )
        for place, file in enumerate(table["file"]):
            _write(found.pixels[place], found.maps[place], [Path(each) / file for each in into])
    except InputError as error:
        return None, str(error)
    # The border of a trial: whatever it raised is its own, and no other trial's concern.
    except Exception as error:
        return None, f"{Path(folder).name}: {type(error).__name__}: {' '.join(str(error).split())}"[:500]
    numbers = found.numbers.reset_index(drop=True)
    return pd.concat([table[["path"]].assign(score=scores), numbers], axis=1), ""


def _write(pixels: np.ndarray, shown: np.ndarray, files: Sequence[Path]) -> None:
    """Write a map, the map over its image, and both as small as a page has them."""
    from trainables.explain.overlays import overlay, webp

    over = overlay(pixels, shown)
    pictures = {
        OVERLAY: webp(over, side_px=max(len(over), OVERLAY_PX)),
        SMALL_IMAGE: webp(pixels, side_px=SMALL_PX),
        SMALL_OVERLAY: webp(over, side_px=SMALL_PX),
    }
    for file in files:
        write_array(file.with_name(file.name + MAP), shown.astype(np.float16))
        for end, content in pictures.items():
            with replace_file(file.with_name(file.name + end)) as partial:
                partial.write_bytes(content)
