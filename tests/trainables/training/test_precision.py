"""Choosing precision and memory layout: noise decides nothing, and measuring disturbs nothing."""

import pytest
import torch
from torch import nn

from trainables.errors import InputError
from trainables.measurement import Speed, fastest
from trainables.recipe import RecipeKeys
from trainables.training.precision import candidates, measure

CPU = torch.device("cpu")
ALL = [("float32", "contiguous"), ("float32", "channels_last"), ("bf16", "channels_last")]


def choice(*images_per_s: float) -> tuple[str, str]:
    pairs = candidates("auto")
    chosen = fastest(
        [
            Speed(precision=precision, memory_format=layout, images_per_s=speed, peak_mib=100.0)
            for (precision, layout), speed in zip(pairs, images_per_s, strict=True)
        ]
    )
    return chosen.precision, chosen.memory_format


@pytest.mark.parametrize(
    ("speeds", "chosen"),
    [
        ((100, 100, 100), 0),
        ((100, 109, 109), 0),
        ((100, 111, 111), 1),
        ((100, 109, 111), 2),
        ((100, 109, 115), 2),
        ((100, 120, 130), 1),
        ((100, 120, 133), 2),
        ((100, 50, 109), 0),
        ((100, 50, 120), 2),
    ],
)
def test_a_later_candidate_must_be_a_tenth_faster_than_the_one_held(
    speeds: tuple[float, float, float], chosen: int
) -> None:
    assert choice(*speeds) == ALL[chosen]


def test_candidates_come_plainest_first_and_a_given_precision_has_one() -> None:
    assert list(candidates("auto")) == ALL
    assert candidates("float32") == (("float32", "contiguous"),)
    assert candidates("bf16") == (("bf16", "channels_last"),)


class FitsFour(nn.Module):
    """A network for whose batches of five and more there is no memory."""

    def __init__(self, error: Exception, most: int = 4, norm: bool = True) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 1, 3), nn.BatchNorm2d(1) if norm else nn.ReLU())
        self.error, self.most = error, most

    def forward(self, x_BCHW: torch.Tensor) -> torch.Tensor:
        if len(x_BCHW) > self.most:
            raise self.error
        return self.body(x_BCHW).mean(dim=(2, 3))


ERRORS = [
    torch.OutOfMemoryError("CUDA out of memory"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory"),
]


@pytest.mark.parametrize("error", ERRORS, ids=["cuda", "cpu"])
@pytest.mark.parametrize(("batch_size", "part"), [(4, 4), (8, 4), (10, 3), (64, 4)])
def test_a_batch_that_does_not_fit_is_halved_until_it_does(
    monkeypatch: pytest.MonkeyPatch, error: Exception, batch_size: int, part: int
) -> None:
    monkeypatch.setattr("trainables.training.precision.build_model", lambda *a, **k: FitsFour(error))
    measured = measure(tiny(batch_size=batch_size), num_classes=2, device=CPU, threads=1)
    assert [speed.micro_batch for speed in measured.speeds] == [part] * 3
    assert (measured.batch_size, measured.batch_norm) == (batch_size, True)
    assert measured.choice.micro_batch == part


@pytest.mark.parametrize(("norm", "least"), [(True, 2), (False, 1)])
def test_when_nothing_fits_the_way_out_is_named(
    monkeypatch: pytest.MonkeyPatch, norm: bool, least: int
) -> None:
    model = FitsFour(ERRORS[0], most=0, norm=norm)
    monkeypatch.setattr("trainables.training.precision.build_model", lambda *a, **k: model)
    with pytest.raises(InputError, match=rf"not even with {least} images at a time; lower image_size"):
        measure(tiny(batch_size=9), num_classes=2, device=CPU, threads=1)


def test_another_error_is_not_taken_for_a_lack_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    broken = FitsFour(RuntimeError("shapes do not match"))
    monkeypatch.setattr("trainables.training.precision.build_model", lambda *a, **k: broken)
    with pytest.raises(RuntimeError, match="shapes do not match"):
        measure(tiny(batch_size=8), num_classes=2, device=CPU, threads=1)


def test_a_settled_layout_is_measured_alone() -> None:
    measured = measure(
        tiny(precision="float32"), num_classes=2, device=CPU, threads=1, memory_format="channels_last"
    )
    assert [(speed.precision, speed.memory_format) for speed in measured.speeds] == [
        ("float32", "channels_last")
    ]


def tiny(**changes: object) -> RecipeKeys:
    return RecipeKeys.model_validate({"cnn_preset": "micro", "image_size": 16, "batch_size": 4, **changes})


@pytest.mark.parametrize("num_classes", [2, 5])
def test_auto_measures_every_candidate(num_classes: int) -> None:
    measured = measure(tiny(), num_classes=num_classes, device=CPU, threads=1)
    assert [(speed.precision, speed.memory_format) for speed in measured.speeds] == ALL
    assert all(speed.images_per_s > 0 and speed.peak_mib > 0 for speed in measured.speeds)
    assert (measured.device, measured.torch_version) == ("cpu", torch.__version__)
    assert measured.choice in measured.speeds


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


def test_a_card_forgets_the_peak_of_the_attempt_before(monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a peak that is that of a batch that did not fit: one trial would have the card alone."""
    resets: list[int] = []
    monkeypatch.setattr(torch.cuda, "reset_peak_memory_stats", lambda device: resets.append(1))
    monkeypatch.setattr(torch.cuda, "empty_cache", lambda: None)
    attempts: list[int] = []

    def attempt(*arguments: object) -> Speed:
        attempts.append(len(resets))
        if len(attempts) < 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return Speed(precision="float32", memory_format="contiguous", images_per_s=1.0, peak_mib=1.0)

    monkeypatch.setattr("trainables.training.precision._time_steps", attempt)
    monkeypatch.setattr("trainables.training.precision.build_model", lambda *a, **k: StandIn())
    monkeypatch.setattr("trainables.training.precision.make_repeatable", lambda device: None)
    monkeypatch.setattr("trainables.training.precision.card", lambda: "a card")
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: "a card")
    measured = measure(
        tiny(batch_size=8, precision="float32"),
        num_classes=2,
        device=torch.device("cuda"),
        threads=1,
        memory_format="contiguous",
    )
    assert attempts == [1, 2, 3] and measured.card == "a card"


class StandIn(FitsFour):
    """A network that says it has gone to a GPU."""

    def __init__(self) -> None:
        super().__init__(RuntimeError())

    def to(self, *arguments: object, **options: object) -> "StandIn":
        return self
