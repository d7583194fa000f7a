"""The gate on the real images under ORCHESTRATOR_TEST_DATA: what is refused, passes, and is mended."""

import os
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest

from orchestrator.checks.data_gate import look
from orchestrator.checks.shortcuts import shortcut_record
from trainables.data.copies.equalise import equalise, settle
from trainables.data.dataset.manifest import scan
from trainables.data.splits.trial_rows import experiment_rows
from trainables.errors import InputError
from trainables.recipe import RecipeKeys

FOLDER = Path(os.environ.get("ORCHESTRATOR_TEST_DATA", "nowhere"))
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="ORCHESTRATOR_TEST_DATA names no folder of images"),
]


def check(root: Path, memory: Path, **keys: Any) -> dict[str, Any]:
    recipe, manifest = RecipeKeys(**keys), scan(root)
    rows = [experiment_rows(manifest, recipe, repeat=0)]
    outcome = look(
        root, rows, recipe,
        num_classes=len(manifest.classes), memory=memory / f"{root.name}.parquet",
        bar=lambda _: nullcontext(lambda done, total: None),
    )  # fmt: skip
    return shortcut_record(outcome, experiments=["a"], data=str(root), threshold=0.7, accepted=False).plain()


@pytest.mark.parametrize("seed", [42, *(pytest.param(seed, marks=pytest.mark.slow) for seed in (1, 2))])
@pytest.mark.parametrize("name", ["ffhq_stylegan", "ciplab_paired", "unibuc"])
def test_honest_sets_pass_whatever_the_seed(name: str, seed: int, tmp_path: Path) -> None:
    """Catches a gate that noise can shut: 84 pairs, or five generators of one format."""
    found = check(FOLDER / name, tmp_path, seed=seed)
    assert found["verdict"] == "passed", found
    assert found["file_facts"]["mean"] < 0.7


@pytest.mark.parametrize("name", ["ffhq_stylegan", pytest.param("unibuc", marks=pytest.mark.slow)])
def test_the_sets_own_splits_pass(name: str, tmp_path: Path) -> None:
    assert check(FOLDER / name, tmp_path, protocol="official")["verdict"] == "passed"


@pytest.mark.parametrize("protocol", ["cv", "holdout"])
def test_the_confounded_set_is_refused(protocol: str, tmp_path: Path) -> None:
    found = check(FOLDER / "celeba_stylegan_confounded", tmp_path, protocol=protocol)
    assert (found["verdict"], found["file_facts"]["mean"]) == ("refused", 1.0)
    named = {name for name, auc in found["leaks"] if auc == 1.0}
    assert {"JPEG quantisation tables", "chroma subsampling", "EXIF data"} <= named


def test_the_own_splits_of_the_confounded_set_are_refused_for_the_files_in_both(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"12 groups are on two sides \(train/real/real_161\.jpg in train and val"
    ):
        check(FOLDER / "celeba_stylegan_confounded", tmp_path, protocol="official")


@pytest.mark.parametrize("image_format", ["jpeg", pytest.param("png", marks=pytest.mark.slow)])
def test_equalising_takes_the_files_from_the_confounded_set(image_format: Any, tmp_path: Path) -> None:
    """The files say nothing any more. The pictures still do: other crops, other backgrounds."""
    manifest = scan(FOLDER / "celeba_stylegan_confounded")
    settings = settle(manifest, size_px=None, image_format=image_format, quality=90)
    done = equalise(manifest, tmp_path / "equal", settings)
    assert (done.settings.size_px, done.written, done.enlarged) == (178, 744, 0)
    found = check(tmp_path / "equal", tmp_path)
    assert found["verdict"] == "passed" and found["written_alike"]
    assert found["file_facts"]["mean"] == pytest.approx(0.5)
    assert found["trivial_pixels"]["mean"] > 0.95
