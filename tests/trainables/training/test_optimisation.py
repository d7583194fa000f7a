"""Losses against scikit-learn and torch, optimisers and schedules against their formulas."""

import math

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from sklearn.utils.class_weight import compute_class_weight
from torch import nn

from trainables.errors import InputError
from trainables.recipe import Loss, Optimizer, Scheduler
from trainables.training.optimisation import (
    build_loss,
    build_optimizer,
    build_scheduler,
    probabilities,
    step_scheduler,
)

CPU = torch.device("cpu")


def data(num_classes: int) -> tuple[torch.Tensor, np.ndarray]:
    rng = np.random.default_rng(num_classes)
    labels = np.concatenate([np.arange(num_classes), rng.choice(num_classes, 57, p=skewed(num_classes))])
    outputs = 1 if num_classes == 2 else num_classes
    return torch.tensor(rng.normal(0, 2, (len(labels), outputs)), dtype=torch.float32), labels


def skewed(num_classes: int) -> np.ndarray:
    weights = np.arange(1, num_classes + 1) ** 2
    return weights / weights.sum()


def value(settings: Loss, logits: torch.Tensor, labels: np.ndarray, num_classes: int) -> float:
    loss = build_loss(settings, labels=labels, num_classes=num_classes, device=CPU)
    return float(loss(logits, torch.from_numpy(labels)))


@pytest.mark.parametrize("num_classes", [2, 5])
@pytest.mark.parametrize("weights", [None, "balanced", "given"])
def test_cross_entropy_with_class_weights_is_scikit_learns_weighted_log_loss(
    num_classes: int, weights: str | None
) -> None:
    logits, labels = data(num_classes)
    given = tuple(float(number) for number in range(1, num_classes + 1))
    setting = given if weights == "given" else weights
    of_class = {
        None: np.ones(num_classes),
        "balanced": compute_class_weight("balanced", classes=np.arange(num_classes), y=labels),
        "given": np.array(given),
    }[weights]
    scores = probabilities(logits).double().numpy()
    if num_classes == 5:
        scores /= scores.sum(axis=1, keepdims=True)
    expected = log_loss(labels, scores, labels=np.arange(num_classes), sample_weight=of_class[labels])
    found = value(Loss(class_weights=setting), logits, labels, num_classes)  # type: ignore[arg-type]
    assert found == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_label_smoothing_is_torchs_on_as_many_logits_as_classes(num_classes: int) -> None:
    """One logit z for two classes is the same as the two logits (0, z)."""
    logits, labels = data(num_classes)
    full = torch.cat([torch.zeros_like(logits), logits], dim=1) if num_classes == 2 else logits
    expected = nn.CrossEntropyLoss(label_smoothing=0.2)(full, torch.from_numpy(labels))
    found = value(Loss(label_smoothing=0.2), logits, labels, num_classes)
    assert found == pytest.approx(float(expected), rel=1e-5)


def test_balanced_weights_come_from_the_training_labels_not_from_the_batch() -> None:
    labels = np.array([0, 1, 1, 1])
    loss = build_loss(Loss(class_weights="balanced"), labels=labels, num_classes=2, device=CPU)
    logits, target = torch.tensor([[0.0], [2.0]]), torch.tensor([0, 1])
    weight = {0: 4 / (2 * 1), 1: 4 / (2 * 3)}
    losses = {0: math.log(2), 1: math.log(1 + math.exp(-2))}
    expected = sum(weight[k] * losses[k] for k in (0, 1)) / sum(weight.values())
    assert float(loss(logits, target)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("num_classes", [2, 5])
def test_probabilities_are_exact_whatever_the_logits_are(num_classes: int) -> None:
    logits, _ = data(num_classes)
    found = probabilities(logits.bfloat16())
    raw = logits.bfloat16().double().numpy()
    expected = 1 / (1 + np.exp(-raw[:, 0])) if num_classes == 2 else np.exp(raw) / np.exp(raw).sum(1)[:, None]
    assert found.dtype == torch.float64
    np.testing.assert_allclose(found.numpy(), expected, atol=1e-12)


@pytest.mark.parametrize(
    ("settings", "kind", "expected"),
    [
        (Optimizer(type="adamw", lr=0.1, weight_decay=0.5), torch.optim.AdamW, 2.0 * (1 - 0.1 * 0.5) - 0.1),
        (Optimizer(type="adam", lr=0.1, weight_decay=0.5), torch.optim.Adam, 2.0 - 0.1),
        (Optimizer(type="sgd", lr=0.1, weight_decay=0.5, momentum=0.9), torch.optim.SGD, 2.0 - 0.1 * (3 + 1)),
    ],
)
def test_the_first_step_of_each_optimiser_is_its_formula(
    settings: Optimizer, kind: type[torch.optim.Optimizer], expected: float
) -> None:
    """AdamW decays the weight itself, Adam and SGD add the decay to the gradient; Adam's first step is lr."""
    model = nn.Linear(1, 1, bias=False)
    nn.init.constant_(model.weight, 2.0)
    optimizer = build_optimizer(model, settings)
    assert type(optimizer) is kind
    model.weight.grad = torch.full((1, 1), 3.0)
    optimizer.step()
    assert float(model.weight.detach()) == pytest.approx(expected, rel=1e-5)


def test_frozen_parameters_are_left_out_of_the_optimiser() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 1))
    model[0].requires_grad_(False)
    [group] = build_optimizer(model, Optimizer()).param_groups
    assert len(group["params"]) == 2


