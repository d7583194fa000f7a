"""Rows of trials, each dealt once for all experiments that have the same ones.

Which rows a trial trains, validates and tests on hangs on a few keys of its recipe alone. Settings of a sweep
differ in others, so of 64 of them 63 have rows that were dealt, hashed and looked at already.
"""

from collections import Counter
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field

import pandas as pd

from orchestrator.plan import identity
from trainables.data.splits.trial_rows import trial_table
from trainables.recipe import RecipeKeys


@dataclass(frozen=True, slots=True, eq=False)
class DealtRows:
    """The rows of a trial: columns sha256, group, label and part; how many each part has; their hash."""

    table: pd.DataFrame
    sizes: Mapping[str, int]
    fingerprint: str


@dataclass(slots=True)
class TrialTables:
    """The rows of trials that were dealt so far."""

    # With the rows that they were dealt from, which so keep their id.
    _known: dict[Hashable, tuple[pd.DataFrame, DealtRows]] = field(default_factory=dict)

    def of(self, rows: pd.DataFrame, recipe: RecipeKeys, *, repeat: int, fold: int) -> DealtRows:
        """Deal the rows of a trial from those of its experiment and repeat, or return what was dealt.

        Raises:
            InputError: `trial_table` raised it.
        """
        sources = (recipe.train_sources, recipe.eval_sources)
        place = (id(rows), recipe.val_ratio, recipe.seed, sources, repeat, fold)
        if place not in self._known:
            table = trial_table(rows, recipe, repeat=repeat, fold=fold)
            sizes = {part: int(count) for part, count in Counter(table["part"]).items()}
            found = DealtRows(
                table[["sha256", "group", "label", "part"]], sizes, identity.rows_fingerprint(table)
            )
            self._known[place] = (rows, found)
        return self._known[place][1]
