"""Weights of finished trials, held against what done.json says of them.

A trial is finished without them too: scores come from its predictions, and weights may be deleted for their
space. Whoever lists trials looks whether they are there and as they were; whoever loads them reads them
whole.
"""

import stat
from pathlib import Path

from safetensors import SafetensorError, safe_open

from trainables.done_record import DoneRecord
from trainables.files import known_sha256
from trainables.trial_files import DONE, WEIGHTS


def weights_problem(folder: Path, done: DoneRecord, *, in_full: bool) -> str:
    """Say why the weights of the finished trial at `folder` can't be used; empty where they can.

    Args:
        folder: the trial's folder.
        done: its done.json.
        in_full: read them whole. Else they are believed where their size is as it was, and nothing has
            written to them since the trial was committed.
    """
    path = folder / WEIGHTS
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return f"{WEIGHTS} is no file"
        if done.weights_sha256 is None:
            # Of an earlier version: opening finds a file that was cut short.
            with safe_open(path, framework="numpy"):
                return ""
        is_untouched = status.st_mtime_ns <= (folder / DONE).stat().st_mtime_ns
        if status.st_size == done.weights_bytes and (
            (is_untouched and not in_full) or known_sha256(path) == done.weights_sha256
        ):
            return ""
    except FileNotFoundError:
        return f"{WEIGHTS} is gone"
    except OSError as error:
        return f"{WEIGHTS} can't be read ({error.strerror})"
    except SafetensorError:
        pass
    return f"{WEIGHTS} is not what the trial wrote"