def rates(scheduler_settings: Scheduler, *, epochs: int, steps: int) -> list[float]:
    optimizer = build_optimizer(nn.Linear(1, 1), Optimizer(lr=0.4))
    scheduler = build_scheduler(optimizer, scheduler_settings, epochs=epochs)
    found = []
    for _ in range(steps):
        found.append(float(optimizer.param_groups[0]["lr"]))
        optimizer.step()
        scheduler.step()
    return found


@pytest.mark.parametrize(("t_max", "epochs"), [(None, 6), (6, 15), (10, 4)])
def test_cosine_goes_from_lr_to_zero_over_t_max_epochs(t_max: int | None, epochs: int) -> None:
    period = t_max or epochs
    expected = [0.2 * (1 + math.cos(math.pi * epoch / period)) for epoch in range(period)]
    assert rates(Scheduler(T_max=t_max), epochs=epochs, steps=period) == pytest.approx(expected, rel=1e-9)


def test_no_schedule_keeps_lr() -> None:
    assert rates(Scheduler(type="none"), epochs=8, steps=8) == [0.4] * 8


def test_warm_up_rises_evenly_and_the_cosine_ends_at_zero() -> None:
    found = rates(Scheduler(type="warmup_cosine", warmup_epochs=3), epochs=8, steps=9)
    rise = [0.4 * step / 4 for step in (1, 2, 3)]
    fall = [0.2 * (1 + math.cos(math.pi * step / 5)) for step in range(6)]
    assert found == pytest.approx([*rise, *fall], abs=1e-12)


@pytest.mark.parametrize("mode", ["max", "min"])
def test_a_plateau_of_what_was_asked_for_lowers_the_rate(mode: str) -> None:
    """The score stands still and the loss falls, or the other way round: only the one asked for counts."""
    settings = Scheduler(type="reduce_on_plateau", mode=mode, patience=2, factor=0.1)  # type: ignore[arg-type]
    optimizer = build_optimizer(nn.Linear(1, 1), Optimizer(lr=0.4))
    scheduler = build_scheduler(optimizer, settings, epochs=20)
    found = []
    for epoch in range(8):
        found.append(round(float(optimizer.param_groups[0]["lr"]), 6))
        step_scheduler(
            scheduler,
            score=0.5 if mode == "max" else epoch / 10,
            val_loss=1.0 if mode == "min" else 1.0 - epoch / 10,
        )
    # The first epoch is the best; after three more the rate falls, and so on.
    assert found == [0.4] * 4 + [0.04] * 3 + [0.004]


@pytest.mark.parametrize("num_classes", [2, 5])
def test_the_focal_loss_is_cross_entropy_at_gamma_zero_and_its_formula_at_two(num_classes: int) -> None:
    logits, labels = data(num_classes)
    plain = value(Loss(), logits, labels, num_classes)
    assert value(Loss(type="focal", gamma=0.0), logits, labels, num_classes) == pytest.approx(plain, rel=1e-6)
    scores = probabilities(logits).numpy()
    right = (
        np.where(labels == 1, scores, 1 - scores) if num_classes == 2 else scores[range(len(labels)), labels]
    )
    expected = float(np.mean((1 - right) ** 2 * -np.log(right)))
    assert value(Loss(type="focal"), logits, labels, num_classes) == pytest.approx(expected, rel=1e-5)


def test_binary_cross_entropy_is_cross_entropy_for_two_classes_and_refused_for_more() -> None:
    logits, labels = data(2)
    assert value(Loss(type="bce"), logits, labels, 2) == value(Loss(), logits, labels, 2)
    with pytest.raises(InputError, match="bce is for two classes, the data has 5"):
        value(Loss(type="bce"), *data(5), 5)
