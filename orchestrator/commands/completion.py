"""Names that a shell completes: phases, experiments and presets of the folders in force.

What is wrong in a folder is no matter of completion: it completes nothing then, and the command says why.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

import typer

from orchestrator.config.library import Library, find_library
from orchestrator.store.final_report_files import FINAL_REPORT
from trainables.errors import InputError


def phase_completions(context: typer.Context, incomplete: str) -> list[str]:
    """Return the phases whose name begins so."""
    return _beginning(context, incomplete, Library.phases)


def report_completions(context: typer.Context, incomplete: str) -> list[str]:
    """Return the phases whose name begins so, and the final report."""
    return _beginning(context, incomplete, lambda library: [FINAL_REPORT, *library.phases()])


def experiment_completions(context: typer.Context, incomplete: str) -> list[str]:
    """Return the experiments whose name begins so."""
    return _beginning(context, incomplete, Library.experiments)


def name_completions(context: typer.Context, incomplete: str) -> list[str]:
    """Return the phases and experiments whose name begins so."""
    return phase_completions(context, incomplete) + experiment_completions(context, incomplete)


def preset_completions(context: typer.Context, incomplete: str) -> list[str]:
    """Return the presets whose name begins so."""
    return _beginning(context, incomplete, Library.presets)


def _beginning(
    context: typer.Context, incomplete: str, names: Callable[[Library], Iterable[str]]
) -> list[str]:
    # The folders of the project file, which the command line gives to every command.
    project: Mapping[str, Path] = context.obj or {}
    try:
        known = names(find_library(context.params.get("experiments") or project.get("experiments")))
    except InputError:
        return []
    return [name for name in known if name.startswith(incomplete)]
