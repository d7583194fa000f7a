"""Networks that stay loaded between calls: within `keeping_networks` a model's weights are read once.

Who scores batch after batch, or call after call, in one process opens it; everywhere else a network lives as
long as the call that loads it. A file of weights that was written anew counts as another one.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from pathlib import Path
from typing import TYPE_CHECKING

from trainables.files import FileStamp, file_stamp

if TYPE_CHECKING:
    from torch import nn

# File of weights, what it was then, and the device.
NetworkKey = tuple[Path, FileStamp, str]
KeptNetworks = dict[NetworkKey, "nn.Module"]
_KEPT: ContextVar[KeptNetworks | None] = ContextVar("kept networks", default=None)


@contextlib.contextmanager
def keeping_networks(kept: KeptNetworks) -> Iterator[None]:
    """Take networks from `kept`, and put there what is loaded; all of it stays in memory as `kept` does."""
    token = _KEPT.set(kept)
    try:
        yield
    finally:
        _KEPT.reset(token)


def kept_network(weights: Path, device: str, load: Callable[[], "nn.Module"]) -> "nn.Module":
    """Return the network of a file of weights, loaded where none is kept; it must not be changed."""
    kept = _KEPT.get()
    if kept is None:
        return load()
    key = weights, file_stamp(weights.stat()), device
    if key not in kept:
        kept[key] = load()
    return kept[key]
