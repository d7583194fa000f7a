"""How a model card says that its files are used: the lines are run, and give what this program gives."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from orchestrator.report.model_card import OF_SEVERAL, OF_TWO, USE
from trainables.evaluation.calibration import calibrated


def followed(lines: str, logits: np.ndarray, calibration: dict[str, object]) -> dict[str, np.ndarray]:
    """Run what the card says, from where the logits are there."""
    said = USE.format(name="any", probabilities=lines)
    (scaling,) = (line for line in said.splitlines() if line.startswith("scaled"))
    names: dict[str, object] = {"np": np, "logits": logits, "use": {"calibration": calibration}}
    assert lines in said
    exec(f"{scaling}\n{lines}", names)
    return {name: value for name, value in names.items() if isinstance(value, np.ndarray)}


@pytest.mark.parametrize("temperature", [None, 2.5])
@pytest.mark.parametrize("num_classes", [2, 4])
def test_the_lines_of_the_card_give_the_probabilities_of_this_program(
    num_classes: int, temperature: float | None
) -> None:
    """Catches a card whose reader gets uncalibrated scores, or P(fake) from one of several classes."""
    shape = (6, 1 if num_classes == 2 else num_classes)
    logits = np.random.default_rng(3).normal(0.0, 4.0, shape).astype(np.float32)
    plain = expit(logits[:, 0]) if num_classes == 2 else softmax(logits, axis=1)
    outcome = {"method": "temperature", "outcome": "not fitted" if temperature is None else "fitted"}
    calibration = outcome if temperature is None else {**outcome, "temperature": temperature}
    found = followed(OF_TWO if num_classes == 2 else OF_SEVERAL, logits, calibration)
    given = found["p_fake" if num_classes == 2 else "p"]
    assert given == pytest.approx(calibrated(calibration, plain), abs=1e-6)
