"""Progress of a long step, as it is told to whoever shows it: counts, and a bar with a title for them."""

from collections.abc import Callable
from contextlib import AbstractContextManager

# Called with (done, total).
OnProgress = Callable[[int, int], None]
# Opens a progress bar with a title.
OpenBar = Callable[[str], AbstractContextManager[OnProgress]]
