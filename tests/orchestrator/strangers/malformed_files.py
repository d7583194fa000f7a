"""Malformed files: data folders, label tables, images, scores, weights and results as mistakes leave them."""

import io
import json
import os
import zipfile
from typing import Any

import numpy as np
import pandas as pd
import torch
from PIL import Image
from safetensors.torch import save_file

from tests.orchestrator.strangers.stage import Stage, Stranger, of_table, sentence
from trainables.data.dataset.layouts import UNFINISHED
from trainables.data.dataset.manifest import Manifest, scan
from trainables.data.fetching.archives import unpack
from trainables.data.images.inspection import inspect_file
from trainables.data.splits.trial_rows import experiment_rows
from trainables.models.building import build_model
from trainables.models.pretrained import load_file_of_weights
from trainables.recipe import RecipeKeys

# labels.csv beside c/a.png, c/b.png.
LABELS = {
    "no label": ("path,label\nc/a.png,0\nc/b.png,\n", "line 3: no label"),
    "half a label": ("path,label\nc/a.png,0\nc/b.png,0.5\n", "line 3: label '0.5' is neither"),
    "a file twice": ("path,label\nc/a.png,0\nc/a.png,1\n", "line 3: .* comes twice, in line 2"),
    "names and numbers": ("path,label\nc/a.png,real\nc/b.png,1\n", r"numbers \(1 in line 3"),
    "too many cells": ("path,label\nc/a.png,0\nc/b.png,x,1\n", "line 3 has more cells"),
    "no UTF-8": ("path,label\nc/é.png,0\n".encode("latin-1"), r"labels\.csv can't be read as UTF-8 CSV"),
    "a label twice": ("path,label,label\nc/a.png,0,1\nc/b.png,1,0\n", "two columns are called label"),
    "nothing": ("", "none of the known layouts"),
    "one class": ("path,label\nc/a.png,1\nc/b.png,1\n", "one class only"),
}  # fmt: skip

CUT_SHORT = '{"path": "c/a.png", "label": 0}\n{"pa'
TABLES = {
    "JSON lines cut short": (("labels.jsonl", CUT_SHORT), r"labels\.jsonl can't be read as JSON lines"),
    "JSON lines of lists": (("labels.jsonl", '["c/a.png", 0]\n'), "line 1 is no object"),
    "Parquet that is text": (("labels.parquet", "path,label\n"), r"labels\.parquet can't be read as Parquet"),
}  # fmt: skip


def _jpeg(*, cut: int | None = None) -> bytes:
    stream = io.BytesIO()
    NOISE.save(stream, "JPEG")
    return stream.getvalue()[:cut]


def _saved(mode: str, kind: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    image = Image.new("I;16", (20, 24), 700) if mode == "I;16" else NOISE.convert(mode)
    image.save(stream, kind, **options)
    return stream.getvalue()


NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 256, (40, 40, 3), dtype=np.uint8))

FRAMES = {"save_all": True, "append_images": [Image.new("P", (40, 40), 9)]}

IMAGES = {
    "cut short": (_jpeg(cut=400), "broken image"),
    "a head alone": (_jpeg(cut=20), "broken image|not an image"),
    "of no bytes": (b"", "empty file"),
    "a text": (b"not a picture", "not an image"),
    "an animation": (_saved("P", "GIF", **FRAMES), "several pictures in one file"),
    "floating-point pixels": (_saved("F", "TIFF"), "floating-point pixels"),
    "a drawing program's": (_saved("RGB", "PDF"), "not an image"),
    "another suffix": (_saved("RGB", "PNG"), "taken as PNG"),
    "16 bits": (_saved("I;16", "PNG"), "taken as PNG"),
    "of print colours": (_saved("CMYK", "JPEG"), "taken as JPEG"),
}

