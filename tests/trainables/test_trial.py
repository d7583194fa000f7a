"""One trial from pixels to a committed result: what it leaves, and what its numbers do not hang on."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score

from tests.cases import fast_first
from trainables.data.pixels import ensure_pixels
from trainables.data.splits.halves import validation_halves
from trainables.models.building import build_model
from trainables.recipe import Loss, Optimizer, Recipe, Scheduler
from trainables.training.epoch_report import EpochReport
from trainables.training.loop import TrainingError
from trainables.trial import run_trial
from trainables.trial_inputs import TrialRows

CPU = torch.device("cpu")
IMAGENET = (np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225]))
FILES = {"done.json", "history.csv", "metrics.json", "model.safetensors", "predictions.parquet"}

MakeRecipe = Callable[..., Recipe]


def run(recipe: Recipe, rows: TrialRows, folder: Path, **options: Any) -> dict[str, Any]:
    return run_trial(recipe, rows, folder, device=CPU, **options)


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


def same_weights(one: Path, other: Path) -> bool:
    first, second = weights(one), weights(other)
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def scores_by_content(folder: Path, table: pd.DataFrame) -> dict[str, float]:
    digests = dict(zip(table["path"], table["sha256"], strict=True))
    predictions = pd.read_parquet(folder / "predictions.parquet")
    return dict(zip(predictions["path"].map(digests), predictions["score"], strict=True))


@pytest.fixture(scope="module")
def finished(make_recipe: MakeRecipe, trial_data: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("finished")
    run(make_recipe(), trial_data.rows(), folder)
    return folder


def test_a_finished_trial_leaves_these_files_and_no_pickle(finished: Path) -> None:
    assert {path.relative_to(finished).as_posix() for path in finished.rglob("*")} == FILES


def test_all_files_of_a_trial_have_one_mode(finished: Path) -> None:
    """Catches weights that only their owner can read: safetensors writes them so."""
    (mode,) = {path.stat().st_mode for path in finished.iterdir()}
    (finished / "new").touch()
    assert mode == (finished / "new").stat().st_mode
    (finished / "new").unlink()


def test_what_is_committed_is_known_by_its_hash(finished: Path) -> None:
    done = json.loads((finished / "done.json").read_text())
    for name, file in (("predictions", "predictions.parquet"), ("weights", "model.safetensors")):
        assert done[f"{name}_sha256"] == hashlib.sha256((finished / file).read_bytes()).hexdigest()
    assert done["weights_bytes"] == (finished / "model.safetensors").stat().st_size
    # Nothing that it speaks of was written later.
    last = max(path.stat().st_mtime_ns for path in finished.iterdir())
    assert (finished / "done.json").stat().st_mtime_ns == last


def test_predictions_hold_every_validation_and_test_row_once(finished: Path, trial_data: Any) -> None:
    predictions = pd.read_parquet(finished / "predictions.parquet")
    columns = ["path", "group", "source", "label", "split", "score", "predicted", "fold", "repeat"]
    assert list(predictions.columns) == columns
    table = trial_data.table
    expected = table[table["part"] != "train"].rename(columns={"part": "split"}).set_index("path")
    found = predictions.set_index("path")
    assert found.index.is_unique and set(found.index) == set(expected.index)
    for column in ("group", "source", "label", "split"):
        assert (found[column] == expected[column].loc[found.index]).all()
    assert found["score"].between(0, 1).all() and found["score"].nunique() > 12
    assert ((found["score"] >= 0.5) == found["predicted"].astype(bool)).all()
    assert set(found["fold"]) == {1} and set(found["repeat"]) == {0}


def test_metrics_can_be_computed_again_from_the_predictions(finished: Path) -> None:
    predictions = pd.read_parquet(finished / "predictions.parquet")
    metrics = json.loads((finished / "metrics.json").read_text())
    for split, part in predictions.groupby("split"):
        assert metrics[split]["auc"] == pytest.approx(roc_auc_score(part["label"], part["score"]))
        assert metrics[split]["accuracy"] == (part["label"] == part["predicted"]).mean()
    assert (metrics["n_train"], metrics["n_val"], metrics["n_test"]) == (40, 12, 12)
    history = pd.read_csv(finished / "history.csv")
    assert metrics["epochs"] == len(history) == 4 and list(history["epoch"]) == [1, 2, 3, 4]
    assert metrics["best_epoch"] == history["val_auc"].idxmax() + 1
    assert metrics["val"]["auc"] == history["val_auc"].max()
    parameters = sum(value.numel() for name, value in weights(finished).items() if "running" not in name)
    assert metrics["parameters"] == parameters - sum("num_batches" in name for name in weights(finished))


def test_done_names_the_predictions_by_their_hash(finished: Path) -> None:
    done = json.loads((finished / "done.json").read_text())
    digest = hashlib.sha256((finished / "predictions.parquet").read_bytes()).hexdigest()
    assert done["predictions_sha256"] == digest


def test_the_saved_weights_give_the_saved_scores(
    finished: Path, trial_data: Any, make_recipe: MakeRecipe
) -> None:
    """Computed anew: decoded by Pillow, normalised by the formula in float64, one image at a time."""
    model = build_model(make_recipe(), num_classes=2).eval()
    model.load_state_dict(weights(finished))
    hashes = dict(zip(trial_data.table["path"], trial_data.table["sha256"], strict=True))
    for row in pd.read_parquet(finished / "predictions.parquet").itertuples():
        with Image.open(trial_data.files[hashes[str(row.path)]]) as image:
            pixels_HWC = (np.asarray(image) / 255.0 - IMAGENET[0]) / IMAGENET[1]
        x_BCHW = torch.tensor(pixels_HWC.transpose(2, 0, 1)[None], dtype=torch.float32)
        with torch.inference_mode():
            assert float(torch.sigmoid(model(x_BCHW))) == pytest.approx(row.score, abs=1e-5)


def test_test_rows_cannot_reach_training(
    finished: Path, trial_data: Any, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    """Other labels and other pixels in the test part: the weights and the validation scores stay the same."""
    table = trial_data.table.copy()
    is_test = table["part"] == "test"
    table.loc[is_test, "label"] = 1 - table.loc[is_test, "label"]
    files = dict(trial_data.files)
    for position, row in table[is_test].iterrows():
        path = tmp_path / f"{position}.png"
        Image.fromarray(255 - np.asarray(Image.open(files[row["sha256"]]))).save(path)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        files[digest] = path
        table.loc[position, "sha256"] = digest
    rows = TrialRows(table, ensure_pixels(tmp_path, files, size_px=32), 2, repeat=0, fold=1)
    run(make_recipe(), rows, tmp_path / "out")
    assert same_weights(finished, tmp_path / "out")
    before, after = (pd.read_parquet(f / "predictions.parquet") for f in (finished, tmp_path / "out"))
    assert before[before["split"] == "val"].equals(after[after["split"] == "val"])
    assert not (before["score"] == after["score"])[before["split"] == "test"].any()


def test_names_and_order_of_the_files_change_nothing(
    finished: Path, trial_data: Any, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    table = trial_data.table.sample(frac=1, random_state=0)
    table["path"] = [f"moved/{number}.png" for number in range(len(table))]
    run(make_recipe(), trial_data.rows(table), tmp_path)
    assert same_weights(finished, tmp_path)
    assert scores_by_content(tmp_path, table) == scores_by_content(finished, trial_data.table)


def test_another_seed_fold_or_repeat_is_another_training(
    trial_data: Any, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    rows, heads = trial_data.rows(), set()
    for repeat, fold, seed in ((0, 1, 42), (0, 2, 42), (1, 1, 42), (0, 1, 43)):
        other = TrialRows(rows.table, rows.pixels, 2, repeat=repeat, fold=fold)
        run(make_recipe(seed=seed, epochs=1), other, tmp_path)
        heads.add(weights(tmp_path)["head.2.weight"].numpy().tobytes())
    assert len(heads) == 4


def test_what_happened_before_in_the_process_changes_nothing(
    finished: Path, trial_data: Any, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    torch.manual_seed(12345)
    np.random.default_rng(1).random()
    run(make_recipe(), trial_data.rows(), tmp_path)
    assert same_weights(finished, tmp_path)


def test_five_classes_have_a_probability_each(
    five_class_data: Any, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(loss=Loss(label_smoothing=0.1, class_weights="balanced"))
    metrics = run(recipe, five_class_data.rows(), tmp_path)
    predictions = pd.read_parquet(tmp_path / "predictions.parquet")
    scores = predictions[[f"p{number}" for number in range(5)]].to_numpy()
    assert "score" not in predictions.columns
    np.testing.assert_allclose(scores.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_array_equal(scores.argmax(axis=1), predictions["predicted"])
    test = (predictions["split"] == "test").to_numpy()
    one_hot = np.eye(5)[predictions["label"]]
    assert metrics["test"]["auc"] == pytest.approx(
        roc_auc_score(one_hot[test], scores[test], average="macro")
    )


Script = list[float]


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Script], None]:
    """Let the inner validation part give these values of a metric, epoch by epoch."""

    def script(metric: str, values: Script) -> None:
        left = iter(values)
        monkeypatch.setattr(
            "trainables.training.loop.compute_metrics",
            lambda labels, scores: {"auc": 0.5, "log_loss": 0.7, metric: next(left)},
        )

    return script


@pytest.mark.parametrize(
    ("metric", "values", "patience", "epochs", "best"),
    fast_first(
        [
            ("auc", [0.5, 0.9, 0.8, 0.7, 0.95], 2, 4, 2),
            ("auc", [0.9, 0.9, 0.9, 0.9, 0.9], 2, 3, 1),
            ("auc", [0.5, 0.4, 0.6, 0.5, 0.4], 2, 5, 3),
            ("auc", [0.5, 0.4, 0.3, 0.2, 0.1], 1, 2, 1),
            ("auc", [0.5, 0.4, 0.3, 0.2, 0.9], None, 5, 5),
            ("log_loss", [0.9, 0.3, 0.4, 0.5, 0.1], 2, 4, 2),
        ],
        3,
    ),
)
def test_patience_ends_training_and_the_best_weights_are_kept_not_the_last(
    trial_data: Any,
    make_recipe: MakeRecipe,
    scripted: Callable[[str, Script], None],
    tmp_path: Path,
    metric: str,
    values: Script,
    patience: int | None,
    epochs: int,
    best: int,
) -> None:
    """The best weights are those of a run that ended at the best epoch, and they scored the test rows."""
    steady: dict[str, Any] = {"scheduler": Scheduler(type="none"), "select_by": metric}
    reports: list[EpochReport] = []
    scripted(metric, values)
    recipe = make_recipe(epochs=5, early_stopping_patience=patience, **steady)
    metrics = run(recipe, trial_data.rows(), tmp_path / "a", on_epoch=reports.append)
    assert (metrics["epochs"], metrics["best_epoch"]) == (epochs, best)
    assert [report.score for report in reports] == values[:epochs]
    assert reports[-1].best_score == values[best - 1] and reports[-1].best_epoch == best
    sign = -1 if metric == "log_loss" else 1
    scripted(metric, [sign * number for number in range(best)])
    run(make_recipe(epochs=best, **steady), trial_data.rows(), tmp_path / "b")
    assert same_weights(tmp_path / "a", tmp_path / "b")
    one, other = (pd.read_parquet(tmp_path / name / "predictions.parquet") for name in "ab")
    assert one.equals(other)


def test_a_loss_that_is_no_number_is_a_training_error_and_nothing_is_committed(
    trial_data: Any, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    recipe = make_recipe(optimizer=Optimizer(type="sgd", lr=10.0, weight_decay=1e30))
    with pytest.raises(TrainingError, match=r"the training loss is (nan|inf) in epoch 1: lower lr"):
        run(recipe, trial_data.rows(), tmp_path)
    assert not FILES & {path.name for path in tmp_path.rglob("*")}


def test_reports_tell_what_the_history_tells(
    trial_data: Any, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    reports: list[EpochReport] = []
    run(make_recipe(), trial_data.rows(), tmp_path, on_epoch=reports.append)
    history = pd.read_csv(tmp_path / "history.csv")
    assert [report.epoch for report in reports] == [1, 2, 3, 4]
    for name in ("train_loss", "val_loss", "lr", "seconds"):
        assert history[name].tolist() == [getattr(report, name) for report in reports]
    assert history["val_auc"].tolist() == [report.val["auc"] for report in reports]
    cosine = [3e-3 * (1 + np.cos(np.pi * epoch / 4)) / 2 for epoch in range(4)]
    assert history["lr"].tolist() == pytest.approx(cosine)
    assert history["train_loss"].iloc[-1] < history["train_loss"].iloc[0]


def test_an_unlabelled_part_gets_predictions_and_a_submission(
    make_recipe: MakeRecipe, five_class_data: Any, tmp_path: Path
) -> None:
    table = five_class_data.table.copy()
    unlabelled = table.index[table["part"] == "test"][-5:]
    table.loc[unlabelled, ["part", "label"]] = ["unlabelled", -1]
    metrics = run(make_recipe(epochs=1), five_class_data.rows(table), tmp_path)
    predictions = pd.read_parquet(tmp_path / "predictions.parquet").set_index("path")
    submission = pd.read_csv(tmp_path / "submission.csv", dtype={"image_id": str})
    assert list(submission.columns) == ["image_id", "label"]
    assert set(submission["image_id"]) == {Path(path).stem for path in table.loc[unlabelled, "path"]}
    for path in table.loc[unlabelled, "path"]:
        said = submission.set_index("image_id")["label"][Path(path).stem]
        assert predictions.loc[path, "split"] == "unlabelled" and predictions.loc[path, "predicted"] == said
    assert (metrics["n_test"], metrics["n_unlabelled"]) == (7, 5)


@pytest.mark.parametrize("kind", ["trial_data", "five_class_data"])
def test_a_kernel_machine_is_a_trial_that_learns_from_validation_rows_too(
    make_recipe: MakeRecipe, kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    data = request.getfixturevalue(kind)
    recipe = make_recipe(backbone="svm_rbf", dropout=0.0)
    metrics = run(recipe, data.rows(), tmp_path)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == FILES
    assert (metrics["n_train"], metrics["n_val"], metrics["n_test"]) == (52, 0, 12)
    predictions = pd.read_parquet(tmp_path / "predictions.parquet")
    assert set(predictions["split"]) == {"test"} and metrics["val"] == {}
    # The metrics are those of its own votes.
    right = float((predictions["predicted"] == predictions["label"]).mean())
    assert metrics["test"]["accuracy"] == pytest.approx(right)
    first = (tmp_path / "predictions.parquet").read_bytes()
    run(recipe, data.rows(), tmp_path / "again")
    assert (tmp_path / "again" / "predictions.parquet").read_bytes() == first


@pytest.mark.slow
def test_a_constrained_convolution_keeps_its_constraint_in_training(
    make_recipe: MakeRecipe, trial_data: Any, tmp_path: Path
) -> None:
    """Catches an optimiser step after which nothing brings the weights back."""
    run(make_recipe(backbone="dual_stream", dropout=0.0, epochs=1), trial_data.rows(), tmp_path)
    weight = weights(tmp_path)["head.constrained.weight"]
    assert (weight[..., 2, 2] == -1).all()
    torch.testing.assert_close(weight.sum(dim=(2, 3)), torch.zeros(3, 3), atol=1e-4, rtol=0)


def test_history_holds_the_metrics_of_both_halves_of_the_validation_part(
    finished: Path, trial_data: Any, make_recipe: MakeRecipe
) -> None:
    """At the best epoch they are those of the stored scores, cut by the same halves."""
    predictions = pd.read_parquet(finished / "predictions.parquet")
    val = predictions[predictions["split"] == "val"]
    halves = validation_halves(val, seed=make_recipe().seed, repeat=0, fold=1)
    assert halves is not None
    history = pd.read_csv(finished / "history.csv")
    metrics = json.loads((finished / "metrics.json").read_text())
    best = history.iloc[metrics["best_epoch"] - 1]
    for number, half in enumerate("ab"):
        mine = val[halves == number]
        assert best[f"auc_half_{half}"] == pytest.approx(roc_auc_score(mine["label"], mine["score"]))
        assert best[f"accuracy_half_{half}"] == pytest.approx((mine["label"] == mine["predicted"]).mean())
        assert history[f"brier_half_{half}"].notna().all()
    assert metrics["n_val_halves"] == np.bincount(halves).tolist() and sum(metrics["n_val_halves"]) == 12


def test_halves_change_no_number_of_the_training(
    finished: Path, trial_data: Any, make_recipe: MakeRecipe, tmp_path: Path
) -> None:
    """Groups decide the halves and nothing else: with one group per class there are none."""
    table = trial_data.table.copy()
    is_val = table["part"] == "val"
    table.loc[is_val, "group"] = "val-" + table.loc[is_val, "label"].astype(str)
    run(make_recipe(), trial_data.rows(table), tmp_path)
    assert same_weights(finished, tmp_path)
    before, after = (pd.read_csv(folder / "history.csv") for folder in (finished, tmp_path))
    assert not [name for name in after if "_half_" in name]
    numbers = [name for name in after if name not in ("seconds", "images_per_s")]
    pd.testing.assert_frame_equal(before[numbers], after[numbers], check_exact=True)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["n_val_halves"] == []
    assert (
        metrics["flops_per_image"]
        == json.loads((finished / "metrics.json").read_text())["flops_per_image"]
        > 0
    )
