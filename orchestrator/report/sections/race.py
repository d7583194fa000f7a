"""Section of the race: experiments that were stopped before all their folds were run, and what it saved."""

import math

from orchestrator.analysis.race_savings import race_savings
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Section, Table, note, prose
from orchestrator.store.race_file import RaceRecord
from orchestrator.wording.numbers import DASH, capital, hours_text, metric_name, number
from orchestrator.wording.race_text import level_text, precise_p, race_sentences

MOST_LISTED = 50


def race_section(material: Material) -> Section | None:
    """Say who left the phase's race; None where there was none."""
    race = material.tables.race
    if race is None:
        return None
    blocks: list[Block | None] = [*map(prose, race_sentences(material.tables))]
    if (gone := race_grid(material, race)) is not None:
        blocks.append(Table(gone, "race"))
    blocks.append(note(_method(race)))
    return Section.of("race", "Race", blocks)


def _method(race: RaceRecord) -> str:
    rope, alpha = f"{race.rope:g}", f"{race.alpha:g}"
    return (
        "After each fold the deciding scores (inner-validation scores, cross-fitted; no test scores) of all "
        "that were still in were compared with those of the leaders, as many as the rule selects. An "
        f"experiment left where it was worse by more than {rope} by a test. Levels of all looks and rivals "
        f"add up to {alpha}: a candidate that is in truth among the best, or within {rope} of them, is lost "
        f"with a probability of at most {alpha}, as far as scores vary as the test takes them to. What left "
        "is in no comparison, ranking or choice; its finished folds are kept."
    )


def race_grid(material: Material, race: RaceRecord) -> Grid | None:
    """Typeset who left, the first MOST_LISTED of them; None where nobody did."""
    savings = {each.experiment: each for each in race_savings(material.tables.experiments.values())}
    rows: list[list[GridCell | str]] = []
    for each in material.tables.experiments.values():
        if (gone := each.elimination) is None:
            continue
        saving = savings[each.name]
        rows.append(
            [
                each.name,
                gone.leader,
                gone.cause,
                f"{gone.n} of {race.num_folds}",
                number(gone.gap),
                DASH if gone.p_value is None else precise_p(gone.p_value),
                DASH if gone.level is None else level_text(gone.level),
                str(saving.trials),
                DASH if math.isnan(saving.hours) else hours_text(saving.hours, saving.device),
            ]
        )
    heads = ["Experiment", "Behind", "By", "After folds", f"{capital(metric_name(race.metric))} behind"]
    heads += ["p", "Level of the look", "Trials not run", "Saved, about"]
    return grid("Experiments that left the race", heads, rows[:MOST_LISTED], 3) if rows else None
