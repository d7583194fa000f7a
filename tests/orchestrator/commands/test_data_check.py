"""`data check`: what it says of a folder, what of finished runs, and how it exits."""

import hashlib
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from orchestrator.cli import main
from tests.cases import fast_first
from trainables.data.dataset.manifest import scan
from trainables.data.splits.trial_rows import experiment_rows, trial_table
from trainables.recipe import RecipeKeys

Check = Callable[..., tuple[int, str, str]]
Frames = Callable[[pd.DataFrame], pd.DataFrame]


@dataclass
class Run:
    """A finished cross-validation, written by hand in the format of results/, on a folder of images."""

    data: Path
    results: Path
    said: Check

    def write(self, *, group_by: str = "auto", **keys: Any) -> "Run":
        """Predict what the folds say: three folds unless `keys` say otherwise."""
        recipe = RecipeKeys.model_validate({"cv_folds": 3, "val_ratio": 0.25, "group_by": group_by, **keys})
        manifest = scan(self.data, group_by=group_by)
        rows = experiment_rows(manifest, recipe, repeat=0)
        (self.results / "folds").mkdir(parents=True)
        rows[["path", "group", "label", "source", "fold"]].to_csv(
            self.results / "folds" / "0a.csv", index=False
        )
        trials = []
        for fold in range(recipe.num_folds):
            table = trial_table(rows, recipe, repeat=0, fold=fold)
            scored = table[table["part"].isin(["val", "test"])].rename(columns={"part": "split"})
            name = f"plain-r0f{fold}-{fold:012x}"
            scored = scored.assign(fold=fold, repeat=0, score=0.5, predicted=1)
            self.predict(name, scored.drop(columns="sha256"))
            trials.append({"key": f"{fold:064x}", "repeat": 0, "fold": fold, "folder": f"trials/{name}"})
        experiment = {
            "name": "plain", "recipe": recipe.model_dump(mode="json"), "fold_files": ["0a.csv"],
            "data": str(self.data.resolve()), "trials": trials,
        }  # fmt: skip
        study = {
            "format": 1, "phase": {"name": "phase1", "title": "Phase 1"}, "experiments": [experiment],
            "device": "cpu", "data": [], "command": "", "started": "", "environment": {},
        }  # fmt: skip
        (self.results / "studies").mkdir()
        (self.results / "studies" / "phase1.json").write_text(json.dumps(study))
        return self

    def predict(self, name: str, table: pd.DataFrame) -> None:
        folder = self.results / "trials" / name
        folder.mkdir(parents=True, exist_ok=True)
        table.to_parquet(folder / "predictions.parquet", index=False)
        digest = hashlib.sha256((folder / "predictions.parquet").read_bytes()).hexdigest()
        (folder / "done.json").write_text(json.dumps({"format": 1, "predictions_sha256": digest}))

    def change(self, fold: int, change: Frames) -> None:
        """Make another prediction of a fold, as a faulty program would have."""
        name = f"plain-r0f{fold}-{fold:012x}"
        table = pd.read_parquet(self.results / "trials" / name / "predictions.parquet")
        self.predict(name, change(table).reset_index(drop=True))

    def check(self, *more: str) -> tuple[int, dict[str, dict[str, Any]]]:
        """Say how `data check` exits, and its findings by name but for what it says of shortcuts."""
        code, out, _ = self.said(self.data, "--results", self.results, "--json", *more)
        findings = {each["name"]: each for each in json.loads(out)["findings"]}
        # What file facts and trivial pixels reach is for its own tests.
        assert findings.pop("shortcut")["severity"] != "error"
        return code, findings


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str]) -> Check:
    """Run `data check`; return its exit code and what it wrote to either stream."""

    def call(folder: Path, *arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["data", "check", str(folder), *map(str, arguments)])
        return int(end.value.code or 0), *capsys.readouterr()

    return call


@pytest.fixture
def run(own_faces: Path, tmp_path: Path, check: Check) -> Run:
    return Run(own_faces, tmp_path / "results", check)


