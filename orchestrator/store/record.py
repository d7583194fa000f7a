"""The base of every record in results/: immutable, read leniently, written as it was read."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Record(BaseModel):
    """A part of a file in results/, immutable."""

    model_config = ConfigDict(frozen=True, extra="ignore", protected_namespaces=())

    def plain(self) -> dict[str, Any]:
        """Return what is set, as JSON has it."""
        return self.model_dump(mode="json", exclude_unset=True)
