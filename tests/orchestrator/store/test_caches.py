"""results/cache: everything in it is listed with its use, and pruned by nobody's surprise."""

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from orchestrator.cli import main
from orchestrator.config.experiment import load_experiments
from orchestrator.config.library import Library
from orchestrator.config.phase import phase_of
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.pixel_plan import pixel_line, pixel_needs
from orchestrator.plan.plan import Options, StudyPlan, plan_study
from orchestrator.plan.record import write_rows, write_study
from orchestrator.plan.resources import Machine
from orchestrator.store import caches
from orchestrator.store.folder import Store
from trainables.data.pixels import cache_key, ensure_pixels
from trainables.data.splits.trial_rows import image_files
from trainables.errors import InputError
from trainables.trial_files import LOCK

DAY_S = 86_400


class Planned:
    """An experiment `a` at 32 px and `b` at 48 px, planned and on record; the cache of `a` is built."""

    def __init__(self, experiments: Path, data: Path, results: Path) -> None:
        self.experiments, self.data, self.results = experiments, data, results
        self.study = self.plan()
        write_rows(self.study)
        write_study(self.study)
        self.files = image_files(self.study.experiments[0].rows[0], data)
        self.pixels = ensure_pixels(self.store.cache / "pixels", self.files, size_px=32)

    @property
    def store(self) -> Store:
        return Store.open(self.results)

    def plan(self, *names: str) -> StudyPlan:
        loaded = load_experiments(Library((self.experiments,)), names or ("a", "b"))
        phase = phase_of(tuple(experiment.name for experiment in loaded))
        data = DataSets(self.store, override=self.data)
        options = Options(results=self.results, data=self.data)
        return plan_study(phase, loaded, options, data=data, machine=Machine(4, 16_000), device="cpu")

    def age(self, path: Path, days: float) -> None:
        then = time.time() - days * DAY_S
        os.utime(path, (then, then))


@pytest.fixture
def planned(write_experiments: Callable[..., Path], faces: Path, scanned: Path, tmp_path: Path) -> Planned:
    folder = write_experiments({"p/a.json": {}, "p/b.json": {"image_size": 48}})
    return Planned(folder, faces, Path(shutil.copytree(scanned, tmp_path / "results")))


