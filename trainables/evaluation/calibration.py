"""Scores to probabilities that can be taken at their word, fitted on a trial's inner validation rows.

temperature: log-probabilities divided by one number (Guo, Pleiss, Sun & Weinberger 2017, "On calibration of
modern neural networks"): never another class, never another order, so the AUC stays. platt: a logistic curve
over the log-odds with smoothed targets (Platt 1999, "Probabilistic outputs for support vector machines").
isotonic: the best non-decreasing steps (Zadrozny & Elkan 2002), straight lines between them. The last two are
for two classes, never turn an order round, and may move the point where P(fake) is 0.5.

What is fitted is plain JSON: {"method", "outcome", "reason", "num_rows", and the parameters}. `outcome` is
  fitted      the parameters are the best ones;
  limited     the best temperature lies beyond TEMPERATURES, and its nearest end was taken;
  not fitted  these rows can't say (`reason`: too few, one class, one score ...): scores stay as they are.
Nothing is random: same rows, same parameters.
"""

from typing import Literal, TypedDict, get_args

import numpy as np
from scipy.optimize import brentq, isotonic_regression
from scipy.special import expit, logit

Method = Literal["temperature", "platt", "isotonic"]
FitOutcome = Literal["fitted", "limited", "not fitted"]

METHODS: tuple[Method, ...] = get_args(Method)
MIN_ROWS = 10
TEMPERATURES = (0.1, 100.0)
# P(fake) nearer to 0 or 1 counts as this: float32, which scores are stored in, knows nothing nearer to 1.
EDGE = 1e-7
# One of several probabilities; float32 holds no smaller one in full.
LEAST = 1e-38
_NEWTON_STEPS = 100
_FLAT = 1e-10


class Parameters(TypedDict, total=False):
    """A fitted calibration as plain JSON, as the module says; each method has its own parameters."""

    method: Method
    outcome: FitOutcome
    reason: str
    num_rows: int
    temperature: float
    slope: float
    intercept: float
    scores: list[float]
    probabilities: list[float]


def fit(method: Method, labels: np.ndarray, probabilities: np.ndarray) -> Parameters:
    """Fit a method on validation rows; return plain JSON values, as the module says.

    Args:
        method: temperature, platt or isotonic.
        labels: int [N], 0 .. C - 1.
        probabilities: P(fake), float [N], or one column per class, float [N, C].

    Raises:
        ValueError: an unknown method, unequal lengths, or a probability that is none.
    """
    if method not in METHODS:
        raise ValueError(f"{method!r} is no calibration; {', '.join(METHODS)} are")
    exact = _checked(probabilities)
    if len(labels) != len(exact):
        raise ValueError(f"{len(labels)} labels do not belong to {len(exact)} scores")
    reason = _unusable(method, labels, exact)
    found: Parameters = {
        "method": method,
        "outcome": "not fitted",
        "reason": reason,
        "num_rows": len(exact),
    }
    if not reason:
        fitters = {"temperature": _fit_temperature, "platt": _fit_platt, "isotonic": _fit_isotonic}
        found.update(fitters[method](labels, exact))
    return found


def calibrated(parameters: Parameters, probabilities: np.ndarray) -> np.ndarray:
    """Return calibrated probabilities, float64, in the shape of `probabilities`.

    Args:
        parameters: what `fit` gave, as it is or read back from JSON.
        probabilities: P(fake), float [N], or one column per class, float [N, C].

    Raises:
        ValueError: an unknown method or outcome, a probability that is none, or several classes for a method
        of two.
    """
    exact, method = _checked(probabilities), parameters.get("method")
    if method not in METHODS or parameters.get("outcome") not in get_args(FitOutcome):
        raise ValueError(f"these are no parameters of a calibration: {str(dict(parameters))[:80]}")
    if parameters["outcome"] == "not fitted":
        return exact
    if method == "temperature":
        temperature = float(parameters["temperature"])
        if exact.ndim == 1:
            return np.asarray(expit(_log_odds(exact) / temperature))
        return _softmax(_log_probabilities(exact) / temperature)
    if exact.ndim != 1:
        raise ValueError(f"{method} is for two classes, these scores have {exact.shape[1]}")
    if method == "platt":
        log_odds = _log_odds(exact)
        return np.asarray(expit(float(parameters["slope"]) * log_odds + float(parameters["intercept"])))
    return np.asarray(np.interp(exact, parameters["scores"], parameters["probabilities"]))


def confidence(probabilities: np.ndarray) -> np.ndarray:
    """Return how sure a prediction is, float64 [N]: max(p, 1 - p); of several classes the largest."""
    exact = np.asarray(probabilities, dtype=np.float64)
    return np.asarray(np.maximum(exact, 1.0 - exact) if exact.ndim == 1 else exact.max(axis=1))


def _checked(probabilities: np.ndarray) -> np.ndarray:
    exact = np.asarray(probabilities, dtype=np.float64)
    # Written so that NaN is refused too; a softmax in float32 may sum to a hair more than 1.
    if not bool(np.all((exact >= 0.0) & (exact <= 1.0 + 1e-6))):
        raise ValueError("a score is no probability from 0 to 1: the model diverged")
    return np.minimum(exact, 1.0)


