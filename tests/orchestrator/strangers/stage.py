"""Where strangers' inputs are played: folders of an entry's own, commands in this process, what they said.

An entry of a catalogue is a function that puts its input onto the stage, plays it through the border that
reads it, and gives back what was said: the sentence of a refusal, or the words that the input got where it is
left out or shown as text.
"""

import contextlib
import io
import json
import re
import shutil
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from orchestrator.cli import main
from orchestrator.console import MOST_LETTERS
from trainables.errors import InputError

SHARED = {
    "seed": 7, "image_size": 32, "epochs": 2, "batch_size": 8, "cv_folds": 2, "val_ratio": 0.25, "lr": 1e-3,
    "backbone": "simple_cnn", "cnn_preset": "micro", "precision": "float32",
}  # fmt: skip
# What no sentence to a person holds: the program's insides, and more than fits on a screen.
INSIDES = re.compile(r"Traceback|defect of the program|site-packages|Errno|\.py\b|<class |object at 0x")

Play = Callable[["Stage"], str]


@dataclass(frozen=True, slots=True)
class Stranger:
    """One input: its name, how it is played, and what is said of it (a regular expression)."""

    name: str
    play: Play
    said: str


@dataclass(frozen=True, slots=True)
class Stage:
    """An empty folder for one entry, and what all entries share: images, and results of a finished study."""

    folder: Path
    faces: Path
    study: Path

    def put(self, name: str, content: bytes | str | Any = b"") -> Path:
        """Write a file: bytes and text as they are, anything else as JSON."""
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, bytes | str):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def images(self, *names: str, folder: str = "data") -> Path:
        """Draw an image for each name below a folder; return that folder."""
        for number, name in enumerate(names):
            path = self.folder / folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = np.random.default_rng([number, len(name)]).integers(0, 256, (24, 24, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path, "PNG")
        return self.folder / folder

    def results(self) -> Path:
        """Copy the finished study, for an entry that changes it."""
        return Path(shutil.copytree(self.study, self.folder / "results"))

    def trial(self, results: Path) -> Path:
        """Return the folder of the first trial of `plain`."""
        return min((results / "trials").glob("plain-r0f0-*"))

    def ended(self, *arguments: object) -> tuple[int, str, str]:
        """Run a command; return how it ended, and what it said on both streams."""
        out, err = io.StringIO(), io.StringIO()
        with contextlib.chdir(self.folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            try:
                main([str(argument) for argument in arguments])
            except SystemExit as end:
                return int(end.code or 0), out.getvalue(), err.getvalue()
        raise AssertionError("a command never returns")

    def refused(self, *arguments: object) -> str:
        """Run a command that must be refused in one line before anything starts; return that line."""
        code, out, err = self.ended(*arguments)
        lines = err.splitlines()
        assert code == 2 and len(lines) == 1 and lines[0].startswith("Error: "), (code, out[-400:], lines)
        return lines[0].removeprefix("Error: ")

    def plan(self, content: Any = None, *arguments: object, name: str = "a") -> str:
        """Refuse to plan an experiment whose file has this content."""
        if not (self.folder / "experiments" / "shared.json").exists():
            self.put("experiments/shared.json", SHARED)
        self.put(f"experiments/p/{name}.json", {} if content is None else content)
        return self.refused("plan", name, *self.options(), *arguments)

    def phase(self, content: Any) -> str:
        """Refuse to plan a phase whose file has this content; `a` is an experiment of it."""
        self.put("experiments/shared.json", SHARED)
        self.put("experiments/p/a.json", {})
        self.put("experiments/p/phase.json", content)
        return self.refused("plan", "p", *self.options())

    def options(self) -> list[object]:
        """Return the folders of a plan."""
        results = self.folder / "results"
        return ["--experiments", self.folder / "experiments", "--data", self.faces, "--results", results]

    def scan(self, data: Path, *arguments: object) -> str:
        """Refuse to scan a folder of images."""
        return self.refused("data", "scan", data, *arguments)

    def predict(self, images: Path) -> str:
        """Refuse to score what is named by the models of `plain`."""
        return self.refused("predict", images, "--experiment", "plain", "--results", self.study)


def sentence(read: Callable[[], object]) -> str:
    """Return what a function that reads an input says in refusing it."""
    try:
        found = read()
    except InputError as error:
        return str(error)
    raise AssertionError(f"taken for {found!r}")


def play(stranger: Stranger, stage: Stage) -> str:
    """Play an entry; return what was said of it.

    Raises:
        AssertionError: it was not what is documented, or no sentence.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = stranger.play(stage)
    assert re.search(stranger.said, said), f"{stranger.name}: {stranger.said!r} is not in {said!r}"
    assert not INSIDES.search(said), f"{stranger.name}: {said}"
    assert 0 < len(said) <= MOST_LETTERS + 10 and said.isprintable(), f"{stranger.name}: {said!r}"
    return said


def of_table(
    prefix: str, table: Mapping[str, tuple[Any, str]], border: Callable[[Stage, Any], str]
) -> Iterator[Stranger]:
    """Make an entry of each input that one border reads: name -> (input, what is said)."""
    for name, (content, said) in table.items():
        yield Stranger(f"{prefix}: {name}", lambda stage, content=content: border(stage, content), said)
