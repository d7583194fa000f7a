"""Experiments that a phase makes from its sweeps: named by what differs, and each compared with its base.

A setting that is the base as it is, under this preset and with what was handed over, is the base itself: it
is not made a second time, and counts as one that was tried. Values lie above a preset, as those of every
made experiment do, since a preset would make all settings one.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from orchestrator.config.experiment import Experiment, Made
from orchestrator.config.generated import Generated
from orchestrator.config.phase import Phase
from orchestrator.config.sweep import Setting, Sweep, key_path, nested
from orchestrator.store.fingerprint import fingerprint
from orchestrator.store.records import Comparison
from orchestrator.store.sweep_record import SweepRecord, TriedSetting
from trainables.errors import InputError

# A trial's folder has the repeat, the fold and its key behind the name, and a file name has 255 bytes.
LONGEST_SETTING = 100
Load = Callable[[Sequence[str | Made]], tuple[Experiment, ...]]


@dataclass(frozen=True, slots=True)
class Proposed:
    """A setting that a search has proposed, by dotted key; `gave_up` as a `TriedSetting` has it."""

    values: Setting
    gave_up: bool = False


def sweep_experiments(
    file: Path, phase: Phase, place: int, proposed: Sequence[Proposed] | None, *, load: Load
) -> Generated:
    """Make the experiments of a sweep.

    Args:
        file: the file of the phase.
        phase: the phase with its sweeps.
        place: which of them.
        proposed: what a search has proposed so far; None of a grid, which is made whole.
        load: loads experiments as the phase does, with what is put on top of their files.

    Raises:
        InputError: the experiment that it extends is wrong, or a setting of it.
    """
    sweep = phase.sweeps[place]
    origin = f"{file}: the sweep of {sweep.extends}"
    settings = [Proposed(values) for values in sweep.combinations()] if proposed is None else proposed
    names = [_setting_name(sweep, each.values) for each in settings]
    values = {name: each.values for name, each in zip(names, settings, strict=True)}
    made = {name: _make(file, sweep, name, each, origin) for name, each in values.items()}
    loaded = {each.name: each for each in load([sweep.extends, *made.values()])}
    recipe = loaded[sweep.extends].recipe_keys()
    same = {name for name in made if loaded[name].recipe_keys() == recipe}
    record = SweepRecord(
        base=sweep.extends,
        keys=sweep.keys,
        num_planned=sweep.num_settings,
        settings=tuple(
            TriedSetting(
                number=number,
                experiment=sweep.extends if name in same else name,
                values=each.values,
                gave_up=each.gave_up,
            )
            for number, (name, each) in enumerate(zip(names, settings, strict=True), start=1)
        ),
        asked=asked_of(sweep),
    )
    different = [each for name, each in made.items() if name not in same]
    compared = different if sweep.is_compared else []
    return Generated(
        tuple(different),
        tuple(_comparison(sweep, each.name, values[each.name]) for each in compared),
        sweeps=(record,),
        # A search is judged against what it began from.
        bases=(sweep.extends,) if compared or same or sweep.search is not None else (),
    )


def check_space(file: Path, sweep: Sweep, *, load: Load) -> tuple[Experiment, ...]:
    """Refuse a search that could propose what no experiment can be, before anything of it runs.

    Returns:
        An experiment for each model and loss that it may propose, for whoever knows more of these.

    Raises:
        InputError: the ends of its ranges and its values do not all go together.
    """
    origin = f"{file}: the search from {sweep.extends}"
    made = [
        Made(f"{sweep.called}-corner{number}", sweep.extends, nested(values), file.parent, origin)
        for number, values in enumerate(sweep.corners())
    ]
    found = {f"{each.backbone} {each.pretrained} {each.loss}": each for each in load(made)}
    return tuple(found.values())


def refuse_settings(file: Path, sweeps: Sequence[Sweep], settings: Sequence[str]) -> None:
    """Refuse a --set of a key that a sweep varies: it lies above all, and would make all settings one.

    Raises:
        InputError: there is such a --set.
    """
    for sweep in sweeps:
        for setting in settings:
            path = key_path(setting.partition("=")[0])
            for key in sweep.keys:
                if key_path(key)[: len(path)] == path[: len(key_path(key))]:
                    raise InputError(
                        f"--set {setting}: {file} varies {key} of {sweep.extends}, and all its settings "
                        "would be the same; leave out that --set"
                    )


def refuse_clashes(file: Path, made: Generated, files: Mapping[str, Path]) -> None:
    """Refuse a setting that is called as another one, or as an experiment with a file, and is not that.

    Raises:
        InputError: there is one.
    """
    seen: set[str] = set()
    for each in made.experiments:
        if each.name in files:
            raise InputError(
                f"{file}: its sweep makes {each.name}, which {files[each.name]} is called already; give the "
                'sweep a "name" of its own in the list "sweeps"'
            )
        if each.name in seen:
            raise InputError(
                f"{file}: two of its sweeps make {each.name}; put their values together, or give one of them "
                'another "name"'
            )
        seen.add(each.name)


def sweeper_of(phases: Sequence[Phase], name: str) -> str | None:
    """Name the phase one of whose sweeps has such a setting, or may propose it; None where none does."""
    for phase in phases:
        for sweep in phase.sweeps:
            pattern = "-".join(
                [re.escape(sweep.called), *(f".*{key_path(key)[-1]}=.+" for key in sweep.keys)]
            )
            if sweep.search is not None and re.fullmatch(pattern, name):
                return phase.name
            if any(_setting_name(sweep, values) == name for values in sweep.combinations()):
                return phase.name
    return None


def setting_text(values: Setting) -> str:
    """Write a setting in words: lr 0.0003 and dropout 0.3."""
    said = [f"{key} {_plain_text(value)}" for key, value in values.items()]
    return said[0] if len(said) == 1 else f"{', '.join(said[:-1])} and {said[-1]}"


def _make(file: Path, sweep: Sweep, name: str, values: Setting, origin: str) -> Made:
    description = f"{sweep.extends} with {setting_text(values)}."
    return Made(name, sweep.extends, {**nested(values), "description": description}, file.parent, origin)


def _comparison(sweep: Sweep, name: str, values: Setting) -> Comparison:
    return Comparison(
        question=f"Is {sweep.extends} better with {setting_text(values)}?",
        baseline=sweep.extends,
        treatment=name,
        metrics=sweep.metrics,
        differs=tuple(dict.fromkeys(key_path(key)[0] for key in sweep.keys)),
    )


def asked_of(sweep: Sweep) -> dict[str, JsonValue]:
    """Return what the phase file says of a sweep, as its record keeps it."""
    asked = sweep.model_dump(mode="json", exclude_none=True, exclude_defaults=True)
    if sweep.search is not None:
        asked["search"] = sweep.search.model_dump(mode="json", exclude_none=True)
    return {**asked, "compare": sweep.is_compared}


def _setting_name(sweep: Sweep, values: Setting) -> str:
    """Name a setting by its values, in characters that every file system takes."""
    last = [key_path(key)[-1] for key in values]
    parts = [
        f"{key if last.count(key_path(key)[-1]) > 1 else key_path(key)[-1]}={_name_part(sweep, key, value)}"
        for key, value in values.items()
    ]
    name = "-".join([sweep.called, *parts])
    if len(name) <= LONGEST_SETTING:
        return name
    return f"{sweep.called}-{fingerprint(json.dumps(values, sort_keys=True))[:8]}"


def _name_part(sweep: Sweep, key: str, value: JsonValue) -> str:
    """Write a value as part of a name; objects, and texts that would look alike, by their number: v2."""
    text = _plain_text(value)
    plain = re.sub(r"[^\w.+-]+", "_", text, flags=re.ASCII)
    listed = _listed(sweep, key)
    alike = [each for each in listed if re.sub(r"[^\w.+-]+", "_", _plain_text(each), flags=re.ASCII) == plain]
    if isinstance(value, dict | list) or len(alike) > 1 or not plain:
        return f"v{listed.index(value) + 1}"
    return plain


def _listed(sweep: Sweep, key: str) -> list[JsonValue]:
    values = (sweep.grid or (sweep.search.space if sweep.search is not None else {})).get(key)
    return list(values) if isinstance(values, tuple) else []


def _plain_text(value: JsonValue) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "on", False: "off"}[value]
    if isinstance(value, int | float):
        # 1e-05 is written 1e-5.
        return re.sub(r"e([+-])0+(\d)", r"e\1\2", f"{value:.6g}").replace("e+", "e")
    return value if isinstance(value, str) else json.dumps(value)
