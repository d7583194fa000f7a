"""What regularising changes, the mean loss on held-out sources, and the tables of all of it."""

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from orchestrator.analysis.choices import declared_choices
from orchestrator.analysis.contrasts import SINGLE_SPLIT, TWO_FOLDS
from orchestrator.analysis.interactions import find_interactions
from orchestrator.analysis.questions import QuestionNumbers, question_tables
from orchestrator.analysis.regularisation import regularisations
from orchestrator.analysis.source_gains import choice_gains
from orchestrator.analysis.source_losses import source_losses
from orchestrator.store.records import Factor, PhaseRecord, Rule
from orchestrator.wording.shortcut_questions import source_specific_answers
from tests.orchestrator.gathered_by_hand import by_name, gathered

AUCS = [0.80, 0.82, 0.79, 0.81, 0.83]
GAP = np.array([0.50, 0.55, 0.52, 0.48, 0.51])
LESS = np.array([-0.30, -0.28, -0.33, -0.29, -0.31])


def augmented() -> tuple[Any, Any]:
    without = {"train_val_gap": list(GAP), "train_loss": [0.1] * 5, "best_epoch": [3] * 5, "epochs": [8] * 5}
    changed = {
        "train_val_gap": list(GAP + LESS),
        "train_loss": [0.4] * 5,
        "best_epoch": [6] * 5,
        "epochs": [8] * 5,
    }
    named = by_name(
        gathered("plain", AUCS, losses=without),
        gathered("augmented", AUCS, losses=changed, augment={"hflip_p": 0.5}),
    )
    factor = Factor(key="augment", pairs=(("plain", "augmented"),))
    phase = PhaseRecord(name="p", title="P", decision=Rule(choose="auc", factors=(factor,)))
    recipes = {name: each.record.recipe for name, each in named.items()}
    return choice_gains(declared_choices(phase, recipes), named), named


def test_the_gap_is_paired_by_fold_and_training_is_told_with_it() -> None:
    gains, named = augmented()
    (found,) = regularisations(gains, named)
    error = LESS.std(ddof=1) * math.sqrt(0.45)
    assert found.gap.change.mean == pytest.approx(LESS.mean())
    assert found.gap.change.p_value == pytest.approx(2 * stats.t.sf(abs(LESS.mean()) / error, 4))
    assert (found.gap.before, found.gap.after) == pytest.approx((GAP.mean(), (GAP + LESS).mean()))
    changed = {each.measure: (each.before, each.after) for each in found.training}
    assert changed == {"train_loss": (0.1, 0.4), "best_epoch": (3.0, 6.0), "epochs": (8.0, 8.0)}


def test_a_gap_that_was_not_written_down_is_no_change_of_nothing() -> None:
    gains, named = augmented()
    for trial in named["augmented"].trials.values():
        trial.scores[:] = [row for row in trial.scores if row[2] != "train_val_gap"]
    (found,) = regularisations(gains, named)
    assert math.isnan(found.gap.change.mean) and found.gap.change.reason == "augmented: 0 of 5 folds have it"


def held_out(source: str, losses: list[float], **recipe: Any) -> Any:
    found = gathered(f"without_{source}", {"a": AUCS, "b": AUCS}, train_sources=["wiki", source], **recipe)
    mean = float(np.mean(losses))
    row: Any = {"source": source, "n": 5, "n_expected": 5, "delta": mean, "reason": ""}
    found.holdout.append(
        {**row, "std": 0.1, "ci_low": 0.0, "ci_high": 0.2, "p_value": 0.2, "by_fold": losses}
    )
    return found


def test_losses_on_held_out_sources_are_averaged_fold_by_fold() -> None:
    one, other = np.array([0.10, 0.12, 0.09, 0.11, 0.13]), np.array([0.02, 0.00, 0.01, 0.03, -0.01])
    (found,) = source_losses(by_name(held_out("a", list(one)), held_out("b", list(other))))
    both = (one + other) / 2
    assert [each.source for each in found.each] == ["a", "b"] and found.mean is not None
    assert found.mean.mean == pytest.approx(both.mean())
    assert found.mean.p_value == pytest.approx(
        2 * stats.t.sf(both.mean() / (both.std(ddof=1) * math.sqrt(0.45)), 4)
    )
    apart = source_losses(by_name(held_out("a", list(one)), held_out("b", list(other), image_size=64)))
    assert [each.mean for each in apart] == [None, None], "two models are no sources of one"


