"""A study's knowledge of faces before its trials; the detector itself is faked."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from rich.console import Console

from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import phase_of
from orchestrator.execution.faces import find_faces
from orchestrator.execution.in_process_executor import InProcessExecutor
from orchestrator.plan import record
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.pixel_plan import pixel_needs
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.plan.resources import Machine
from orchestrator.report.section import Table
from orchestrator.report.sections.data import data_blocks, data_facts
from orchestrator.store.folder import Store
from trainables.data.faces import DetectedFaces
from trainables.errors import InputError


def fake_look(files: Sequence[tuple[str, Any]], device: str = "cpu") -> list[DetectedFaces]:
    """One face in each file but the first of each source (face_0), and two in face_1."""
    found = []
    for digest, path in files:
        number = int(Path(path).stem.rpartition("_")[2])
        boxes = ((2.0, 2.0, 12.0, 12.0), (10.0, 10.0, 14.0, 14.0))[: 0 if number == 0 else 1 + (number == 1)]
        found.append(DetectedFaces(digest, 32, 32, boxes, (0.99,) * len(boxes)))
    return found


@pytest.fixture
def plan(write_experiments: Callable[..., Path], faces: Path, tmp_path: Path) -> Callable[..., StudyPlan]:
    folder = write_experiments({"p/a.json": {"face_crop": True}, "p/b.json": {}})

    def make(*settings: str, data: Path = faces) -> StudyPlan:
        loaded = load_experiments(Library((folder,)), ("a", "b"), settings=settings)
        store = Store.open(tmp_path / "results")
        options = Options(results=store.root, data=data)
        sets = DataSets(store, override=data)
        return plan_study(
            phase_of(("a", "b")), loaded, options, data=sets, machine=Machine(4, 16_000), device="cpu"
        )

    return make


class Backwards(InProcessExecutor):
    """Gives results in another order than asked for, as workers do; keeps the sizes of its calls."""

    def __init__(self) -> None:
        super().__init__()
        self.device, self.sizes = "cpu", list[int]()

    def each(
        self, function: object, calls: Sequence[Any], *, cpus: int, gpus: float
    ) -> Iterator[tuple[int, Any]]:
        assert (cpus, gpus) == (1, 0.0)
        for number in reversed(range(len(calls))):
            self.sizes.append(len(calls[number]["files"]))
            yield number, fake_look(**calls[number])


def find(study: StudyPlan) -> list[int]:
    """Find the faces of a study; the sizes of the calls that this took."""
    executor = Backwards()
    find_faces(study, executor, console=Console(quiet=True), quiet=True)
    return executor.sizes


def test_a_study_looks_once_and_says_what_it_found(plan: Callable[..., StudyPlan]) -> None:
    study = plan()
    assert find(study) == [4, 32] and find(study) == []
    (data,) = record.study_record(study).data
    assert data.faces is not None
    assert data.faces.plain() == {
        "images": 36, "with_face": 33, "several": 3, "rules": ["largest"],
        "without_face": [f"{source}/face_0.jpg" for source in ("inpainting", "text2img", "wiki")],
        "by_source": [
            {"source": source, "images": 12, "with_face": 11, "several": 1}
            for source in ("inpainting", "text2img", "wiki")
        ],
        "unchanged": [{"margin": 0.6, "images": 0}],
    }  # fmt: skip
    facts = dict(data_facts(data))
    assert facts["Faces"].startswith("33 of 36 images show one (inpainting 11 of 12, ")
    *_, without_face = data_blocks(data)
    assert isinstance(without_face, Table) and len(without_face.grid.rows) == 3


def test_a_face_crop_needs_pixels_of_its_own_before_and_after_its_faces_are_known(
    plan: Callable[..., StudyPlan],
) -> None:
    """Catches a plan that counts one cache for two, whose crops are then short of disk."""
    study = plan()
    before = pixel_needs(study)
    assert [need.num_images for need in before] == [36, 36]
    assert sum(need.key is None for need in before) == 1
    find(study)
    after = pixel_needs(study)
    assert None not in {need.key for need in after} and len({need.key for need in after}) == 2


def test_a_study_without_face_crops_does_not_speak_of_faces(plan: Callable[..., StudyPlan]) -> None:
    study = plan("face_crop=false")
    assert find(study) == []
    (data,) = record.study_record(study).data
    assert data.faces is None and "Faces" not in dict(data_facts(data))
    assert len(data_blocks(data)) == 1


def test_the_counts_outlive_the_cache(plan: Callable[..., StudyPlan]) -> None:
    """Catches a record that a second run changes, because the table of faces was removed to save space."""
    study = plan()
    find(study)
    record.write_study(study)
    before = study.store.study(study.phase.name).data
    study.store.faces_table.unlink()
    assert record.study_record(study).data == before


def test_real_norm_of_several_classes_is_refused_by_the_plan(
    plan: Callable[..., StudyPlan], tmp_path: Path, draw: Callable[[Path], Path]
) -> None:
    root = tmp_path / "three"
    names = [f"{number}.jpg" for number in range(15)]
    for name in names:
        draw(root / "train" / name)
    table = pd.DataFrame({"image_id": names, "label": [number % 3 for number in range(15)]})
    table.to_csv(root / "train.csv", index=False)
    with pytest.raises(InputError, match="real_norm takes mean and std from real images"):
        plan("normalization=real_norm", data=root)
