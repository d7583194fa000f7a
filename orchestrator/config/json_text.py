"""JSON that people write: experiments, phases, presets, prices, and values on the command line.

Python's reader takes more than is meant: a key that stands there twice, NaN, numbers of any length, nesting
until the stack ends. Here each of these is refused, so that whatever reads the values may walk them.
"""

import json
import re
from pathlib import Path

from pydantic import JsonValue

from trainables.errors import InputError
from trainables.files import JsonObject, read_text

# Far above the deepest file that is meant: phases nest 6 levels.
MOST_LEVELS = 32
MOST_BYTES = 16 * 2**20
MOST_DIGITS = 100
# What no name of a file and no UTF-8 holds.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def read_object(path: Path) -> JsonObject:
    """Read a JSON object; InputError with file and line when it is none."""
    try:
        content = parse_json(read_text(path, most_bytes=MOST_BYTES))
    except OSError as error:
        raise InputError(f"{path} can't be read ({error.strerror}); mend or remove it") from error
    except json.JSONDecodeError as error:
        raise InputError(f"{path}, line {error.lineno}: not valid JSON ({error.msg}); mend it") from error
    except ValueError as error:
        raise InputError(f"{path}: not valid JSON ({error}); mend it") from error
    if not isinstance(content, dict):
        raise InputError(f"{path}: a JSON object is needed, not {type(content).__name__}")
    return content


def parse_json(text: str) -> JsonValue:
    """Parse JSON.

    Raises:
        ValueError: it is none, or holds what nobody means.
    """
    try:
        value: JsonValue = json.loads(
            text,
            object_pairs_hook=_object,
            parse_constant=_refuse_constant,
            parse_int=_int,
        )
    except RecursionError as error:
        raise ValueError(_too_deep()) from error
    refuse_what_nobody_means(value)
    return value


def refuse_what_nobody_means(value: JsonValue) -> None:
    """Raise ValueError for values that are nested too deep, or hold what is no text."""
    level = [value]
    for _ in range(MOST_LEVELS):
        inner: list[JsonValue] = []
        for each in level:
            if isinstance(each, dict):
                inner += [*each, *each.values()]
            elif isinstance(each, list):
                inner += each
            elif isinstance(each, str) and (found := _NO_TEXT.search(each)):
                raise ValueError(f"a text holds U+{ord(found[0]):04X}, which is no letter")
        level = inner
    if level:
        raise ValueError(_too_deep())


def _too_deep() -> str:
    return f"it is nested more than {MOST_LEVELS} levels deep"


def _object(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found: dict[str, JsonValue] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"{key[:80]!r} stands there twice, and only one can count")
        found[key] = value
    return found


def _refuse_constant(name: str) -> None:
    """Refuse NaN and infinity, which Python's reader would take."""
    raise ValueError(f"{name} is not a JSON number")


def _int(text: str) -> int:
    if len(text) > MOST_DIGITS:
        raise ValueError(f"{text[:20]}... is a number of {len(text)} digits")
    return int(text)
