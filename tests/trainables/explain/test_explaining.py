"""Explanations from files to numbers: a planted patch is found, by a network that learnt it alone."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from torch.nn.functional import binary_cross_entropy_with_logits

from trainables.data.faces import DetectedFaces
from trainables.errors import InputError
from trainables.explain.explainable import why_not_explained
from trainables.explain.explaining import CHECKS, NUMBERS, Explained, explain_images
from trainables.explain.face_regions import REGIONS
from trainables.explain.randomisation import with_random_weights
from trainables.models.building import build_model
from trainables.recipe import Recipe, RecipeKeys
from trainables.trained import TrainedTrial, load_network
from trainables.training.batches import Images
from trainables.training.checkpoint import save_weights
from trainables.training.normalization import NORMALIZATIONS, Normalization
from trainables.trial_inputs import ImageCaches

CPU = torch.device("cpu")
SIZE_PX, PATCH_PX = 64, 12
# The corner that the patch lies in, a sixteenth of the image.
CORNER = SIZE_PX - 16
NUM_TRAIN, NUM_SHOWN, EPOCHS = 64, 4, 10


def picture(number: int) -> np.ndarray:
    """Soft colours; every second one is a fake, with a patch of stripes in the lower right corner."""
    rng = np.random.default_rng(number)
    small = Image.fromarray(rng.integers(60, 196, (4, 4, 3), dtype=np.uint8))
    pixels = np.asarray(small.resize((SIZE_PX, SIZE_PX), Image.Resampling.BICUBIC)).astype(np.int64)
    if number % 2:
        left, top = rng.integers(CORNER, SIZE_PX - PATCH_PX + 1, size=2)
        stripes = np.where(np.arange(PATCH_PX) % 4 < 2, 50, -50)[:, None]
        pixels[top : top + PATCH_PX, left : left + PATCH_PX] += stripes
    return np.clip(pixels, 0, 255).astype(np.uint8)


def look(missing: Sequence[tuple[str, Path]]) -> Iterator[list[DetectedFaces]]:
    """A face in the middle of every image but one."""
    box = (20.0, 16.0, 44.0, 48.0)
    for digest, path in missing:
        boxes = () if path.stem == "1" else (box,)
        yield [DetectedFaces(digest, SIZE_PX, SIZE_PX, boxes, (0.99,) * len(boxes))]


@dataclass(frozen=True)
class Planted:
    """A trained network and the images that it is shown."""

    trained: TrainedTrial
    root: Path
    rows: pd.DataFrame

    def explain(
        self, rows: pd.DataFrame | None = None, *, caches: Path | None = None, **options: object
    ) -> Explained:
        folder = caches or self.root
        return explain_images(
            self.trained,
            self.rows if rows is None else rows,
            root=self.root,
            caches=ImageCaches(faces=folder / "faces.parquet", pixels=folder / "pixels"),
            look=look,
            device=CPU,
            **options,  # type: ignore[arg-type]
        )


def trained_network(recipe: Recipe) -> torch.nn.Module:
    """Train for a second or two."""
    torch.manual_seed(0)
    model = build_model(recipe, num_classes=2).train()
    pixels = np.stack([picture(number) for number in range(NUM_TRAIN)])
    images = Images(pixels, normalization=recipe.normalization, memory_format="contiguous", device=CPU)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    rng = np.random.default_rng(0)
    for _ in range(EPOCHS):
        for rows in np.array_split(rng.permutation(NUM_TRAIN), NUM_TRAIN // 16):
            logits = model(images.batch(rows))[:, 0]
            loss = binary_cross_entropy_with_logits(logits, torch.from_numpy(rows % 2).float())
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
    return model.eval()


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory, make_recipe: Callable[..., Recipe]) -> Planted:
    root = tmp_path_factory.mktemp("planted")
    recipe = make_recipe(image_size=SIZE_PX, cnn_preset="small", dropout=0.0)
    save_weights(root / "model.safetensors", trained_network(recipe).state_dict())
    rows = []
    for number in range(NUM_SHOWN):
        path = root / f"{number}.png"
        Image.fromarray(picture(1000 + number)).save(path)
        rows.append((path.name, hashlib.sha256(path.read_bytes()).hexdigest(), number % 2))
    normalization = Normalization(*NORMALIZATIONS[recipe.normalization])
    trained = TrainedTrial(recipe, normalization, root / "model.safetensors", (), 2, "cpu")
    return Planted(trained, root, pd.DataFrame(rows, columns=["path", "sha256", "label"]))


@pytest.fixture(scope="module")
def explained(planted: Planted) -> Explained:
    return planted.explain()


@dataclass(frozen=True)
class Finding:
    """How far the maps of the fakes find the patch."""

    in_corner: float
    below_random: float


def finding(explained: Explained, labels: pd.Series) -> Finding:
    fakes = (labels == 1).to_numpy()
    maps = explained.maps[fakes].astype(np.float64)
    shares = maps[:, CORNER:, CORNER:].sum(axis=(1, 2)) / np.maximum(maps.sum(axis=(1, 2)), 1e-9)
    numbers = explained.numbers[fakes]
    gains = [numbers[f"random_{name}"] - numbers[f"deletion_{name}"] for name in ("blur", "road")]
    return Finding(float(shares.mean()), float(min(gain.mean() for gain in gains)))


def test_maps_find_a_planted_patch_and_filling_it_takes_the_class_away(
    planted: Planted, explained: Explained
) -> None:
    assert ((explained.scores > 0.5) == (planted.rows["label"] == 1)).all()
    found = finding(explained, planted.rows["label"])
    # The corner is 0.06 of the image.
    assert found.in_corner > 0.5
    assert found.below_random > 0.15


@pytest.mark.slow
def test_maps_of_random_weights_find_no_patch(planted: Planted, explained: Explained, tmp_path: Path) -> None:
    """Catches checks that anything passes: the thresholds above are those of a network that learnt."""
    random = with_random_weights(load_network(planted.trained, device=CPU), seed=3)
    save_weights(tmp_path / "model.safetensors", random.state_dict())
    other = replace(planted, trained=replace(planted.trained, weights=tmp_path / "model.safetensors"))
    found = finding(other.explain(), planted.rows["label"])
    assert found.in_corner < 0.25
    assert found.below_random < 0.05
    assert explained.numbers["similarity"].abs().max() < 0.8


def test_the_table_has_its_columns_and_ranges(planted: Planted, explained: Explained) -> None:
    numbers = explained.numbers
    assert tuple(numbers) == NUMBERS and len(numbers) == NUM_SHOWN
    assert explained.maps.shape == (NUM_SHOWN, SIZE_PX, SIZE_PX) and explained.maps.dtype == np.float16
    assert explained.maps.max(axis=(1, 2)).tolist() == [1.0] * NUM_SHOWN and explained.num_zero == 0
    assert explained.grid == (8, 8)
    expected = np.stack([picture(1000 + number) for number in range(NUM_SHOWN)])
    np.testing.assert_array_equal(explained.pixels, expected)
    assert numbers[list(CHECKS)[:4]].to_numpy().min() >= 0 and numbers[list(CHECKS)[:4]].to_numpy().max() <= 1
    without = (planted.rows["path"] == "1.png").to_numpy()
    assert numbers.loc[without, "inside_face":"face_bottom"].isna().all(axis=None)
    np.testing.assert_allclose(numbers.loc[~without, list(REGIONS)].sum(axis=1), 1.0)
    face = numbers.loc[~without, ["face_left", "face_top", "face_right", "face_bottom"]].to_numpy()
    np.testing.assert_allclose(face, np.tile([20.0, 16.0, 44.0, 48.0], (NUM_SHOWN - 1, 1)))
    # The share by hand: the box is whole pixels here.
    maps = explained.maps[~without].astype(np.float64)
    inside = maps[:, 16:48, 20:44].sum(axis=(1, 2)) / maps.sum(axis=(1, 2))
    np.testing.assert_allclose(numbers.loc[~without, "inside_face"], inside)


@pytest.mark.slow
def test_an_image_s_numbers_depend_on_no_other_image_and_are_the_same_again(
    planted: Planted, explained: Explained, tmp_path: Path
) -> None:
    turned = planted.rows.iloc[[3, 0]]
    told: list[tuple[int, int]] = []
    again = planted.explain(turned, caches=tmp_path, progress=lambda *counts: told.append(counts))  # type: ignore[arg-type]
    assert again.maps.tobytes() == explained.maps[[3, 0]].tobytes()
    pd.testing.assert_frame_equal(
        again.numbers, explained.numbers.iloc[[3, 0]].reset_index(drop=True), check_exact=True
    )
    assert told == [(1, 2), (2, 2)]
    other = planted.explain(turned, seed=1)
    assert other.maps.tobytes() == again.maps.tobytes()
    assert (other.numbers["random_road"] != again.numbers["random_road"]).all()


def test_without_checks_there_are_maps_and_faces_alone(planted: Planted, explained: Explained) -> None:
    bare = planted.explain(with_checks=False)
    assert bare.maps.tobytes() == explained.maps.tobytes()
    assert bare.numbers[list(CHECKS)].isna().all(axis=None)
    pd.testing.assert_frame_equal(
        bare.numbers.drop(columns=list(CHECKS)), explained.numbers.drop(columns=list(CHECKS))
    )


def test_the_class_that_is_asked_for_is_explained(planted: Planted, explained: Explained) -> None:
    """Catches a map for the class of a score that another device moved over the threshold."""
    same = planted.explain(with_checks=False, classes=[0, 1, 0, 1])
    other = planted.explain(with_checks=False, classes=[1, 0, 1, 0])
    assert same.maps.tobytes() == explained.maps.tobytes()
    assert all((mine != theirs).any() for mine, theirs in zip(same.maps, other.maps, strict=True))


def test_a_kernel_machine_is_refused_in_a_sentence(planted: Planted) -> None:
    machine = planted.trained.recipe.model_copy(update={"backbone": "svm_rbf"})
    assert why_not_explained(RecipeKeys(backbone="resnet18")) == ""
    assert "has no feature maps" in why_not_explained(machine)
    with pytest.raises(InputError, match="svm_rbf has no feature maps"):
        replace(planted, trained=replace(planted.trained, recipe=machine)).explain()


def test_of_several_classes_the_most_probable_is_explained(planted: Planted, tmp_path: Path) -> None:
    """Catches a deletion curve of another class: it would not start near that class's probability."""
    recipe = planted.trained.recipe.model_copy(update={"cnn_preset": "micro"})
    torch.manual_seed(1)
    save_weights(tmp_path / "model.safetensors", build_model(recipe, num_classes=3).state_dict())
    trained = replace(planted.trained, recipe=recipe, weights=tmp_path / "model.safetensors", num_classes=3)
    explained = replace(planted, trained=trained).explain(planted.rows.iloc[:1])
    assert explained.scores.shape == (1, 3)
    highest = np.sort(explained.scores[0])
    assert highest[2] - highest[1] > 0.02
    assert explained.numbers["random_blur"][0] == pytest.approx(highest[2], abs=0.01)
