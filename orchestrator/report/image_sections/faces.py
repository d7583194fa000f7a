"""Section of the faces: how many images of each source show one, where they were looked for."""

from orchestrator.report.grid import GridCell, grid
from orchestrator.report.image_set import ImageSet
from orchestrator.report.section import Section, Table
from orchestrator.wording.numbers import capital, integer


def faces_section(images: ImageSet) -> Section | None:
    """Count outcomes of looking for faces; None where nobody looked."""
    rates = images.face_rates
    if not rates:
        return None
    outcomes = list(dict.fromkeys(outcome for found in rates.values() for outcome in found))
    rows: list[list[GridCell | str]] = []
    for source, found in sorted(rates.items()):
        total = sum(found.values())
        shares = [
            GridCell(integer(found.get(name, 0)), note=f"{found.get(name, 0) / total:.1%}" if total else "")
            for name in outcomes
        ]
        rows.append([source, *shares, integer(total)])
    table = grid("Faces found by source", ["Source", *map(capital, outcomes), "Images"], rows)
    return Section.of("faces", "Faces", [Table(table)])
