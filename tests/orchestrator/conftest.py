"""Fixtures of the orchestrator's tests: folders of experiment files, and results written by hand."""

import functools
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables, collect
from orchestrator.cli import main
from orchestrator.plan.data_sets import scan_memory
from orchestrator.store.folder import Store
from orchestrator.store.records import (
    Environment,
    ExperimentRecord,
    PhaseRecord,
    RecipeRecord,
    ShortcutRecord,
    StudyRecord,
)
from trainables.data.dataset.manifest import scan
from trainables.recipe import RecipeKeys

SHARED: dict[str, Any] = {
    "seed": 42,
    "image_size": 32,
    "epochs": 2,
    "batch_size": 8,
    "optimizer": {"type": "adamw", "lr": 1e-4, "weight_decay": 1e-4},
    "scheduler": {"type": "cosine_annealing", "T_max": 2},
    "precision": "float32",
    "cv_folds": 5,
}
# Images of a fold in a hand-written trial: source -> (label, how many).
TEST_SOURCES = {"wiki": (0, 12), "text2img": (1, 6), "inpainting": (1, 6)}
VAL_SOURCES = {"wiki": (0, 5), "text2img": (1, 5)}
NUM_TRAIN = 90
STARTED = "2024-01-02T03:04:05+00:00"

WriteExperiments = Callable[..., Path]
SharePictures = Callable[[Path], None]
Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Run a command in an empty folder: code, standard output, standard error."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return run


@pytest.fixture(scope="session")
def shipped() -> Path:
    """The experiments folder of this repository."""
    return Path(__file__).parents[2] / "experiments"


@pytest.fixture
def write_experiments(tmp_path: Path) -> WriteExperiments:
    """Write an experiments folder: `files` maps a path in it to an object, or to text that is kept as is."""

    def write(
        files: Mapping[str, Any], *, shared: Mapping[str, Any] = SHARED, folder: Path | None = None
    ) -> Path:
        root = folder or tmp_path / "experiments"
        for name, content in {"shared.json": shared, **files}.items():
            path = root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return root

    return write


