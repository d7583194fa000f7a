"""Material of the page about a set of images: the manifest, and what its pictures look like."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from orchestrator.report.grid import Grid, grid
from orchestrator.report.section import Thumbnail
from trainables.data import overview
from trainables.data.dataset.manifest import Manifest
from trainables.progress import OnProgress

MAX_SOURCES, MAX_LINES = 40, 50
THUMBNAIL_PX = 96


@dataclass(frozen=True, slots=True, eq=False)
class ImageSet:
    """What the sections are made of, and what the folder of the images is called.

    `rows` are all images, `shown` those of the sources that figures show; `looks` and `pixels` are measured
    on up to `per_source` pictures of each of these, spectra on their central `crop_px` square.
    `near_duplicates` are pairs of paths with their correlation; `face_rates` are source -> outcome -> images.
    """

    manifest: Manifest
    folder: str
    rows: pd.DataFrame
    shown: pd.DataFrame
    looks: Mapping[str, overview.Looks]
    pixels: pd.DataFrame
    crop_px: int
    per_source: int
    near_duplicates: Sequence[tuple[str, str, float]]
    face_rates: Mapping[str, Mapping[str, int]] | None

    def reference(self) -> np.ndarray | None:
        """Return the mean radial spectrum of the real sources; None where classes are not real and fake."""
        labels = self.shown.groupby("source")["label"].agg(["min", "max"])
        if labels["max"].max() > 1:
            return None
        real = [
            self.looks[str(source)].radial
            for source in labels.index[labels["max"] == 0]
            if self.looks[str(source)].num_spectra
        ]
        return np.mean(real, axis=0) if real else None

    def thumbnails(self, paths: Sequence[str], *, alt: str) -> list[Thumbnail]:
        """Return small pictures of files, which are read for it."""
        small = overview.thumbnails(self.manifest.root, paths, size_px=THUMBNAIL_PX)
        return [
            Thumbnail.of(content, "jpeg", alt=alt, name=path, side_px=THUMBNAIL_PX)
            for content, path in zip(small, paths, strict=True)
        ]


def read_images(
    manifest: Manifest,
    *,
    folder: str,
    per_source: int,
    near_duplicates: Sequence[tuple[str, str, float]],
    face_rates: Mapping[str, Mapping[str, int]] | None,
    progress: OnProgress | None,
) -> ImageSet:
    """Measure the pictures of a manifest; `folder` is what its folder is called, the rest as for
    `write_data_report`.

    Raises:
        InputError: a picture can't be read any more.
    """
    rows = overview.with_ratios(manifest.rows)
    shown = rows[rows["source"].isin(sorted(rows["source"].unique())[:MAX_SOURCES])]
    chosen = overview.sample(shown, per_source=per_source)
    crop_px = overview.crop_size(chosen)
    looks, pixels = overview.measure_pictures(manifest.root, chosen, crop_px=crop_px, progress=progress)
    return ImageSet(
        manifest, folder, rows, shown, looks, pixels, crop_px, per_source, near_duplicates, face_rates
    )


def first_lines(label: str, columns: list[str], table: pd.DataFrame) -> Grid | None:
    """Typeset the first MAX_LINES rows of a table of texts; None where it has none."""
    rows = [list(map(str, row)) for row in table.head(MAX_LINES).itertuples(index=False, name=None)]
    return grid(label, columns, rows, len(columns)) if rows else None
