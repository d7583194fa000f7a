"""Detectors on the images of an evaluation: means, intervals, pairs and losses, by plain computations."""

import dataclasses
import math

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from orchestrator.analysis.detectors import JudgedDetector
from orchestrator.analysis.elsewhere import ImageSample, Measured, elsewhere_scores, measure_detectors
from orchestrator.analysis.elsewhere_pairs import detector_differences, home_losses
from orchestrator.analysis.elsewhere_sources import source_scores

NUMBER = 240
ALL_ROWS = np.arange(NUMBER)


def images() -> pd.DataFrame:
    """120 groups of two images each: half of the groups real, the others fake, of two sources."""
    group = np.arange(NUMBER) // 2
    label = (group >= 60).astype(int)
    source = np.where(label == 0, "wiki", np.where(group < 110, "swap", "gan"))
    paths = [f"{name}/{number:03}.jpg" for number, name in enumerate(source)]
    return pd.DataFrame({"path": paths, "group": group.astype(str), "source": source, "label": label})


def detector(
    name: str, *, seed: int, shift: float, models: int = 5, rows: np.ndarray = ALL_ROWS
) -> JudgedDetector:
    """Scores whose images vary together for all models, and by model besides."""
    rng, labels = np.random.default_rng(seed), images()["label"].to_numpy()
    shared = np.random.default_rng(99).normal(0.0, 1.0, NUMBER // 2).repeat(2)
    scores = {
        f"r0f{fold}": 1 / (1 + np.exp(-(shared + shift * labels + rng.normal(0, 0.3, NUMBER))))[rows]
        for fold in range(models)
    }
    return JudgedDetector(
        name=name,
        is_foreign=False,
        rows=rows,
        scores=scores,
        num_expected=models,
        folds=models,
        test_share=0.25,
        folds_of=("folds.csv",),
        home={"auc": {column: 0.9 + 0.01 * place for place, column in enumerate(scores)}},
        thresholds=dict.fromkeys(scores, 0.7),
    )


def measured(*detectors: JudgedDetector) -> tuple[dict[str, Measured], ImageSample]:
    return measure_detectors(detectors, images(), ALL_ROWS), ImageSample.of(images())


def plain_auc(labels: np.ndarray, scores: np.ndarray) -> float:
    reals = np.sort(scores[labels == 0])
    return float(np.searchsorted(reals, scores[labels == 1]).mean() / len(reals))


def resampled_aucs(one: JudgedDetector, other: JudgedDetector | None = None) -> list[float]:
    """Mean AUC over models (of the other less the one) of groups drawn by class, with plain loops."""
    rng, table = np.random.default_rng(3), images()
    labels, found = table["label"].to_numpy(), []
    for _ in range(400):
        groups = np.concatenate([rng.integers(0, 60, 60), rng.integers(60, 120, 60)])
        rows = np.concatenate([[2 * group, 2 * group + 1] for group in groups])
        mine = np.mean([plain_auc(labels[rows], each[rows]) for each in one.scores.values()])
        theirs = 0.0
        if other is not None:
            theirs = np.mean([plain_auc(labels[rows], each[rows]) for each in other.scores.values()])
        found.append(float(theirs - mine) if other is not None else float(mine))
    return found


def test_the_mean_over_models_has_the_error_of_models_and_of_images() -> None:
    """Catches draws of one model taken for the mean of all, and a spread over models taken for everything."""
    one = detector("one", seed=1, shift=1.5)
    found, sample = measured(one)
    labels = images()["label"].to_numpy()
    aucs = np.array([roc_auc_score(labels, each) for each in one.scores.values()])
    row = next(
        row for row in elsewhere_scores(one, found["one"], sample, condition="clean") if row.metric == "auc"
    )
    assert (row.n, row.images, row.groups) == (5, 240, 120)
    assert (row.mean, row.std) == pytest.approx((aucs.mean(), aucs.std(ddof=1)))
    ensemble = np.mean(list(one.scores.values()), axis=0)
    assert row.ensemble == pytest.approx(roc_auc_score(labels, ensemble))
    of_images = found["one"].images_part("auc", sample)
    assert of_images is not None
    assert of_images.error == pytest.approx(np.std(resampled_aucs(one)), rel=0.12)
    error = math.sqrt(of_images.error**2 + aucs.var(ddof=1) * 0.45)
    # On the scale of the log odds, by the delta method.
    half = (math.log(row.ci_high / (1 - row.ci_high)) - math.log(row.ci_low / (1 - row.ci_low))) / 2
    assert 1.95 < half * row.mean * (1 - row.mean) / error < 2.3
    assert row.ensemble_low < row.ensemble < row.ensemble_high


def test_home_thresholds_decide_beside_one_half() -> None:
    one = detector("one", seed=1, shift=1.5)
    found, sample = measured(one)
    rows = {row.metric: row for row in elsewhere_scores(one, found["one"], sample, condition="clean")}
    labels = images()["label"].to_numpy()
    for metric, cut in (("balanced_accuracy", 0.5), ("balanced_accuracy_tuned", 0.7)):
        values = [balanced_accuracy_score(labels, each >= cut) for each in one.scores.values()]
        assert rows[metric].mean == pytest.approx(np.mean(values))
        assert rows[metric].ci_low < rows[metric].mean < rows[metric].ci_high


def test_an_incomplete_set_of_models_has_no_mean() -> None:
    one = dataclasses.replace(detector("one", seed=1, shift=1.0), num_expected=6, problem="5 of 6 models")
    found, sample = measured(one)
    rows = elsewhere_scores(one, found["one"], sample, condition="clean")
    assert all(math.isnan(row.mean) and row.reason == "5 of 6 models" for row in rows)
    assert (
        detector_differences([one, detector("two", seed=2, shift=1.0)], found, sample, condition="clean")
        == []
    )
    assert all(math.isnan(row.loss) for row in home_losses([one], found, {"one": sample}, condition="clean"))


def test_detectors_are_paired_by_image_and_by_fold() -> None:
    """Catches a difference whose error does not know that the images are the same."""
    one, two = detector("one", seed=1, shift=1.2), detector("two", seed=2, shift=1.5)
    found, sample = measured(one, two)
    (row,) = detector_differences([one, two], found, sample, condition="clean")
    differences = found["two"].array("auc") - found["one"].array("auc")
    assert row.mean_diff == pytest.approx(differences.mean()) and row.is_paired and row.n == 5
    error = math.sqrt(np.var(resampled_aucs(one, two)) + differences.var(ddof=1) * 0.45)
    assert 1.9 * error < (row.ci_high - row.ci_low) / 2 < 2.6 * error
    assert (row.p_value < 0.05) == (row.ci_low > 0 or row.ci_high < 0)
    alone = found["one"].images_part("auc", sample)
    assert alone is not None and (row.ci_high - row.ci_low) / 2 < 2 * alone.error
    elsewhere = dataclasses.replace(two, folds_of=("others.csv",))
    (unpaired,) = detector_differences([one, elsewhere], found, sample, condition="clean")
    assert not unpaired.is_paired and unpaired.mean_diff == pytest.approx(row.mean_diff)


def test_equal_detectors_are_not_certain_to_be_equal() -> None:
    one = detector("one", seed=1, shift=1.2)
    same = dataclasses.replace(one, name="same")
    found, sample = measured(one, same)
    (row,) = detector_differences([one, same], found, sample, condition="clean")
    assert row.mean_diff == 0.0 and row.ci_low < -0.01 < 0.01 < row.ci_high and row.p_value == 1.0


def test_pairs_are_corrected_over_all() -> None:
    every = [detector(name, seed=seed, shift=0.5 * seed) for seed, name in enumerate("abc", start=1)]
    found, sample = measured(*every)
    rows = detector_differences(every, found, sample, condition="clean")
    assert [(row.baseline, row.treatment) for row in rows] == [("a", "b"), ("a", "c"), ("b", "c")]
    smallest = min(rows, key=lambda row: row.p_value)
    assert smallest.p_holm == pytest.approx(min(1.0, 3 * smallest.p_value))


def test_the_loss_against_home_is_paired_by_model() -> None:
    one = detector("one", seed=1, shift=1.5)
    found, sample = measured(one)
    row = home_losses([one], found, {"one": sample}, condition="clean")[0]
    losses = np.array(list(one.home["auc"].values())) - found["one"].array("auc")
    assert (row.metric, row.n) == ("auc", 5)
    assert (row.loss, row.std) == pytest.approx((losses.mean(), losses.std(ddof=1)))
    assert row.home - row.here == pytest.approx(row.loss) and row.ci_low < row.loss < row.ci_high
    away = dataclasses.replace(one, home={}, home_problem="fold 2: not run to its end yet")
    assert home_losses([away], found, {"one": sample}, condition="clean")[0].reason == away.home_problem


def test_one_class_has_no_auc_and_says_so() -> None:
    one = detector("one", seed=1, shift=1.5)
    fakes = np.flatnonzero(images()["label"].to_numpy() == 1)
    found = measure_detectors([one], images(), fakes)
    sample = ImageSample.of(images().iloc[fakes])
    rows = {row.metric: row for row in elsewhere_scores(one, found["one"], sample, condition="clean")}
    assert math.isnan(rows["auc"].mean) and rows["auc"].reason == "no real image in these rows"
    assert 0.0 < rows["recall"].mean <= 1.0 and math.isnan(rows["recall"].ci_low)


def test_each_source_has_its_rates() -> None:
    one, table = detector("one", seed=1, shift=1.5), images()
    rows = {(row.source, row.metric): row for row in source_scores([one], table, condition="clean")}
    assert set(rows) == {
        ("gan", "auc"), ("gan", "detection_rate"), ("swap", "auc"), ("swap", "detection_rate"),
        ("wiki", "false_alarm_rate"),
    }  # fmt: skip
    labels, gan = table["label"].to_numpy(), (table["source"] == "gan").to_numpy()
    scores, asked = one.scores["r0f0"], gan | (labels == 0)
    aucs = [roc_auc_score(gan[asked], each[asked]) for each in one.scores.values()]
    assert rows["gan", "auc"].mean == pytest.approx(np.mean(aucs))
    alarms = [np.mean(each[labels == 0] >= 0.5) for each in one.scores.values()]
    assert rows["wiki", "false_alarm_rate"].mean == pytest.approx(np.mean(alarms))
    assert scores.shape == (NUMBER,) and rows["gan", "auc"].groups == 10
    for row in rows.values():
        assert 0.0 <= row.ci_low < row.mean < row.ci_high <= 1.0


def test_real_images_alone_have_false_alarms() -> None:
    one, table = detector("one", seed=1, shift=1.5), images().iloc[:120]
    alone = dataclasses.replace(
        one, rows=np.arange(120), scores={name: each[:120] for name, each in one.scores.items()}
    )
    (row,) = source_scores([alone], table, condition="clean")
    alarms = [np.mean(each >= 0.5) for each in alone.scores.values()]
    assert (row.source, row.metric, row.reason) == ("wiki", "false_alarm_rate", "")
    assert row.mean == pytest.approx(np.mean(alarms))
