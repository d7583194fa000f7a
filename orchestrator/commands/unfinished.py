"""Trials that a run was about and that are not done at its end, though nobody says that they failed."""

from collections.abc import Sequence
from fnmatch import fnmatch
from typing import TYPE_CHECKING

from orchestrator.console import complain

if TYPE_CHECKING:
    from orchestrator.analysis.collect import Tables

MOST_NAMED = 4


def say_unfinished(tables: "Tables", *, only: str | None, folds: Sequence[int] | None) -> int:
    """Complain of the selected trials that were lost, given up or never begun; return how many there are.

    `only` and `folds` are what the options say. Who has left a race is not meant to finish, and what failed
    is said elsewhere.
    """
    from orchestrator.store.folder import State
    from orchestrator.wording.lists import few_named

    open_states = [State.MISSING, State.INTERRUPTED, State.RUNNING]
    left = [
        f"{row.experiment} repeat {row.repeat} fold {row.fold}"
        for row in tables.failures[tables.failures["state"].isin(open_states)].itertuples()
        if (only is None or fnmatch(str(row.experiment), only)) and (folds is None or row.fold in folds)
    ]
    if left:
        is_one = len(left) == 1
        complain(
            f"{len(left)} {'trial is' if is_one else 'trials are'} not done, and left no error: "
            f"{few_named(left, MOST_NAMED)}; the same command goes on with {'it' if is_one else 'them'}. "
            "Where workers are other machines, see that they write to this results folder"
        )
    return len(left)
