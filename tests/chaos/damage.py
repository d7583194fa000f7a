"""What happens to files between two runs: cut short, overwritten, emptied, removed, made something else."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from random import Random

from tests.chaos.running_study import IN_PROCESS, Fault, RunningStudy

STORE = "tracking store"
# What a study keeps, by where it stands below its results.
KEPT = {
    "records": ("studies/*.json", "trials/*/trial.json"),
    "done records": ("trials/*/done.json",),
    "predictions": ("trials/*/predictions.parquet",),
    "models, metrics and histories": (
        "trials/*/metrics.json",
        "trials/*/model.safetensors",
        "trials/*/history.csv",
    ),
    "checkpoints": ("trials/*/checkpoint/*",),
    "tables": ("collected/**/*.csv", "collected/**/*.json"),
    "caches": ("cache/**/*",),
    STORE: ("mlflow.db",),
}
DEEP = b"[" * 100_000


def cut_short(path: Path, random: Random) -> None:
    size = path.stat().st_size
    os.truncate(path, random.randrange(size) if size else 0)


def overwritten(path: Path, random: Random) -> None:
    path.write_bytes(random.randbytes(512))


def one_byte_turned(path: Path, random: Random) -> None:
    content = bytearray(path.read_bytes())
    if content:
        content[random.randrange(len(content))] ^= 1 << random.randrange(8)
    path.write_bytes(bytes(content))


def emptied(path: Path, random: Random) -> None:
    path.write_bytes(b"")


def removed(path: Path, random: Random) -> None:
    path.unlink()


def nested(path: Path, random: Random) -> None:
    path.write_bytes(DEEP)


def of_another_type(path: Path, random: Random) -> None:
    path.write_text(random.choice(("[]", "null", '"text"', "{}", "1e999")), encoding="utf-8")


def made_a_pipe(path: Path, random: Random) -> None:
    path.unlink()
    os.mkfifo(path)


DAMAGES: tuple[Callable[[Path, Random], None], ...] = (
    cut_short, overwritten, one_byte_turned, emptied, removed, nested, of_another_type, made_a_pipe,
)  # fmt: skip


def damaged(kind: str) -> Fault:
    """A fault: one file of `kind` is damaged; the next attempt of the study shows what that costs."""

    def play(study: RunningStudy, random: Random) -> str | None:
        def files() -> list[Path]:
            paths = (path for pattern in KEPT[kind] for path in study.results.glob(pattern))
            return sorted(path for path in paths if path.is_file())

        found = files()
        if not found and kind == STORE and study.has_lost_store:
            # What is in its place stays there, and is said, until somebody asks for a new one.
            study.sync()
            found = files()
        if not found:
            return None
        # SQLite has no checksums: of one byte of its content nobody can tell.
        damages = [each for each in DAMAGES if kind != STORE or each is not one_byte_turned]
        path, damage = random.choice(found), random.choice(damages)
        damage(path, random)
        study.has_lost_store |= kind == STORE
        return f"{path.relative_to(study.results)}: {damage.__name__.replace('_', ' ')}"

    return play


def decision(study: RunningStudy, random: Random) -> str | None:
    """A fault: a decision is damaged. It is evidence, so the command refuses it; the way out is taken."""
    found = sorted(study.results.glob("decisions/*.json"))
    if not found:
        return None
    damage = random.choice(DAMAGES)
    damage(found[0], random)
    with study.attempt(*IN_PROCESS) as process:
        code = study.ended(process)
    assert code in (0, 1, 2), f"exit code {code}\n{study.said}"
    if code:
        assert str(found[0]) in study.said, study.said
        found[0].unlink()
    return f"{damage.__name__}: exit {code}"


def moved(study: RunningStudy, random: Random) -> str | None:
    """A fault: the whole results folder stands somewhere else."""
    if not study.results.exists():
        return None
    place = study.folder / f"moved-{random.randrange(10**6)}" / "results"
    place.parent.mkdir()
    shutil.move(study.results, place)
    study.line = [str(place) if part == str(study.results) else part for part in study.line]
    study.store = study.store.replace(str(study.results), str(place))
    study.results = place
    return "moved"
