"""The kernel machine against scikit-learn's own radial SVC on scaled pixels."""

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from trainables.training import kernel_machine
from trainables.training.kernel_machine import KernelMachine


def images(num_classes: int, count: int = 150, size_px: int = 8) -> tuple[np.ndarray, np.ndarray]:
    """Noise around one pattern a class; one pixel is the same everywhere."""
    rng = np.random.default_rng(num_classes)
    labels = rng.integers(0, num_classes, count)
    patterns = rng.normal(128, 12, (num_classes, size_px, size_px, 3))
    pixels = patterns[labels] + rng.normal(0, 40, (count, size_px, size_px, 3))
    pixels[:, 0, 0] = 7
    return pixels.clip(0, 255).astype(np.uint8), labels


@pytest.mark.parametrize("block", [16, 1000])
@pytest.mark.parametrize("num_classes", [2, 5])
def test_it_decides_as_scikit_learns_radial_machine(
    num_classes: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_machine, "BLOCK", block)
    pixels, labels = images(num_classes)
    train, test = np.arange(100), np.arange(100, 150)
    machine = KernelMachine(pixels)
    machine.fit(train, labels[train])
    scores, votes = machine.predict(test)

    flat = pixels.reshape(len(pixels), -1).astype(np.float64)
    scaler = StandardScaler().fit(flat[train])
    expected = SVC(kernel="rbf", gamma="auto", C=1.0).fit(scaler.transform(flat[train]), labels[train])
    np.testing.assert_array_equal(votes, expected.predict(scaler.transform(flat[test])))
    values = expected.decision_function(scaler.transform(flat[test]))
    exact = 1 / (1 + np.exp(-values)) if num_classes == 2 else np.exp(values)
    exact = exact if num_classes == 2 else exact / exact.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(scores, exact, atol=1e-4)
    assert machine.num_support == len(expected.support_)
    assert len(set(votes)) > 1


def test_what_is_saved_is_enough_to_predict(tmp_path: Path) -> None:
    pixels, labels = images(2)
    machine = KernelMachine(pixels)
    machine.fit(np.arange(100), labels[:100])
    machine.save(tmp_path / "model.safetensors")
    saved = load_file(tmp_path / "model.safetensors")

    def scaled(images: np.ndarray) -> np.ndarray:
        return (images.reshape(len(images), -1) - saved["mean"]) * saved["scale"]

    distance = ((scaled(pixels[100:])[:, None] - scaled(saved["support_images"])[None]) ** 2).sum(axis=2)
    values = np.exp(-distance / pixels[0].size) @ saved["dual_coef"][0] + saved["intercept"]
    scores, _ = machine.predict(np.arange(100, 150))
    np.testing.assert_allclose(1 / (1 + np.exp(-values)), scores, atol=1e-4)
