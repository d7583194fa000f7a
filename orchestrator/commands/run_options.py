"""Options of the commands that run or plan something: listed once, handed to each command as one value."""

import functools
import inspect
import math
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestrator.commands.options import (
    RESULTS,
    AcceptOption,
    AcceptTrialsOption,
    AddressOption,
    DataOption,
    DebugOption,
    DeviceOption,
    ExperimentsOption,
    FoldsOption,
    GraceOption,
    JsonOption,
    MaxCostOption,
    MaxHoursOption,
    MaxOption,
    MixedOption,
    OnlyOption,
    PresetOption,
    PriceOption,
    QuietOption,
    RaceOption,
    ResultsOption,
    SetOption,
    ShardOption,
    WaitOption,
)
from trainables.errors import InputError

if TYPE_CHECKING:
    from orchestrator.config.library import Library
    from orchestrator.config.load import ResolvedPhase
    from orchestrator.execution.caps import Budget
    from orchestrator.plan.plan import Options
    from orchestrator.plan.sharding import Shard
    from orchestrator.store.price_record import PriceRecord


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
    address: AddressOption = None
    device: DeviceOption = None
    wait_workers: WaitOption = 15.0
    mixed_gpus: MixedOption = False
    grace: GraceOption = 0.0
    accept_shortcut: AcceptOption = False
    accept_trials: AcceptTrialsOption = 0
    race: RaceOption = False
    shard: ShardOption = None
    quiet: QuietOption = False
    as_json: JsonOption = False
    price: PriceOption = None
    max_hours: MaxHoursOption = None
    max_cost: MaxCostOption = None
    debug: DebugOption = False
    experiments: ExperimentsOption = None

    def library(self) -> "Library":
        """Return the folders of experiment files."""
        from orchestrator.config.library import find_library

        return find_library(self.experiments)

    def question(
        self, names: Sequence[str], *, expected: Mapping[str, Sequence[str]] | None = None
    ) -> "ResolvedPhase":
        """Load a phase or experiments as these options change them.

        For a plan alone, `expected` are phases whose decision is still to come, and what each may select.

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
            expected=expected or {},
            accepted=self.accept_trials,
        )

    def plan_options(self) -> "Options":
        """Return what a plan and a run have to know, with what the environment names.

        Raises:
            InputError: --folds is no list of numbers, or the device is none that there is.
        """
        from orchestrator.execution.workplace import declared_device, ray_address
        from orchestrator.plan.plan import Options

        return Options(
            results=self.results,
            data=self.data,
            only=self.only,
            folds=fold_list(self.folds),
            max_concurrent=self.max_concurrent,
            address=ray_address(self.address),
            device=declared_device(self.device),
            wait_workers_s=60 * self.wait_workers,
            mixed_gpus=self.mixed_gpus,
            grace_s=self.grace,
            quiet=self.quiet,
            debug=self.debug,
            accept_shortcut=self.accept_shortcut,
            race=self.race,
            shard=self.own_shard(),
        )

    def own_shard(self) -> "Shard | None":
        """Return the part of the trials that is run; None = all of them.

        Raises:
            InputError: it is no part, or what is asked for beside it needs all trials on one machine.
        """
        from orchestrator.execution.workplace import HERE, origin_text, ray_address
        from orchestrator.plan.sharding import read_shard

        shard, address = read_shard(self.shard), ray_address(self.address)
        if shard is None:
            return None
        if self.race:
            raise InputError("--race looks at all experiments after each fold; leave out --shard, or --race")
        if address not in HERE:
            raise InputError(
                f"--shard is for machines of their own, and the nodes of {address}{origin_text(address)} "
                "share the trials anyway; leave it out, or give --address local"
            )
        return shard

    def price_record(self) -> "PriceRecord | None":
        """Return the price that --price stands for; None without one.

        Raises:
            InputError: it is no positive number and no instance that is known.
        """
        from orchestrator.execution.workplace import declared_device
        from orchestrator.plan.price import find_price
        from trainables.device import device_type

        device = declared_device(self.device) or device_type()
        return None if self.price is None else find_price(self.price, device=device)

    def budget(self) -> "Budget":
        """Return what the command may take, from now on.

        Raises:
            InputError: a cap is not above 0, or one on money has no price.
        """
        from orchestrator.execution.caps import Budget

        for name, value in (("--max-hours", self.max_hours), ("--max-cost", self.max_cost)):
            if value is not None and not (math.isfinite(value) and value > 0.0):
                raise InputError(f"{name} {value:g}: give a number above 0, or leave it out")
        price = self.price_record()
        if self.max_cost is not None and price is None:
            raise InputError(
                "--max-cost needs --price: what an hour costs, or an instance of cluster/prices.json"
            )
        max_s = None if self.max_hours is None else self.max_hours * 3600
        return Budget(max_s=max_s, max_cost=self.max_cost, price=price)


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


def fold_list(text: str | None) -> tuple[int, ...] | None:
    """Read --folds; None where it is not given.

    Raises:
        InputError: it is no list of numbers.
    """
    if text is None:
        return None
    try:
        return tuple(int(part) for part in text.split(","))
    except ValueError as error:
        raise InputError(f"--folds {text}: give numbers with commas between them, for example 0,1") from error
