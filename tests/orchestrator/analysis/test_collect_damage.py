"""Results that are damaged, incomplete, or being written: a stated outcome each, never a crash or a guess."""

import decimal
import hashlib
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables, collect
from orchestrator.store.folder import Store


def tables(results: Any) -> Tables:
    return collect(Store.look(results.write()), results.phase)


def seal(folder: Path) -> None:
    """Leave in done.json the hash of the predictions, as a run does."""
    digest = hashlib.sha256((folder / "predictions.parquet").read_bytes()).hexdigest()
    done = json.loads((folder / "done.json").read_text())
    (folder / "done.json").write_text(json.dumps({**done, "predictions_sha256": digest}))


def rewrite(folder: Path, change: Callable[[pd.DataFrame], pd.DataFrame]) -> None:
    path = folder / "predictions.parquet"
    change(pd.read_parquet(path)).to_parquet(path)


def comparison(results: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    found = tables(results)
    (row,), (effect,) = found.comparisons.to_dict("records"), found.effects.to_dict("records")
    return row, effect


def two(results: Any, folds: int = 3, **second: Any) -> None:
    results.add("a", folds=folds)
    results.add("b", folds=folds, shift=2.0, **second)
    results.compare("a", "b")


@pytest.mark.parametrize(
    ("state", "reason"), [("failed", "the loss is nan"), ("missing", "not run to its end yet")]
)
def test_a_missing_or_failed_fold_is_incomplete_with_its_reason(
    results: Any, state: str, reason: str
) -> None:
    two(results, states={1: state})
    row, effect = comparison(results)
    assert (row["verdict"], row["n"]) == ("incomplete", 2)
    assert effect["reason"] == f"b: fold 1 {state}: {reason}"
    assert np.isnan(row["p_holm"]) and np.isnan(effect["gain"])


def test_a_nan_score_makes_its_trial_unreadable_and_the_comparison_incomplete(results: Any) -> None:
    two(results)
    rewrite(results.folder("b", 0), lambda rows: rows.assign(score=rows["score"].where(rows.index != 3)))
    row, effect = comparison(results)
    assert row["verdict"] == "incomplete"
    assert "b: fold 0 unreadable" in effect["reason"] and "not finite" in effect["reason"]


@pytest.mark.parametrize("protocol", ["official", "holdout"])
def test_a_single_split_has_a_bootstrap_and_no_test(results: Any, protocol: str) -> None:
    """Catches a t interval over one fold, and a verdict without any spread."""
    two(results, folds=1)
    for experiment in results.experiments:
        experiment["recipe"]["protocol"] = protocol
    found = tables(results)
    (row,), (effect,) = found.comparisons.to_dict("records"), found.effects.to_dict("records")
    assert (row["n"], row["verdict"]) == (1, "undecided")
    assert all(np.isnan(row[name]) for name in ("std_diff", "p_value", "p_better", "min_detectable"))
    # The paired bootstrap's.
    assert row["ci_low"] < row["mean_diff"] < row["ci_high"]
    assert "single split has no spread" in effect["reason"]
    auc = found.summary[(found.summary["metric"] == "auc") & (found.summary["source"] == "all")]
    assert auc["ci_low"].isna().all()
    first = auc.iloc[0]
    assert first["boot_low"] < first["mean"] < first["boot_high"]


def test_other_fold_files_are_incomplete_with_the_reason(results: Any) -> None:
    two(results, fold_file="ba9876543210.csv")
    row, effect = comparison(results)
    assert (row["verdict"], row["n"]) == ("incomplete", 0)
    assert effect["reason"] == "the two were not split by the same fold files"


@pytest.mark.parametrize("change", ["one row less", "another label", "another image", "another group"])
def test_other_rows_under_the_same_fold_file_are_incomplete(results: Any, change: str) -> None:
    """Catches folds that have one number and different images."""
    two(results)
    rewrite(
        results.folder("b", 2),
        {
            "one row less": lambda rows: rows.drop(index=rows.index[0]),
            "another label": lambda rows: rows.assign(label=rows["label"].where(rows.index != 0, 1)),
            "another image": lambda rows: rows.assign(path=rows["path"].where(rows.index != 0, "wiki/x.jpg")),
            "another group": lambda rows: rows.assign(group=rows["group"].where(rows.index != 0, "x")),
        }[change],
    )
    row, effect = comparison(results)
    assert (row["verdict"], row["n"]) == ("incomplete", 0)
    assert "fold 2 was not tested on the same rows" in effect["reason"]


def test_the_order_of_rows_is_not_other_rows(results: Any) -> None:
    two(results)
    before, _ = comparison(results)
    rewrite(results.folder("b", 2), lambda rows: rows.sample(frac=1.0, random_state=1))
    after, _ = comparison(results)
    # With three pairs there is no Wilcoxon test, and NaN equals nothing.
    assert {**after, "p_wilcoxon": 0} == {**before, "p_wilcoxon": 0}
    assert after["verdict"] != "incomplete"


def test_one_class_in_a_fold_is_empty_with_the_reason(results: Any) -> None:
    two(results)
    rewrite(results.folder("b", 1), lambda rows: rows[(rows["label"] == 0) | (rows["split"] == "val")])
    found = tables(results)
    auc = found.scores[
        (found.scores["trial"] == results.folder("b", 1).name) & (found.scores["metric"] == "auc")
    ]
    assert auc[(auc["split"] == "test") & (auc["source"] == "all")]["value"].isna().all()
    lacking = found.missing[(found.missing["metric"] == "auc") & (found.missing["source"] == "all")]
    assert list(lacking["reason"]) == ["no fake image in these rows"]
    assert list(lacking["trial"]) == [results.folder("b", 1).name]
    summary = found.summary[(found.summary["experiment"] == "b") & (found.summary["source"] == "all")]
    rows = summary.set_index("metric")
    assert np.isnan(rows.loc["auc", "mean"]) and np.isnan(rows.loc["auc", "boot_low"])
    assert rows.loc["accuracy", "n"] == 3 and rows.loc["accuracy", "mean"] > 0


def test_one_class_in_a_fold_of_both_says_which_metric_lacks_what(results: Any) -> None:
    two(results)
    for name in ("a", "b"):
        rewrite(results.folder(name, 1), lambda rows: rows[(rows["label"] == 0) | (rows["split"] == "val")])
    row, effect = comparison(results)
    assert (row["verdict"], row["n"]) == ("incomplete", 2)
    assert "a: fold 1: no fake image in these rows" in effect["reason"]


@pytest.mark.parametrize("byte", [0, 4, 200, -5, -1])
def test_a_flipped_byte_is_found_by_the_hash(results: Any, byte: int) -> None:
    """Catches a damaged file that still parses, and gives other numbers."""
    results.add("a", folds=2)
    folder = results.folder("a", 1)
    seal(folder)
    content = bytearray((folder / "predictions.parquet").read_bytes())
    content[byte] ^= 0xFF
    (folder / "predictions.parquet").write_bytes(content)
    (failure,) = tables(results).failures.to_dict("records")
    assert failure["state"] == "unreadable" and "not what the trial wrote" in failure["reason"]


@pytest.mark.parametrize("seed", range(8))
def test_random_damage_without_a_hash_never_crashes(results: Any, seed: int) -> None:
    """Catches an exception of the parser that is not expected; it may also still be readable."""
    results.add("a", folds=1)
    path = results.folder("a", 0) / "predictions.parquet"
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(seed)
    for place in rng.integers(0, len(content), 12):
        content[place] = rng.integers(0, 256)
    path.write_bytes(content)
    found = tables(results)
    assert len(found.failures) + found.scores["trial"].nunique() == 1


def test_an_image_twice_and_an_impossible_label_are_unreadable(results: Any) -> None:
    results.add("a", folds=2)
    rewrite(results.folder("a", 0), lambda rows: pd.concat([rows, rows.head(1)]))
    rewrite(results.folder("a", 1), lambda rows: rows.assign(label=2))
    reasons = list(tables(results).failures["reason"])
    assert "an image twice" in reasons[0] and "label outside 0 to 1" in reasons[1]


def test_damage_after_the_scores_were_kept_is_found(results: Any) -> None:
    """Catches a cache that answers for a file which is no longer what it was computed from."""
    results.add("a", folds=2)
    for fold in range(2):
        seal(results.folder("a", fold))
    assert tables(results).complete()
    path = results.folder("a", 0) / "predictions.parquet"
    path.write_bytes(path.read_bytes()[:-10])
    assert list(tables(results).failures["state"]) == ["unreadable"]


def test_a_damaged_cache_is_computed_again(results: Any) -> None:
    results.add("a", folds=2)
    before = tables(results).summary
    for path in (results.root / "cache" / "scores").iterdir():
        path.write_text("{")
    pd.testing.assert_frame_equal(tables(results).summary, before)


@pytest.mark.slow
def test_kept_scores_are_the_computed_ones_to_the_byte(results: Any) -> None:
    two(results, folds=3)
    tables(results)
    folder = results.root / "collected" / "phase1"
    first = {path.name: path.read_bytes() for path in folder.iterdir()}
    tables(results)
    again = {path.name: path.read_bytes() for path in folder.iterdir()}
    shutil.rmtree(results.root / "cache")
    tables(results)
    assert first == again == {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.slow
def test_only_the_new_trial_is_read(results: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a phase whose every prediction is read again because one trial has finished."""
    two(results, folds=3)
    new = results.folder("b", 1)
    shutil.move(new, results.root / "aside")
    tables(results)
    shutil.move(results.root / "aside", new)
    read: list[str] = []
    from orchestrator.analysis import trial_scores

    original = trial_scores.read_predictions

    def spy(folder: Path, *, sha256: str | None) -> Any:
        read.append(folder.name)
        return original(folder, sha256=sha256)

    monkeypatch.setattr(trial_scores, "read_predictions", spy)
    assert tables(results).complete()
    # The others of its experiment are needed once more, for the bootstrap of the experiment.
    assert set(read) == {results.folder("b", fold).name for fold in range(3)}
    assert len(read) == 3


def test_results_that_are_being_written_meanwhile_are_consistent(results: Any) -> None:
    """Trials come and go while tables are made: what a table says of a trial, all of them say."""
    two(results, folds=4)
    results.write()
    folders = [results.folder(name, fold) for name in ("a", "b") for fold in range(4)]
    stop = threading.Event()

    def writer() -> None:
        rng = np.random.default_rng(0)
        while not stop.is_set():
            folder = folders[rng.integers(len(folders))]
            done = folder / "done.json"
            content = done.read_text()
            done.unlink()
            predictions = (folder / "predictions.parquet").read_bytes()
            (folder / "predictions.parquet").write_bytes(predictions[: len(predictions) // 2])
            (folder / "predictions.parquet").write_bytes(predictions)
            done.write_text(content)

    thread = threading.Thread(target=writer)
    thread.start()
    try:
        for _ in range(6):
            found = collect(Store.look(results.root), results.phase)
            assert len(found.failures) + found.scores["trial"].nunique() == 8
            for name, rows in found.summary.groupby("experiment"):
                lacking = (found.failures["experiment"] == name).sum()
                assert (rows["n"] == 4 - lacking).all()
                assert rows["mean"].isna().all() == bool(lacking)
    finally:
        stop.set()
        thread.join()
    assert tables(results).complete()


@pytest.mark.parametrize(
    ("column", "value", "said"),
    [
        ("score", 1.5, "score that is no probability"),
        ("score", -0.2, "score that is no probability"),
        ("split", None, "row whose split is no text"),
        ("split", "tset", "neither test, val nor unlabelled"),
        ("label", 0.7, "label that is no whole number"),
        ("source", None, "row whose source is no text"),
    ],
)
def test_one_impossible_value_is_a_failure_with_its_reason(
    results: Any, column: str, value: Any, said: str
) -> None:
    """Catches a row that is left out, a label cut to 0, or intervals that are silently gone."""
    results.add("a", folds=2)

    def spoil(rows: pd.DataFrame) -> pd.DataFrame:
        values = rows[column].tolist()
        values[3] = value
        return rows.assign(**{column: values})

    rewrite(results.folder("a", 0), spoil)
    (failure,) = tables(results).failures.to_dict("records")
    assert (failure["state"], failure["fold"]) == ("unreadable", 0)
    assert said in f"{failure['state']} {failure['reason']}"


@pytest.mark.parametrize(
    ("column", "values", "said"),
    [
        ("label", "fake", "label that is no whole number"),
        ("label", pd.Timestamp("2026-01-01"), "label that is no whole number"),
        ("predicted", True, "predicted that is no whole number"),
        ("score", "0.5", "score that is no probability"),
        ("score", None, "score that is no probability"),
        ("score", decimal.Decimal("0.5"), "score that is no probability"),
        ("split", 1, "row whose split is no text"),
        ("source", 1, "row whose source is no text"),
        ("path", 1, "row whose path is no text"),
    ],
)
def test_a_column_of_something_else_is_a_failure_with_its_reason(
    results: Any, column: str, values: Any, said: str
) -> None:
    """Catches a reason that only numpy's or Arrow's authors understand."""
    results.add("a", folds=2)
    rewrite(
        results.folder("a", 0),
        lambda rows: rows.assign(**{column: pd.Series([values] * len(rows), index=rows.index)}),
    )
    (failure,) = tables(results).failures.to_dict("records")
    assert (failure["state"], failure["fold"]) == ("unreadable", 0) and said in failure["reason"]


@pytest.mark.slow
def test_a_cache_that_lacks_something_is_computed_again(results: Any) -> None:
    """Catches a sound trial that is called unreadable because of what was kept of it."""
    two(results)
    before = tables(results)
    for path in (results.root / "cache" / "scores").iterdir():
        if path.name.startswith(("draws-", "images-", "tested-")):
            path.write_bytes(path.read_bytes()[:-1])
            continue
        head, kept = path.read_text().split("\n")
        values = json.loads(kept)
        for name in ("auc", "calibration", "rows"):
            values.pop(name, None)
        path.write_text(f"{head}\n{json.dumps(values)}")
    after = tables(results)
    assert after.failures.empty
    pd.testing.assert_frame_equal(after.summary, before.summary)
    pd.testing.assert_frame_equal(after.calibration, before.calibration)
