"""Section of the gaps: trials that are not finished, and scores that do not exist."""

from orchestrator.analysis.collect import ALL, TUNED, Tables
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Heading, Section, Table, link, note, prose
from orchestrator.wording.gaps import MOST_LISTED, gap_sentences
from orchestrator.wording.numbers import fold_label, metric_name

MOST_UNDEFINED = 50


def gaps_section(material: Material) -> Section:
    """Say what is missing, and why."""
    tables = material.tables
    nothing = "Every planned trial is finished, on every fold that the protocol asks for."
    blocks: list[Block | None] = [*map(prose, gap_sentences(tables) or (nothing,))]
    if (failed := unfinished_grid(tables)) is not None:
        blocks.append(Table(failed, style="failures"))
    if (undefined := undefined_grid(tables)) is not None:
        blocks += [
            Heading("Scores that do not exist"),
            Table(undefined, "undefined", "failures"),
            note(
                "They are left empty and never counted as 0. All of them: ",
                link("tables/missing.csv"),
                f" ({len(tables.missing)} values).",
            ),
        ]
    return Section.of("gaps", "Failures and gaps", blocks, name="Gaps")


def unfinished_grid(tables: Tables) -> Grid | None:
    """Typeset the trials that are not finished, the first MOST_LISTED of them; None where all are."""
    repeats = max(each.recipe.cv_repeats for each in tables.study.experiments)
    rows: list[list[GridCell | str]] = [
        [
            str(row["experiment"]),
            fold_label(row["repeat"], row["fold"], repeats),
            GridCell(str(row["state"]), tone=f"badge {row['state']}"),
            str(row["reason"]),
        ]
        for row in tables.failures.head(MOST_LISTED).to_dict("records")
    ]
    heads = ["Experiment", "Fold", "State", "Reason"]
    return grid("Trials that are not finished", heads, rows, 4) if rows else None


def undefined_grid(tables: Tables) -> Grid | None:
    """Typeset scores that do not exist though their trial is finished, the same reason once per trial."""
    repeats = max(int(each.recipe.cv_repeats) for each in tables.study.experiments)
    kept = tables.missing[tables.missing["split"] != "train"]
    rows: list[list[GridCell | str]] = []
    keys = ["experiment", "repeat", "fold", "split", "source", "reason"]
    for place, part in kept.groupby(keys, sort=False):
        experiment, repeat, fold, split, source, reason = place
        every = [str(name) for name in dict.fromkeys(part["metric"])]
        tuned = [metric_name(name.removesuffix(TUNED)) for name in every if name.endswith(TUNED)]
        said = [metric_name(name) for name in every if not name.endswith(TUNED)]
        metrics = ", ".join([*said, *([f"at the tuned threshold: {', '.join(tuned)}"] if tuned else [])])
        where = f"{split}, {source}" if source != ALL else str(split)
        rows.append([str(experiment), fold_label(repeat, fold, repeats), where, metrics, str(reason)])
        if len(rows) == MOST_UNDEFINED:
            break
    heads = ["Experiment", "Fold", "Rows", "Scores", "Not defined, because"]
    return grid("Scores that do not exist", heads, rows, 5) if rows else None