def leaked(table: pd.DataFrame) -> pd.DataFrame:
    """The first validation row turns up among the test rows."""
    first = table[table["split"] == "val"].head(1).assign(split="test")
    return pd.concat([table, first])


def moved_group(table: pd.DataFrame) -> pd.DataFrame:
    table = table.copy()
    table.loc[table["split"] == "test", "group"] = "the same"
    return table


def without_one(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(index=table.index[table["split"] == "test"][0])


def test_a_clean_folder_and_a_clean_run_exit_with_0(run: Run) -> None:
    code, findings = run.write().check()
    assert code == 0
    assert {name: each["severity"] for name, each in findings.items()} == {"run_verified": "note"}
    assert findings["run_verified"]["sentence"].startswith("3 finished trials in 1 rounds")


@pytest.mark.slow
def test_a_held_out_source_and_a_subsample_are_verified_as_they_were_planned(run: Run) -> None:
    run.write(train_sources=("wiki", "text2img"), eval_sources=("wiki", "inpainting"), subsample=0.9)
    code, findings = run.check("--phase", "phase1")
    assert (code, set(findings)) == (0, {"run_verified"})


@pytest.mark.parametrize(
    ("change", "names"),
    fast_first(
        [
            (
                leaked,
                {"run_validated_on_test", "run_tested_twice", "run_not_as_planned", "run_group_in_two_folds"},
            ),
            (without_one, {"run_not_as_planned"}),
            (lambda table: pd.concat([table, table[table["split"] == "test"]]), {"run_tested_twice"}),
        ],
        1,
    ),
)
def test_a_run_that_broke_a_rule_exits_with_1_and_names_the_rows(
    run: Run, change: Frames, names: set[str]
) -> None:
    run.write()
    run.change(1, change)
    code, findings = run.check()
    errors = {name for name, each in findings.items() if each["severity"] == "error"}
    assert (code, errors) == (1, names)
    for name in errors:
        assert findings[name]["rows"] and "phase1, plain, repeat 0" in findings[name]["sentence"]


def test_a_group_in_two_test_folds_is_found(run: Run) -> None:
    run.write()
    for fold in (0, 2):
        run.change(fold, moved_group)
    code, findings = run.check()
    assert code == 1
    assert findings["run_group_in_two_folds"]["rows"] == [
        {"group": "the same", "fold": 0},
        {"group": "the same", "fold": 2},
    ]


@pytest.mark.slow
def test_unfinished_trials_are_not_judged(run: Run) -> None:
    run.write()
    [path] = run.results.glob("trials/plain-r0f0-*/done.json")
    path.unlink()
    code, findings = run.check()
    assert code == 0 and findings["run_verified"]["sentence"].startswith("2 finished trials")


@pytest.mark.slow
def test_a_folder_that_lost_images_since_the_run_is_a_warning(run: Run) -> None:
    run.write()
    shutil.rmtree(run.data / "inpainting")
    code, findings = run.check()
    assert code == 0 and findings["run_of_other_data"]["severity"] == "warning"
    assert len(findings["run_of_other_data"]["rows"]) == 12


def test_official_splits_that_share_files_are_refused_with_2_and_cv_is_not(
    tmp_path: Path, make_faces: Callable[..., Path], check: Check
) -> None:
    root = tmp_path / "splits"
    for split in ("train", "test"):
        make_faces(root / split, sources=("real", "fake"), basenames=[f"{split}{n}" for n in range(8)])
    shutil.copy(root / "train" / "real" / "face_train1.jpg", root / "test" / "real" / "copy.jpg")
    code, out, _ = check(root)
    assert code == 0 and "warning identical_across_splits: 1 pair" in out
    assert "test/real/copy.jpg  train/real/face_train1.jpg" in out
    assert "Nothing against a run on this data" in out
    code, out, _ = check(root, "--protocol", "official")
    assert code == 2 and "Refused" in out and "error   identical_across" in out


@pytest.mark.slow
def test_files_that_cannot_be_used_are_listed(run: Run, check: Check) -> None:
    (run.data / "wiki" / "broken.jpg").write_bytes(b"")
    code, out, _ = check(run.data, "--json", "--max-unusable", 0.1)
    (found,) = [each for each in json.loads(out)["findings"] if each["name"] == "unusable_files"]
    assert code == 0 and found["rows"] == [{"path": "wiki/broken.jpg", "reason": "empty file"}]


@pytest.mark.slow
def test_real_images_may_have_another_name(run: Run, check: Check) -> None:
    (run.data / "wiki").rename(run.data / "celeba")
    code, _, err = check(run.data)
    assert code == 2 and "real_sources" in err
    code, out, _ = check(run.data, "--real-sources", "photos,celeba")
    assert code == 0 and "36 images, 12 groups (sources" in out


@pytest.mark.slow
@pytest.mark.parametrize("command", ["scan", "report", "equalise"])
def test_the_other_commands_on_images_know_real_ones_by_another_name_too(
    run: Run, tmp_path: Path, command: str
) -> None:
    (run.data / "wiki").rename(run.data / "celeba")
    places = {
        "scan": [],
        "report": ["--out", tmp_path / "page.html"],
        "equalise": [tmp_path / "equal", "--size", "32"],
    }
    line = ["data", command, run.data, *places[command]]
    for names, expected in (("wiki", 2), ("celeba", 0)):
        with pytest.raises(SystemExit) as end:
            main([*map(str, line), "--real-sources", names])
        assert int(end.value.code or 0) == expected


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--layout", "sauces"], "--layout sauces: auto, sources, splits, folders"),
        (["--protocol", "loo"], "--protocol loo: cv, holdout or official"),
        (["--phase", "phase1"], "name the folder of results too, with --results"),
        (["--results", "{here}/none"], "there is no results folder"),
        (["--results", "{here}/empty"], "holds no finished trial on"),
        (["--results", "{here}/empty", "--phase", "phase9"], "has no record of 'phase9'"),
    ],
)
def test_what_can_not_be_checked_is_one_sentence_and_2(
    run: Run, check: Check, tmp_path: Path, arguments: list[str], message: str
) -> None:
    (tmp_path / "empty").mkdir()
    code, _, err = check(run.data, *(argument.format(here=tmp_path) for argument in arguments))
    assert code == 2 and message in err and "Traceback" not in err
    assert not (tmp_path / "none").exists()