@pytest.fixture
def cache(planned: Planned, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run `data cache` on the results."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            main(["data", "cache", "--results", str(planned.results), *arguments])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return run


Cache = Callable[..., tuple[int, str, str]]


def test_each_cache_is_listed_with_size_and_what_it_is_for(planned: Planned, cache: Cache) -> None:
    code, out, _ = cache("--json")
    found = json.loads(out)
    assert code == 0 and found["cache"] == str(planned.results / "cache")
    by_kind: dict[str, list[dict[str, Any]]] = {}
    for entry in found["entries"]:
        by_kind.setdefault(entry["kind"], []).append(entry)
    assert {kind: len(entries) for kind, entries in by_kind.items()} == {"pixels": 1, "rows": 1, "scans": 3}
    (pixels,) = by_kind["pixels"]
    assert (pixels["purpose"], pixels["users"]) == ("36 images at 32 px", ["a"])
    assert pixels["bytes"] >= 36 * 32 * 32 * 3 and not pixels["in_use"]
    assert found["bytes"] == sum(entry["bytes"] for entry in found["entries"])
    table = cache()[1]
    assert planned.pixels.name in table and "36 images at 32 px (a)" in table and "today" in table


def test_of_very_many_the_largest_are_listed_and_the_others_counted(planned: Planned, cache: Cache) -> None:
    """Catches a thousand lines of scores below which the pixels are found by nobody."""
    folder = planned.results / "cache" / "scores"
    folder.mkdir()
    for number in range(1030):
        (folder / f"t{number:04d}.json").write_bytes(b"x" * (5000 if number < 9 else 10))
    lines = [line for line in cache()[1].splitlines() if "scores" in line]
    assert len(lines) == 13 and all(f"t{number:04d}.json" in " ".join(lines) for number in range(9))
    assert "and 1,018 smaller ones" in lines[-1] and "10 KiB" in lines[-1]
    assert len(json.loads(cache("--json", "--kind", "scores")[1])["entries"]) == 1030


def test_a_kind_that_is_not_known_is_listed_too(planned: Planned, cache: Cache) -> None:
    (planned.results / "cache" / "[new]").mkdir()
    (planned.results / "cache" / "[new]" / "x.parquet").write_bytes(b"123")
    assert "can be made again" in cache()[1]
    assert cache("--kind", "[new]", "--prune", "--yes")[0] == 0
    assert not (planned.results / "cache" / "[new]" / "x.parquet").exists() and planned.pixels.is_dir()


def test_pruning_needs_a_yes_and_says_how_much_it_would_remove(planned: Planned, cache: Cache) -> None:
    """Catches a cache of hours that a script removes by accident."""
    code, _, err = cache("--prune")
    assert code == 2 and "5 caches" in err and "--yes" in err and planned.pixels.is_dir()
    code, out, _ = cache("--prune", "--yes")
    assert code == 0 and out.splitlines()[-1].startswith("Removed 5 caches")
    assert not planned.pixels.exists()
    assert caches.list_caches(planned.store) == []
    # And everything is built again when it is wanted.
    assert ensure_pixels(planned.store.cache / "pixels", planned.files, size_px=32) == planned.pixels


def test_only_what_was_not_used_for_so_long_is_pruned(planned: Planned, cache: Cache) -> None:
    other = ensure_pixels(planned.store.cache / "pixels", planned.files, size_px=16)
    for folder in (planned.pixels, other):
        planned.age(folder, 40)
    # Using a cache makes it young again.
    ensure_pixels(planned.store.cache / "pixels", planned.files, size_px=32)
    cache("--prune", "--older-than", "30", "--kind", "pixels", "--yes")
    assert planned.pixels.is_dir() and not other.exists()


def test_what_a_dead_builder_left_is_pruned_whatever_its_age(planned: Planned, cache: Cache) -> None:
    partial = planned.results / "cache" / "pixels" / f"{'0' * 20}.partial"
    partial.mkdir()
    (partial / "pixels.npy").write_bytes(bytes(1000))
    assert "left unfinished" in cache()[1]
    cache("--prune", "--older-than", "30", "--yes")
    assert not partial.exists() and planned.pixels.is_dir()


def test_a_cache_that_is_being_built_or_used_is_left(planned: Planned, cache: Cache) -> None:
    partial = planned.pixels.with_name(f"{planned.pixels.name}.partial")
    partial.mkdir()
    with FileLock(planned.pixels.with_name(f"{planned.pixels.name}.lock")):
        _, out, _ = cache("--prune", "--yes")
        assert planned.pixels.is_dir() and partial.is_dir()
    assert f"another command is using it: {planned.pixels}" in out
    assert out.splitlines()[-3].startswith("Removed 4 caches")


@pytest.mark.parametrize("linked", ["cache", "cache/pixels", "cache/pixels/{name}"])
def test_what_lies_behind_a_link_is_left(planned: Planned, cache: Cache, tmp_path: Path, linked: str) -> None:
    """Catches everything on another disk being removed, because results/ has a link to it."""
    link, elsewhere = planned.results / linked.format(name=planned.pixels.name), tmp_path / "other-disk"
    link.rename(elsewhere)
    link.symlink_to(elsewhere)
    before = {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()}
    num_plain = 0 if linked == "cache" else 4
    listed = json.loads(cache("--json")[1])["entries"]
    assert len(listed) == 5 and sum(entry["behind_link"] for entry in listed) == 5 - num_plain
    code, out, _ = cache("--prune", "--yes")
    assert code == 0 and f"Left, it lies behind a link: {planned.pixels}" in out.splitlines()
    assert (f"Removed {num_plain} caches" if num_plain else "Nothing to remove") in out
    assert {path: path.read_bytes() for path in elsewhere.rglob("*") if path.is_file()} == before
    assert link.is_symlink() and planned.pixels.is_dir()
    assert len(caches.list_caches(planned.store)) == 5 - num_plain
    found = json.loads(cache("--prune", "--json")[1])
    assert str(planned.pixels) in found["left_behind_a_link"] and found["left_because_in_use"] == []


def test_a_file_behind_a_link_is_left(planned: Planned, cache: Cache, own_faces: Path) -> None:
    photo = next(own_faces.rglob("*.jpg"))
    link = planned.results / "cache" / "rows" / "mine.parquet"
    link.symlink_to(photo)
    assert f"Left, it lies behind a link: {link}" in cache("--prune", "--yes")[1].splitlines()
    assert link.is_symlink() and photo.stat().st_size and not planned.pixels.exists()


def test_nothing_is_pruned_while_a_trial_runs(planned: Planned, cache: Cache) -> None:
    trial = planned.results / "trials" / "a-r0f0-0123456789ab"
    trial.mkdir(parents=True)
    with FileLock(trial / LOCK):
        code, _, err = cache("--prune", "--yes")
    assert code == 2 and "a-r0f0-0123456789ab is being run" in err and planned.pixels.is_dir()


def test_a_half_removed_cache_is_never_taken_for_a_whole_one(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    entries = [entry for entry in caches.list_caches(planned.store) if entry.kind == "pixels"]

    def interrupt(path: str, *, dir_fd: int) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("shutil.rmtree", interrupt)
        caches.prune(entries)
    assert not planned.pixels.exists()
    (left,) = [entry for entry in caches.list_caches(planned.store) if entry.kind == "pixels"]
    assert left.is_unfinished
    assert caches.prune([left]) == (left.bytes, [])
    assert ensure_pixels(planned.store.cache / "pixels", planned.files, size_px=32).is_dir()


def test_a_folder_that_cannot_be_pruned_is_one_sentence(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*arguments: object) -> None:
        raise PermissionError(13, "Permission denied")

    entries = caches.list_caches(planned.store)
    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(InputError, match=r"can't be removed \(Permission denied\)"):
        caches.prune(entries)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--kind", "pixel"], "the kinds of caches are faces, facts, features, figures"),
        (["--older-than", "-1"], "--older-than"),
    ],
)
def test_a_bad_option(cache: Cache, arguments: list[str], said: str) -> None:
    code, _, err = cache(*arguments)
    assert code == 2 and said in err


