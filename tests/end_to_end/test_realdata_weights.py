"""Real weights on real images: what ImageNet taught tells faces apart before any training.

The weights are looked for in ORCHESTRATOR_TEST_WEIGHTS, or in the folder `weights` beside that of
ORCHESTRATOR_TEST_DATA.
"""

import os
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import StandardScaler

from trainables.data.dataset.manifest import scan
from trainables.data.images.decoding import square
from trainables.models.building import build_model, check_backbone
from trainables.recipe import RecipeKeys

DATA = Path(os.environ.get("ORCHESTRATOR_TEST_DATA", "nowhere"))
BESIDE = os.environ.get("ORCHESTRATOR_TEST_WEIGHTS", DATA.parent / "weights")
WEIGHTS = Path(BESIDE) / "tf_efficientnet_lite0.in1k.safetensors"
pytestmark = [
    pytest.mark.realdata,
    pytest.mark.skipif(not (DATA.is_dir() and WEIGHTS.is_file()), reason="no real images or weights"),
]
SIZE = 128


def recipe(pretrained: bool | str, *, normalization: str = "half") -> RecipeKeys:
    return RecipeKeys.model_validate(
        {"backbone": "tf_efficientnet_lite0", "image_size": SIZE}
        | {"pretrained": pretrained, "normalization": normalization}
    )


def test_all_tensors_but_the_classifiers_are_taken_over() -> None:
    found = check_backbone(recipe(str(WEIGHTS)), num_classes=2)
    assert found.notes == (
        "tf_efficientnet_lite0: tf_efficientnet_lite0.in1k.safetensors: 294 tensors are taken over, the "
        "classifier starts anew (classifier.weight, classifier.bias)",
    )
    (_, scale) = check_backbone(recipe(str(WEIGHTS), normalization="imagenet"), num_classes=2).notes
    assert scale.endswith("mean 0.5, 0.5, 0.5 and std 0.5, 0.5, 0.5; normalization: half is theirs")


def auc(pretrained: bool | str) -> float:
    """AUC of a linear model on the network's features, of 300 training images on 200 test images."""
    torch.manual_seed(0)
    network = build_model(recipe(pretrained), num_classes=2).eval()
    network.classifier = torch.nn.Identity()
    manifest = scan(DATA / "ffhq_stylegan")
    features, labels = {}, {}
    for part, number in (("train", 300), ("test", 200)):
        rows = manifest.rows[manifest.rows["split"] == part].sample(number, random_state=0)
        features[part] = np.stack([_features(network, manifest.root / path) for path in rows["path"]])
        labels[part] = rows["label"].to_numpy()
    scale = StandardScaler().fit(features["train"])
    linear = LogisticRegression(C=0.01, max_iter=500).fit(scale.transform(features["train"]), labels["train"])
    return float(roc_auc_score(labels["test"], linear.decision_function(scale.transform(features["test"]))))


@torch.inference_mode()
def _features(network: torch.nn.Module, path: Path) -> np.ndarray:
    with Image.open(path) as image:
        pixels = torch.from_numpy(np.array(square(image, SIZE)))
    return np.asarray(network(pixels.permute(2, 0, 1)[None].float() / 127.5 - 1)[0])


def test_features_of_imagenet_tell_more_than_random_ones() -> None:
    """Catches weights that are loaded in a wrong order, or at a wrong scale: they would tell no more."""
    pretrained, random = auc(str(WEIGHTS)), auc(False)
    assert pretrained > 0.7 and pretrained > random + 0.05, (pretrained, random)
