"""A YAML file as it was written: its values with their places, and what a parser passes over in silence.

Files that start clusters are checked as far as they are right: a value of another type than expected counts
as missing here, and whoever knows its schema says so. Aliases let a few lines stand for any number of values,
so these are counted before anybody walks them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from trainables.errors import InputError
from trainables.files import read_text
from trainables.outside_text import without_middle

MOST_BYTES = 2**20
# With all aliases written out. The shipped files have some hundred.
MOST_VALUES = 50_000
# What the shipped files have in the place of a user's own values, and what people write there.
PLACEHOLDER = re.compile(r"REPLACE|CHANGE-?_?ME|\bYOUR[-_]|<[A-Z][A-Z _-]*>")


@dataclass(frozen=True, slots=True)
class YamlPart:
    """A value of a file and where it stands, for example `provider.region`; None where there is none."""

    value: object
    place: str = ""

    def at(self, *names: str) -> "YamlPart":
        """Return what stands under these names, one below the other."""
        part = self
        for name in names:
            inner = part.value.get(name) if isinstance(part.value, dict) else None
            part = YamlPart(inner, f"{part.place}.{name}".removeprefix("."))
        return part

    def has(self, name: str) -> bool:
        """Say whether something stands under the name, be it nothing (null)."""
        return isinstance(self.value, dict) and name in self.value

    def items(self) -> list[tuple[str, "YamlPart"]]:
        """Return what a mapping has, by name, in the order of the file."""
        values = self.value if isinstance(self.value, dict) else {}
        return [
            (str(name), YamlPart(value, f"{self.place}.{name}".lstrip("."))) for name, value in values.items()
        ]

    def entries(self) -> list["YamlPart"]:
        """Return the entries of a list."""
        values = self.value if isinstance(self.value, list) else []
        return [YamlPart(value, f"{self.place}[{place}]") for place, value in enumerate(values)]

    @property
    def text(self) -> str:
        """The value where it is text, else nothing."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def number(self) -> float | None:
        """The value where it is a number."""
        is_number = isinstance(self.value, int | float) and not isinstance(self.value, bool)
        return float(self.value) if is_number else None  # type: ignore[arg-type]

    def texts(self) -> Iterator["YamlPart"]:
        """Give every text in it, at any depth."""
        for part in (*(part for _, part in self.items()), *self.entries()):
            yield from part.texts()
        if self.text:
            yield self


@dataclass(frozen=True, slots=True)
class YamlFile:
    """A file's values, and the sentences about what the file should not have whatever it is for."""

    path: Path
    root: YamlPart
    problems: tuple[str, ...]


def read_yaml(path: Path) -> YamlFile:
    """Read a file of one document that holds a mapping.

    Raises:
        InputError: it can't be read, is not valid YAML, or holds something else.
    """
    try:
        text = read_text(path, most_bytes=MOST_BYTES)
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"{path} can't be read ({reason}); name another file") from error
    try:
        tree = yaml.compose(text, yaml.SafeLoader)
        if tree is not None and _num_values(tree, {}) > MOST_VALUES:
            raise InputError(
                f"{path}: its aliases stand for more than {MOST_VALUES:,} values; write out what is meant"
            )
        value = yaml.safe_load(text)
    except InputError:
        raise
    # Beside its own errors, the parser has those of the types that a tag like !!int or !!timestamp asks for.
    except Exception as error:
        mark = getattr(error, "problem_mark", None)
        where = f", line {mark.line + 1}" if mark else ""
        reason = "nested too deep" if isinstance(error, RecursionError) else getattr(error, "problem", error)
        raise InputError(f"{path}{where}: not valid YAML: {without_middle(str(reason))}; mend it") from error
    if tree is None or not isinstance(value, dict):
        raise InputError(f"{path} holds no mapping of names to values, as a file that starts a cluster does")
    return YamlFile(path, YamlPart(value), tuple(_said_by_the_text(tree, "", set())))


def _num_values(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the values of a document with its aliases written out; an alias inside itself has no end."""
    if id(node) not in known:
        known[id(node)] = MOST_VALUES + 1
        inner = node.value if isinstance(node, yaml.CollectionNode) else []
        each = (part for entry in inner for part in (entry if isinstance(entry, tuple) else (entry,)))
        known[id(node)] = min(MOST_VALUES + 1, 1 + sum(_num_values(part, known) for part in each))
    return known[id(node)]


def _said_by_the_text(node: yaml.Node, name: str, seen: set[int]) -> Iterator[str]:
    """Name what is still a placeholder, once however often it is referred to, and what stands there twice."""
    if id(node) in seen:
        return
    seen.add(id(node))
    line = node.start_mark.line + 1
    if isinstance(node, yaml.ScalarNode) and PLACEHOLDER.search(str(node.value)):
        yield f"line {line}: {name} is still {_short(node.value)}; put your own value there"
    elif isinstance(node, yaml.SequenceNode):
        for each in node.value:
            yield from _said_by_the_text(each, name, seen)
    elif isinstance(node, yaml.MappingNode):
        names: set[str] = set()
        for key, value in node.value:
            if key.value in names:
                where = key.start_mark.line + 1
                yield f"line {where}: {key.value} stands there twice, and only the last one counts"
            names.add(str(key.value))
            yield from _said_by_the_text(value, str(key.value), seen)


def _short(text: str) -> str:
    (line, *_) = text.strip().splitlines()
    return line if len(line) <= 60 else f"{line[:57]}..."
