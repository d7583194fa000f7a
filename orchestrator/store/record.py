"""The base of every record in results/: immutable, read leniently, written as it was read."""

from pydantic import BaseModel, ConfigDict, JsonValue


class Record(BaseModel):
    """A part of a file in results/, immutable."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    def plain(self) -> dict[str, JsonValue]:
        """Return what is set, as JSON has it."""
        return self.model_dump(mode="json", exclude_unset=True)
