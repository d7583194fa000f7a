"""Union-find over names: what is connected, directly or through others, has one representative."""

from collections.abc import Iterable


class DisjointSets:
    """Sets of names; a set is called by its first name in order, whatever the order of joining was."""

    def __init__(self, names: Iterable[str] = ()) -> None:
        self._above: dict[str, str] = {name: name for name in names}

    def top(self, name: str) -> str:
        """Return the name of the set that `name` is in; a new name is a set of its own."""
        above = self._above
        above.setdefault(name, name)
        while above[name] != name:
            above[name] = above[above[name]]
            name = above[name]
        return name

    def join(self, one: str, other: str) -> bool:
        """Make one set of two; return whether they were two."""
        first, second = sorted((self.top(one), self.top(other)))
        self._above[second] = first
        return first != second
