"""Checks of a results folder before it is used: its format is known, and it can be written."""

import os
from pathlib import Path

from orchestrator.store.record_file import plain_record
from trainables.errors import InputError
from trainables.removal import remove_file
from trainables.trial_files import DONE, FORMAT, TRIAL


def check_version(root: Path, version_file: Path) -> None:
    """Raise InputError where a newer version of the program wrote the folder, or a trial in it."""
    for path in (version_file, *root.glob(f"trials/*/{TRIAL}"), *root.glob(f"trials/*/{DONE}")):
        found = (plain_record(path) or {}).get("format", FORMAT)
        if isinstance(found, int) and found > FORMAT:
            raise InputError(
                f"{path} was written by a newer version (format {found}; this one reads {FORMAT}); "
                "update the program, or name another folder with --results"
            )


def check_cache(cache: Path) -> None:
    """Find out before anything starts, and not after hours, that a part of the cache is read-only."""
    if not cache.is_dir():
        return
    for folder in (cache, *sorted(path for path in cache.iterdir() if path.is_dir())):
        try:
            try_writing(folder)
        except OSError as error:
            raise InputError(
                f"the cache folder {folder} can't be written ({error.strerror}); make it writable, "
                "remove it (it is built again), or name other results with --results"
            ) from error


def try_writing(folder: Path) -> None:
    """Raise OSError unless a file can be made in `folder`."""
    probe = folder / f".write-test-{os.getpid()}"
    probe.write_text("")
    remove_file(probe, below=folder)