@dataclass
class Results:
    """A results folder written by hand, without any of the code that writes one in a run.

    `add` adds an experiment with its trials; `write` leaves the study record that the commands read.
    """

    root: Path
    phase: str = "phase1"
    decision: dict[str, Any] | None = None
    comparisons: list[dict[str, Any]] = field(default_factory=list)
    experiments: list[dict[str, Any]] = field(default_factory=list)

    def add(
        self,
        name: str,
        *,
        shift: float = 1.0,
        states: Mapping[int, str] | None = None,
        folds: int = 5,
        num_classes: int = 2,
        fold_file: str = "0123456789ab.csv",
        **recipe: Any,
    ) -> dict[str, Any]:
        """Add an experiment; `shift` says how well it tells classes apart, `states` what is not done."""
        dealt = {"cv_folds": folds} if folds > 1 else {"protocol": "holdout"}
        keys = RecipeKeys(precision="float32", **{**dealt, **recipe}).model_dump(mode="json")
        experiment = {
            "name": name, "description": f"About {name}.", "tags": [], "recipe": keys, "measurement": None,
            "threshold_by": "balanced_accuracy",
            "fold_files": [fold_file], "data": "/data/faces", "num_classes": num_classes, "trials": [],
        }  # fmt: skip
        for fold in range(folds):
            key = f"{fold:x}{len(self.experiments):x}".ljust(12, "c").ljust(64, "0")
            folder = self.root / "trials" / f"{name}-r0f{fold}-{key[:12]}"
            sizes = {"train": NUM_TRAIN, "val": 10, "test": 24}
            experiment["trials"].append(
                {"key": key, "repeat": 0, "fold": fold, "sizes": sizes, "estimate_s": None}
                | {"folder": folder.relative_to(self.root).as_posix()}
            )
            state = (states or {}).get(fold, "done")
            if state != "missing":
                self.trial(folder, name, fold, key, keys, shift=shift, num_classes=num_classes, state=state)
        self.experiments.append(experiment)
        return experiment

    def trial(
        self,
        folder: Path,
        name: str,
        fold: int,
        key: str,
        recipe: dict[str, Any],
        *,
        shift: float = 1.0,
        num_classes: int = 2,
        state: str = "done",
    ) -> None:
        """Write what a trial leaves, as far as it got."""
        folder.mkdir(parents=True, exist_ok=True)
        run = {
            "command": "python -m orchestrator phase1", "phase": self.phase, "versions": {"python": "3.11"},
            "host": "here", "platform": "Linux", "git_commit": "abc", "git_dirty": False, "device": "cpu",
            "started": STARTED,
        }  # fmt: skip
        ingredients = {
            "recipe": recipe,
            "repeat": 0,
            "fold": fold,
            "rows": "r" * 64,
            "versions": {"folds": 1},
        }
        _json(
            folder / "trial.json",
            {"format": 1, "key": key, "experiment": name, "repeat": 0, "fold": fold}
            | {"ingredients": ingredients, "recipe": recipe, "run": run},
        )
        epochs = 3 if state == "done" else 2
        self.history(folder, epochs)
        if state == "failed":
            error = {"type": "TrainingError", "message": "the loss is nan", "traceback": "", "time": STARTED}
            _json(folder / "error.json", {"format": 1, **error})
        if state != "done":
            return
        (folder / "predictions.parquet").write_bytes(_stored_predictions(fold, shift, num_classes))
        scores = {"auc": 0.75 + fold / 100, "accuracy": 0.5, "f1": 0.5, "log_loss": 0.6, "precision": None}
        _json(
            folder / "metrics.json",
            {
                "val": scores,
                "test": scores,
                "score": scores["auc"],
                "best_epoch": 2,
                "epochs": 3,
                "n_train": NUM_TRAIN,
                "n_val": 10,
            }
            | {"n_test": 24, "parameters": 10, "training_seconds": 6.0, "seconds": 7.0, "peak_mib": 300.0}
            | {"device": "cpu", "threads": 1},
        )
        (folder / "model.safetensors").write_bytes(b"weights")
        _json(folder / "done.json", {"format": 1, "finished": STARTED, "best_epoch": 2})

    @staticmethod
    def history(folder: Path, epochs: int) -> None:
        """Write history.csv with `epochs` rows."""
        (folder / "history.csv").write_text(_stored_history(epochs))

    def compare(self, baseline: str, treatment: str, *metrics: str) -> None:
        """Declare a comparison."""
        self.comparisons.append(
            {"question": f"Is {treatment} better?", "baseline": baseline, "treatment": treatment}
            | {"metrics": list(metrics or ("auc",))}
        )

    def write(self) -> Path:
        """Write the study record and return the folder."""
        names = [experiment["name"] for experiment in self.experiments]
        phase = {"name": self.phase, "title": "Phase", "question": "Which?", "experiments": names}
        counts = [
            {"source": source, "label": label, "split": "", "count": 5 * count}
            for source, (label, count) in TEST_SOURCES.items()
        ]
        data = {
            "root": "/data/faces", "layout": "sources", "group_by": "basename", "classes": ["real", "fake"],
            "images": 120, "groups": 60, "counts": counts, "formats": {"JPEG": 120}, "width": [32, 40, 48],
            "height": [32, 40, 48], "bytes": 120_000, "identical_files": 0, "excluded": [],
        }  # fmt: skip
        environment = {"versions": {"python": "3.11"}, "host": "here", "platform": "Linux"}
        _json(
            self.root / "studies" / f"{self.phase}.json",
            {"format": 1, "device": "cpu"}
            | {"phase": {**phase, "comparisons": self.comparisons, "decision": self.decision}}
            | {"experiments": self.experiments, "data": [data], "command": "python -m orchestrator phase1"}
            | {"started": STARTED, "environment": {**environment, "git_commit": "abc", "git_dirty": False}},
        )
        _json(self.root / "results.json", {"format": 1})
        return self.root

    def decide(self, *among: str, **rule: Any) -> None:
        """Declare a decision, by validation AUC unless `rule` says another thing."""
        usual = {"choose": "auc", "prefer": "cheaper", "rope": 0.01}
        self.decision = {**usual, "among": list(among), **rule}

    def facts(self, name: str, **facts: Any) -> None:
        """Change what metrics.json says of every trial of an experiment."""
        for path in self.root.glob(f"trials/{name}-r*/metrics.json"):
            _json(path, {**json.loads(path.read_text()), **facts})

    def ran(self, name: str, **facts: Any) -> None:
        """Change what trial.json says of the run of every trial of an experiment."""
        for path in self.root.glob(f"trials/{name}-r*/trial.json"):
            record = json.loads(path.read_text())
            _json(path, {**record, "run": {**record["run"], **facts}})

    def rescore(
        self, name: str, split: str, change: Callable[[pd.DataFrame], Any], *, fold: int | None = None
    ) -> None:
        """Replace the scores of a split's rows, in every fold of an experiment or in one."""
        for path in self.root.glob(f"trials/{name}-r*f{'*' if fold is None else fold}-*/predictions.parquet"):
            table = pd.read_parquet(path)
            mine = table["split"] == split
            table.loc[mine, "score"] = np.asarray(change(table[mine]))
            table["predicted"] = (table["score"] >= 0.5).astype(int)
            table.to_parquet(path)

    def separate(
        self, name: str, split: str, good: float, noise: float = 1.0, *, fold: int | None = None
    ) -> None:
        """Let the scores of a split be right by `good` (logit); the same fold has the same noise."""

        def scores(table: pd.DataFrame) -> Any:
            rng = np.random.default_rng(int(table["fold"].iloc[0]))
            logits = good * (2 * table["label"] - 1) + noise * rng.normal(size=len(table))
            return 1 / (1 + np.exp(-logits))

        self.rescore(name, split, scores, fold=fold)

    def halves(
        self, name: str, *pairs: tuple[float, float], metric: str = "auc", fold: int | None = None
    ) -> None:
        """Let history.csv hold the AUC of both halves of the validation part, a pair for each epoch."""
        for path in self.root.glob(f"trials/{name}-r*f{'*' if fold is None else fold}-*/history.csv"):
            self.history(path.parent, len(pairs))
            table = pd.read_csv(path)
            table[["auc_half_a", "auc_half_b"]] = np.array(pairs, dtype=float)
            table.to_csv(path, index=False)
            facts = json.loads((path.parent / "metrics.json").read_text())
            _json(path.parent / "metrics.json", {**facts, "n_val_halves": [5, 5]})

    def folder(self, name: str, fold: int) -> Path:
        """The folder of a trial."""
        experiment = next(experiment for experiment in self.experiments if experiment["name"] == name)
        return self.root / experiment["trials"][fold]["folder"]


