"""Material of an evaluation's page: its tables, and which detectors a bounded page shows.

All where there are few; else those with the highest mean AUC, in the order of the tables.
"""

import math
from dataclasses import dataclass

from orchestrator.analysis.evaluation_tables import EvaluationTables
from orchestrator.report.shown import LINES_OF_MANY, MOST_LINES, MOST_LISTED, bounded
from orchestrator.store.evaluation_files import EvaluationRecord
from orchestrator.store.folder import Store


@dataclass(frozen=True, slots=True, eq=False)
class EvaluationMaterial:
    """What the sections of an evaluation's page are made of.

    `lines` are the detectors that have a row in a figure, and `listed` those that have one in a table.
    """

    store: Store
    tables: EvaluationTables
    lines: tuple[str, ...]
    listed: tuple[str, ...]

    @classmethod
    def of(cls, store: Store, tables: EvaluationTables) -> "EvaluationMaterial":
        """Choose what is shown."""
        names = list(tables.record.detectors)
        return cls(
            store,
            tables,
            _first(tables, names, bounded(len(names), MOST_LINES, LINES_OF_MANY)),
            _first(tables, names, MOST_LISTED),
        )

    @property
    def record(self) -> EvaluationRecord:
        """What was evaluated on what."""
        return self.tables.record

    @property
    def note(self) -> str:
        """Say which detectors the tables leave out; empty where they show all."""
        number = len(self.record.detectors)
        if len(self.listed) == number:
            return ""
        return f"The {len(self.listed)} detectors of {number} with the highest mean AUC; all are in the CSV."


def _first(tables: EvaluationTables, names: list[str], most: int) -> tuple[str, ...]:
    if len(names) <= most:
        return tuple(names)
    rows = {name: tables.score(name, "auc") for name in names}
    means = {
        name: -math.inf if row is None or math.isnan(row.mean) else row.mean for name, row in rows.items()
    }
    kept = set(sorted(names, key=lambda name: -means[name])[:most])
    return tuple(name for name in names if name in kept)
