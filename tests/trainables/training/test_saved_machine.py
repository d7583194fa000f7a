"""A kernel machine read back from its file decides as the one that was trained."""

from pathlib import Path

import numpy as np
import pytest

from trainables.training import saved_machine
from trainables.training.kernel_machine import KernelMachine
from trainables.training.saved_machine import score_by_machine


@pytest.mark.parametrize("block", [7, 1000])
@pytest.mark.parametrize("num_classes", [2, 4])
def test_what_was_saved_gives_the_scores_of_the_machine(
    num_classes: int, block: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches coefficients of the wrong pair of classes, and an intercept with the wrong sign."""
    monkeypatch.setattr(saved_machine, "BLOCK", block)
    rng = np.random.default_rng(num_classes)
    labels = rng.integers(0, num_classes, 120)
    patterns = rng.normal(128, 12, (num_classes, 8, 8, 3))
    pixels = (patterns[labels] + rng.normal(0, 40, (120, 8, 8, 3))).clip(0, 255).astype(np.uint8)
    machine = KernelMachine(pixels)
    machine.fit(np.arange(80), labels[:80])
    expected, _ = machine.predict(np.arange(80, 120))
    machine.save(tmp_path / "model.safetensors")
    others = pixels[80:][::-1].copy()
    found = score_by_machine(tmp_path / "model.safetensors", others, np.arange(40)[::-1])
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=1e-5)
