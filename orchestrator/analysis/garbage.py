"""How often Python looks for garbage that refers to itself."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

# By default it looks after every 700 new objects. Making tables and pages makes millions, few in circles, and
# each of its longer looks passes over everything that the libraries hold: a tenth of the time in all.
NEW_OBJECTS, YOUNG, OLD = 100_000, 50, 100


@contextmanager
def rarely_collected() -> Iterator[None]:
    """Look for it rarely in this block, or in a function that this decorates."""
    before = gc.get_threshold()
    gc.set_threshold(NEW_OBJECTS, YOUNG, OLD)
    try:
        yield
    finally:
        gc.set_threshold(*before)
