"""Names of one file or folder, as everything is called that results/ keeps by a name.

Names come from the command line and from records, which anybody may have written. One that is not plain could
lead out of the folder that it is put behind.
"""

import os
from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator

# What file systems take.
MOST_BYTES = 255


def is_plain(name: str) -> bool:
    """Tell whether a name is that of one file or folder, and leads nowhere else."""
    try:
        encoded = os.fsencode(name)
    except UnicodeEncodeError:
        return False
    is_one = name not in ("", ".", "..") and Path(name).name == name
    return is_one and b"\0" not in encoded and len(encoded) <= MOST_BYTES


def is_inside(path: str) -> bool:
    """Tell whether a relative path, written with "/", leads to a place below the folder it is put behind."""
    return "\0" not in path and not {"", ".", ".."} & {*path.split("/")}


def _plain_name(given: str) -> str:
    if not is_plain(given):
        raise ValueError(f"{given!r} is no plain name")
    return given


def _folder_of_a_trial(given: str) -> str:
    above, _, name = given.partition("/")
    if above != "trials" or not is_plain(name):
        raise ValueError(f"{given!r} is no folder of a trial")
    return given


PlainName = Annotated[str, AfterValidator(_plain_name)]
# trials/<name>, below results/.
TrialFolder = Annotated[str, AfterValidator(_folder_of_a_trial)]
