"""All of the catalogues in one fresh process, for its memory: each entry has a time of its own.

    python -m tests.orchestrator.strangers.player FACES STUDY FOLDER

Prints as JSON which entries failed, the seconds of each, and the greatest memory of the process in MiB.
"""

import json
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from tests.orchestrator.strangers.catalogues import HOSTILE, MALFORMED
from tests.orchestrator.strangers.stage import Stage, play
from trainables.own_memory import own_peak_mib

LIMIT_S = 30


class TookTooLong(BaseException):
    """An input on which the program waits."""


def _stop(number: int, frame: FrameType | None) -> None:
    raise TookTooLong


def main(faces: Path, study: Path, folder: Path) -> None:
    """Play all entries."""
    failed: dict[str, str] = {}
    seconds: dict[str, float] = {}
    signal.signal(signal.SIGALRM, _stop)
    for place, stranger in enumerate((*MALFORMED, *HOSTILE)):
        stage = Stage(folder / str(place), faces, study)
        stage.folder.mkdir(parents=True)
        signal.alarm(LIMIT_S)
        before = time.monotonic()
        try:
            play(stranger, stage)
        except (Exception, TookTooLong) as error:
            failed[stranger.name] = f"{type(error).__name__}: {error}"
        finally:
            signal.alarm(0)
        seconds[stranger.name] = time.monotonic() - before
    print(json.dumps({"failed": failed, "peak_mib": own_peak_mib(), "seconds": seconds}))


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:4]))
