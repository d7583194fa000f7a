"""Which measurement of a model holds here, where several cards share a results folder."""

from pathlib import Path

import pytest

from orchestrator.config.experiment import Experiment
from orchestrator.plan import measured
from orchestrator.plan.measured import is_of_this_card, known_measurement, measurement_file, next_file
from orchestrator.store.folder import Store, write_measurement
from trainables.measurement import Measurement, Speed

T4 = "Tesla T4, driver 550.1, torch 2.15.0"
H100 = "NVIDIA H100 80GB HBM3, driver 580.2, torch 2.15.0"
NEWER = "Tesla T4, driver 580.2, torch 2.15.0"


def outcome(card: str | None, *, peak_mib: float, precision: str = "bf16") -> Measurement:
    choice = Speed.model_validate(
        {
            "precision": precision,
            "memory_format": "channels_last",
            "images_per_s": 10.0,
            "peak_mib": peak_mib,
        }
    )
    return Measurement(device="cuda", card=card, choice=choice)


def set_card(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(measured, "card", lambda: name)


def test_each_card_driver_and_torch_has_a_memory_of_its_own_and_all_one_precision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches eight trials on a small card because a large one had room, and a precision for each card."""
    store, experiment = Store.open(tmp_path), Experiment(name="a", precision="auto")
    for number, card in enumerate((H100, T4, NEWER)):
        set_card(monkeypatch, card)
        known = known_measurement(store, experiment, "cuda")
        # Until it is measured, the first one stands in: trials have keys, and a plan has an estimate.
        assert (known is None) if number == 0 else (known is not None and known.card == H100)
        write_measurement(next_file(store, experiment, "cuda"), outcome(card, peak_mib=100.0 * number + 1))
    for number, card in enumerate((H100, T4, NEWER)):
        set_card(monkeypatch, card)
        known = known_measurement(store, experiment, "cuda")
        assert known is not None and known.choice.peak_mib == 100.0 * number + 1
    assert len(list((tmp_path / "precision").iterdir())) == 3
    # The first file is where an earlier version looks, too.
    assert measurement_file(store, experiment, "cuda").name == "simple_cnn-medium-128px-cuda.json"
    # Another precision than the one that was settled since is no answer.
    write_measurement(
        measurement_file(store, experiment, "cuda"), outcome(H100, peak_mib=7.0, precision="float32")
    )
    known = known_measurement(store, experiment, "cuda")
    assert known is not None and known.choice.precision == "float32"


def test_what_did_not_say_its_card_is_read_and_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, experiment = Store.open(tmp_path), Experiment(name="a", precision="auto")
    first = measurement_file(store, experiment, "cuda")
    write_measurement(first, outcome(None, peak_mib=5.0))
    set_card(monkeypatch, T4)
    known = known_measurement(store, experiment, "cuda")
    assert known is not None and not is_of_this_card(known, "cuda")
    assert next_file(store, experiment, "cuda") != first
    # A machine without a GPU plans for others with what there is; a CPU's measurement has no card.
    set_card(monkeypatch, "")
    assert is_of_this_card(known, "cuda") and is_of_this_card(known, "cpu")
