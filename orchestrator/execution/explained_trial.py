"""The explanation of images by one trial, in a worker: maps and pictures as files, numbers handed back.

What it gives hangs on the trial, the images and the code that explains, all that it imports included;
`rests_on` hashes these, so that nothing that is finished is done again.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from orchestrator.execution.trial_call import TrialCall
from orchestrator.store.explanation_files import MAP, OVERLAY, SMALL_IMAGE, SMALL_OVERLAY, write_array
from trainables import memo
from trainables.evaluation.scoring import predicted_classes
from trainables.files import replace_file

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
    pictures = [memo.code_hash("trainables.explain.overlays"), SMALL_PX, OVERLAY_PX]
    return memo.key(
        [key, images, pictures], code="trainables.explain.explaining", libraries=("torch", "captum", "pillow")
    )


def explain_by_trial(*, call: TrialCall, rows: Path, into: Sequence[Path]) -> tuple[pd.DataFrame | None, str]:
    """Explain the images of a table by a finished trial, in a worker.

    Args:
        call: the trial.
        rows: a parquet file with the columns path, sha256, label, score (as stored) and file.
        into: the folders that pictures and maps are written to.

    Returns:
        One row per image, path, score and the numbers of its map, or None and why there are none.
    """
    from trainables.explain.explaining import explain_images

    table = pd.read_parquet(rows)
    try:
        found = explain_images(
            call.trained(),
            table,
            root=call.root,
            caches=call.caches,
            look=call.look(),
            device=call.torch_device(),
            # An image at the threshold may be taken for another class on another device.
            classes=predicted_classes(table["score"].to_numpy(dtype=float)).tolist(),
        )
        scores = np.asarray(found.scores, dtype=float)
        if (apart := float(np.abs(scores - table["score"]).max())) > TOLERANCE:
            return None, (
                f"{call.trial.folder.name} gives scores up to {apart:.3f} away from those that it stored: "
                "other images lie at these paths now, or its weights are others"
            )
        for place, file in enumerate(table["file"]):
            _write(found.pixels[place], found.maps[place], [each / file for each in into])
    # The border of a trial.
    except Exception as error:
        return None, call.problem(error)
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