def test_no_results_at_all_are_an_empty_list(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["data", "cache", "--results", str(tmp_path / "none"), "--prune", "--yes"])
    assert end.value.code == 0 and "Nothing to remove" in capsys.readouterr().out
    assert not (tmp_path / "none").exists()


@pytest.mark.slow
def test_a_plan_says_how_much_it_needs_and_what_is_there(
    planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs = {need.size_px: need for need in pixel_needs(planned.plan())}
    assert {size: (need.num_images, need.bytes, need.is_there) for size, need in needs.items()} == {
        32: (36, 36 * 32 * 32 * 3, True),
        48: (36, 36 * 48 * 48 * 3, False),
    }
    assert needs[32].key == planned.pixels.name
    assert needs[48].key == cache_key(list(planned.files), size_px=48)
    line = pixel_line(planned.plan())
    assert "36 images at 32 px 108 KiB (there), 36 images at 48 px 243 KiB; 243 KiB to build" in line
    assert pixel_line(planned.plan("a")).endswith("(there); nothing to build")
    monkeypatch.setattr("orchestrator.plan.pixel_plan.free_bytes", lambda path: 100 * 2**10)
    assert pixel_line(planned.plan()).endswith("100 KiB free, too little; free 148 KiB more")


@pytest.mark.slow
def test_the_plan_command_shows_it(planned: Planned, capsys: pytest.CaptureFixture[str]) -> None:
    folders = ["--experiments", planned.experiments, "--data", planned.data, "--results", planned.results]
    for more in ([], ["--json"]):
        with pytest.raises(SystemExit) as end:
            main(["plan", "a", *map(str, folders), *more])
        out = capsys.readouterr().out
        assert end.value.code == 0
        if more:
            assert [need["built"] for need in json.loads(out)["pixel_caches"]] == [True]
        else:
            assert out.splitlines()[-1] == "Pixel cache: 36 images at 32 px 108 KiB (there); nothing to build"


@pytest.mark.parametrize("closed", ["cache", "cache/rows"])
def test_a_read_only_part_of_the_cache_is_found_before_anything_starts(
    planned: Planned, monkeypatch: pytest.MonkeyPatch, closed: str
) -> None:
    """Catches a run that ends with a traceback after the images were read."""
    shut, write = planned.results / closed, Path.write_text

    def refuse(path: Path, *arguments: Any, **options: Any) -> int:
        if path.parent == shut:
            raise PermissionError(13, "Permission denied", str(path))
        return write(path, *arguments, **options)

    monkeypatch.setattr(Path, "write_text", refuse)
    with pytest.raises(
        InputError, match=rf"the cache folder .*{closed} can't be written \(Permission denied\)"
    ):
        Store.open(planned.results)
