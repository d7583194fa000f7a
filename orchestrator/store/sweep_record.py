"""Records of the sweeps of a study: what a phase file asked for, and the settings that came of it."""

from pydantic import Field, JsonValue

from orchestrator.store.record import Record


class TriedSetting(Record):
    """One setting of a sweep: its number, from 1, its values by dotted key, and the experiment that has it.

    `gave_up` tells that a search went on without its score, since a trial of it had failed by then.
    """

    number: int
    experiment: str
    values: dict[str, JsonValue]
    gave_up: bool = False


class SweepRecord(Record):
    """A sweep: the experiment it lies on top of, its keys, and its settings in their order.

    `asked` is what the phase file says. Of a search there are fewer settings than `num_planned` until its
    last round. The same experiment may have several numbers: where a search comes back to a setting.
    """

    base: str
    keys: tuple[str, ...]
    num_planned: int
    settings: tuple[TriedSetting, ...] = ()
    # As the phase file has it, whatever a later version of the program may ask for.
    asked: dict[str, JsonValue] = Field(default_factory=dict)

    @property
    def is_search(self) -> bool:
        """Whether the settings were proposed one round after the other."""
        return "search" in self.asked

    @property
    def is_compared(self) -> bool:
        """Whether each setting is compared with the base."""
        return bool(self.asked.get("compare"))

    @property
    def experiments(self) -> tuple[str, ...]:
        """The experiments that have the settings, each once, in the order of their first number."""
        return tuple(dict.fromkeys(each.experiment for each in self.settings))
