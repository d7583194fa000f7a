"""Images of one data set of which another one has a version of the same picture in another file.

In:  the files of both by content hash. Out: for each such image of the first, one of the second. The search
is that of near-duplicates within one set (`near_duplicates`), over both at once: images that are connected
through others count as versions, too.
"""

from collections.abc import Mapping
from pathlib import Path

from trainables.data.duplicates.fingerprints import fingerprint_files
from trainables.data.duplicates.near_duplicates import LINK_COLUMNS, link_contents
from trainables.progress import OnProgress


def shared_pictures(
    files: Mapping[str, Path],
    others: Mapping[str, Path],
    *,
    memory: Path | None = None,
    progress: OnProgress | None = None,
) -> dict[str, str]:
    """Find the pictures of `files` of which `others` has a version in another file.

    Args:
        files: content hash -> file.
        others: content hash -> file, of the other data set.
        memory: the file that keeps fingerprints of both.
        progress: called with (done, total) while images are read.

    Returns:
        Content hash of `files` that is none of `others` -> one of `others` that it is a version of.
    """
    from scipy.cluster.hierarchy import DisjointSet

    prints = fingerprint_files({**others, **files}, memory=memory, progress=progress)
    links = link_contents(prints)
    sets = DisjointSet(prints.sha256)
    for first, second in links[list(LINK_COLUMNS[:2])].itertuples(index=False, name=None):
        sets.merge(first, second)
    found: dict[str, str] = {}
    linked = {*links["first"], *links["second"]}
    for digest in sorted(linked & (set(files) - set(others))):
        theirs = sorted(each for each in sets.subset(digest) if each in others)
        if theirs:
            found[digest] = theirs[0]
    return found
