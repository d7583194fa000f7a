"""Hosts, command lines and absolute paths, which a page names only where that is asked for.

A page is handed on, and would tell everybody the names of machines, and of people in the paths of their home
folders. They stay in the records of results/. On the page a folder is called by its last name.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import PurePosixPath
from typing import TypeVar, cast

from pydantic import JsonValue

from orchestrator.analysis.collect import Tables
from orchestrator.analysis.evaluation_tables import EvaluationTables
from orchestrator.analysis.trial_facts import TrialFacts
from orchestrator.report.drawing.picture import Picture
from orchestrator.report.section import Thumbnail
from orchestrator.store.record import Record

# What stands for the values of these keys of any record.
HIDDEN: Mapping[str, JsonValue] = {"command": "", "host": None}
# No part of an address, a relative path or a word.
_BEGINS = r"(?<![\w/.:~-])"
_PATH = re.compile(_BEGINS + r"(?:/[^\s/'\"<>|:;,()\[\]]+){2,}/?")
Kept = TypeVar("Kept", bound=Record)
Part = TypeVar("Part")
Names = Mapping[str, str]


def names_of_folders(paths: Iterable[str]) -> Names:
    """Return what each path is called: its last name, and a number where several have the same."""
    found: dict[str, str] = {}
    for path in dict.fromkeys(paths):
        name = PurePosixPath(path).name or path
        same = sum(known.partition(" (")[0] == name for known in found.values())
        found[path] = f"{name} ({same + 1})" if same else name
    return found


def without_paths(text: str, names: Names) -> str:
    """Return a text in which known paths are called as `names` has them, and others by their last name."""
    for path in sorted(names, key=len, reverse=True):
        text = names[path].join(re.split(_BEGINS + re.escape(path), text))
    return _PATH.sub(lambda path: PurePosixPath(path[0]).name, text)


def without_places(record: Kept, names: Names) -> Kept:
    """Return a record without hosts, command lines and absolute paths."""
    return type(record).model_validate_json(json.dumps(_hidden(record.plain(), names)))


def tables_without_places(tables: Tables) -> Tables:
    """Return the tables of a phase with a record of its study without places."""
    names = names_of_folders(each.root for each in tables.study.data)
    return replace(tables, study=without_places(tables.study, names))


def facts_without_places(trial: TrialFacts) -> TrialFacts:
    """Return the facts of a trial without places."""
    ran = trial.environment
    return replace(
        trial, host=None, command=None, environment=None if ran is None else without_places(ran, {})
    )


def evaluation_without_places(tables: EvaluationTables) -> EvaluationTables:
    """Return the tables of an evaluation with a record without places."""
    record = tables.record
    names = names_of_folders([record.data, *(each.file for each in record.foreign)])
    return replace(tables, record=without_places(record, names))


def parts_without_paths(part: Part) -> Part:
    """Return a part of a page or of slides, in whose texts absolute paths are called by their last name.

    Messages of failures stand in many of them. Pictures hold no sentences.
    """
    return cast(Part, _without_paths(part))


def _without_paths(value: object) -> object:
    if isinstance(value, str):
        return without_paths(value, {})
    if isinstance(value, tuple):
        return tuple(map(_without_paths, value))
    if is_dataclass(value) and not isinstance(value, (type, Picture, Thumbnail)):
        return replace(
            value, **{each.name: _without_paths(getattr(value, each.name)) for each in fields(value)}
        )
    return value


def _hidden(value: JsonValue, names: Names) -> JsonValue:
    if isinstance(value, str):
        return without_paths(value, names)
    if isinstance(value, list):
        return [_hidden(each, names) for each in value]
    if isinstance(value, dict):
        return {key: HIDDEN[key] if key in HIDDEN else _hidden(each, names) for key, each in value.items()}
    return value
