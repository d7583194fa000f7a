"""Records in results/ as they are read from files: the model that a file is of, nothing, or one sentence.

What lies there may be of an earlier version, of a newer one, edited, nested without end, cut short by a full
disk, or no file at all. What can be made again is absent where it can't be read (`known_record`). Anything
else is refused with what is wrong and the way out (`read_record`).
"""

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from trainables.errors import InputError
from trainables.files import JsonObject, read_file, read_json
from trainables.trial_files import FORMAT

R = TypeVar("R", bound=BaseModel)


def read_record(path: Path, model: type[R], *, way_out: str) -> R | None:
    """Read a record; None where there is none.

    Raises:
        InputError: it is damaged, with the `way_out`, or of a newer version of the program.
    """
    try:
        content = read_file(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} is damaged ({error.strerror}); {way_out}") from error
    if _format(content) > FORMAT:
        raise InputError(f"{path} was written by a newer version; update the program")
    try:
        return model.model_validate_json(content)
    except ValidationError as error:
        raise InputError(f"{path} is damaged ({_first_problem(error)}); {way_out}") from error


def known_record(path: Path, model: type[R]) -> R | None:
    """Read a record that can be made again; None where there is none that can be read."""
    try:
        return parse_record(read_file(path), model)
    except OSError:
        return None


def parse_record(content: bytes, model: type[R]) -> R | None:
    """Read the content of a record; None when it is damaged."""
    try:
        return model.model_validate_json(content)
    except ValidationError:
        return None


def refuse_other_name(path: Path, said: str, expected: str, *, way_out: str) -> None:
    """Raise InputError where a record says another name than it is kept under.

    What is made of it goes into folders of that name, and what lies there is replaced.
    """
    if said != expected:
        raise InputError(f"{path} says that it is of {said!r}; {way_out}")


def plain_record(path: Path) -> JsonObject | None:
    """Read a JSON object of any kind; None when it is not there or damaged."""
    try:
        content = read_json(path)
    except (OSError, ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


class _Versioned(BaseModel):
    format: int = FORMAT


def _format(content: bytes) -> int:
    """The version of a record's format; this one's where it says none."""
    versioned = parse_record(content, _Versioned)
    return FORMAT if versioned is None else versioned.format


def _first_problem(error: ValidationError) -> str:
    first = error.errors(include_url=False)[0]
    return ": ".join(filter(None, (".".join(map(str, first["loc"])), first["msg"])))