def _unusable(method: Method, labels: np.ndarray, exact: np.ndarray) -> str:
    """Say why these rows can't calibrate anything; empty where they can."""
    if exact.ndim != 1 and method != "temperature":
        return f"{method} is for two classes, there are {exact.shape[1]}"
    if len(exact) < MIN_ROWS:
        return f"{len(exact)} validation rows; at least {MIN_ROWS} are needed"
    if len(np.unique(labels)) < 2:
        return "all validation rows are of one class"
    if bool(np.all(exact == exact[0])):
        return "all validation rows have the same score"
    return ""


def _log_odds(exact: np.ndarray) -> np.ndarray:
    """Return the log-odds of P(fake), float64 [N], finite."""
    return np.asarray(logit(np.clip(exact, EDGE, 1.0 - EDGE)))


def _log_probabilities(exact: np.ndarray) -> np.ndarray:
    """Return the log-probabilities of several classes, float64 [N, C], finite."""
    return np.asarray(np.log(np.maximum(exact, LEAST)))


def _softmax(logits: np.ndarray) -> np.ndarray:
    """Return probabilities, float64 [N, C]."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True))


def _fit_temperature(labels: np.ndarray, exact: np.ndarray) -> Parameters:
    """Minimise the mean log loss, which is convex in 1 / temperature: its slope has one root.

    Of two classes the log-odds say the same as the two log-probabilities, at a fraction of the work.
    """
    if exact.ndim == 1:
        logs = _log_odds(exact)
        of_truth, largest = logs * labels, np.maximum(logs, 0.0)

        def expected(inverse: float) -> np.ndarray:
            return np.asarray(expit(inverse * logs) * logs)
    else:
        logs = _log_probabilities(exact)
        of_truth, largest = logs[np.arange(len(labels)), labels], logs.max(axis=1)

        def expected(inverse: float) -> np.ndarray:
            return np.asarray(np.sum(_softmax(inverse * logs) * logs, axis=1))

    def slope(inverse: float) -> float:
        return float(np.mean(expected(inverse) - of_truth))

    if bool(np.all(of_truth >= largest)):
        return {"reason": "every validation row is classified correctly, so no finite temperature is best"}
    if slope(0.0) >= 0.0:
        return {"reason": "the scores do not point to the true classes of the validation rows"}
    coldest, hottest = TEMPERATURES
    for limit, is_beyond in ((coldest, slope(1 / coldest) < 0.0), (hottest, slope(1 / hottest) > 0.0)):
        if is_beyond:
            reason = f"the best temperature lies beyond {limit:g}"
            return {"outcome": "limited", "reason": reason, "temperature": limit}
    inverse = brentq(slope, 1 / hottest, 1 / coldest, xtol=1e-14, rtol=1e-14)
    return {"outcome": "fitted", "temperature": 1.0 / float(inverse)}


def _fit_platt(labels: np.ndarray, exact: np.ndarray) -> Parameters:
    log_odds = _log_odds(exact)
    num_fake = int(np.count_nonzero(labels == 1))
    num_real = len(labels) - num_fake
    # Platt's targets: never quite 0 or 1, so that separable rows have a finite best curve.
    targets = np.where(labels == 1, (num_fake + 1) / (num_fake + 2), 1 / (num_real + 2))
    slope, intercept = _logistic(log_odds, targets, start=(0.0, np.log((num_fake + 1) / (num_real + 1))))
    if slope <= 0.0:
        return {"reason": "the share of fakes does not rise with the score on the validation rows"}
    return {"outcome": "fitted", "slope": slope, "intercept": intercept}


def _logistic(x: np.ndarray, targets: np.ndarray, *, start: tuple[float, float]) -> tuple[float, float]:
    """Minimise the mean cross-entropy of expit(a * x + b), convex in a and b, by Newton's steps.

    A step is halved until the loss falls enough (Armijo), so that the first ones can't overshoot.
    """
    design = np.stack([x, np.ones_like(x)], axis=1)

    def loss(weights: np.ndarray) -> float:
        margins = design @ weights
        return float(np.mean(np.logaddexp(0.0, margins) - targets * margins))

    weights = np.array(start)
    before = loss(weights)
    for _ in range(_NEWTON_STEPS):
        shares = expit(design @ weights)
        gradient = design.T @ (shares - targets) / len(x)
        if float(np.abs(gradient).max()) < _FLAT:
            break
        curvature = (design * (shares * (1.0 - shares))[:, None]).T @ design / len(x)
        step = np.linalg.solve(curvature + 1e-12 * np.eye(2), gradient)
        promised, size = float(gradient @ step), 1.0
        if promised < 1e-15 * before:
            # The last step: what it gains is less than float64 can tell of the loss.
            weights = weights - step
            break
        while size > _FLAT and (after := loss(weights - size * step)) > before - 1e-4 * size * promised:
            size /= 2
        if size <= _FLAT:
            break
        weights, before = weights - size * step, after
    return float(weights[0]), float(weights[1])


def _fit_isotonic(labels: np.ndarray, exact: np.ndarray) -> Parameters:
    scores, place, counts = np.unique(exact, return_inverse=True, return_counts=True)
    # Equal scores get one probability, whatever their labels.
    shares = np.bincount(place, weights=labels == 1) / counts
    steps = isotonic_regression(shares, weights=counts).x
    if steps[0] == steps[-1]:
        return {"reason": "the share of fakes does not rise with the score on the validation rows"}
    # Of a flat piece the two ends say everything.
    is_end = np.ones(len(steps), dtype=bool)
    is_end[1:-1] = (steps[1:-1] != steps[:-2]) | (steps[1:-1] != steps[2:])
    return {"outcome": "fitted", "scores": scores[is_end].tolist(), "probabilities": steps[is_end].tolist()}
