"""Explained images as a page shows them: a phase's explanations, their numbers, and small pictures."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from orchestrator.analysis.attention import Attention, attention_table, measure_attention
from orchestrator.analysis.csv_text import as_csv
from orchestrator.report.section import Thumbnail
from orchestrator.store.explanation_files import (
    MAP,
    SMALL_IMAGE,
    SMALL_OVERLAY,
    Explanations,
    read_explanations,
)
from orchestrator.store.folder import Store
from orchestrator.store.records import StudyRecord

THUMBNAIL_PX = 112


@dataclass(frozen=True, slots=True, eq=False)
class ExplainedImages:
    """Explanations of a phase, and what was measured of them."""

    found: Explanations
    attention: Attention

    def shown(self, names: Sequence[str]) -> list[str]:
        """Return those of `names` that have explanations, in their order."""
        known = set(self.found.experiments)
        return [name for name in names if name in known]

    def rows(self, experiment: str) -> pd.DataFrame:
        """Return the images of an experiment, those of an outcome and source together."""
        numbers = self.found.numbers
        return numbers[numbers["experiment"] == experiment].sort_values(["outcome", "source", "path"])

    def files(self, row: pd.Series) -> tuple[Path, Path]:
        """Return the files of an image as its model saw it, small, and of the map over it, at full size."""
        stem = self._stem(row)
        return stem.with_name(stem.name + SMALL_IMAGE), self.found.folder / str(row["overlay"])

    def _stem(self, row: pd.Series) -> Path:
        return self.found.folder / str(row["map"]).removesuffix(MAP)

    def pair(self, row: pd.Series) -> tuple[Thumbnail, ...]:
        """Return an image as its model saw it, and the map over it; nothing where the files are gone."""
        stem = self._stem(row)
        about = ((SMALL_IMAGE, "An image as the model saw it", "image"), (SMALL_OVERLAY, "Its map", "map"))
        pictures = []
        for end, alt, name in about:
            path = stem.with_name(stem.name + end)
            if not path.is_file():
                return ()
            content = path.read_bytes()
            pictures.append(
                Thumbnail.of(content, "webp", alt=f"{alt}: {row['path']}", name=name, side_px=THUMBNAIL_PX)
            )
        return tuple(pictures)

    def tables(self) -> dict[str, str]:
        """Return the tables that lie beside a page, by name."""
        return {
            "attention": as_csv(attention_table(self.attention)),
            "explained_images": as_csv(self.found.numbers),
        }


def read_explained(store: Store, study: StudyRecord) -> ExplainedImages | None:
    """Read and measure the explanations of a phase; None where nothing was explained."""
    found = read_explanations(store, study.phase.name)
    if found is None or found.numbers.empty:
        return None
    return ExplainedImages(found, measure_attention(study, found))
