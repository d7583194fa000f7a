"""Options of the commands that run or plan something: listed once, handed to each command as one value."""

import functools
import inspect
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.commands.options import (
    RESULTS,
    AcceptOption,
    AddressOption,
    DataOption,
    DebugOption,
    ExperimentsOption,
    FoldsOption,
    JsonOption,
    MaxOption,
    OnlyOption,
    PresetOption,
    QuietOption,
    RaceOption,
    ResultsOption,
    SetOption,
)
from trainables.errors import InputError

if TYPE_CHECKING:
    from orchestrator.config.library import Library
    from orchestrator.config.load import ResolvedPhase
    from orchestrator.plan.plan import Options


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What the command line says of a run: a field is an option, in the order of the help."""

    data: DataOption = None
    results: ResultsOption = RESULTS
    preset: PresetOption = None
    settings: SetOption = None
    only: OnlyOption = None
    folds: FoldsOption = None
    max_concurrent: MaxOption = None
    address: AddressOption = "local"
    accept_shortcut: AcceptOption = False
    race: RaceOption = False
    quiet: QuietOption = False
    as_json: JsonOption = False
    debug: DebugOption = False
    experiments: ExperimentsOption = None

    def library(self) -> "Library":
        """Return the folders of experiment files."""
        from orchestrator.config.library import find_library

        return find_library(self.experiments)

    def question(self, names: Sequence[str]) -> "ResolvedPhase":
        """Load a phase or experiments as these options change them.

        Raises:
            InputError: something in the files or the options is wrong.
        """
        from orchestrator.config.load import load

        return load(
            list(names),
            self.library(),
            results=self.results,
            preset=self.preset,
            settings=self.settings or (),
        )

    def plan_options(self) -> "Options":
        """Return what a plan and a run have to know.

        Raises:
            InputError: --folds is no list of numbers.
        """
        from orchestrator.plan.plan import Options

        return Options(
            results=self.results,
            data=self.data,
            only=self.only,
            folds=_fold_list(self.folds),
            max_concurrent=self.max_concurrent,
            address=self.address,
            quiet=self.quiet,
            debug=self.debug,
            accept_shortcut=self.accept_shortcut,
            race=self.race,
        )


def with_run_options(
    without: Collection[str] = (),
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Make a command of a function whose last parameter is `options: RunOptions`.

    The command has the function's other parameters, and an option for each field that is not in `without`.
    """

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = [each for each in inspect.signature(function).parameters.values() if each.name != "options"]
        fields = [
            each for each in inspect.signature(RunOptions).parameters.values() if each.name not in without
        ]

        @functools.wraps(function)
        def command(**given: object) -> None:
            options = {field.name: given.pop(field.name) for field in fields}
            function(**given, options=RunOptions(**options))  # type: ignore[arg-type]

        # What Typer reads the options from.
        command.__signature__ = inspect.Signature([*own, *fields])  # type: ignore[attr-defined]
        command.__annotations__ = {each.name: each.annotation for each in (*own, *fields)}
        return command

    return decorate


def _fold_list(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--folds {text}: give numbers with commas between them, for example 0,1") from error
