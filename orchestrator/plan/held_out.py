"""Images held out for the end of a study: which they are, and that nothing that is planned holds one.

What results/ has on file is taken before what the recipe would deal today, so they stay the same images from
the first run on. No experiment may use an image that any run in the same folder of results held out: its
models would know it, and so would every decision that is taken on them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import pandas as pd

from orchestrator.store.folder import Store
from orchestrator.store.held_out_files import (
    held_out_file,
    held_out_files,
    held_out_name,
    held_out_settings,
    read_held_out,
)
from trainables.data.dataset.manifest import Manifest
from trainables.data.splits.held_out import held_out_groups, labelled_rows, rows_of_groups
from trainables.errors import InputError
from trainables.recipe import RecipeKeys


@dataclass(frozen=True, slots=True, eq=False)
class HeldOut:
    """The images that no fold holds: the name of their file, its rows, and how many have a label in all."""

    file: str
    rows: pd.DataFrame
    labelled: int


def find_held_out(store: Store, manifest: Manifest, recipe: RecipeKeys, *, data: str) -> HeldOut | None:
    """Return what the recipe holds out of a data set with the fingerprint `data`; None = nothing.

    Raises:
        InputError: the file of these images is damaged.
    """
    if not recipe.holdout_final:
        return None
    name = held_out_name(ratio=recipe.holdout_final, seed=recipe.seed, data=data)
    frozen = read_held_out(store, name)
    groups = held_out_groups(manifest, recipe) if frozen is None else frozenset(frozen["group"])
    return HeldOut(name, rows_of_groups(manifest, groups), len(labelled_rows(manifest)))


def refuse_held_out(store: Store, used: Mapping[str, Iterable[pd.DataFrame]], own: Iterable[HeldOut]) -> None:
    """Raise InputError where an experiment uses an image that is held out, here or by an earlier run.

    Args:
        store: the results.
        used: the rows of every repeat of each experiment, by its name.
        own: what the experiments themselves hold out.
    """
    mine = {each.file: each.rows for each in own}
    files = {**held_out_files(store), **mine}
    for name, rows in files.items():
        apart = set(rows["sha256"])
        # Most experiments of a study hold the same tables.
        known: dict[int, int] = {}
        for experiment, tables in used.items():
            for table in tables:
                if id(table) not in known:
                    known[id(table)] = int(table["sha256"].isin(apart).sum())
                if known[id(table)]:
                    raise InputError(
                        f"{experiment} would use {known[id(table)]} of {len(rows)} images that are held "
                        f"out for the end ({held_out_file(store, name)}): {_way_out(name, mine)}, or name "
                        "another folder with --results"
                    )


def _way_out(name: str, mine: Iterable[str]) -> str:
    """Say how an experiment that holds out the files `mine` would hold out the images of another file."""
    ratio, seed = held_out_settings(name)
    if (ratio, seed) in [held_out_settings(each) for each in mine]:
        return (
            "the data set is no longer what they were chosen from, so the same settings choose others; bring "
            "its images, labels, sources and groups back as they were"
        )
    return f"hold them out here too, of the same images, with --set holdout_final={ratio} --set seed={seed}"


def held_out_line(found: HeldOut) -> str:
    """Say how many images are held out."""
    groups = found.rows["group"].nunique()
    return (
        f"Held out for the end: {len(found.rows)} of {found.labelled} images, {groups} groups "
        f"(holdout/{found.file}); no fold holds them, and `final` opens them once"
    )
