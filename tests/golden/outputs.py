"""Results of the stored study and of the shipped experiments, as texts by the name of their file."""

import hashlib
import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.special

from orchestrator import cli
from orchestrator.config.experiment import Experiment
from orchestrator.config.library import Library
from orchestrator.config.load import complete, load
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import Options, plan_study
from orchestrator.plan.resources import Machine
from orchestrator.store.folder import Store
from orchestrator.store.known_weights import write_known_weights
from trainables.data.dataset.manifest import COLUMNS, Manifest
from trainables.files import write_json
from trainables.starting_weights import StartingWeights

HERE = Path(__file__).parent
SHIPPED = HERE.parents[1] / "experiments"
FACES = 60
FIXED = ("precision=float32",)
PHASES = ("first", "second")
PRESETS = (None, "smoke")
# What says when, where and by which code something was made, and the hashes over it.
PROVENANCE = ("made", "digest")
RULE = {"choose": "auc"}
NO_EVIDENCE = {"metric": "auc", "better_is": "higher", "candidates": []}
# timm's models that start pretrained, and the tags of their weights; the hashes are made up.
TAGS = {
    "convnext_tiny": "in12k_ft_in1k", "efficientnet_b0": "ra_in1k", "mobilenetv2_100": "ra_in1k",
    "mobilenetv3_small_100": "lamb_in1k", "resnet18": "a1_in1k", "resnet34": "a1_in1k", "resnet50": "a1_in1k",
    "vgg16_bn": "tv_in1k",
}  # fmt: skip
SELECTED = ["p3_convnext_tiny", "p3_resnet50", "p3_simplecnn"]


def processor() -> dict[str, str]:
    """What numpy's and scipy's functions give here, by the bit: they have variants for some processors."""
    x = np.random.default_rng(0).normal(size=(64, 256))
    values = {
        "exp": np.exp(x), "log": np.log(np.abs(x)), "sum": x.sum(axis=1), "dot": x @ x.T,
        "expit": scipy.special.expit(x), "sin": np.sin(x), "sqrt": np.sqrt(np.abs(x)), "std": x.std(axis=1),
    }  # fmt: skip
    return {name: hashlib.sha256(value.tobytes()).hexdigest()[:16] for name, value in values.items()}


def made_of_results(folder: Path) -> dict[str, str]:
    """Make tables, page and decision of each phase of the stored study, in a copy at `folder`."""
    shutil.copytree(HERE / "results", folder)
    texts: dict[str, str] = {}
    for phase in PHASES:
        _command("report", phase, "--results", str(folder))
        for path in sorted((folder / "collected" / phase).glob("*.csv")):
            texts[f"{phase}/{path.name}"] = path.read_text(encoding="utf-8")
        report = folder / "reports" / phase
        texts[f"{phase}/page.html"] = _page((report / "index.html").read_text(encoding="utf-8"))
        beside = [path for path in sorted(report.rglob("*")) if path.is_file() and path.name != "index.html"]
        lines = [f"{_digest(path.read_bytes())} {path.relative_to(report).as_posix()}" for path in beside]
        texts[f"{phase}/beside.txt"] = "\n".join(lines) + "\n"
    shutil.rmtree(folder / "decisions")
    for phase in PHASES:
        _command("decide", phase, "--results", str(folder))
        record = json.loads((folder / "decisions" / f"{phase}.json").read_text(encoding="utf-8"))
        rest = {name: value for name, value in record.items() if name not in PROVENANCE}
        texts[f"{phase}/decision.json"] = json.dumps(rest, indent=1, sort_keys=True) + "\n"
    return texts


def _command(*arguments: str) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(arguments)
    assert ended.value.code == 0, arguments


def _page(html: str) -> str:
    """The page with each drawing as its hash, and without the hash of its inputs, which hangs on the code."""
    html = re.sub(r"<svg.*?</svg>", lambda found: f"<svg {_digest(found[0].encode())}>", html, flags=re.S)
    (inputs,) = set(re.findall(r'<meta name="inputs" content="([0-9a-f]{64})">', html))
    return html.replace(inputs, "0" * 64)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