SCORES = {
    "without scores": ("path,value\nwiki/face_0.jpg,0.1\n", "has no column score"),
    "empty": ("", "has no column path and score"),
    "no rows": ("path,score\n", "has no row"),
    "a percentage": ("path,score\nwiki/face_0.jpg,55\n", "line 2: '55' is no P"),
    "not a number": ("path,score\nwiki/face_0.jpg,nan\n", "line 2: 'nan' is no P"),
    "a decimal comma": ('path,score\nwiki/face_0.jpg,"0,5"\n', "line 2: '0,5' is no P"),
    "an image twice": ("path,score\nwiki/face_0.jpg,0\nwiki/face_0.jpg,1\n", "line 3: .* a score already"),
    "a name of three images": ("path,score\nface_0.jpg,0\n", "may be .*write paths relative to"),
    "of other images": ("path,score\nx/y.jpg,0\n", "none of its 1 rows"),
    "no UTF-8": ("path,score\né,0\n".encode("latin-1"), "it is no CSV file in UTF-8"),
    "scores twice": ("path,score,score\nwiki/face_0.jpg,0,1\n", "two columns score; keep one"),
}  # fmt: skip


def _labels(stage: Stage, content: Any) -> str:
    data = stage.images("c/a.png", "c/b.png")
    stage.put("data/labels.csv", content)
    return sentence(lambda: _folds(scan(data)))


def _folds(found: Manifest) -> pd.DataFrame:
    return experiment_rows(found, RecipeKeys(cv_folds=2), repeat=0)


def _table(stage: Stage, named: tuple[str, str]) -> str:
    data = stage.images("c/a.png", "c/b.png")
    stage.put(f"data/{named[0]}", named[1])
    return stage.scan(data)


def _image(stage: Stage, content: bytes) -> str:
    found = inspect_file(stage.put("x.jpg", content))
    return found.problem or f"taken as {found.format}"


def _scores(stage: Stage, content: Any) -> str:
    file = stage.put("theirs.csv", content)
    return stage.refused(
        "evaluate", "--on", stage.faces, "--scores", file, "--results", stage.folder / "results", "--quiet"
    )


