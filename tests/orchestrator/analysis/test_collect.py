"""results/ to scores, summary and failures: against scikit-learn, with columns as the design fixes them."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import special
from sklearn import metrics

from orchestrator.analysis.collect import Tables, collect
from orchestrator.store.folder import Store
from trainables.errors import InputError

SCORES = ["experiment", "repeat", "fold", "split", "source", "metric", "value", "trial"]
SUMMARY = [
    "experiment", "metric", "source", "n", "n_expected", "mean", "std",
    "ci_low", "ci_high", "boot_low", "boot_high",
]  # fmt: skip
COMPARISONS = [
    "question", "baseline", "treatment", "metric", "source", "n", "mean_diff", "std_diff",
    "ci_low", "ci_high",
    "p_value", "p_holm", "p_wilcoxon", "p_worse", "p_equivalent", "p_better", "min_detectable", "verdict",
]  # fmt: skip

# What scikit-learn calls the metrics of two classes, from labels, scores and predicted classes.
BINARY: dict[str, Callable[[Any, Any, Any], float]] = {
    "auc": lambda y, s, p: metrics.roc_auc_score(y, s),
    "accuracy": lambda y, s, p: metrics.accuracy_score(y, p),
    "balanced_accuracy": lambda y, s, p: metrics.balanced_accuracy_score(y, p),
    "f1": lambda y, s, p: metrics.f1_score(y, p),
    "precision": lambda y, s, p: metrics.precision_score(y, p),
    "recall": lambda y, s, p: metrics.recall_score(y, p),
    "average_precision": lambda y, s, p: metrics.average_precision_score(y, s),
    "log_loss": lambda y, s, p: metrics.log_loss(y, s),
}


def tables(results: Any) -> Tables:
    return collect(Store.look(results.write()), results.phase)


def stored(results: Any, name: str, fold: int, split: str = "test") -> pd.DataFrame:
    table = pd.read_parquet(results.folder(name, fold) / "predictions.parquet")
    return table[table["split"] == split]


def value(scores: pd.DataFrame, **wanted: Any) -> float:
    for column, content in {"source": "all", "split": "test", **wanted}.items():
        scores = scores[scores[column] == content]
    assert len(scores) == 1
    return float(scores["value"].iloc[0])


@pytest.mark.parametrize("split", ["test", "val"])
def test_scores_are_scikit_learns_of_the_stored_predictions(results: Any, split: str) -> None:
    """Catches scores taken from metrics.json (which says something else here) or from the wrong split."""
    results.add("a", folds=2)
    found = tables(results).scores
    for fold in range(2):
        rows = stored(results, "a", fold, split)
        for metric, compute in BINARY.items():
            expected = compute(rows["label"], rows["score"], (rows["score"] >= 0.5).astype(int))
            assert value(found, fold=fold, metric=metric, split=split) == pytest.approx(expected), metric


def test_columns_are_those_of_the_design_on_disk_too(results: Any) -> None:
    results.add("a", folds=2, states={1: "failed"})
    results.add("b", folds=2)
    results.compare("a", "b")
    tables(results)
    folder = results.root / "collected" / "phase1"
    for name, columns in (("scores", SCORES), ("summary", SUMMARY), ("comparisons", COMPARISONS)):
        assert list(pd.read_csv(folder / f"{name}.csv").columns) == columns
    failures = list(pd.read_csv(folder / "failures.csv").columns)
    assert failures == ["experiment", "repeat", "fold", "state", "reason", "trial"]


def test_each_score_names_its_trial(results: Any) -> None:
    results.add("a", folds=2)
    found = tables(results).scores
    assert set(found["trial"]) == {results.folder("a", fold).name for fold in range(2)}
    assert set(zip(found["repeat"], found["fold"], strict=True)) == {(0, 0), (0, 1)}
    assert not found.duplicated(["experiment", "repeat", "fold", "split", "source", "metric"]).any()


def test_a_fake_source_is_scored_against_all_real_images(results: Any) -> None:
    results.add("a", folds=2)
    found = tables(results).scores
    for fold in range(2):
        rows = stored(results, "a", fold)
        for source in ("text2img", "inpainting"):
            fake = rows[rows["source"] == source]
            both = rows[(rows["source"] == source) | (rows["label"] == 0)]
            auc = metrics.roc_auc_score(both["label"], both["score"])
            assert value(found, fold=fold, source=source, metric="auc") == pytest.approx(auc)
            rate = (fake["score"] >= 0.5).mean()
            assert value(found, fold=fold, source=source, metric="detection_rate") == pytest.approx(rate)


def test_a_real_source_has_false_alarms_and_no_auc(results: Any) -> None:
    """Catches a made-up AUC of rows of one class."""
    results.add("a", folds=2)
    found = tables(results).scores
    rows = stored(results, "a", 1)
    rate = (rows[rows["source"] == "wiki"]["score"] >= 0.5).mean()
    assert value(found, fold=1, source="wiki", metric="false_alarm_rate") == pytest.approx(rate)
    assert set(found[found["source"] == "wiki"]["metric"]) == {"false_alarm_rate"}


def test_the_summary_is_the_mean_over_folds(results: Any) -> None:
    """Catches a pooled score, ddof 0, and an interval without the Nadeau-Bengio factor or beyond 1."""
    results.add("a")
    found = tables(results)
    aucs = np.array([value(found.scores, fold=fold, metric="auc") for fold in range(5)])
    row = found.summary[(found.summary["metric"] == "auc") & (found.summary["source"] == "all")].iloc[0]
    assert (row["n"], row["n_expected"]) == (5, 5)
    assert (row["mean"], row["std"]) == pytest.approx((aucs.mean(), aucs.std(ddof=1)))
    # 24 test images, 90 + 10 to train and to choose the epoch by; t's 97.5 % point with 4 degrees.
    half = 2.776445 * aucs.std(ddof=1) * np.sqrt(1 / 5 + 24 / 100) / (row["mean"] * (1 - row["mean"]))
    bounds = special.expit(special.logit(row["mean"]) + np.array([-half, half]))
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(tuple(bounds), abs=1e-7)


def test_experiments_keep_their_order_and_all_comes_before_sources(results: Any) -> None:
    for name in ("z", "a"):
        results.add(name, folds=2)
    found = tables(results).summary
    assert list(dict.fromkeys(found["experiment"])) == ["z", "a"]
    assert list(dict.fromkeys(found["source"])) == ["all", "inpainting", "text2img", "wiki"]


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ("failed", "the loss is nan"),
        ("missing", "not run to its end yet"),
        ("interrupted", "not run to its end yet"),
    ],
)
def test_an_incomplete_experiment_is_never_averaged(results: Any, state: str, reason: str) -> None:
    """Catches a mean of the three folds that happened to work."""
    results.add("a", folds=4, states={3: state})
    found = tables(results)
    assert not found.complete()
    (row,) = found.failures.to_dict("records")
    assert (row["experiment"], row["fold"], row["state"], row["reason"]) == ("a", 3, state, reason)
    assert row["trial"] == results.folder("a", 3).name
    assert (found.summary["n"] == 3).all()
    assert (found.summary["n_expected"] == 4).all()
    assert found.summary[["mean", "std", "ci_low", "ci_high"]].isna().all(axis=None)


def truncate(folder: Path) -> None:
    path = folder / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:100])


def rewrite(change: Callable[[pd.DataFrame], pd.DataFrame]) -> Callable[[Path], None]:
    def damage(folder: Path) -> None:
        path = folder / "predictions.parquet"
        change(pd.read_parquet(path)).to_parquet(path)

    return damage


DAMAGE: dict[str, Callable[[Path], None]] = {
    "no predictions": lambda folder: (folder / "predictions.parquet").unlink(),
    "half a file": truncate,
    "not parquet": lambda folder: (folder / "predictions.parquet").write_text("oops"),
    "no score column": rewrite(lambda table: table.drop(columns="score")),
    "no test rows": rewrite(lambda table: table[table["split"] == "val"]),
    "a NaN score": rewrite(lambda table: table.assign(score=table["score"].where(table.index != 0))),
    "no metrics": lambda folder: (folder / "metrics.json").unlink(),
    "half the metrics": lambda folder: (folder / "metrics.json").write_text('{"n_test"'),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_trial_is_a_failure_and_not_a_crash(results: Any, damage: str) -> None:
    """Catches one damaged file that keeps all tables from being made, or that is left out in silence."""
    results.add("a", folds=3)
    results.add("b", folds=2)
    DAMAGE[damage](results.folder("a", 2))
    found = tables(results)
    (row,) = found.failures.to_dict("records")
    assert (row["experiment"], row["fold"], row["state"]) == ("a", 2, "unreadable")
    assert row["reason"]
    assert (found.summary.loc[found.summary["experiment"] == "a", "n"] == 2).all()
    assert found.summary.loc[found.summary["experiment"] == "b", "mean"].notna().all()


def test_a_metric_that_does_not_exist_is_left_out_and_not_made_up(results: Any) -> None:
    """A fold without fakes has no AUC: the metric is incomplete, the others are not."""
    results.add("a", folds=3)
    damage = rewrite(lambda table: table.assign(label=table["label"].where(table["split"] == "val", 0)))
    damage(results.folder("a", 0))
    summary = tables(results).summary
    rows = summary[summary["source"] == "all"].set_index("metric")
    assert (rows.loc["auc", "n"], rows.loc["accuracy", "n"]) == (2, 3)
    assert np.isnan(rows.loc["auc", "mean"])
    assert rows.loc["accuracy", "mean"] > 0


def test_only_some_folds_asked_for_is_incomplete_too(results: Any) -> None:
    """Catches `--folds 0,1` that gives a mean of two folds as if it were the experiment's."""
    experiment = results.add("a")
    experiment["trials"] = experiment["trials"][:2]
    found = tables(results)
    assert found.failures.empty
    assert (found.summary["n"] == 2).all()
    assert found.summary["mean"].isna().all()