def test_a_loss_that_was_not_measured_leaves_no_mean() -> None:
    lacking = held_out("b", [0.1] * 5)
    lacking.holdout[0] = {
        "source": "b",
        "n": 3,
        "n_expected": 5,
        "by_fold": [],
        "reason": "2 folds have no image",
    }
    (found,) = source_losses(by_name(held_out("a", [0.1] * 5), lacking))
    assert found.mean is not None and math.isnan(found.mean.mean)
    assert found.mean.reason == "without_b: 2 folds have no image"
    assert math.isnan(found.each[1].loss.mean) and found.each[1].loss.reason == "2 folds have no image"


def test_a_loss_of_a_single_split_or_of_two_folds_has_its_reason() -> None:
    """Catches an interval that is said to hold a limit where there is none."""
    row: Any = {"source": "b", "n": 1, "n_expected": 1, "delta": 0.04, "by_fold": [0.04], "reason": ""}
    once = gathered("once", {"a": AUCS[:1], "b": AUCS[:1]}, train_sources=["wiki", "a"])
    twice = gathered("twice", {"a": AUCS[:2], "b": AUCS[:2]}, train_sources=["wiki", "a"])
    once.holdout.append(row)
    twice.holdout.append({**row, "n": 2, "ci_low": 0.06, "ci_high": 0.9, "by_fold": [0.1, 0.1]})
    for experiment, reason in ((once, SINGLE_SPLIT), (twice, TWO_FOLDS)):
        (found,) = source_losses(by_name(experiment))
        assert found.each[0].loss.reason == reason
        ((said, _),) = (each.sentences for each in source_specific_answers((found,)))
        assert ": not shown: " in said and "holds" not in said


def test_an_unfinished_held_out_experiment_is_told_with_its_reason() -> None:
    """Catches a hold-out that is passed over, so that the mean of the others looks like that of all."""
    keys = {"train_sources": ["wiki", "a"], "eval_sources": ["wiki", "a", "b"]}
    unfinished = gathered("without_b", {"a": AUCS[:4], "b": AUCS[:4]}, asked=5, **keys)
    (found,) = source_losses(by_name(held_out("a", [0.1] * 5), unfinished))
    assert [(each.experiment, each.source) for each in found.each] == [("without_a", "a"), ("without_b", "b")]
    assert found.each[1].loss.reason == "4 of 5 folds were asked for"
    assert found.mean is not None and found.mean.reason == "without_b: 4 of 5 folds were asked for"


def test_every_number_has_its_place_in_a_table() -> None:
    """Catches a table that lacks the mean over models, or a value that can't be read back."""
    gains, named = augmented()
    models = [
        gathered(f"{backbone}{crop}{on}", AUCS, backbone=backbone, face_crop=crop, augment=on)
        for backbone in ("simple_cnn", "resnet18")
        for crop in (False, True)
        for on in (False, {"hflip_p": 0.5})
    ]
    numbers = QuestionNumbers(
        gains,
        interactions=find_interactions(by_name(*models), "auc"),
        regularisations=regularisations(gains, named),
        losses=source_losses(by_name(held_out("a", [0.1] * 5), held_out("b", [0.2] * 5))),
    )
    tables = question_tables(numbers)
    gained = tables["source_gains"].iloc[0]
    assert (gained["choice"], gained["before"], gained["after"]) == ("augment", "false", '{"hflip_p": 0.5}')
    crossed = tables["interactions"]
    mine = crossed[(crossed["first"] == "face_crop") & (crossed["second"] == "augment")]
    assert list(mine["surroundings"]) == ["mean over 2", 'backbone="simple_cnn"', 'backbone="resnet18"']
    assert list(tables["regularisation"]["measure"]) == [
        "train_val_gap",
        "train_loss",
        "best_epoch",
        "epochs",
    ]
    assert list(tables["source_losses"]["source"]) == ["a", "b", "mean over 2"]
    assert list(question_tables(QuestionNumbers())["interactions"].columns) == list(crossed.columns)
