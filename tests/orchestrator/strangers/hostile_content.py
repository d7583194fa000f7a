"""Hostile content: made to run code, to fill the memory, or to break out of where text is shown."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image

from orchestrator.plan.price import read_prices
from orchestrator.report.export import grid_csv, grid_latex
from orchestrator.report.grid import grid
from orchestrator.report.rendering import render_part
from orchestrator.report.section import prose
from orchestrator.report.slides.own_pages import own_slides
from orchestrator.report.slides.slide import Deck
from orchestrator.report.slides.typesetting import deck_pages
from orchestrator.store.explanation_files import ExplanationRecord, Explanations
from orchestrator.store.final_report_files import read_own_slides
from orchestrator.store.folder import Store
from orchestrator.store.predictions import DAMAGE, read_predictions
from orchestrator.tracking.faults import TrackingError
from orchestrator.tracking.opening import open_store
from tests.bombs import (
    header_bombs,
    laughs,
    nested,
    packed_archive,
    parquet_of_long_text,
    parquet_of_many_rows,
    parquet_with_code,
    parquet_with_notes,
    png_bomb,
    running_pickle,
    safetensors_file,
    tensor_header,
)
from tests.orchestrator.strangers.stage import Stage, Stranger, of_table, sentence
from trainables.data.images.inspection import inspect_file
from trainables.models.pretrained import read_weights

LONG = "9" * 1_000_000

JSON = {
    "lists without end": (nested(), "nested more than 32 levels"),
    "a value without end": (nested(key="tags"), "nested more than 32 levels"),
    "900 levels": (nested(900, key="tags"), "nested more than 32 levels"),
    "a number of a million digits": (f'{{"epochs": {LONG}}}', "a number of 1000000 digits"),
    "a zero in a path": ({"data_dir": "a\0b"}, r"U\+0000, which is no letter"),
    "half a letter": ('{"data_dir": "\\ud800"}', r"U\+D800, which is no letter"),
    "a key that clears the screen": ({"epo\x1b[2Jchs": 1}, r"unknown key 'epo\\x1b\[2Jchs'"),
    "a key that turns the writing": ({"\u202eshcope": 1}, r"unknown key '\\u202eshcope'"),
    "a key of two lines": ({"a\nError: b": 1}, r"unknown key 'a\\nError: b'"),
    "a key of a megabyte": ({"k" * 10**6: 1}, "unknown key"),
    "a value of a megabyte": ({"backbone": "k" * 10**6}, "backbone|kkk"),
    "a file of the system to extend": (
        {"extends": "../../../../../../../../etc/passwd"},
        "not valid JSON|extends",
    ),
    "weights that are a device": ({"backbone": "resnet18", "pretrained": "/dev/zero.pt"}, "there is no file"),
}

YAML = {
    "a billion laughs": (laughs(), "its aliases stand for more than 50,000 values"),
    "a list inside itself": ("provider: &p\n  type: aws\n  x: [*p]\n", "its aliases stand for more than"),
    "an object of Python": ("provider: !!python/object/apply:os.mkdir [proof]\n", "not valid YAML"),
    "lists without end": ("a: " + "[" * 50_000, "not valid YAML: nested too deep"),
    "a truth that is none": ("a: !!bool maybe\n", "not valid YAML"),
    "a time that is none": ("a: !!timestamp now\n", "not valid YAML"),
    "keys that can't be keys": ("? [a, b]\n: c\n", "not valid YAML"),
}

FOUR = b"\0" * 4
FORGED_FOOTER = b"PAR1" + bytes(64) + (2**31 - 1).to_bytes(4, "little") + b"PAR1"

TENSORS = {
    "a header longer than the file": (safetensors_file({}, length=2**62), "can't be read as weights"),
    "a header without end": (safetensors_file(nested().encode()), "can't be read as weights"),
    "two tensors in one place": (
        safetensors_file({"a": tensor_header(1), "b": tensor_header(1)}, FOUR), "can't be read as weights",
    ),
    "a tensor outside the file": (
        safetensors_file({"a": tensor_header(1, start=0, end=2**40)}, FOUR), "can't be read as weights",
    ),
    "a tensor larger than its place": (
        safetensors_file({"a": tensor_header(2**40, 2**40)}, FOUR), "can't be read as weights",
    ),
    "a type that is none": (safetensors_file({"a": tensor_header(1, dtype="X9")}, FOUR), "can't be read as"),
}  # fmt: skip


def _png_of(width: int, height: int) -> bytes:
    head = png_bomb(1, 1)
    return head[:16] + width.to_bytes(4, "big") + height.to_bytes(4, "big") + head[24:]


IMAGES = {
    **{name: (content, "broken image|megapixels") for name, content in header_bombs().items()},
    "a PNG of 10^9 pixels": (png_bomb(60_000, 1_000), "more than 50 megapixels"),
    "a PNG with a forged size": (_png_of(2**31 - 1, 2**31 - 1), "not an image|megapixels"),
    "a text of 32 MiB in a PNG": (png_bomb(8, 8, text=bytes(32 * 2**20)), "^taken as PNG$"),
    "a program": (b"\x7fELF" + bytes(200), "not an image"),
    "PostScript that runs": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nquit\n", "not an image"),
    "SVG with a script": (b"<svg><script>alert(1)</script></svg>", "not an image"),
}

EVIL = "=cmd|'/C calc'!A0 <script>alert(1)</script> \\input{/etc/passwd} #panic(\"x\")"


def _cluster(stage: Stage, content: str) -> str:
    return stage.refused("doctor", "--cluster", stage.put("c.yaml", content))


def _tensors(stage: Stage, content: bytes) -> str:
    return sentence(lambda: read_weights(stage.put("w.safetensors", content)))


def _code(name: str, play: Callable[[Stage, Path], str]) -> Callable[[Stage], str]:
    """Play a pickle under a name of something else: its code may not run."""

    def on_stage(stage: Stage) -> str:
        proof = stage.folder / "proof"
        said = play(stage, stage.put(name, running_pickle(proof)))
        assert not proof.exists(), "code of a file was run"
        return said

    return on_stage


def _label_table(stage: Stage, path: Path) -> str:
    return stage.scan(stage.images("c/a.png", "c/b.png"))


def _table(name: str, content: bytes | str) -> Callable[[Stage], str]:
    return lambda stage: _label_table(stage, stage.put(f"data/{name}", content))


def _parquet(make: Callable[..., Path], *arguments: Any) -> Callable[[Stage], str]:
    def on_stage(stage: Stage) -> str:
        data = stage.images("c/a.png", "c/b.png")
        make(data / "labels.parquet", *arguments)
        return stage.scan(data)

    return on_stage


def _parquet_with_code(stage: Stage) -> str:
    proof, data = stage.folder / "proof", stage.images("c/a.png", "c/b.png")
    parquet_with_code(data / "labels.parquet", proof)
    said = stage.scan(data)
    assert not proof.exists(), "code of a file was run"
    return said


def _packed_weights(stage: Stage) -> str:
    path = stage.put("w.pt", packed_archive({"archive/data.pkl": bytes(64 * 2**20), "archive/version": b"3"}))
    return sentence(lambda: read_weights(path))


def _predictions(stage: Stage, content: bytes) -> str:
    stage.put("predictions.parquet", content)
    try:
        read_predictions(stage.folder, sha256=None)
    except DAMAGE as error:
        return " ".join(str(error).split())
    raise AssertionError("taken for predictions")


def _predictions_of(stage: Stage, path: Path) -> str:
    return _predictions(stage, path.read_bytes())


def _many_predictions(stage: Stage) -> str:
    return _predictions(stage, parquet_of_many_rows(stage.folder / "many.parquet").read_bytes())


def _map(content: bytes) -> Callable[[Stage], str]:
    """A mean map that is none: there is no map."""

    def on_stage(stage: Stage) -> str:
        stage.put("means/plain-true_fake.npy", content)
        record = ExplanationRecord(phase="phase1", per_experiment=1)
        read = Explanations(stage.folder, record, pd.DataFrame(), pd.DataFrame())
        assert read.mean_map("plain", "true_fake") is None
        return "no map"

    return on_stage


def _object_array() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.array([{"x": 1}], dtype=object), allow_pickle=True)
    return stream.getvalue()


def _array_of(shape: str) -> bytes:
    text = f"{{'descr': '<f8', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text.encode()


def _shown(stage: Stage) -> str:
    """Text of a stranger in each way that a table goes out: it is text in all."""
    table = grid(EVIL, [EVIL, "n"], [[EVIL, EVIL]])
    html = render_part(EVIL, (prose(EVIL),))
    assert "<script>" not in html and "&lt;script&gt;" in html
    latex = grid_latex(table, name="evil")
    assert r"\input" not in latex
    (head, *_) = grid_csv(table).splitlines()
    assert head.lstrip('"').startswith("'=cmd")
    return "shown as text"


def _own_slides(stage: Stage) -> str:
    stage.put("slides.md", f"# {EVIL}\n- {EVIL}\n| {EVIL} |\n")
    pages = deck_pages(Deck("t", "o", "s", "p", own_slides(read_own_slides(Store(stage.folder)))))
    assert len(pages) == 2
    return "shown as text"


def _database(content: bytes) -> Callable[[Stage], str]:
    """A tracking store that is something else, as a command says it."""

    def on_stage(stage: Stage) -> str:
        stage.put("mlflow.db", content)
        try:
            open_store(Store(stage.folder))
        except TrackingError as error:
            return error.sentence("phase1")
        raise AssertionError("taken for a database")

    return on_stage


def _lying_exif(stage: Stage) -> str:
    stream = io.BytesIO()
    Image.new("RGB", (24, 24), "red").save(
        stream, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff" + bytes(64)
    )
    found = inspect_file(stage.put("x.jpg", stream.getvalue()))
    return found.problem or f"taken as {found.format}"


def _image(stage: Stage, content: bytes) -> str:
    found = inspect_file(stage.put("x.jpg", content))
    return found.problem or f"taken as {found.format}"


ALONE = (
    Stranger(
        "prices: lists without end",
        lambda stage: sentence(lambda: read_prices(stage.put("p.json", nested()))),
        "nested more than",
    ),
    Stranger(
        "weights: a pickle called .safetensors",
        _code("w.safetensors", lambda _, path: sentence(lambda: read_weights(path))),
        "can't be read as weights",
    ),
    Stranger(
        "weights: a pickle called .pt",
        _code("w.pt", lambda _, path: sentence(lambda: read_weights(path))),
        "could run code; save the network's state_dict",
    ),
    Stranger(
        "weights: an archive that unpacks to 64 MiB", _packed_weights, "unpacks to more than its own size"
    ),
    Stranger(
        "label table: a pickle called .parquet",
        _code("data/labels.parquet", _label_table),
        "can't be read as Parquet",
    ),
    Stranger(
        "label table: 5 million rows in some bytes",
        _parquet(parquet_of_many_rows),
        "claim to be 5,000,000 rows",
    ),
    Stranger(
        "label table: a long text in many rows", _parquet(parquet_of_long_text), "written out, are more than"
    ),
    Stranger("label table: a type that is a pickle", _parquet_with_code, "label|layouts"),
    Stranger(
        "label table: notes that are none", _parquet(parquet_with_notes, b"{"), "can't be read as Parquet"
    ),
    Stranger(
        "label table: notes without end",
        _parquet(parquet_with_notes, nested().encode()),
        "can't be read as Parquet",
    ),
    Stranger("label table: a forged footer", _table("labels.parquet", FORGED_FOOTER), "read as Parquet"),
    Stranger(
        "label table: JSON lines without end", _table("labels.jsonl", nested()), "can't be read as JSON lines"
    ),
    Stranger("predictions: a pickle", _code("p", _predictions_of), "Parquet magic bytes not found"),
    Stranger("predictions: 5 million rows in some bytes", _many_predictions, "claim to be 5,000,000 rows"),
    Stranger("map: an array of objects", _map(_object_array()), "no map"),
    Stranger("map: an array of terabytes", _map(_array_of(f"({10**15},)")), "no map"),
    Stranger("map: a head without end", _map(_array_of("(" * 90 + ")" * 90)), "no map"),
    Stranger("tables and pages: formula, script, TeX", _shown, "shown as text"),
    Stranger("slides.md: typst, script, formula", _own_slides, "shown as text"),
    Stranger(
        "database: a text", _database(b"no database at all " * 99), "is damaged .*--sync` moves it aside"
    ),
    Stranger(
        "database: a head alone",
        _database(b"SQLite format 3\0" + b"\xff" * 4000),
        "is damaged .*--sync` moves it aside",
    ),
    Stranger("image: EXIF that points nowhere", _lying_exif, "^taken as JPEG$"),
)

HOSTILE_CONTENT = (
    *of_table("experiment", JSON, lambda stage, content: stage.plan(content)),
    *of_table("cluster", YAML, _cluster),
    *of_table("tensors", TENSORS, _tensors),
    *of_table("image", IMAGES, _image),
    *ALONE,
)
