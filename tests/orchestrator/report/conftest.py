"""Results folders written by hand as a run would leave them, and a real browser to look at their pages.

The browser is a headless Chromium, spoken to over a pipe in its DevTools protocol: JSON objects with a zero
byte behind each, which it reads from file descriptor 3 and answers on 4 (--remote-debugging-pipe). So no
driver and no port is needed.
"""

import hashlib
import json
import os
import shutil
import subprocess
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestrator.analysis.collect import Tables, collect
from orchestrator.report.page import write_report
from orchestrator.store.folder import Store
from trainables.evaluation.scoring import predicted_classes
from trainables.files import read_json, write_json

SOURCES = (("wiki", 0), ("text2img", 1), ("inpainting", 1))
RECIPE: dict[str, Any] = {
    "layout": "sources", "group_by": "basename", "real_sources": ["wiki"], "train_sources": None,
    "eval_sources": None, "subsample": 1.0, "image_size": 64, "face_crop": False, "face_crop_margin": 0.6,
    "normalization": "imagenet", "augment": False, "backbone": "simple_cnn", "pretrained": False,
    "cnn_preset": "medium", "dropout": 0.0, "epochs": 4, "batch_size": 32,
    "optimizer": {"type": "adamw", "lr": 1e-4, "weight_decay": 1e-4, "momentum": 0.9},
    "scheduler": {"type": "cosine_annealing", "T_max": 4}, "early_stopping_patience": 5,
    "loss": {"type": "cross_entropy", "label_smoothing": 0.0, "class_weights": None},
    "precision": "float32", "memory_format": "contiguous", "select_by": "auc", "seed": 42, "protocol": "cv",
    "val_ratio": 0.1, "test_ratio": 0.1,
}  # fmt: skip
ENVIRONMENT = {
    "versions": {"python": "3.11.7", "torch": "2.8.0", "ray": "2.50.0", "mlflow": "3.1.0"},
    "host": "box",
    "platform": "Linux",
    "git_commit": "0123456789abcdef",
    "git_dirty": True,
}


def write_results(
    root: Path,
    *,
    names: tuple[str, ...] = ("p1_a", "p1_b"),
    compare: bool = True,
    num_classes: int = 2,
    folds: int = 2,
    repeats: int = 1,
    asked_folds: Collection[int] | None = None,
    without: Collection[tuple[str, int]] = (),
    excluded: int = 0,
    text: str = "plain",
) -> Store:
    """Write a results folder; `without` names (experiment, fold) pairs that have no trial on disk."""
    store = Store.open(root)
    rows = pd.DataFrame([image(number, num_classes, folds) for number in range(20 * folds * num_classes)])
    (root / "folds").mkdir()
    rows.to_csv(root / "folds" / "f00000000001.csv", index=False)
    experiments = []
    for place, name in enumerate(names):
        trials = []
        for repeat in range(repeats):
            for fold in asked_folds or range(folds):
                key = f"{place}{repeat}{fold}".ljust(64, "a")
                folder = store.new_folder(name, repeat, fold, key)
                if (name, fold) not in without:
                    rng = np.random.default_rng((place, repeat, fold))
                    write_trial(folder, rows[rows["fold"] == fold], num_classes, rng, 0.6 + place)
                    complete_trial(folder, repeat, fold)
                path = folder.relative_to(store.root).as_posix()
                trials.append({"key": key, "repeat": repeat, "fold": fold, "folder": path})
        experiments.append(
            {
                "name": name,
                "description": f"Experiment {text}",
                "tags": [],
                "recipe": {**RECIPE, "cv_folds": folds, "cv_repeats": repeats},
                **{"measurement": None, "threshold_by": "balanced_accuracy"},
                "fold_files": ["f00000000001.csv"] * repeats,
                "data": "/data",
                "num_classes": num_classes,
                "trials": trials,
            }
        )
    comparison = {"question": f"B or A? {text}", "baseline": names[0], "treatment": names[-1]}
    study = {
        "format": 1,
        "phase": {
            "name": "phase1",
            "title": f"Phase 1 {text}",
            "question": f"Which? {text}",
            "experiments": list(names),
            "comparisons": [{**comparison, "metrics": ["accuracy", "log_loss"]}] if compare else [],
        },
        "device": "cpu",
        "experiments": experiments,
        "data": [data_record(rows, num_classes, excluded, text)],
        "command": f"python -m orchestrator phase1 {text}",
        "started": "2024-01-02T03:04:05+00:00",
        "environment": ENVIRONMENT,
    }
    write_json(store.study_file("phase1"), study)
    return store


def image(number: int, num_classes: int, folds: int) -> dict[str, Any]:
    source, label = (
        SOURCES[number % 3] if num_classes == 2 else (f"s{number % num_classes}", number % num_classes)
    )
    turn = number // 3 if num_classes == 2 else number // num_classes
    return {
        "path": f"{source}/{number}.png",
        "group": str(number),
        "label": label,
        "source": source,
        "fold": turn % folds,
    }


