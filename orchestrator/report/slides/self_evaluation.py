"""Self-evaluation sheet: the plan's checklist against what lies in results/, as Markdown.

A point is ticked only where every piece of its evidence is found: a section of a page that has been written,
a table with a row, a file. What is not there says what is missing.
"""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.report.slides.checklist import ChecklistItem, ChecklistPart, EvidencePlace, checklist
from orchestrator.store.final_report_files import files_like
from orchestrator.store.folder import Store

SECTION = re.compile(r'<section id="([^"]+)"')
# From reports/final/ to results/.
TOP = "../.."
STATES = ("there", "not there", "not asked")


@dataclass(frozen=True, slots=True)
class _Found:
    """What is in results/: sections by phase, tables with rows by phase, and the state of each phase."""

    store: Store
    sections: Mapping[str, frozenset[str]]

    def place(self, evidence: EvidencePlace) -> str:
        """Return a link to a piece of evidence; empty where it is not there."""
        if evidence.kind == "section":
            if evidence.name not in self.sections.get(evidence.phase, frozenset()):
                return ""
            return _link(f"reports/{evidence.phase}/index.html", evidence.name)
        if evidence.kind == "table":
            path = f"collected/{evidence.phase}/{evidence.name}.csv"
            return _link(path) if self.has_rows(path) else ""
        files = files_like(self.store, evidence.name)
        more = f" and {len(files) - 1} more" if len(files) > 1 else ""
        return f"{_link(files[0])}{more}" if files else ""

    def has_rows(self, name: str) -> bool:
        """Tell whether a table below results/ has a row below its heads."""
        if name not in files_like(self.store, name):
            return False
        with self.store.trial(name).open(encoding="utf-8", errors="replace") as file:
            return sum(1 for _, _ in zip(range(2), file, strict=False)) > 1


def self_evaluation(store: Store, sections: Mapping[str, frozenset[str]]) -> str:
    """Return the sheet as Markdown.

    Args:
        store: the results; the other files of the final report are there already.
        sections: the anchors of each page, by phase.
    """
    found, counts = _Found(store, sections), Counter[str]()
    lines: list[str] = []
    for part in checklist():
        lines += ["", f"## {part.title}", ""]
        lines += [_remark(found, part)] if _remark(found, part) else []
        for item in part.items:
            state, said = _judge(found, item, part)
            counts[state] += 1
            lines.append(f"- [{'x' if state == STATES[0] else ' '}] {item.text}: {state}{said}")
    total = ", ".join(f"{counts[state]} {state}" for state in STATES)
    head = (
        "Each point of the study’s plan with the place of its evidence, from what lies in this results "
        "folder. That a thing is there does not say that it convinces: what weakens a result stands on the "
        "pages."
    )
    return (
        "\n".join(["# Self-evaluation", "", head, "", f"Of {counts.total()} points: {total}.", *lines]) + "\n"
    )


def page_sections(html: str) -> frozenset[str]:
    """Return the anchors of the sections of a page."""
    return frozenset(SECTION.findall(html))


def _judge(found: _Found, item: ChecklistItem, part: ChecklistPart) -> tuple[str, str]:
    """Return the state of a point, and where its evidence is or what is missing."""
    places = {evidence: found.place(evidence) for evidence in item.evidence}
    lacking = [_named(evidence) for evidence, place in places.items() if not place]
    if places and not lacking:
        return STATES[0], f" ({', '.join(places.values())})"
    if not item.is_asked:
        return STATES[2], ""
    if part.phase and part.phase not in found.sections:
        return STATES[1], f" ({part.phase} has not run)"
    return STATES[1], f" (missing: {', '.join(lacking)})"


def _remark(found: _Found, part: ChecklistPart) -> str:
    """Say that a phase is incomplete; empty where it is not, or has not run."""
    failures = f"collected/{part.phase}/failures.csv"
    if part.phase and found.has_rows(failures):
        return f"Not all trials of {part.phase} are finished ({_link(failures)}).\n"
    return ""


def _named(evidence: EvidencePlace) -> str:
    if evidence.kind == "section":
        return f"section {evidence.name} of {evidence.phase}"
    if evidence.kind == "table":
        return f"rows in collected/{evidence.phase}/{evidence.name}.csv"
    return f"`{evidence.name}`"


def _link(name: str, anchor: str = "") -> str:
    target = f"{TOP}/{name}#{anchor}" if anchor else f"{TOP}/{name}"
    return f"[{name}{f'#{anchor}' if anchor else ''}]({target.replace(' ', '%20')})"
