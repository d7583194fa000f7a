"""Experiments that a phase makes from its templates: one for each source of fakes, or each selected model.

A source of fakes is held out: training and inner validation see every other source, the test fold has all
of them. So it needs at least two sources of fakes, in a data set with two classes. A selected model stands
for the experiment that an earlier phase chose, under its name without the prefix of that phase: p3_resnet50
is resnet50.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.config.experiment import Experiment, Made
from orchestrator.config.phase import Phase, Template
from orchestrator.store.records import Comparison
from orchestrator.store.sweep_record import SweepRecord
from trainables.errors import InputError
from trainables.files import JsonObject

Names = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What has to be known of an experiment's data before its phase is complete.

    `fingerprint` names the labelled images by content, label, source and group.
    """

    root: str
    fingerprint: str
    num_classes: int
    sources: tuple[str, ...]
    fake_sources: tuple[str, ...]


Look = Callable[[Experiment], DataFacts]


@dataclass(frozen=True, slots=True)
class Generated:
    """What came of a phase's templates and sweeps, and in sentences what did not.

    `bases` are experiments with a file that the sweeps need beside their own.
    """

    experiments: tuple[Made, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    notes: tuple[str, ...] = ()
    sweeps: tuple[SweepRecord, ...] = ()
    bases: tuple[str, ...] = ()

    def __add__(self, other: "Generated") -> "Generated":
        """Put two together."""
        return Generated(
            self.experiments + other.experiments,
            self.comparisons + other.comparisons,
            self.notes + other.notes,
            self.sweeps + other.sweeps,
            self.bases + other.bases,
        )


def for_selected(file: Path, phase: Phase, selected: Sequence[str]) -> Generated:
    """Make the experiments of each model that an earlier phase selected.

    Args:
        file: the file of the phase.
        phase: the phase with its templates.
        selected: names of experiments, the first one first.
    """
    models = _models(selected)
    found = Generated()
    for experiment, model in models.items():
        names = {"model": model, "experiment": experiment, "first": next(iter(models.values()))}
        found += _make(file, phase, "for_each_selected", phase.for_each_selected, names, {})
    return found


def for_sources(file: Path, phase: Phase, data: DataFacts) -> Generated:
    """Make the experiments that hold out one source of fakes each, or say why there are none."""
    if not phase.for_each_source:
        return Generated()
    why = ""
    if data.num_classes != 2:
        why = f"{data.num_classes} classes, and a source of fakes can be held out only between real and fake"
    elif len(data.fake_sources) < 2:
        only = f" ({data.fake_sources[0]})" if data.fake_sources else ""
        why = f"{len(data.fake_sources)} source of fakes{only}, and holding one out needs at least two"
    if why:
        called = ", ".join(template.name for template in phase.for_each_source)
        return Generated(notes=(f"{called}: left out, since {data.root} has {why}",))
    found = Generated()
    for source, plain in _plain(data.fake_sources).items():
        others = [each for each in data.sources if each != source]
        values = {"train_sources": others, "eval_sources": list(data.sources)}
        found += _make(file, phase, "for_each_source", phase.for_each_source, {"source": plain}, values)
    return found


def maker_of(phases: Sequence[Phase], name: str) -> str | None:
    """Name the phase one of whose templates makes experiments of such a name; None where none does."""
    for phase in phases:
        for template in phase.templates:
            parts = re.split(r"{.*?}", template.name)
            if re.fullmatch(".+".join(map(re.escape, parts)), name):
                return phase.name
    return None


def _make(
    file: Path, phase: Phase, key: str, templates: Sequence[Template], names: Names, values: JsonObject
) -> Generated:
    made, comparisons = [], []
    for template in templates:
        origin = f"{file}: {key} {template.name!r}"
        name, extends, said, against, question = (
            _fill(text, names, origin)
            for text in (
                template.name,
                template.extends,
                template.description,
                template.against or "",
                template.question,
            )
        )
        own = {**template.values, **values, **({"description": said} if said else {})}
        made.append(Made(name, extends, own, file.parent, origin))
        if against and against != name:
            asked = question or f"Is {name} better than {against}?"
            comparisons.append(
                Comparison(
                    question=asked,
                    baseline=against,
                    treatment=name,
                    metrics=template.metrics,
                    differs=template.differs,
                )
            )
    return Generated(tuple(made), tuple(comparisons))


def _fill(text: str, names: Names, origin: str) -> str:
    """Put names in the place of words in braces."""
    unknown = sorted(set(re.findall(r"{(.*?)}", text)) - set(names))
    if unknown:
        raise InputError(f"{origin}: nothing is called {{{unknown[0]}}} here; known: {', '.join(names)}")
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def _models(selected: Sequence[str]) -> dict[str, str]:
    """Experiments by name, without the prefix of their phase where that leaves them apart."""
    short = [name.partition("_")[2] or name for name in selected]
    return dict(zip(selected, short if len(set(short)) == len(short) else selected, strict=True))


def _plain(sources: Sequence[str]) -> dict[str, str]:
    """Sources as parts of a name: letters, digits, dots and hyphens; numbered where two would be the same."""
    plain: dict[str, str] = {}
    for source in sources:
        text = re.sub(r"[^\w.-]+", "-", source, flags=re.ASCII).strip("-.") or "source"
        numbered = (f"{text}-{number}" for number in range(2, len(sources) + 2))
        plain[source] = (
            text
            if text not in plain.values()
            else next(each for each in numbered if each not in plain.values())
        )
    return plain
