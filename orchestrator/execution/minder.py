"""Minder of a Ray of our own: a process beside the run that ends what is left of it, once the run is gone.

A run that is killed ends nothing any more. Linux ends Ray's servers with it, but not what these have begun:
Ray's agents wait half a minute for a server that is no more, and a worker that is stopped waits for ever.

The minder reads a pipe whose other end the run alone holds. The end of the pipe says that the run has left
the block, was killed, or has become another program, which begins a session of its own. Ray's processes write
over their command lines and environments and change their parents, and a number may be another's by then.
But each holds a file for its output in the folder of this one session open, from its beginning on. Neither
the run itself nor whoever reads or edits something there does.

`minded` begins this file as a program, in a session of its own and without a parent in the run: what the run
or its terminal ends is not the minder. It needs the standard library alone, to be up in a moment.
"""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

# What does not mind SIGTERM is killed; what lives after that can't be ended by anybody.
TERM_S, GIVE_UP_S, LOOK_EVERY_S = 3.0, 8.0, 0.1
PROCESSES = "/proc"
# Of files for output, deleted or not.
OUTPUTS = (".out", ".err", ".out (deleted)", ".err (deleted)")


@contextlib.contextmanager
def minded(session: Path) -> Iterator[None]:
    """See to it that the processes of a session end after the block, or with this process, however that ends.

    Args:
        session: the folder of its logs and sockets. Links are followed now.
    """
    with subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, str(session.resolve())],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        start_new_session=True,
    ) as begun:
        # The minder itself is a child of this one.
        begun.wait()
        yield


def mind() -> None:
    """Wait for the end of the pipe, in a process whose parent is gone, and end what is left."""
    if os.fork() == 0:
        sys.stdin.buffer.read()
        end_session(sys.argv[1])


def end_session(folder: str) -> None:
    """End all processes that write into a folder: by SIGTERM, which each gets once, then by SIGKILL."""
    begun, asked = time.monotonic(), set[int]()
    while (found := _writing(folder)) and (waited := time.monotonic() - begun) < GIVE_UP_S:
        for number in found:
            # What has ended meanwhile.
            with contextlib.suppress(ProcessLookupError):
                if waited > TERM_S:
                    os.kill(number, signal.SIGKILL)
                elif number not in asked:
                    os.kill(number, signal.SIGTERM)
        asked.update(found)
        time.sleep(LOOK_EVERY_S)


def _writing(folder: str) -> list[int]:
    """Return the numbers of the processes that hold a file for output below a folder open.

    Without /proc there are none to find. One that has ended holds nothing.
    """
    numbers = filter(str.isdecimal, os.listdir(PROCESSES) if os.path.isdir(PROCESSES) else ())
    return [int(number) for number in numbers if any(_outputs(f"{PROCESSES}/{number}", folder))]


def _outputs(process: str, folder: str) -> Iterator[str]:
    """Find the files for output that a process holds open below a folder."""
    # Somebody else's process, or one that has ended meanwhile.
    with contextlib.suppress(OSError):
        for name in os.listdir(f"{process}/fd"):
            path = os.readlink(f"{process}/fd/{name}")
            if path.startswith(f"{folder}/") and path.endswith(OUTPUTS) and _writes(process, name):
                yield path


def _writes(process: str, name: str) -> bool:
    """Tell whether a process has opened a file to write into it."""
    with open(f"{process}/fdinfo/{name}", encoding="ascii") as info:
        flags = next(line for line in info if line.startswith("flags:"))
    return bool(int(flags.split()[1], 8) & (os.O_WRONLY | os.O_RDWR))


if __name__ == "__main__":
    mind()
