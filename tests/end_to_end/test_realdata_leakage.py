"""Near-duplicates and leakage in the real images under ORCHESTRATOR_TEST_DATA, as they are known to be."""

import os
from pathlib import Path

import pandas as pd
import pytest
from PIL import Image, ImageOps

from trainables.data.checks.leakage import find_leakage
from trainables.data.dataset.manifest import scan
from trainables.data.duplicates.near_duplicates import find_links
from trainables.data.splits.trial_rows import experiment_rows
from trainables.errors import InputError
from trainables.recipe import RecipeKeys

FOLDER = Path(os.environ.get("ORCHESTRATOR_TEST_DATA", "nowhere"))
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not FOLDER.is_dir(), reason="ORCHESTRATOR_TEST_DATA names no folder of images"),
]


def links(name: str) -> pd.DataFrame:
    root = FOLDER / name
    return find_links(root, scan(root, group_by="none").rows)


def test_photos_are_linked_to_their_edited_versions_and_to_nothing_else() -> None:
    """Of 84 pairs, 57 have hashes within reach; 52 are confirmed. Far fewer would be a broken search."""
    found = links("ciplab_paired")
    stems = found[["first", "second"]].map(lambda path: Path(path).stem)
    assert (stems["first"] == stems["second"]).all()
    assert len(found) >= 48


def test_different_faces_and_animals_are_not_joined() -> None:
    """The generator of ffhq_stylegan drew two pictures twice, both among the fakes of train."""
    assert links("unibuc").empty
    found = links("ffhq_stylegan")
    assert len(found) == 2
    assert (
        found["first"].str.startswith("train/fake/") & found["second"].str.startswith("train/fake/")
    ).all()


def test_the_confounded_set_has_twelve_real_files_in_train_and_val_alike() -> None:
    manifest = scan(FOLDER / "celeba_stylegan_confounded")
    assert manifest.links is not None
    rows, how = manifest.rows, {"group_by": manifest.group_by, "classes": manifest.classes}
    [finding] = find_leakage(rows, manifest.links, **how)  # type: ignore[arg-type]
    assert finding.name == "identical_across_splits" and len(finding.rows) == 12
    for row in finding.rows:
        assert {row["first_split"], row["second_split"]} == {"train", "val"}
        assert "/real/" in row["first"] and "/real/" in row["second"]
    [refused] = find_leakage(rows, manifest.links, **how, protocol="official")  # type: ignore[arg-type]
    assert refused.severity == "error"
    with pytest.raises(InputError, match="12 groups are on two sides"):
        experiment_rows(manifest, RecipeKeys(protocol="official"), repeat=0)
    folds = experiment_rows(manifest, RecipeKeys(), repeat=0)
    assert folds.groupby("group")["fold"].nunique().eq(1).all()


@pytest.mark.parametrize("name", ["ffhq_stylegan/val/real", "celeba_stylegan_confounded/val/fake"])
def test_versions_of_real_photos_are_found(tmp_path: Path, name: str) -> None:
    """30 photos, each at JPEG quality 20 and half the size, mirrored, and with 4 % cut off at each side."""
    expected = 0
    for path in sorted((FOLDER / name).iterdir())[:30]:
        with Image.open(path) as opened:
            image = opened.convert("RGB")
        edge = round(image.width * 0.04)
        versions = {
            "small": image.resize((image.width // 2, image.height // 2)),
            "mirrored": ImageOps.mirror(image),
            "cropped": image.crop((edge, edge, image.width - edge, image.height - edge)),
        }
        (tmp_path / "real").mkdir(exist_ok=True)
        image.save(tmp_path / "real" / f"{path.stem}.png")
        for kind, version in versions.items():
            (tmp_path / kind).mkdir(exist_ok=True)
            version.save(tmp_path / kind / f"{path.stem}.jpg", quality=20)
            expected += 1
    manifest = scan(tmp_path, group_by="none+near")
    groups = manifest.rows.assign(stem=[Path(path).stem for path in manifest.rows["path"]])
    assert groups.groupby("group")["stem"].nunique().eq(1).all(), "two photos were joined"
    assert manifest.links is not None and len(manifest.links) >= 0.97 * expected