class MadeUp(DataSets):
    """A data set of images that are nowhere: FACES faces, each real and made by three generators."""

    __slots__ = ()

    def manifest(self, experiment: Experiment) -> Manifest:
        """Return the same images, in as many classes as the experiment weighs, else in two."""
        weights = experiment.loss.class_weights
        classes = [str(number) for number in range(len(weights))] if isinstance(weights, tuple) else []
        if len(classes) not in self._manifests:
            rows = [
                {"path": f"{source}/{face:03d}.jpg", "sha256": _digest(f"{source}{face}".encode()) * 4}
                | {"label": face % len(classes) if classes else int(source != "wiki"), "source": source}
                | {"split": ("train", "train", "val", "test")[face * 4 // FACES], "group": f"{face:03d}"}
                | {"bytes": 1000, "width": 64, "height": 64, "format": "JPEG"}
                for source in ("inpainting", "insight", "text2img", "wiki")
                for face in range(FACES)
            ]
            self._manifests[len(classes)] = Manifest(
                root=Path("/data/faces"),
                layout="sources",
                group_by="basename",
                classes=tuple(classes) or ("real", "fake"),
                rows=pd.DataFrame(rows)[list(COLUMNS)],
                excluded=pd.DataFrame(columns=["path", "reason"]),
            )
        return self._manifests[len(classes)]


def keys(folder: Path) -> dict[str, dict[str, list[str]]]:
    """Return preset -> experiment -> the keys of its folds, of every experiment of this repository."""
    found: dict[str, dict[str, list[str]]] = {}
    for preset in PRESETS:
        mine = found.setdefault(preset or "none", {})
        store = Store.open(folder / (preset or "none"))
        _decisions(store, preset)
        look_up_weights(store)
        data = MadeUp(store)
        for names in _commands(preset):
            question = load(names, Library((SHIPPED,)), results=store.root, preset=preset, settings=FIXED)
            question = complete(question, data.facts)
            options, machine = Options(results=store.root), Machine(2, 8_000)
            study = plan_study(
                question.phase, question.experiments, options, data=data, machine=machine, device="cpu"
            )
            for trial in study.trials:
                # Phases have experiments in common; a phase's own decision may change what it takes over.
                mine.setdefault(f"{names[0]}: {trial.experiment}", []).append(trial.key)
    return found


def look_up_weights(store: Store) -> None:
    """Write down which weights timm has for each model of the shipped experiments, without asking it."""
    for model, tag in TAGS.items():
        weights = StartingWeights(tag=f"{model}.{tag}", revision="0" * 40, sha256=_digest(model.encode()) * 4)
        write_known_weights(store, model, weights)


def _commands(preset: str | None) -> Iterator[list[str]]:
    for phase in Library((SHIPPED,)).phases():
        yield [phase]
    if preset is None:
        # Their presets cut to shares for which there are too few images here.
        yield from (
            [path.stem]
            for path in Library((SHIPPED,)).experiments().values()
            if path.parent.name == "systems"
        )


def _decisions(store: Store, preset: str | None) -> None:
    taken = {"image_size": 224, "face_crop": True, "augment": False}
    for phase, outcome in {"phase2": {}, "phase3": {"selected": SELECTED}}.items():
        record = {"format": 1, "phase": phase, "version": 1, "chosen": None, "rule": RULE, "trials": []}
        record |= {"evidence": NO_EVIDENCE, "preset": preset, "handed_over": taken, **outcome}
        write_json(store.root / "decisions" / f"{phase}.json", record)


def texts(folder: Path) -> dict[str, str]:
    """Make everything in the empty `folder`: file below expected/ -> its text."""
    records = {"keys.json": keys(folder / "keys"), "processor.json": processor()}
    written = {name: json.dumps(record, indent=1) + "\n" for name, record in records.items()}
    return made_of_results(folder / "results") | written