def _weights(stage: Stage, name: str, content: Any) -> str:
    path = stage.folder / name
    if name.endswith(".safetensors") and isinstance(content, dict):
        save_file(content, path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    model = build_model(
        RecipeKeys(backbone="simple_cnn", cnn_preset="micro", image_size=32, pretrained=False), num_classes=2
    )
    return sentence(lambda: load_file_of_weights(model, path, backbone="simple_cnn"))


def _pairs(stage: Stage, content: str) -> str:
    data = stage.images("real/a.png", "real/b.png", "fake/c.png", "fake/d.png")
    stage.put("data/pairs.csv", content)
    return stage.scan(data, "--group-by", "pairs")


def _manifest(stage: Stage, content: str) -> str:
    data = stage.images("real/a.png", "fake/b.png")
    stage.put("data/manifest.csv", content)
    return stage.scan(data, "--group-by", "person")


def _predict_table(stage: Stage, content: str) -> str:
    return stage.predict(stage.put("images.csv", content))


def _archive(stage: Stage) -> str:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as file:
        file.writestr("a.jpg", os.urandom(5000))
    path = stage.put("set.zip", stream.getvalue()[:2500])
    return sentence(lambda: unpack(path, stage.folder / "out"))


def _videos(stage: Stage) -> str:
    stage.put("clips/a.mp4", b"\0\0\0\x18ftypmp42")
    return stage.predict(stage.folder / "clips")


def _edited_decision(stage: Stage) -> str:
    results = stage.results()
    file = results / "decisions" / "phase1.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "version": "two"}))
    return stage.refused("decide", "phase1", "--results", results)


def _damaged_study(stage: Stage) -> str:
    results = stage.results()
    (results / "studies" / "phase1.json").write_text('{"phase": ')
    return stage.refused("report", "phase1", "--results", results)


def _newer_results(stage: Stage) -> str:
    results = stage.results()
    (results / "results.json").write_text('{"format": 99}')
    return stage.refused("collect", "phase1", "--results", results)


def _model_cut_short(stage: Stage) -> str:
    results = stage.results()
    trial = stage.trial(results)
    file = trial / "model.safetensors"
    file.write_bytes(file.read_bytes()[:1000])
    return stage.refused("predict", stage.faces, "--trial", trial.name[-12:], "--results", results)


def _end_cut_short(stage: Stage) -> str:
    results = stage.results()
    (stage.trial(results) / "done.json").write_text('{"finished": ')
    code, out, err = stage.ended("status", "phase1", "--results", results)
    assert (code, err) == (0, "")
    return out.splitlines()[0]


def _nothing(stage: Stage) -> str:
    (stage.folder / "data").mkdir()
    return stage.scan(stage.folder / "data")


def _one_class(stage: Stage) -> str:
    return sentence(lambda: _folds(scan(stage.images("wiki/a.png", "wiki/b.png"))))


def _copy_that_is_unfinished(stage: Stage) -> str:
    data = stage.images("real/a.png", "fake/b.png")
    stage.put(f"data/{UNFINISHED}")
    return stage.scan(data)


ALONE = (
    Stranger("label table: no columns that are known", lambda stage: _labels(stage, "x,y\n1,2\n"), "layouts"),
    Stranger(
        "pairs: no columns", lambda stage: _pairs(stage, "a,b\n1,2\n"), "needs the columns first,second"
    ),
    Stranger(
        "pairs: of no image",
        lambda stage: _pairs(stage, "first,second\nx,y\n"),
        "names no image of this folder",
    ),
    Stranger(
        "manifest: no column", lambda stage: _manifest(stage, "path,who\nx,y\n"), "has no column person"
    ),
    Stranger(
        "manifest: two persons of one image",
        lambda stage: _manifest(stage, "path,person\nreal/a.png,x\nreal/a.png,y\nfake/b.png,z\n"),
        "two groups, x in line 2 and y in line 3",
    ),
    Stranger(
        "predict: a table without files",
        lambda stage: _predict_table(stage, "x,y\n1,2\n"),
        "a column of files",
    ),
    Stranger(
        "predict: a table without rows", lambda stage: _predict_table(stage, "path\n"), "names no image"
    ),
    Stranger(
        "predict: a table of files that are not there",
        lambda stage: _predict_table(stage, "path\nx.jpg\n"),
        "none of the 1 files is a usable image .*no such file",
    ),
    Stranger(
        "predict: nothing there", lambda stage: stage.predict(stage.folder / "x.jpg"), "there is no image"
    ),
    Stranger("predict: videos alone", _videos, "holds videos.*ffmpeg"),
    Stranger(
        "weights: of another shape",
        lambda stage: _weights(stage, "w.safetensors", {"x": torch.zeros(3)}),
        "does not fit simple_cnn",
    ),
    Stranger(
        "weights: a list",
        lambda stage: _weights(stage, "w.pt", [torch.zeros(3)]),
        "holds no table of tensors",
    ),
    Stranger(
        "weights: numbers beside tensors",
        lambda stage: _weights(stage, "w.pt", {"x": torch.zeros(3), "epoch": 3}),
        "holds no table of tensors",
    ),
    Stranger(
        "weights: no bytes", lambda stage: _weights(stage, "w.safetensors", b""), "can't be read as weights"
    ),
    Stranger(
        "weights: a text", lambda stage: _weights(stage, "w.pth", b"no weights"), "can't be read as weights"
    ),
    Stranger("archive: cut short", _archive, "damaged|no zip or tar"),
    Stranger("results: an edited decision", _edited_decision, "is damaged .*version"),
    Stranger("results: a study record cut short", _damaged_study, "is damaged .*run 'phase1' again"),
    Stranger("results: of a newer version", _newer_results, "newer version"),
    Stranger("results: a model cut short", _model_cut_short, "is not what the trial wrote"),
    Stranger("results: an end cut short", _end_cut_short, "3/4 trials done, 1 interrupted"),
    Stranger("folder: nothing in it", _nothing, "none of the known layouts|no images"),
    Stranger("folder: one class", _one_class, r"one class only \(real, 2 images\)"),
    Stranger("folder: an unfinished copy", _copy_that_is_unfinished, "unfinished copy"),
    Stranger("folder: a file", lambda stage: stage.scan(stage.put("data", "x")), "is a file, not a folder"),
    Stranger("folder: not there", lambda stage: stage.scan(stage.folder / "x"), "no such data folder"),
    Stranger(
        "folder: classes of no known name",
        lambda stage: stage.scan(stage.images("one/a.png", "many/b.png")),
        "--real-sources",
    ),
)

MALFORMED_FILES = (
    *of_table("label table", LABELS, _labels),
    *of_table("label table", TABLES, _table),
    *of_table("image", IMAGES, _image),
    *of_table("scores", SCORES, _scores),
    *ALONE,
)