@functools.cache
def _stored_history(epochs: int) -> str:
    steps = np.arange(1, epochs + 1)
    table = pd.DataFrame({"epoch": steps, "train_loss": 1 / steps, "val_loss": 0.5 + 1 / steps})
    table = table.assign(
        score=steps / 10, val_auc=steps / 10, val_f1=np.nan, lr=1e-4, seconds=2.0, images_per_s=45.0
    )
    return table.to_csv(index=False)


@functools.cache
def _stored_predictions(fold: int, shift: float, num_classes: int) -> bytes:
    return predictions(fold, shift=shift, num_classes=num_classes).to_parquet()


def predictions(fold: int, *, shift: float = 1.0, num_classes: int = 2) -> pd.DataFrame:
    """Draw the predictions of a fold; the same fold has the same images whatever `shift` is."""
    rng = np.random.default_rng(fold)
    rows = []
    for split, sources in (("test", TEST_SOURCES), ("val", VAL_SOURCES)):
        for source, (label, count) in sources.items():
            rows += [
                {"path": f"{source}/{split}{fold}_{number}.jpg", "group": f"{split}{fold}_{number}"}
                | {"source": source, "label": label, "split": split}
                for number in range(count)
            ]
    table = pd.DataFrame(rows)
    if num_classes == 2:
        logits = rng.normal(size=len(table)) + shift * (2 * table["label"] - 1)
        table["score"] = 1 / (1 + np.exp(-logits))
        table["predicted"] = (table["score"] >= 0.5).astype(int)
    else:
        table["label"] = np.arange(len(table)) % num_classes
        logits = rng.normal(size=(len(table), num_classes))
        logits[np.arange(len(table)), table["label"]] += shift
        values = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        for column in range(num_classes):
            table[f"p{column}"] = values[:, column]
        table["predicted"] = values.argmax(axis=1)
    return table.assign(fold=fold, repeat=0)


def _json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


@pytest.fixture(scope="session")
def scanned(faces: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder that remembers what is in `faces`, and holds nothing else. Copy it to change it."""
    root = tmp_path_factory.mktemp("scanned") / "results"
    scan(faces, memory=scan_memory(Store.look(root), faces))
    return root


@pytest.fixture(scope="session")
def share_pictures(shared_folder: Path) -> SharePictures:
    """Let the page of phase1 in a results folder show what this run of the tests has drawn, for any page.

    Drawing is most of the time of a page. A picture is known by all that it is drawn from; what lies behind a
    link is never removed by a page that does not show it.
    """
    drawn = shared_folder / "pictures"
    drawn.mkdir(exist_ok=True)

    def share(root: Path) -> None:
        link = root / "cache" / "figures" / "phase1"
        link.parent.mkdir(parents=True)
        link.symlink_to(drawn, target_is_directory=True)

    return share


@pytest.fixture
def results(tmp_path: Path, share_pictures: SharePictures) -> Results:
    """An empty results folder to write by hand."""
    share_pictures(tmp_path / "results")
    return Results(tmp_path / "results")


@pytest.fixture
def tables_of(results: Results) -> Callable[[], tuple[Store, Tables]]:
    """Write the results down as they are now, and collect their tables."""

    def write_and_collect() -> tuple[Store, Tables]:
        store = Store.open(results.write())
        return store, collect(store, results.phase)

    return write_and_collect


@pytest.fixture
def make_study() -> Callable[..., StudyRecord]:
    """Make the record of a study of experiments without trials, with what was found of shortcuts."""

    def make(*shortcuts: ShortcutRecord, names: tuple[str, ...] = ("a",)) -> StudyRecord:
        return StudyRecord(
            phase=PhaseRecord(name="p", title="P"),
            device="cpu",
            experiments=tuple(
                ExperimentRecord(name=name, recipe=RecipeRecord(), fold_files=(), trials=()) for name in names
            ),
            data=(),
            shortcuts=shortcuts,
            command="python -m orchestrator p",
            started=STARTED,
            environment=Environment(),
        )

    return make