def draw_videos(root: Path, name: str) -> None:
    """Draw 3 real videos and 3 fakes of 5 frames each, which differ in light alone."""
    for video, side in enumerate(("real", "fake") * 3):
        coarse = np.random.default_rng(video).integers(30, 220, (6, 6, 3), dtype=np.uint8)
        scene = np.asarray(Image.fromarray(coarse).resize((32, 32), Image.Resampling.BICUBIC)).astype(int)
        for frame in range(5):
            path = root / side / name.format(video=f"take{video}", frame=frame)
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray((scene + 2 * frame).clip(0, 255).astype(np.uint8)).save(path)


@pytest.mark.parametrize("name", fast_first(["{video}/{frame:03d}.png", "{video}_frame{frame}.png"], 1))
def test_frames_of_a_video_are_on_one_side_and_said_to_cross_where_they_are_not_grouped(
    name: str, tmp_path: Path, check: Check
) -> None:
    """Catches a network that is tested on other frames of the videos it has learned, without a word."""
    root = tmp_path / "videos"
    draw_videos(root, name)
    manifest = scan(root)
    rows = experiment_rows(manifest, RecipeKeys(cv_folds=3), repeat=0)
    videos = rows["path"].str.extract(r"(take\d)")[0]
    assert rows.groupby(videos)["fold"].nunique().eq(1).all() and rows["group"].nunique() == 6

    _, out, _ = check(root, "--json")
    names = {finding["name"] for finding in json.loads(out)["findings"]}
    assert "near_across_groups" not in names

    code, out, _ = check(root, "--group-by", "none")
    assert code == 0
    assert re.search(
        r"pairs of images are versions of .* in different groups \(group_by none\), 100% of", out
    )
    assert "frames of a video" in out and "group_by auto joins them" in out