def write_trial(
    folder: Path, rows: pd.DataFrame, num_classes: int, rng: np.random.Generator, skill: float
) -> None:
    labels = rows["label"].to_numpy()
    if num_classes == 2:
        scores = 1 / (1 + np.exp(-(skill * (2 * labels - 1) + rng.normal(size=len(rows)))))
        columns = {"score": scores}
    else:
        logits = rng.normal(size=(len(rows), num_classes)) + skill * np.eye(num_classes)[labels]
        scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        columns = {f"p{index}": scores[:, index] for index in range(num_classes)}
    base = rows[["path", "group", "source", "label"]]
    frame = base.assign(**columns, predicted=predicted_classes(scores))
    folder.mkdir(parents=True)
    both = [frame.assign(split=split) for split in ("test", "val")]
    pd.concat(both, ignore_index=True).to_parquet(folder / "predictions.parquet", index=False)
    epochs = np.arange(1, 5)
    history = pd.DataFrame({"epoch": epochs, "train_loss": 0.7 / epochs, "val_accuracy": 0.5, "lr": 1e-4})
    history["val_loss"] = 0.7 - 0.02 * epochs + 0.01 * rng.normal(size=4)
    history["val_auc"] = 0.5 + 0.08 * epochs + 0.01 * rng.normal(size=4)
    history.to_csv(folder / "history.csv", index=False)


def complete_trial(folder: Path, repeat: int, fold: int) -> None:
    run = {**ENVIRONMENT, "device": "cpu", "started": "2024-01-02T03:05:00+00:00", "phase": "phase1"}
    named = {"key": "0" * 64, "experiment": "p1_a", "repeat": repeat, "fold": fold}
    write_json(folder / "trial.json", {"format": 1, **named, "ingredients": {}, "recipe": {}, "run": run})
    write_json(
        folder / "metrics.json",
        {
            "best_epoch": 3, "epochs": 4, "n_train": 80, "n_val": 10, "n_test": 20,
            "parameters": 389153, "flops_per_image": 26_738_304,
            "training_seconds": 9.0, "seconds": 12.5, "peak_mib": 100.0, "device": "cpu", "threads": 2,
        },
    )  # fmt: skip
    digest = hashlib.sha256((folder / "predictions.parquet").read_bytes()).hexdigest()
    write_json(folder / "done.json", {"format": 1, "best_epoch": 3, "predictions_sha256": digest})


def data_record(rows: pd.DataFrame, num_classes: int, excluded: int, text: str) -> Mapping[str, Any]:
    counts = rows.assign(split="").groupby(["source", "label", "split"]).size().reset_index(name="count")
    return {
        "root": "/data",
        "layout": "sources",
        "group_by": "basename",
        "classes": ["real", "fake"]
        if num_classes == 2
        else [f"class{index}" for index in range(num_classes)],
        "images": len(rows),
        "groups": len(rows),
        "counts": json.loads(counts.to_json(orient="records")),
        "formats": {"PNG": len(rows)},
        "width": [64, 64, 128],
        "height": [64, 64, 128],
        "bytes": 5_000_000,
        "identical_files": 0,
        "excluded": [
            {"path": f"bad{number}{text}.png", "reason": f"broken {text}"} for number in range(excluded)
        ],
    }


HOSTILE = "<script>alert(1)</script> & $x_{ \"'"
HOSTILE_NAME = "p1_<b onclick=alert(2)>$x_{$"


@dataclass(frozen=True)
class Rendered:
    """A page and what it was made of; `words` is what is read on it: no tags, no breaks inside words."""

    store: Store
    html: str
    page: Path
    tables: Tables
    words: str


def read_aloud(html: str) -> str:
    """The words of a page: what stands in its body, without tags."""
    texts: list[str] = []
    parser = HTMLParser()
    parser.handle_data = texts.append  # type: ignore[method-assign]
    parser.feed(html[html.index("<body>") :].replace("<wbr>", ""))
    return " ".join(" ".join(texts).replace("\u00a0", " ").split())


def render(store: Store) -> Rendered:
    """Write the page of phase1."""
    tables = collect(store, "phase1")
    page = write_report(store, tables)
    html = page.read_text(encoding="utf-8")
    return Rendered(store, html, page, tables, read_aloud(html))


@pytest.fixture(scope="session", name="render")
def render_fixture() -> Callable[[Store], Rendered]:
    """`render`, for tests to call."""
    return render


@pytest.fixture(scope="session", name="write_results")
def write_results_fixture(share_pictures: Callable[[Path], None]) -> Callable[..., Store]:
    """`write_results`, for tests to call; `draws_anew` for a folder whose page draws every figure itself."""

    def write(root: Path, *, draws_anew: bool = False, **options: Any) -> Store:
        if not draws_anew:
            share_pictures(root)
        return write_results(root, **options)

    return write


