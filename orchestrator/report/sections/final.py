"""Section of the images held out for the end: the chosen model on them, or that nobody has looked yet."""

import contextlib
from collections.abc import Iterator

from orchestrator.report.grid import grid
from orchestrator.report.material import Material
from orchestrator.report.section import Block, Section, Span, Table, prose
from orchestrator.store.held_out_files import read_held_out
from orchestrator.wording.final_text import final_sentences, metric_interval, metric_value, single_models
from orchestrator.wording.numbers import integer, metric_name
from trainables.errors import InputError


def final_section(material: Material) -> Section | None:
    """Show the final scores of this phase; None where no image is held out."""
    record = material.final
    if record is None:
        blocks = list(_unopened(material))
        return Section.of("final", "Held-out images", blocks) if blocks else None
    rows = [
        [metric_name(each.metric), metric_value(each), metric_interval(each), single_models(each)]
        for each in record.metrics
    ]
    heads = ["Metric", "Mean of all models", "95 % interval", "Single models"]
    first, *others = final_sentences(record)
    shown: list[Block] = [
        prose(first, tone="says"),
        *map(prose, others),
        Table(grid("The chosen model on the held-out images", heads, rows)),
    ]
    return Section.of("final", "Held-out images", shown)


def _unopened(material: Material) -> Iterator[Block]:
    """Say what is held out and how it is opened, a paragraph for each file."""
    opens = Span(f"python -m orchestrator final {material.study.phase.name}", "code")
    for name in dict.fromkeys(each.held_out_file for each in material.study.experiments):
        rows = None
        if name is not None:
            with contextlib.suppress(InputError):
                rows = read_held_out(material.store, name)
        if rows is not None:
            yield prose("The held-out set has not been opened: ", opens, ".", tone="says")
            yield prose(
                f"{integer(len(rows))} images in {integer(rows['group'].nunique())} groups are in no fold "
                f"(holdout/{name}). The command scores the chosen model on them, once: a number that no "
                "choice has touched."
            )
