"""Addresses of results and images on object storage: which there are, and which are refused.

s3:// and gs:// name a bucket and a place in it, file:// an absolute folder that is treated as if it were
remote (a mounted file system without locks, or a test). Any other scheme is refused: it must never become a
local folder of that name.
"""

import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from trainables.errors import InputError
from trainables.outside_text import without_accounts

SCHEMES = ("s3", "gs", "file")
# A path loses one of the two slashes.
_ADDRESS = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):/(.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class RemoteAddress:
    """A remote folder. `path` begins with the bucket, or with a slash where the scheme is "file"."""

    scheme: str
    path: str

    @property
    def uri(self) -> str:
        """The address as people write it."""
        return f"{self.scheme}://{self.path}"

    @property
    def bucket(self) -> str:
        """The bucket."""
        return self.path.partition("/")[0]

    @property
    def name(self) -> str:
        """The last part of the path."""
        return PurePosixPath(self.path).name

    def key(self, name: str) -> str:
        """Return the key in the bucket of a file of this folder."""
        return "/".join(filter(None, (self.path.partition("/")[2], name)))

    def inside(self, name: str) -> str:
        """Return the whole path of a file of this folder."""
        return f"{self.path}/{name}" if name else self.path


def is_address(text: str | Path) -> bool:
    """Tell whether a text has a scheme, so that it is no local path; which scheme is not looked at."""
    return _ADDRESS.fullmatch(str(text)) is not None


def remote_address(text: str | Path) -> RemoteAddress:
    """Read an address.

    Raises:
        InputError: its scheme is none of those that are known, it names no bucket, or it holds a password.
    """
    found = _ADDRESS.fullmatch(str(text))
    scheme, rest = (found[1].lower(), found[2]) if found else ("", str(text))
    if scheme not in SCHEMES:
        raise InputError(f"{text}: results and images may lie at s3://, gs:// or file:// addresses; give one")
    if scheme != "file" and "@" in rest.lstrip("/").partition("/")[0]:
        raise InputError(
            f"{without_accounts(str(text))}: keys and passwords in an address would be "
            "recorded; give them to the environment (AWS_PROFILE, AWS_ACCESS_KEY_ID, "
            "GOOGLE_APPLICATION_CREDENTIALS)"
        )
    parts = [part for part in rest.split("/") if part]
    if not parts or ".." in parts:
        raise InputError(f"{text}: name a {'folder' if scheme == 'file' else 'bucket, and a folder in it'}")
    return RemoteAddress(scheme, "/" * (scheme == "file") + "/".join(parts))
