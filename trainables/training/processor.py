"""What a process sets once before it trains on a processor."""

import ctypes
import platform

import torch

# The names of mallopt's settings are macros of C, which ctypes can't read (malloc.h of the GNU C library).
_M_TRIM_THRESHOLD = -1
_M_MMAP_MAX = -4
_M_ARENA_MAX = -8
_NEVER = 2**31 - 1


def settle(threads: int) -> None:
    """Give torch its threads, and let this process keep the memory that it frees.

    Left alone, the GNU C library returns every large tensor's pages to the kernel as soon as it is freed, and
    the next step waits while each page is mapped and zeroed again: a fifth of the time of a small network's
    step. One heap that is never trimmed keeps them; other C libraries are left as they are.
    """
    torch.set_num_threads(threads)
    if platform.libc_ver()[0] != "glibc":
        return
    libc = ctypes.CDLL(None)
    # One arena, because Ray trains in a thread of its own and a thread's own arena can't hold large blocks.
    for setting, value in ((_M_ARENA_MAX, 1), (_M_MMAP_MAX, 0), (_M_TRIM_THRESHOLD, _NEVER)):
        libc.mallopt(setting, value)
