"""Section of the winner: what it gains over the baselines, and how many times their cost it takes."""

from orchestrator.analysis.pareto import MEASURES
from orchestrator.analysis.winner_gains import GainOver, WinnerGains, winner_gains
from orchestrator.report.grid import Grid, GridCell, grid
from orchestrator.report.material import Material
from orchestrator.report.section import Items, Section, Table, note, prose
from orchestrator.wording.front_text import MEASURE_NAMES, times
from orchestrator.wording.gain_text import balance_warning, gain_sentences, winner_sentence
from orchestrator.wording.numbers import DASH, between, metric_name, number, p_value


def winner_section(material: Material) -> Section | None:
    """Set the winner against the baselines; None where there is no winner, or nothing was compared."""
    tables = material.tables
    found = winner_gains(tables, material.decision, material.costs, metric=tables.headline)
    if found is None:
        return None
    said = note(
        "Gains are on the test folds, paired by fold, and have the sign of better; p is Holm-corrected over "
        "the declared comparisons, of a pair that was not declared over all pairs. “Not shown” is not “no "
        "gain”. A factor above 1 means that the winner takes more, of images/s that it is faster; those of "
        f"images/s and hours hang on the machine.{_cut(found)}"
    )
    warning = balance_warning(found)
    return Section.of(
        "winner",
        "What the winner costs and gains",
        [
            prose(winner_sentence(found)),
            Items(tuple((sentence,) for sentence in gain_sentences(found))),
            prose(warning) if warning else None,
            Table(winner_grid(found), "winner") if found.over else None,
            said if found.over else None,
        ],
        name="Winner",
    )


def winner_grid(found: WinnerGains) -> Grid:
    """Typeset gains and factors, a row for each baseline."""
    rows = [_row(each) for each in found.over]
    heads = ["Against", f"Gain in {metric_name(found.metric)}", "p", "Shown"]
    return grid("Winner", [*heads, *(f"× {MEASURE_NAMES[measure]}" for measure in MEASURES)], rows)


def _row(over: GainOver) -> list[GridCell | str]:
    bounds = between(over.low, over.high, sign=True)
    is_known = over.p_holm == over.p_holm
    return [
        over.baseline,
        GridCell(number(over.gain, sign=True), "" if bounds == DASH else bounds),
        p_value(over.p_holm) if is_known else DASH,
        ("yes" if over.is_shown else "no") if is_known else DASH,
        *(times(over.factors[measure]) for measure in MEASURES),
    ]


def _cut(found: WinnerGains) -> str:
    count = len(found.over)
    return "" if count == found.num_baselines else f" The first {count} of {found.num_baselines} baselines."
