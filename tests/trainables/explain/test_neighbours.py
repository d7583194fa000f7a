"""Neighbours of images: features that give the scores, cosines by hand, versions of planted pictures."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image, ImageOps
from safetensors.torch import load_file

from trainables.errors import InputError
from trainables.explain.neighbours import image_features, nearest_images, picture_versions
from trainables.files import file_sha256
from trainables.models.building import build_model
from trainables.recipe import Recipe
from trainables.trained import TrainedTrial, read_trained, score_images
from trainables.training.checkpoint import save_weights
from trainables.training.normalization import NORMALIZATIONS, Normalization
from trainables.trial_inputs import ImageCaches

CPU = torch.device("cpu")
MakeRecipe = Callable[..., Recipe]


def nobody(missing: Sequence[tuple[str, Path]]) -> Iterator[list[Any]]:
    raise AssertionError("no face is asked for")


def options(root: Path, caches: Path) -> dict[str, Any]:
    places = ImageCaches(faces=caches / "faces.parquet", pixels=caches / "pixels")
    return {"root": root, "caches": places, "look": nobody, "device": CPU}


def hashed(root: Path, pattern: str) -> pd.DataFrame:
    paths = sorted(path.relative_to(root).as_posix() for path in root.glob(pattern))
    return pd.DataFrame({"path": paths, "sha256": [file_sha256(root / path) for path in paths]})


def smooth(seed: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
    return small.resize((160, 160), Image.Resampling.BICUBIC)


def test_the_last_layer_makes_scores_of_the_features(
    trained_study: Path, faces: Path, tmp_path: Path
) -> None:
    """Catches features of another layer, or in another order than the rows."""
    folder = next((trained_study / "trials").glob("plain-r0f0-*"))
    trained, rows = read_trained(folder, num_classes=2), hashed(faces, "*/face_1*.jpg")
    features = image_features(trained, rows, **options(faces, tmp_path))
    scores = score_images(trained, rows, **options(faces, tmp_path))
    weights = load_file(trained.weights)
    (weight,) = (value for name, value in weights.items() if name.startswith("head.") and value.ndim == 2)
    (bias,) = (value for name, value in weights.items() if name.startswith("head.") and value.ndim == 1)
    logits = features @ weight.numpy()[0] + bias.numpy()[0]
    assert features.shape == (len(rows), 32) and features.dtype == np.float32
    np.testing.assert_allclose(1 / (1 + np.exp(-logits)), scores, atol=1e-5)


def test_of_timms_models_they_are_the_pooled_ones(
    make_recipe: MakeRecipe, faces: Path, tmp_path: Path
) -> None:
    recipe = make_recipe(backbone="resnet10t")
    model = build_model(recipe, num_classes=2).eval()
    save_weights(tmp_path / "model.safetensors", model.state_dict())
    scale = Normalization(*NORMALIZATIONS[recipe.normalization])
    trained = TrainedTrial(recipe, scale, tmp_path / "model.safetensors", (), 2, "cpu")
    found = image_features(trained, hashed(faces, "wiki/face_1*.jpg"), **options(faces, tmp_path))
    scores = score_images(trained, hashed(faces, "wiki/face_1*.jpg"), **options(faces, tmp_path))
    head: Any = model.get_classifier()  # type: ignore[operator]
    with torch.inference_mode():
        again = torch.sigmoid(head(torch.from_numpy(found)))[:, 0].numpy()
    assert found.shape[1] == model.num_features
    np.testing.assert_allclose(again, scores, atol=1e-5)


def test_a_kernel_machine_has_none(make_recipe: MakeRecipe, tmp_path: Path) -> None:
    recipe = make_recipe(backbone="svm_rbf", dropout=0.0, cnn_preset="medium")
    trained = TrainedTrial(recipe, None, tmp_path, (), 2, "cpu")
    with pytest.raises(InputError, match="svm_rbf has no features"):
        image_features(trained, pd.DataFrame(), **options(tmp_path, tmp_path))


def test_the_nearest_is_the_one_in_the_same_direction() -> None:
    """Catches distances instead of cosines: the second is far away, and in the same direction."""
    others = np.array([[0.0, 1.0], [30.0, 30.0], [0.0, 0.0], [1.0, 1.0]], dtype=np.float32)
    places, cosines = nearest_images(
        np.array([[2.0, 2.0], [0.0, -1.0], [0.0, 0.0]], dtype=np.float32), others
    )
    assert places.tolist() == [1, 2, 0]
    assert cosines == pytest.approx([1.0, 0.0, 0.0])


def test_versions_of_a_picture_are_found(tmp_path: Path) -> None:
    for seed in range(12):
        smooth(seed).save(tmp_path / f"{seed}.png")
    smooth(3).save(tmp_path / "again.jpg", quality=40)
    ImageOps.mirror(smooth(3)).save(tmp_path / "mirrored.jpg", quality=80)
    rows = hashed(tmp_path, "*")
    files = {digest: tmp_path / path for path, digest in rows.itertuples(index=False, name=None)}
    digest = dict(rows.itertuples(index=False, name=None))
    wanted = {digest[name]: files[digest[name]] for name in ("3.png", "4.png")}
    found = picture_versions(wanted, files, memory=tmp_path / "kept" / "prints.memo")
    assert {each.sha256: each.kind for each in found[digest["3.png"]]} == {
        digest["again.jpg"]: "near", digest["mirrored.jpg"]: "mirrored",
    }  # fmt: skip
    assert digest["4.png"] not in found
