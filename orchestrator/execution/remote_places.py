"""Remote results as workers are told of them, and what is handed out to them before they begin."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from orchestrator.execution.workplace import HERE
from orchestrator.plan.plan import StudyPlan
from orchestrator.store.caches import image_caches
from orchestrator.store.remote.local_copy import copy_at
from orchestrator.store.remote.node_pixels import send_pixels
from trainables.errors import InputError
from trainables.trial_inputs import find_pixels


@dataclass(frozen=True, slots=True)
class RemotePlace:
    """Remote results of a trial: their address, the folder of the driver's copy, which its paths are below,
    and the name of the pixel cache in it.
    """

    uri: str
    root: Path
    pixels: str


def refuse_far_workers(address: str, results: Path) -> None:
    """Raise InputError where workers of a cluster would look for models in this machine's copy of results."""
    copy = copy_at(results.resolve())
    if copy is not None and address not in HERE:
        raise InputError(
            f"models of {copy.address.uri} are read on this machine, which the nodes of {address} don't see; "
            "give --address local"
        )


def remote_places(study: StudyPlan) -> dict[str, RemotePlace]:
    """Return what workers have to know of remote results, by experiment with missing trials."""
    copy = copy_at(study.store.root)
    if copy is None:
        return {}
    found, caches = {}, image_caches(study.store)
    for name in dict.fromkeys(trial.experiment for trial in study.missing()):
        planned = study.experiment(name)
        cache = find_pixels(planned.rows[0]["sha256"], planned.experiment.recipe_keys(), caches=caches)
        folder = cache.folder or caches.pixels / cache.key
        found[name] = RemotePlace(copy.address.uri, copy.root, copy.name_of(folder))
    return found


def hand_out(study: StudyPlan, files: Mapping[str, Sequence[Path]]) -> None:
    """Copy to remote results what workers on other nodes read: rows, faces, records, and pixels once."""
    copy = copy_at(study.store.root)
    if copy is None:
        return
    rows = [copy.name_of(path) for paths in files.values() for path in paths]
    copy.send(*dict.fromkeys(rows))
    copy.push()
    for name in dict.fromkeys(place.pixels for place in remote_places(study).values()):
        send_pixels(copy, name)
