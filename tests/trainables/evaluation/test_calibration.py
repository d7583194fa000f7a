"""Calibration: against scipy and scikit-learn, what holds for every input, and what can't be used."""

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score

from trainables.evaluation.calibration import METHODS, MIN_ROWS, Method, calibrated, confidence, fit

every_method = pytest.mark.parametrize("method", METHODS)


def rows(seed: int, *, num: int = 300, boldness: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Labels and scores of a model that is `boldness` times too sure of itself."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=1.5, size=num)
    labels = (rng.uniform(size=num) < expit(logits)).astype(np.int64)
    return labels, expit(boldness * logits)


def class_rows(seed: int, *, num: int = 400, boldness: float = 2.5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=1.5, size=(num, 4))
    labels = np.array([rng.choice(4, p=row) for row in softmax(logits, axis=1)])
    return labels, softmax(boldness * logits, axis=1)


def test_the_temperature_is_the_one_that_scipy_finds() -> None:
    """Catches a temperature that minimises something else than the log loss."""
    labels, scores = rows(0)

    def loss(temperature: float) -> float:
        return float(log_loss(labels, expit(logit(scores) / temperature)))

    found = fit("temperature", labels, scores)
    expected = minimize_scalar(loss, bounds=(0.1, 20.0), method="bounded", options={"xatol": 1e-9})
    assert found["outcome"] == "fitted"
    assert found["temperature"] == pytest.approx(expected.x, rel=1e-5)
    assert 2.0 < found["temperature"] < 4.5


def test_the_temperature_of_several_classes_is_the_one_that_scipy_finds() -> None:
    labels, values = class_rows(1)

    def loss(temperature: float) -> float:
        return float(-np.mean(log_softmax(np.log(values) / temperature, axis=1)[range(len(labels)), labels]))

    expected = minimize_scalar(loss, bounds=(0.1, 20.0), method="bounded", options={"xatol": 1e-9})
    found = fit("temperature", labels, values)
    assert found["temperature"] == pytest.approx(expected.x, rel=1e-5)
    after = calibrated(found, values)
    assert after == pytest.approx(softmax(np.log(values) / found["temperature"], axis=1), abs=1e-6)
    assert after.sum(axis=1) == pytest.approx(np.ones(len(values)))


def test_platts_curve_is_scikit_learns_on_his_targets() -> None:
    """Catches targets of 0 and 1, and a penalty on the slope."""
    labels, scores = rows(2)
    num_fake, num_real = labels.sum(), len(labels) - labels.sum()
    targets = np.where(labels == 1, (num_fake + 1) / (num_fake + 2), 1 / (num_real + 2))
    twice = np.concatenate([logit(scores), logit(scores)])[:, None]
    both = np.repeat([1, 0], len(labels))
    expected = LogisticRegression(C=1e12, tol=1e-10, max_iter=10_000)
    expected.fit(twice, both, sample_weight=np.concatenate([targets, 1 - targets]))
    found = fit("platt", labels, scores)
    assert found["slope"] == pytest.approx(expected.coef_[0, 0], rel=1e-4)
    assert found["intercept"] == pytest.approx(expected.intercept_[0], abs=1e-4)
    new = np.linspace(0.01, 0.99, 50)
    assert calibrated(found, new) == pytest.approx(
        expected.predict_proba(logit(new)[:, None])[:, 1], abs=1e-4
    )


def test_isotonic_steps_are_scikit_learns() -> None:
    labels, scores = rows(3)
    expected = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip").fit(scores, labels)
    new = np.linspace(0.0, 1.0, 200)
    assert calibrated(fit("isotonic", labels, scores), new) == pytest.approx(expected.predict(new), abs=1e-12)


@every_method
def test_it_makes_bold_scores_truer_on_rows_that_it_never_saw(method: Method) -> None:
    """Catches a calibration that is applied the wrong way round."""
    parameters = fit(method, *rows(4))
    labels, scores = rows(5, num=4000)
    before = np.mean((scores - labels) ** 2)
    assert np.mean((calibrated(parameters, scores) - labels) ** 2) < before - 0.01


@every_method
def test_parameters_survive_json_to_the_last_bit(method: Method) -> None:
    labels, scores = rows(6)
    parameters = fit(method, labels, scores)
    again = json.loads(json.dumps(parameters, allow_nan=False))
    assert again == parameters
    assert (calibrated(again, scores) == calibrated(parameters, scores)).all()


@every_method
def test_the_same_rows_give_the_same_parameters(method: Method) -> None:
    labels, scores = rows(7)
    assert fit(method, labels, scores) == fit(method, labels.copy(), scores.copy())


num_rows = st.integers(MIN_ROWS, 60)
# Scores as a network stores them, and those that it is most sure of.
scores_of = st.one_of(st.floats(0.0, 1.0, width=32), st.sampled_from([0.0, 1.0, 0.5, 1e-30, 1.0 - 1e-9]))


@st.composite
def any_rows(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    num = draw(num_rows)
    labels = draw(st.lists(st.integers(0, 1), min_size=num, max_size=num))
    scores = draw(st.lists(scores_of, min_size=num, max_size=num))
    return np.array(labels), np.array(scores, dtype=np.float64)


@every_method
@given(data=any_rows(), new=st.lists(scores_of, min_size=2, max_size=30))
def test_whatever_the_rows_the_order_of_scores_is_never_turned_round(
    method: Method, data: tuple[np.ndarray, np.ndarray], new: list[float]
) -> None:
    """Catches a crash on odd rows, a curve that falls, and what is no probability."""
    parameters = fit(method, *data)
    assert parameters["outcome"] in ("fitted", "limited", "not fitted")
    assert (parameters["outcome"] == "fitted") == (parameters["reason"] == "")
    json.dumps(parameters, allow_nan=False)
    found = calibrated(parameters, np.sort(np.array(new)))
    assert ((found >= 0.0) & (found <= 1.0)).all()
    assert (np.diff(found) >= -1e-12).all()
    if parameters["outcome"] == "not fitted":
        assert found.tolist() == sorted(new)


@given(
    st.lists(st.integers(1, 99), min_size=4, max_size=40, unique=True),
    st.floats(0.25, 10.0),
    st.integers(0, 1000),
)
def test_a_temperature_leaves_the_auc_and_the_decision_alone(
    hundredths: list[int], temperature: float, seed: int
) -> None:
    scores = np.array(hundredths) / 100
    labels = np.random.default_rng(seed).permutation(np.arange(len(scores)) % 2)
    found = calibrated({"method": "temperature", "outcome": "fitted", "temperature": temperature}, scores)
    assert roc_auc_score(labels, found) == roc_auc_score(labels, scores)
    clear = np.abs(scores - 0.5) > 1e-9
    assert ((found >= 0.5) == (scores >= 0.5))[clear].all()


@given(st.floats(0.1, 100.0), st.integers(0, 1000))
def test_a_temperature_leaves_the_class_alone(temperature: float, seed: int) -> None:
    _, values = class_rows(seed, num=20)
    found = calibrated({"method": "temperature", "outcome": "fitted", "temperature": temperature}, values)
    assert (found.argmax(axis=1) == values.argmax(axis=1)).all()


@pytest.mark.slow
@given(any_rows())
def test_a_temperature_never_makes_its_own_rows_less_likely(data: tuple[np.ndarray, np.ndarray]) -> None:
    labels, scores = data
    parameters = fit("temperature", labels, scores)
    if parameters["outcome"] == "not fitted":
        return
    both = (calibrated(parameters, scores), np.clip(scores, 1e-7, 1 - 1e-7))
    after, before = (log_loss(labels, np.clip(each, 1e-12, 1 - 1e-12), labels=[0, 1]) for each in both)
    assert after <= before + 1e-6


good_labels, good_scores = rows(8, num=40)
DEGENERATE: dict[str, tuple[Any, Any, str]] = {
    "no rows": ([], [], "0 validation rows"),
    "few rows": (good_labels[:9], good_scores[:9], "9 validation rows; at least 10"),
    "one class": (np.ones(40, dtype=int), good_scores, "of one class"),
    "one score": (good_labels, np.full(40, 0.3), "the same score"),
}


@every_method
@pytest.mark.parametrize("case", DEGENERATE)
def test_rows_that_can_not_calibrate_leave_scores_as_they_are(method: Method, case: str) -> None:
    labels, scores, reason = DEGENERATE[case]
    found = fit(method, np.array(labels, dtype=np.int64), np.array(scores, dtype=np.float64))
    assert found["outcome"] == "not fitted"
    assert reason in found["reason"]
    assert calibrated(found, good_scores).tolist() == good_scores.tolist()


@every_method
def test_scores_against_the_classes_are_not_turned_round(method: Method) -> None:
    """Catches a slope below 0, which would swap real and fake."""
    labels, scores = rows(9)
    found = fit(method, labels, 1.0 - scores)
    assert found["outcome"] == "not fitted" or method == "isotonic"
    after = calibrated(found, np.linspace(0, 1, 100))
    assert (np.diff(after) >= 0).all()


def test_rows_without_a_mistake_have_no_best_temperature() -> None:
    """Catches a temperature near 0, which would make every new score 0 or 1."""
    labels = np.arange(20) % 2
    found = fit("temperature", labels, np.where(labels == 1, 0.7, 0.3))
    assert (found["outcome"], found["reason"][:44]) == (
        "not fitted",
        "every validation row is classified correctly",
    )
    smooth = fit("platt", labels, np.where(labels == 1, 0.7, 0.3))
    assert calibrated(smooth, np.array([0.3, 0.7])) == pytest.approx([1 / 12, 11 / 12])


@pytest.mark.parametrize(
    ("share_wrong", "log_odds", "limit"),
    # Nearly always right and hardly sure of it; wrong as often as right and quite sure.
    [(0.01, 0.01, 0.1), (0.49, 16.0, 100.0)],
)
def test_a_temperature_out_of_bounds_is_its_nearest_bound(
    share_wrong: float, log_odds: float, limit: float
) -> None:
    labels = np.arange(400) % 2
    called = np.where(np.arange(400) % 200 < 200 * share_wrong, 1 - labels, labels)
    found = fit("temperature", labels, expit(log_odds * (2 * called - 1)))
    assert (found["outcome"], found["temperature"]) == ("limited", limit)
    assert "beyond" in found["reason"]


@every_method
def test_scores_of_exactly_0_and_1_are_worked_with(method: Method) -> None:
    labels = np.tile([0, 1], 50)
    scores = labels.astype(np.float32)
    scores[:10] = 1.0 - scores[:10]
    found = fit(method, labels, scores)
    assert found["outcome"] == "fitted"
    after = calibrated(found, np.array([0.0, 1.0], dtype=np.float32))
    assert after == pytest.approx([0.1, 0.9], abs=0.02)


def test_only_a_temperature_is_for_several_classes() -> None:
    labels, values = class_rows(11)
    for method in ("platt", "isotonic"):
        found = fit(method, labels, values)
        assert (found["outcome"], "two classes" in found["reason"]) == ("not fitted", True)
        assert calibrated(found, values).tolist() == values.tolist()
        with pytest.raises(ValueError, match="two classes"):
            calibrated(fit(method, *rows(12)), values)


def test_the_confidence_is_that_of_the_class_that_is_told() -> None:
    assert confidence(np.array([0.2, 0.5, 0.9])) == pytest.approx([0.8, 0.5, 0.9])
    assert confidence(np.array([[0.2, 0.5, 0.3]])).tolist() == [0.5]


@pytest.mark.parametrize("wrong", [[0.5, np.nan], [1.5, 0.5], [-0.1, 0.5]])
def test_what_is_no_probability_is_refused(wrong: list[float]) -> None:
    for call in (
        lambda: fit("platt", np.array([0, 1]), np.array(wrong)),
        lambda: calibrated({}, np.array(wrong)),
    ):
        with pytest.raises(ValueError, match="no probability"):
            call()


def test_what_is_no_calibration_is_refused() -> None:
    with pytest.raises(ValueError, match="temperature, platt, isotonic"):
        fit("beta", good_labels, good_scores)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no parameters"):
        calibrated({"method": "temperature"}, good_scores)
    with pytest.raises(ValueError, match="3 labels"):
        fit("platt", good_labels[:3], good_scores)
