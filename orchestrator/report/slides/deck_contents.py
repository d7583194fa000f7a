"""Contents of the deck: which slides there are, in their order, and what the first page says."""

from orchestrator.report.slides.closing import closing_slide
from orchestrator.report.slides.deck_material import DeckMaterial
from orchestrator.report.slides.method import method_slides
from orchestrator.report.slides.opening import opening_slides
from orchestrator.report.slides.outcomes import outcome_slides
from orchestrator.report.slides.own_pages import own_slides
from orchestrator.report.slides.reach import reach_slides
from orchestrator.report.slides.slide import Deck
from orchestrator.store.folder import State
from orchestrator.wording.lead import lead_sentence
from orchestrator.wording.lists import few_named
from orchestrator.wording.numbers import integer


def make_deck(material: DeckMaterial) -> Deck:
    """Make all slides of a study."""
    last = material.last
    return Deck(
        "Telling real faces from fakes" if not last.has_several_classes else "Telling images apart",
        few_named([study.phase.title for study in material.studies]),
        lead_sentence(last.tables, last.decision),
        _facts(material),
        (
            *opening_slides(material),
            *method_slides(material),
            *outcome_slides(material),
            *reach_slides(material),
            *own_slides(material.own_text),
            closing_slide(material),
        ),
    )


def _facts(material: DeckMaterial) -> str:
    """Say in a line how much there is."""
    trials = {each.trial: each.state for phase in material.phases for each in phase.trials}
    done = sum(state == State.DONE for state in trials.values())
    data = material.data[-1]
    sources = len({each.source for each in data.counts})
    phases, experiments = len(material.phases), len(material.experiments)
    return (
        f"{phases} {'phase' if phases == 1 else 'phases'} · {experiments} "
        f"{'experiment' if experiments == 1 else 'experiments'} · {integer(done)} of {integer(len(trials))} "
        f"trials finished · {integer(data.images)} images of {sources} sources"
    )