@pytest.fixture(scope="session")
def two_classes(tmp_path_factory: pytest.TempPathFactory, write_results: Any) -> Rendered:
    """A complete phase; read it, don't change it."""
    return render(write_results(tmp_path_factory.mktemp("two")))


@pytest.fixture(scope="session")
def five_classes(tmp_path_factory: pytest.TempPathFactory, write_results: Any) -> Rendered:
    """A complete phase of five classes; read it, don't change it."""
    return render(write_results(tmp_path_factory.mktemp("five"), num_classes=5))


@pytest.fixture(scope="session")
def hostile_phase(tmp_path_factory: pytest.TempPathFactory, write_results: Any) -> Rendered:
    """A phase whose every text from people is an attack, with a failed trial; read it, don't change it."""
    root = tmp_path_factory.mktemp("hostile")
    store = write_results(root, names=("p1_a", HOSTILE_NAME), excluded=2, text=HOSTILE, without=[("p1_a", 1)])
    (folder := store.trials / "p1_a-r0f1-001aaaaaaaaa").mkdir()
    write_json(folder / "error.json", {"message": f"ValueError: {HOSTILE}"})
    study = store.study("phase1").plain()
    study["data"][0]["classes"] = [f"real{HOSTILE}", f"fake{HOSTILE}"]
    study["data"][0]["root"] = study["experiments"][0]["data"] = f"/data/{HOSTILE}"
    write_json(store.study_file("phase1"), study)
    for path in store.trials.glob("*/predictions.parquet"):
        rows = pd.read_parquet(path)
        rows.assign(source=rows["source"] + HOSTILE).to_parquet(path, index=False)
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        write_json(path.parent / "done.json", {"format": 1, "best_epoch": 3, "predictions_sha256": digest})
        trial = path.parent / "trial.json"
        run = {**ENVIRONMENT, "device": "cpu", "command": f"run {HOSTILE}", "host": HOSTILE}
        write_json(trial, {**read_json(trial), "run": run})
    return render(store)


NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--disable-dev-shm-usage",
    "--no-first-run", "--disable-extensions", "--disable-background-networking", "--remote-debugging-pipe",
)  # fmt: skip


class Browser:
    """One headless browser with one tab; events that it reports are kept in `events`."""

    def __init__(self, program: str, profile: Path) -> None:
        to_read, self._write = os.pipe()
        self._read, to_write = os.pipe()

        def connect() -> None:
            # By way of high numbers: 3 and 4 may be in use for the other's end.
            os.dup2(to_read, 100)
            os.dup2(to_write, 101)
            os.dup2(100, 3)
            os.dup2(101, 4)

        self._process = subprocess.Popen(
            [program, *OPTIONS, f"--user-data-dir={profile}", "about:blank"],
            preexec_fn=connect,
            close_fds=False,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self._buffer, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.send("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.send("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.send(f"{domain}.enable")

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the protocol and return its result."""
        self._number += 1
        message = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._write, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._receive()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer["error"]
                return dict(answer["result"])
            self.events.append(answer)

    def open(self, page: Path, *, width: int, dark: bool = False) -> None:
        """Show a file in a window of `width` px and wait until it is loaded."""
        self.send(
            "Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.send("Emulation.setEmulatedMedia", features=[scheme])
        self.events.clear()
        self.send("Page.navigate", url=page.resolve().as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._receive())

    def ask(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        found = self.send("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def press(self, key: str) -> None:
        """Press a key and let it go."""
        code = {"Tab": 9, "Enter": 13}[key]
        for kind in ("rawKeyDown", "keyUp"):
            self.send("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def complaints(self) -> list[str]:
        """Return what the page wrote to the console or the log, and every request but for itself."""
        said = []
        for event in self.events:
            method, found = event.get("method"), event.get("params", {})
            if method == "Log.entryAdded":
                said.append(found["entry"]["text"])
            elif method in ("Runtime.consoleAPICalled", "Runtime.exceptionThrown"):
                said.append(str(found))
            elif method == "Network.requestWillBeSent" and not found["request"]["url"].startswith("file:"):
                said.append(f"asked for {found['request']['url'][:200]}")
        return said

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(timeout=20)
        os.close(self._write)
        os.close(self._read)

    def _receive(self) -> dict[str, Any]:
        while b"\0" not in self._buffer:
            part = os.read(self._read, 1 << 16)
            assert part, "the browser has gone"
            self._buffer += part
        message, _, self._buffer = self._buffer.partition(b"\0")
        return dict(json.loads(message))


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A headless Chromium; without one, or where it can't start, its tests are skipped."""
    program = next((found for name in NAMES if (found := shutil.which(name))), None)
    if program is None:
        pytest.skip(f"no Chromium on this machine (looked for {', '.join(NAMES)})")
    started = Browser(program, tmp_path_factory.mktemp("chromium"))
    yield started
    started.close()
