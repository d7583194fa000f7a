"""Hostile places and names: made to lead out of a folder, to wait for ever, or to deceive a reader."""

import io
import json
import os
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from orchestrator.plan.price import read_prices
from orchestrator.store.final_report_files import read_own_slides
from orchestrator.store.folder import Store
from tests.bombs import (
    nested,
    packed_archive,
)
from tests.orchestrator.strangers.stage import Stage, Stranger, of_table, sentence
from trainables.data.dataset.manifest import scan
from trainables.data.fetching.archives import Limits, unpack
from trainables.starting_weights import weights_of_file

Put = Callable[[Path], object]

SPECIAL: dict[str, Put] = {
    "a pipe": os.mkfifo,
    "a device without end": lambda path: path.symlink_to("/dev/zero"),
    "a link in a circle": lambda path: path.symlink_to(path.name),
}

MEMBERS = {
    "a name upwards": ("../evil.jpg", "leads out of the folder"),
    "a whole path": ("/tmp/evil.jpg", "leads out of the folder"),
    "a drive": ("C:/evil.jpg", "leads out of the folder"),
    "backslashes": ("..\\evil.jpg", "leads out of the folder"),
}

NAMES = {
    "a colour": ("\x1b[31mred", r"\\x1b\[31mred"),
    "an order to the terminal": ("\x1b]0;title\x07", r"\\x1b\]0;title\\x07"),
    "markup": ("[bold]x[/bold]", r"\[bold\]x\[/bold\]"),
    "two lines": ("x\nError: all is lost", r"x\\nError: all is lost"),
    "writing turned round": ("x\u202egpj", r"x\\u202egpj"),
    "a dash in front": ("-rf", "-rf"),
    "too long for a file": ("x" * 5000, "can't be used .File name too long"),
}


def _special(put: Put, name: str, play: Callable[[Stage, Path], str]) -> Callable[[Stage], str]:
    """Play a file that is none of bytes."""

    def on_stage(stage: Stage) -> str:
        path = stage.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        put(path)
        return play(stage, path)

    return on_stage


def _experiment(stage: Stage, path: Path) -> str:
    return stage.refused("plan", "a", *stage.options())


def _project(stage: Stage, path: Path) -> str:
    return stage.refused("--project", path, "status")


def _scores(stage: Stage, path: Path) -> str:
    results = stage.folder / "results"
    return stage.refused("evaluate", "--on", stage.faces, "--scores", path, "--results", results, "--quiet")


def _in_data(stage: Stage, path: Path) -> str:
    """A file in a data folder: what is said of it; the images beside it are read."""
    found = scan(stage.images("wiki/a.png", "fake/b.png"), max_unusable=0.9)
    assert len(found.rows) == 2
    (reason,) = found.excluded["reason"]
    return str(reason)


def _weights(stage: Stage, path: Path) -> str:
    return sentence(lambda: weights_of_file(path))


def _phase(stage: Stage, path: Path) -> str:
    return stage.refused("plan", "p", *stage.options())


def _cluster(stage: Stage, path: Path) -> str:
    return stage.refused("doctor", "--cluster", path)


def _prices(stage: Stage, path: Path) -> str:
    return sentence(lambda: read_prices(path))


def _slides(stage: Stage, path: Path) -> str:
    return sentence(lambda: read_own_slides(Store(stage.folder)))


def _predict(stage: Stage, path: Path) -> str:
    return stage.predict(path)


def _label_table(stage: Stage, path: Path) -> str:
    return stage.scan(stage.images("c/a.png", "c/b.png"))


