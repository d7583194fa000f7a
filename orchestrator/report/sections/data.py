"""Section of the data: what was found in each data set, its shortcuts, and its folds."""

from collections.abc import Iterator, Sequence

import pandas as pd

from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Definitions, Group, Heading, Section, Span, Table, note, prose
from orchestrator.report.shortcuts import shortcut_blocks
from orchestrator.report.shown import MOST_LINES
from orchestrator.store.csv_files import read_csv
from orchestrator.store.folder import Store
from orchestrator.store.records import DataRecord, StudyRecord
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import DASH, class_name, integer
from orchestrator.wording.settings_text import faces_sentence
from orchestrator.wording.uneven_parts import uneven_sentences

MOST_ROWS = 50


def data_section(material: Material) -> Section:
    """Show the data sets and folds of a study."""
    study, blocks = material.study, list[Block | None]()
    for record in study.data:
        blocks += data_blocks(record)
    uneven = uneven_sentences(study.uneven, num_experiments=len(study.experiments))
    blocks += [*shortcut_blocks(study), Heading("Folds"), *(note(each) for each in uneven)]
    blocks += _folds(material.store, study)
    return Section.of("data", "Data", blocks)


def data_blocks(record: DataRecord) -> list[Block]:
    """Show one data set: facts and counts, files kept out, images without a face."""
    facts = tuple(((name,), (Span(value, "verbatim"),)) for name, value in data_facts(record))
    excluded = [[each.path, each.reason] for each in record.excluded]
    without = record.faces.without_face if record.faces is not None else ()
    return [
        Group("split", (Definitions(facts), Table(source_grid(record)))),
        *_first_rows("Files kept out", ["File", "Reason"], excluded),
        *_first_rows("Images without a face", ["File"], [[path] for path in without]),
    ]


def _first_rows(title: str, heads: list[str], rows: Sequence[list[str]]) -> Iterator[Block]:
    """The first MOST_ROWS rows under a title; nothing where there are none."""
    if not rows:
        return
    yield Heading(title)
    yield Table(grid(title, heads, rows[:MOST_ROWS], len(heads)))
    if len(rows) > MOST_ROWS:
        yield note(f"The first {MOST_ROWS} of {len(rows)}.")


def data_facts(data: DataRecord) -> list[tuple[str, str]]:
    """List what is known of a data set."""
    width, height = data.width, data.height
    pixels = f"{width[1]} × {height[1]} px (median)"
    if (width[0], height[0]) != (width[2], height[2]):
        pixels += f", from {width[0]} × {height[0]} to {width[2]} × {height[2]}"
    formats = ", ".join(f"{name} {integer(count)}" for name, count in data.formats.items())
    kept_out, copies = len(data.excluded), data.identical_files
    return [
        ("Folder", data.root),
        ("Layout", data.layout),
        ("Grouped by", data.group_by),
        ("Images", f"{integer(data.images)} in {integer(data.groups)} groups"),
        ("Classes", ", ".join(f"{index} = {name}" for index, name in enumerate(data.classes))),
        *([("Names", data.polarity)] if data.polarity else []),
        ("Size", pixels),
        ("Formats", formats or DASH),
        ("On disk", f"{data.bytes / 2**20:,.1f} MiB".replace(",", "\u202f")),
        (
            "Identical files",
            f"{integer(copies)} {'is a copy' if copies == 1 else 'are copies'} of another one",
        ),
        ("Kept out", f"{integer(kept_out)} {'file' if kept_out == 1 else 'files'} kept out"),
        *([("Faces", faces_sentence(data.faces))] if data.faces is not None else []),
    ]


def source_grid(data: DataRecord) -> Grid:
    """Typeset how many images each source has, by class and by the data's own split."""
    counts = pd.DataFrame(map(dict, data.counts), columns=["source", "label", "split", "count"])
    table = counts.pivot_table(
        index=["source", "label"], columns="split", values="count", aggfunc="sum", fill_value=0
    )
    usual = {"train": 0, "val": 1, "test": 2}
    splits = sorted(map(str, table.columns), key=lambda split: (usual.get(split, 3), split))
    table = table[splits]
    rows: list[list[GridCell | str]] = []
    for (source, label), line in zip(table.index, table.to_numpy(dtype=int).tolist(), strict=True):
        own = [integer(value) for value in line] if splits != [""] else []
        rows.append([str(source), class_name(data.classes, int(label)), *own, integer(sum(line))])
    heads = [split or "no split" for split in splits] if splits != [""] else []
    return grid("Images by source", ["Source", "Class", *heads, "Images"], rows, 2)


def _folds(store: Store, study: StudyRecord) -> Iterator[Block]:
    """Describe each fold file: name, who uses it, and its sizes where the file is there."""
    classes = {data.root: data.classes for data in study.data}
    names = {file: classes.get(each.data, ()) for each in study.experiments for file in each.fold_files or ()}
    for file, users in fold_files(study).items():
        try:
            rows = read_csv(store.fold_file(file))
        except (OSError, ValueError):
            rows = pd.DataFrame()
        is_usable = {"label", "fold"} <= set(rows) and len(rows)
        said = few_named(users, MOST_LINES)
        about = prose(Span(f"folds/{file}", "code"), " used by ", Span(said, "verbatim"))
        lacking = note("This file is not in the results folder.")
        yield Group("fold", (about, Table(fold_size_grid(rows, names[file])) if is_usable else lacking))


def fold_files(study: StudyRecord) -> dict[str, list[str]]:
    """Return who uses each fold file, and of which repeat where there are several."""
    users: dict[str, list[str]] = {}
    for experiment in study.experiments:
        several = len(experiment.fold_files or ()) > 1
        for repeat, file in enumerate(experiment.fold_files or ()):
            users.setdefault(file, []).append(experiment.name + (f" (repeat {repeat})" if several else ""))
    return users


def fold_size_grid(counts: pd.DataFrame, classes: Sequence[str]) -> Grid:
    """Typeset the size of each outer test fold; `counts` has one row per image, columns label and fold."""
    table = pd.crosstab(counts["fold"], counts["label"])
    rows = [
        [f"fold {fold}", *(integer(value) for value in line), integer(sum(line))]
        for fold, line in zip(table.index, table.to_numpy(dtype=int).tolist(), strict=True)
    ]
    names = [class_name(classes, int(label)) for label in table.columns]
    return grid("Images of each test fold", ["Test fold", *names, "Images"], rows)