def test_experiments_that_share_trials_both_have_scores(results: Any) -> None:
    one = results.add("a", folds=2)
    results.experiments.append({**one, "name": "twin"})
    found = tables(results)
    assert found.complete()
    means = found.summary[found.summary["metric"] == "auc"].groupby("experiment")["mean"].first()
    assert means["a"] == means["twin"]


def test_five_classes_are_macro_averages(results: Any) -> None:
    results.add("a", num_classes=5, folds=2)
    found = tables(results).scores
    assert set(found["source"]) == {"all"}
    for fold in range(2):
        rows = stored(results, "a", fold)
        labels, values = rows["label"].to_numpy(), rows[[f"p{column}" for column in range(5)]].to_numpy()
        predicted = values.argmax(axis=1)
        expected = {
            "auc": metrics.roc_auc_score(labels, values, multi_class="ovr", average="macro"),
            "accuracy": (labels == predicted).mean(),
            "f1": metrics.f1_score(labels, predicted, average="macro"),
            "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted),
            "log_loss": -np.log(values[np.arange(len(labels)), labels]).mean(),
        }
        for metric, number in expected.items():
            assert value(found, fold=fold, metric=metric) == pytest.approx(number)


def test_the_same_results_give_the_same_bytes(results: Any, tmp_path: Path) -> None:
    """Catches tables that hang on time, path or the order of a folder."""
    results.add("a", folds=3, states={1: "failed"})
    results.add("b", folds=3, shift=2.0)
    results.compare("a", "b", "auc", "f1")
    tables(results)
    folder = results.root / "collected" / "phase1"
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.copytree(results.root, tmp_path / "copy")
    collect(Store.look(tmp_path / "copy"), "phase1")
    tables(results)
    for place in (folder, tmp_path / "copy" / "collected" / "phase1"):
        assert {path.name: path.read_bytes() for path in place.iterdir()} == before
    assert set(before) >= {"scores.csv", "summary.csv", "comparisons.csv", "failures.csv"}


def test_a_phase_that_never_ran_is_an_input_error(results: Any) -> None:
    results.add("a")
    results.write()
    with pytest.raises(InputError, match=r"phase9.*phase1"):
        collect(Store.look(results.root), "phase9")


def test_collect_reads_no_image_and_changes_no_trial(results: Any) -> None:
    """The data folder that the record names does not exist here; trials must be as they were."""
    results.add("a", folds=2)
    results.write()
    before = {path: path.stat().st_mtime_ns for path in (results.root / "trials").rglob("*")}
    assert tables(results).complete()
    assert {path: path.stat().st_mtime_ns for path in (results.root / "trials").rglob("*")} == before