BORDERS = {
    "experiment": ("experiments/p/a.json", _experiment, "can't be (read|used) .*; "),
    "phase": ("experiments/p/phase.json", _phase, "can't be read .*; |no phase 'p'|experiment 'p'"),
    "project": ("mine.toml", _project, "can't be read .*; name another with --project"),
    "cluster": ("c.yaml", _cluster, "can't be read .*; name another"),
    "prices": ("prices.json", _prices, "can't be read .*; "),
    "scores": ("scores.csv", _scores, "can't be read "),
    "slides.md": ("slides.md", _slides, "can't be read .*; .* move it away"),
    "weights": ("w.pt", _weights, "can't be read .*; name a file of weights"),
    "image to predict": ("x.jpg", _predict, "none of the 1 files is a usable image"),
    "table to predict": ("t.csv", _predict, "can't be read as UTF-8 CSV .*; mend"),
    "image in a data folder": ("data/wiki/x.jpg", _in_data, "regular file|circle|leaves the data folder"),
    "label table": ("data/labels.csv", _label_table, "none of the known layouts|can't be read"),
}


def _name(stage: Stage, name: str) -> str:
    return stage.refused("data", "scan", "--", stage.folder / name)


def _archive_of(kind: str) -> Callable[[Stage, str], str]:
    def border(stage: Stage, name: str) -> str:
        path = stage.folder / f"set.{kind}"
        if kind == "zip":
            path.write_bytes(packed_archive({name: b"evil"}))
        else:
            with tarfile.open(path, "w") as tar:
                member = tarfile.TarInfo(name)
                member.size = 4
                tar.addfile(member, io.BytesIO(b"evil"))
        said = sentence(lambda: unpack(path, stage.folder / "deep" / "out"))
        assert not [each for each in stage.folder.rglob("*evil*") if each.is_file()]
        return said

    return border


def _tar_of(**about: Any) -> Callable[[Stage], str]:
    """Refuse a tar archive of one member that is no file."""

    def on_stage(stage: Stage) -> str:
        member = tarfile.TarInfo("wiki/door")
        for name, value in about.items():
            setattr(member, name, value)
        with tarfile.open(stage.folder / "set.tar", "w") as tar:
            tar.addfile(member)
        return sentence(lambda: unpack(stage.folder / "set.tar", stage.folder / "out"))

    return on_stage


def _zip_bomb(stage: Stage) -> str:
    path = stage.put("set.zip", packed_archive({"a.jpg": bytes(8 * 2**20)}))
    return sentence(lambda: unpack(path, stage.folder / "out", limits=Limits(ratio_from_bytes=2**20)))


def _two_of_one_name(stage: Stage) -> str:
    with zipfile.ZipFile(stage.folder / "set.zip", "w") as file:
        file.writestr("a.jpg", b"1")
        file.writestr("./a.jpg", b"2")
    return sentence(lambda: unpack(stage.folder / "set.zip", stage.folder / "out"))


def _record(change: Callable[[dict[str, Any]], object]) -> Callable[[Stage], str]:
    """Refuse the report of a study whose record was changed, and leave what lies outside."""

    def on_stage(stage: Stage) -> str:
        results, theirs = stage.results(), stage.put("theirs/tables/mine.csv", "mine")
        file = results / "studies" / "phase1.json"
        record = json.loads(file.read_text())
        change(record)
        file.write_text(json.dumps(record))
        said = stage.refused("report", "phase1", "--results", results)
        assert theirs.read_text() == "mine"
        return said

    return on_stage


def _fan_of_links(stage: Stage) -> str:
    data = stage.images("wiki/a.png", "fake/b.png")
    for place in range(20):
        (data / "wiki" / f"{place}").symlink_to("..")
    found = scan(data, follow_links=True, max_unusable=0.99)
    assert len(found.rows) == 2
    return str(found.excluded["reason"].iloc[0])


def _row(cell: str) -> Callable[[Stage], str]:
    return lambda stage: stage.predict(stage.put("t.csv", f"path\n{cell}\n"))


def _label_row(cell: str) -> Callable[[Stage], str]:
    def on_stage(stage: Stage) -> str:
        data = stage.images("c/a.png", "c/b.png")
        stage.put("data/labels.csv", f"path,label\nc/a.png,0\n{cell},1\n")
        return stage.scan(data)

    return on_stage


