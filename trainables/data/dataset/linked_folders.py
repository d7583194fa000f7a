"""Links to folders that a listing goes into: those that lead out of the data folder, each place once.

A link is entered only when the user asked for it, and only where it leads to a place of which nothing is read
otherwise: neither the data folder, nor what another link led to, nor what lies above or below one of them. So
no listing goes round in a circle, and none grows beyond what lies on the disk.
"""

from pathlib import Path

from trainables.data.images.path_checks import resolved
from trainables.errors import InputError


class LinkedFolders:
    """The places that the links of one listing led to so far."""

    def __init__(self, root: Path) -> None:
        """Begin with the data folder itself."""
        self._places = [resolved(root)]

    def enter(self, link: Path) -> bool:
        """Tell whether a link to a folder is to be read, which it is once."""
        try:
            place = resolved(link)
        except InputError:
            return False
        if any(place.is_relative_to(known) or known.is_relative_to(place) for known in self._places):
            return False
        self._places.append(place)
        return True
