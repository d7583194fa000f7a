"""Processes of calls that end with their CUDA context: Ray would give the next call to the same process."""

import functools
import os
import sys
from collections.abc import Callable
from typing import TypeVar

from trainables.broken_context import breaks_context

R = TypeVar("R")
EXIT = 1


def in_sound_process(function: Callable[..., R]) -> Callable[..., R]:
    """Return what does the same, and ends its process, as if it were lost, where its context is broken."""

    @functools.wraps(function)
    def called(**arguments: object) -> R:
        try:
            return function(**arguments)
        except Exception as error:
            if breaks_context(error):
                print(f"the CUDA context of this process is broken: {error}", file=sys.stderr, flush=True)
                os._exit(EXIT)
            raise

    return called
