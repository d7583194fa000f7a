"""Choosing precision and memory layout: noise decides nothing, and measuring disturbs nothing."""

import pytest
import torch

from trainables.recipe import RecipeKeys
from trainables.training.precision import Measurement, Speed, candidates, measure

CPU = torch.device("cpu")
ALL = [("float32", "contiguous"), ("float32", "channels_last"), ("bf16", "channels_last")]


def choice(*images_per_s: float) -> tuple[str, str]:
    pairs = candidates("auto")
    speeds = tuple(Speed(*pair, speed, 100.0) for pair, speed in zip(pairs, images_per_s, strict=True))
    chosen = Measurement("cpu", "cpu", "2.0", speeds).choice()
    return chosen.precision, chosen.memory_format


@pytest.mark.parametrize(
    ("speeds", "chosen"),
    [
        ((100, 100, 100), 0),
        ((100, 119, 119), 0),
        ((100, 121, 121), 1),
        ((100, 119, 121), 2),
        ((100, 119, 125), 2),
        ((100, 130, 150), 1),
        ((100, 130, 157), 2),
        ((100, 50, 119), 0),
        ((100, 50, 130), 2),
    ],
)
def test_a_later_candidate_must_be_a_fifth_faster_than_the_one_held(
    speeds: tuple[float, float, float], chosen: int
) -> None:
    assert choice(*speeds) == ALL[chosen]


def test_candidates_come_plainest_first_and_a_given_precision_has_one() -> None:
    assert list(candidates("auto")) == ALL
    assert candidates("float32") == (("float32", "contiguous"),)
    assert candidates("bf16") == (("bf16", "channels_last"),)


def tiny(**changes: object) -> RecipeKeys:
    return RecipeKeys.model_validate({"cnn_preset": "micro", "image_size": 16, "batch_size": 4, **changes})


@pytest.mark.parametrize("num_classes", [2, 5])
def test_auto_measures_every_candidate(num_classes: int) -> None:
    measured = measure(tiny(), num_classes=num_classes, device=CPU, threads=1)
    assert [(speed.precision, speed.memory_format) for speed in measured.speeds] == ALL
    assert all(speed.images_per_s > 0 and speed.peak_mib > 0 for speed in measured.speeds)
    assert (measured.device, measured.torch_version) == ("cpu", torch.__version__)
    record = measured.to_json()
    assert (
        record["choice"]
        == record["speeds"][ALL.index((measured.choice().precision, measured.choice().memory_format))]
    )


@pytest.mark.parametrize("precision", ["float32", "bf16"])
def test_a_given_precision_is_measured_alone(precision: str) -> None:
    measured = measure(tiny(precision=precision), num_classes=2, device=CPU, threads=1)
    assert [(speed.precision, speed.memory_format) for speed in measured.speeds] == list(
        candidates(precision)
    )


def test_measuring_leaves_the_random_state_as_it_was() -> None:
    """Else a trial would have other weights when its precision was measured just before."""
    torch.manual_seed(7)
    before = torch.get_rng_state()
    measure(tiny(precision="float32", dropout=0.5), num_classes=2, device=CPU, threads=1)
    assert torch.equal(torch.get_rng_state(), before)


def test_measuring_fetches_no_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    recipe = tiny(backbone="resnet10t", pretrained=True, precision="float32", image_size=32)
    assert measure(recipe, num_classes=2, device=CPU, threads=1).speeds[0].images_per_s > 0
