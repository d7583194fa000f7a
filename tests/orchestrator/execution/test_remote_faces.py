"""Faces of remote images: each worker fetches the images that it looks at, and no others."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import pytest

from orchestrator.execution.faces import detector_on
from orchestrator.plan.resources import Machine
from orchestrator.store.remote.data_copy import data_folder
from orchestrator.store.remote.local_copy import copy_at, copy_of
from orchestrator.store.remote.local_places import LOCAL
from trainables.data.face_detector import FaceSearch
from trainables.data.faces import DetectedFaces


class OtherNode:
    """An executor whose calls run on another machine."""

    device = "cpu"
    machine = Machine(2, 8000)

    def __init__(self, go: Callable[[], None]) -> None:
        self._go = go

    def each_staying(
        self,
        make: Callable[..., Callable[..., object]],
        calls: Sequence[Mapping[str, object]],
        *,
        made_with: Mapping[str, object],
        **share: object,
    ) -> Iterator[tuple[int, object]]:
        self._go()
        work = make(**made_with)
        for place, call in enumerate(calls):
            yield place, work(**call)


def test_a_worker_on_another_node_fetches_what_it_looks_at(
    faces: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches workers that are sent paths of the driver, and nodes that fetch a whole data set each."""
    monkeypatch.setenv(LOCAL, str(tmp_path / "driver"))
    uri = f"file://{faces}"
    images = copy_at(data_folder(uri))
    assert images is not None
    chosen = sorted(path for path in images.root.rglob("*") if path.is_file())[:2]
    looked_at: list[Path] = []

    def search(self: FaceSearch, files: Sequence[tuple[str, str]]) -> list[DetectedFaces]:
        looked_at.extend(Path(path) for _, path in files)
        return []

    monkeypatch.setattr(FaceSearch, "__call__", search)
    node = OtherNode(lambda: monkeypatch.setenv(LOCAL, str(tmp_path / "node")))
    look = detector_on(node, images=images)  # type: ignore[arg-type]
    assert list(look([("hash", path) for path in chosen])) == [[]]
    there = copy_of(uri, "data").root
    assert there.is_relative_to(tmp_path / "node")
    assert looked_at == [there / path.relative_to(images.root) for path in chosen]
    assert sorted(path for path in there.rglob("*") if path.is_file()) == looked_at
