"""Grad-CAM overlays of images that were predicted: pictures of where one of the models looked.

A map belongs to a network, and the mean of several models has none: the first model that scored is explained,
for the class that it names itself. Batches of images fan out over the executor; the pictures come back as
bytes and are written here, so that no worker needs the folder.
"""

import re
from dataclasses import replace
from pathlib import Path, PurePath

import pandas as pd
from rich.console import Console

from orchestrator.analysis.predicted import Predicted
from orchestrator.console import progress_bar
from orchestrator.execution.executor import Executor, one_gpu
from orchestrator.execution.trial_call import TrialCall
from orchestrator.store.caches import image_caches
from orchestrator.store.folder import Store
from trainables.files import replace_file

OVERLAY_BATCH, SIDE_PX = 64, 256


def with_overlays(
    found: Predicted, folder: Path, *, scratch: Store, executor: Executor, console: Console, quiet: bool
) -> Predicted:
    """Write a picture per scored image; the table then names it below the folder above in column overlay.

    Args:
        found: the predictions.
        folder: where the pictures are written.
        scratch: where faces and pixels are kept for the time being.
        executor: where to explain.
        console: where progress is shown.
        quiet: show none.

    Raises:
        InputError: the model can't be explained, or a file changed since it was looked into.
    """
    rows, trial = found.images.usable, found.models.trials[0].trial
    names = [_file_name(path, digest) for path, digest in zip(rows["path"], rows["sha256"], strict=True)]
    caches = image_caches(scratch)
    starts = range(0, len(rows), OVERLAY_BATCH)
    # A table of faces is locked while it is added to: each call has its own.
    own = [replace(caches, faces=caches.faces.with_name(f"{start}-{caches.faces.name}")) for start in starts]
    root = Path(rows["file"].iloc[0]).parent
    calls = [
        {
            "call": TrialCall(trial, root, caches_of_call, executor.device),
            "files": rows["file"].tolist()[start : start + OVERLAY_BATCH],
            "hashes": rows["sha256"].tolist()[start : start + OVERLAY_BATCH],
        }
        for start, caches_of_call in zip(starts, own, strict=True)
    ]
    folder.mkdir(parents=True, exist_ok=True)
    with progress_bar(console, "Drawing Grad-CAM overlays", quiet=quiet) as progress:
        done = 0
        for place, pictures in executor.each(draw_overlays, calls, cpus=1, gpus=one_gpu(executor)):
            for name, picture in zip(names[starts[place] :], pictures, strict=False):
                with replace_file(folder / name) as partial:
                    partial.write_bytes(picture)
            done += len(pictures)
            progress(done, len(rows))
    column = pd.Series([f"{folder.name}/{name}" for name in names], index=rows.index)
    return replace(found, table=found.table.assign(overlay=column.reindex(found.table.index, fill_value="")))


def draw_overlays(*, call: TrialCall, files: list[str], hashes: list[str]) -> list[bytes]:
    """Explain images by a trial in a worker; return a WebP of each, in their order.

    Raises:
        InputError: as `explain_images` does.
    """
    from trainables.explain.explaining import explain_images
    from trainables.explain.overlays import overlay, webp

    found = explain_images(
        call.trained(),
        pd.DataFrame({"path": files, "sha256": hashes}),
        root=call.root,
        caches=call.caches,
        look=call.look(),
        device=call.torch_device(),
        with_checks=False,
    )
    maps = zip(found.pixels, found.maps, strict=True)
    return [webp(overlay(pixels_SS3, map_SS), side_px=SIDE_PX) for pixels_SS3, map_SS in maps]


def _file_name(path: str, digest: str) -> str:
    """Name the picture of an image: a plain name in its folder, whatever the image is called."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "_", PurePath(path).stem)[:60]
    return f"{stem}-{digest[:8]}.webp"
