"""Maps of explained images in a notebook: their numbers over all phases, and several models side by side."""

from collections.abc import Mapping, Sequence

import pandas as pd

from orchestrator.notebook.view import View
from orchestrator.report.explained import ExplainedImages, read_explained
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.section import Block, Heading, Table, Thumbnail, Thumbnails, note
from orchestrator.report.sections.attention import maps_grid
from orchestrator.report.sections.gallery import COLUMNS
from orchestrator.store.folder import Store
from orchestrator.store.records import StudyRecord
from orchestrator.wording.attention_text import OUTCOME_NAMES, how_to_explain, not_explained_sentence
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import number
from trainables.errors import InputError, nearest

ALL_PHASES = "Maps of all phases"
SIDE_PX = 144
MOST_MODELS = 8


def phases_view(store: Store, studies: Sequence[StudyRecord]) -> View:
    """Show the numbers of every experiment's maps in one table, phase after phase."""
    found = {study.phase.name: read_explained(store, study) for study in studies}
    lacking = [how_to_explain(phase) for phase, explained in found.items() if explained is None]
    table = _phases_grid({phase: each for phase, each in found.items() if each is not None})
    if not table.rows:
        return View.saying("No image of any phase was explained.", *lacking, title=ALL_PHASES)
    both = " Maps matter where two fillings show it, imputed as here and blurred."
    blocks: list[Block] = [Table(table, style="wide"), note(COLUMNS + both)]
    blocks += [note(f"Not explained yet: {how}") for how in lacking]
    return View(ALL_PHASES, tuple(blocks))


def _phases_grid(found: Mapping[str, ExplainedImages]) -> Grid:
    """Typeset the numbers over all images that the galleries of each phase have, a row per experiment."""
    heads: tuple[str, ...] = ()
    rows: list[list[GridCell | str]] = []
    for phase, explained in found.items():
        for name in explained.found.experiments:
            table = maps_grid(explained.attention, name)
            heads, (_, *cells) = table.columns[1:], table.rows[0]
            is_shown = explained.attention.overall(name).is_shown_to_matter
            rows.append([phase, name, "matter" if is_shown else "not shown to matter", *cells])
    return grid(ALL_PHASES, ["Phase", "Experiment", "Maps", *heads], rows, 3)


def side_by_side_view(store: Store, study: StudyRecord, experiments: Sequence[str], *, images: int) -> View:
    """Show the maps of the same images by several experiments of a phase, a row for each image.

    Args:
        store: the results.
        study: the phase.
        experiments: their names; none = the first MOST_MODELS that were explained.
        images: how many images; those come first of which the models say different things.

    Raises:
        InputError: an experiment was not explained.
    """
    phase = study.phase.name
    title = f"Maps of the same images: {phase}"
    explained = read_explained(store, study)
    if explained is None:
        return View.saying(not_explained_sentence(phase), title=title)
    known = explained.found.experiments
    for name in experiments:
        if name not in known:
            raise InputError(f"{phase} has no explanations of {name!r}; {nearest(name, known)}")
    names = list(experiments) or known[:MOST_MODELS]
    numbers = explained.found.numbers
    rows = numbers[numbers["experiment"].isin(names)]
    chosen = _shared(rows, names)[:images]
    blocks: list[Block] = []
    for path in chosen:
        mine = rows[rows["path"] == path].set_index("experiment").loc[names]
        blocks += [Heading(f"{path} ({mine['source'].iloc[0]})", is_name=True), _strip(explained, mine)]
    if not chosen:
        return View.saying("No image was explained by all of these models.", title=title)
    how = (
        f"{len(chosen)} of the images that all of these {len(names)} models explained, those first of which "
        "they say different things. Left: the image as the first of them saw it. Each map is by the trial "
        "that was tested on the image, for the class that it was taken for."
    )
    left = len(known) - len(names)
    more = f" {left} of {len(known)} experiments are not shown; name those to be seen." if left > 0 else ""
    doubted = [name for name in names if not explained.attention.overall(name).is_shown_to_matter]
    marked = (
        f" Not shown to matter more than random maps, and so no evidence: those of {few_named(doubted)}."
        if doubted
        else ""
    )
    return View(title, (*blocks, note(f"{how}{marked}{more}")))


def _shared(rows: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """The images that all of the experiments explained: those on which they differ most come first."""
    by_path = rows.groupby("path", sort=True)
    whole = by_path["experiment"].nunique() == len(set(names))
    taken_for_fake = by_path["outcome"].apply(lambda outcomes: outcomes.str.endswith("_fake").mean())
    unlike = (taken_for_fake - 0.5).abs()[whole].sort_values(kind="stable")
    return [str(path) for path in unlike.index]


def _strip(explained: ExplainedImages, rows: pd.DataFrame) -> Thumbnails:
    """The image as the first model saw it, and the map of each."""
    pictures: list[Thumbnail] = []
    for name, row in rows.iterrows():
        seen, overlay = explained.files(row)
        said = f"{name}: {OUTCOME_NAMES[row['outcome']]}, P(fake) {number(row['score'])}"
        files = [(overlay, said), *([(seen, "image")] if not pictures else [])]
        pictures += [
            Thumbnail.of(file.read_bytes(), "webp", alt=f"{row['path']}, {each}", name=each, side_px=SIDE_PX)
            for file, each in reversed(files)
            if file.is_file()
        ]
    return Thumbnails(tuple(pictures))