def _address(option: str, address: str) -> Callable[[Stage], str]:
    def on_stage(stage: Stage) -> str:
        said = stage.refused("status", option, address)
        assert "secret" not in said
        return said

    return on_stage


def _chain(stage: Stage) -> str:
    for place in range(60):
        stage.put(f"experiments/p/e{place}.json", {"extends": f"e{place + 1}"})
    return stage.plan({"extends": "e0"})


ALONE = (
    Stranger("extends: a chain of 60 files", _chain, "for more than 50 files"),
    Stranger(
        "--set: lists without end", lambda stage: stage.plan({}, "--set", f"epochs={nested()}"), "epochs is"
    ),
    Stranger(
        "project: tables without end",
        lambda stage: _project(stage, stage.put("m.toml", "data = " + nested())),
        "not valid TOML",
    ),
    Stranger(
        "project: a zero in a path",
        lambda stage: _project(stage, stage.put("m.toml", 'data = "a\\u0000b"\n')),
        r"U\+0000",
    ),
    Stranger(
        "label table: a path upwards", _label_row("../../etc/passwd"), "line 3: .* is not a name inside"
    ),
    Stranger("label table: a whole path", _label_row("/etc/passwd"), "line 3: .* is not a name inside"),
    Stranger("label table: a zero in a path", _label_row("c/\0b.png"), "line 3: .* is not a name inside"),
    Stranger("table to predict: a zero in a path", _row("a\0b.jpg"), "its name is none that a file can have"),
    Stranger("table to predict: a path of 5,000 letters", _row("x" * 5000 + ".jpg"), "none of the 1 files"),
    Stranger("table to predict: a device", _row("/dev/zero"), "none of the 1 files.*not a regular file"),
    Stranger(
        "record: a trial in a folder upwards",
        _record(lambda record: record["experiments"][0]["trials"][0].update(folder="trials/../../theirs")),
        "is damaged .*no folder of a trial",
    ),
    Stranger(
        "record: an experiment that is a path",
        _record(lambda record: record["experiments"][0].update(name="../../theirs")),
        "is damaged .*no plain name",
    ),
    Stranger(
        "record: folds that are a path",
        _record(lambda record: record["experiments"][0].update(fold_files=["../theirs/tables/mine.csv"])),
        "is damaged .*no plain name",
    ),
    Stranger(
        "record: a phase that is a path",
        _record(lambda record: record["phase"].update(name="../../theirs")),
        "says that it is of",
    ),
    Stranger("data folder: links that fan out", _fan_of_links, "link"),
    Stranger(
        "address: a password for a bucket",
        _address("--results", "s3://me:secret@bucket/x"),
        "would be recorded",
    ),
    Stranger(
        "address: another scheme", _address("--results", "http://me:secret@host/x"), "s3://, gs:// or file://"
    ),
    Stranger("address: upwards", _address("--results", "s3://bucket/../secre"), "name a bucket"),
    Stranger("archive: a bomb", _zip_bomb, "taken for a bomb"),
    Stranger("archive: two of one name", _two_of_one_name, "two entries called"),
    Stranger("archive: a link", _tar_of(type=tarfile.SYMTYPE, linkname="/etc"), "is a link or a device"),
    Stranger("archive: a device", _tar_of(type=tarfile.CHRTYPE), "is a link or a device"),
)

HOSTILE_PLACES = (
    *of_table("zip", MEMBERS, _archive_of("zip")),
    *of_table("tar", MEMBERS, _archive_of("tar")),
    *of_table("name", NAMES, _name),
    *(
        Stranger(f"{border}: {kind}", _special(put, name, play), said)
        for border, (name, play, said) in BORDERS.items()
        for kind, put in SPECIAL.items()
    ),
    *ALONE,
)
