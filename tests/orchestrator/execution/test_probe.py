"""Questions about models before a run, the process that answers, and what is kept of its answers."""

import json
import time
from pathlib import Path
from typing import Any

import psutil
import pytest

from orchestrator.execution.probe import Asked, answering, keep
from orchestrator.store.folder import Store
from trainables.errors import InputError
from trainables.measurement import ModelQuestion
from trainables.recipe import RecipeKeys


def question(path: Path, *, check: bool = False, timed: bool = False, **recipe: Any) -> Asked:
    keys = RecipeKeys(image_size=32, cnn_preset="micro", batch_size=4, **recipe)
    return Asked(path, ModelQuestion(recipe=keys, num_classes=2, check=check, time=timed, device="cpu"))


@pytest.mark.slow
def test_a_process_of_its_own_times_a_model_and_checks_another(tmp_path: Path) -> None:
    asked = [
        question(tmp_path / "speed.json", timed=True),
        question(tmp_path / "none.json", check=True, backbone="resnet81"),
    ]
    with answering(asked, log=tmp_path / "logs" / "models.log") as answers:
        found = answers()
    with pytest.raises(InputError, match=r"resnet81.*nearest: .*resnet18"):
        keep(Store.open(tmp_path / "results"), asked, found)
    # The mistake of one does not cost what was measured of the other.
    kept = json.loads((tmp_path / "speed.json").read_text())
    assert kept["choice"]["images_per_s"] > 0 and len(kept["speeds"]) == 3
    assert not (tmp_path / "none.json").exists()


def test_leaving_early_ends_the_process(tmp_path: Path) -> None:
    """Catches Ctrl-C that waits for a measurement, or leaves it behind."""
    asked = [question(tmp_path / "speed.json", timed=True)]
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(KeyboardInterrupt), answering(asked, log=tmp_path / "models.log"):
        children = [child for child in psutil.Process().children() if child.pid not in before]
        assert children
        start = time.monotonic()
        raise KeyboardInterrupt
    # A measurement alone takes longer: torch has to be imported first.
    assert time.monotonic() - start < 5
    assert not any(child.is_running() for child in children)


@pytest.mark.slow
@pytest.mark.slow
def test_a_process_that_breaks_is_our_defect_and_names_its_log(tmp_path: Path) -> None:
    broken = Asked(
        tmp_path / "x.json", question(tmp_path, timed=True).question.model_copy(update={"device": "?"})
    )
    with (
        answering([broken], log=tmp_path / "models.log") as answers,
        pytest.raises(RuntimeError, match=r"models\.log"),
    ):
        answers()
    assert "Traceback" in (tmp_path / "models.log").read_text()


def test_nothing_to_ask_starts_nothing(tmp_path: Path) -> None:
    with answering([], log=tmp_path / "models.log") as answers:
        assert answers() == []
    assert not (tmp_path / "models.log").exists()


@pytest.mark.slow
def test_what_a_model_takes_does_not_hang_on_the_models_before(tmp_path: Path) -> None:
    """Catches memory that an earlier, larger model took and that a process never gives back."""

    def peak(*sizes: int) -> float:
        asked = [
            Asked(
                tmp_path / f"{size}.json",
                ModelQuestion(
                    recipe=RecipeKeys(
                        image_size=size, cnn_preset="large", batch_size=32, precision="float32"
                    ),
                    num_classes=2,
                    check=False,
                    time=True,
                    device="cpu",
                ),
            )
            for size in sizes
        ]
        with answering(asked, log=tmp_path / "models.log") as answers:
            last = answers()[-1].measurement
        assert last is not None
        return last.choice.peak_mib

    assert peak(128, 16) < 1.1 * peak(16)
