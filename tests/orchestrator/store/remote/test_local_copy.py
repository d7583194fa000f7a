"""Copies of remote results: what is copied in which direction, and in which order."""

import os
from pathlib import Path

import pytest

from orchestrator.store.remote.local_copy import LocalCopy, copy_at, copy_of, local_folder, place_text
from orchestrator.store.remote.remote_folder import RemoteFolder
from orchestrator.store.remote.shared_names import is_pulled, is_pushed
from tests.orchestrator.store.remote.conftest import On
from trainables.errors import InputError

TRIAL = "trials/a-r0f0-0123456789ab"


def write(copy: LocalCopy, name: str, text: str = "x") -> Path:
    path = copy.root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_what_one_machine_pushes_another_pulls_but_for_weights(on: On, there: Path) -> None:
    """Catches reports that need all weights of a study on the machine that reads them."""
    one = on("one")
    for name in ("done.json", "metrics.json", "model.safetensors"):
        write(one, f"{TRIAL}/{name}")
    write(one, "studies/phase1.json")
    assert one.push() == 4
    assert names(there) == names(one.root)
    two = on("two")
    assert two.root != one.root
    assert two.pull() == 3
    assert names(two.root) == names(there) - {f"{TRIAL}/model.safetensors"}
    assert two.pull(is_pushed) == 1


def test_a_second_pull_fetches_only_what_is_new(on: On) -> None:
    """Catches a pull that copies a whole study every time."""
    one = on("one")
    write(one, "studies/phase1.json")
    write(one, "collected/phase1/scores.csv")
    one.push()
    two = on("two")
    assert (two.pull(), two.pull()) == (2, 0)
    write(one, "studies/phase1.json", "y")
    assert (one.push(), one.push()) == (1, 0)
    assert (two.pull(), (two.root / "studies/phase1.json").read_text()) == (1, "y")


def test_a_file_that_was_written_again_as_it_was_is_not_pushed(on: On) -> None:
    """Catches a report of which every figure goes over the network after each `collect`."""
    one = on("one")
    path = write(one, "reports/phase1/index.html")
    one.push()
    os.utime(path, ns=(1, 1))
    assert one.push() == 0


def test_what_is_private_to_a_machine_is_never_pushed(on: On, there: Path) -> None:
    """Catches MLflow's database, locks, logs or half-written files on object storage."""
    one = on("one")
    private = ("mlflow.db", "mlflow.db-wal", "mlflow/1/a", "logs/ray.log", f"{TRIAL}/.lock", "cache/scans/a",
               f"{TRIAL}/.done.json.7.partial", f"{TRIAL}/checkpoint/state.safetensors")  # fmt: skip
    for name in private:
        write(one, name)
    write(one, "cache/faces/mtcnn-1.parquet")
    assert one.push() == 1
    assert names(there) == {"cache/faces/mtcnn-1.parquet"}


def test_done_comes_last_in_both_directions(on: On, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a trial that counts as finished where a killed push or pull has left half of it."""
    copied: list[str] = []
    for direction in ("upload", "download"):
        real = getattr(RemoteFolder, direction)

        def seen(self: RemoteFolder, *given: object, real: object = real) -> object:
            copied.append(next(str(each) for each in given if isinstance(each, str)))
            return real(self, *given)  # type: ignore[operator]

        monkeypatch.setattr(RemoteFolder, direction, seen)
    one = on("one")
    for number in range(70):
        write(one, f"trials/a-r0f{number}-0123456789ab/done.json")
        write(one, f"trials/a-r0f{number}-0123456789ab/predictions.parquet")
    one.push()
    assert {Path(name).name for name in copied[70:]} == {"done.json"}
    copied.clear()
    on("two").pull()
    assert {Path(name).name for name in copied[70:]} == {"done.json"}


def test_a_push_that_was_killed_is_ended_by_the_next_one(on: On, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches a finished trial that stays half there for good, since nobody knows what was pushed."""
    one, real = on("one"), RemoteFolder.upload
    for name in ("predictions.parquet", "metrics.json", "done.json"):
        write(one, f"{TRIAL}/{name}")

    def killed(self: RemoteFolder, path: Path, name: str) -> object:
        if name.endswith("predictions.parquet"):
            raise KeyboardInterrupt
        return real(self, path, name)

    monkeypatch.setattr(RemoteFolder, "upload", killed)
    with pytest.raises(KeyboardInterrupt):
        one.push()
    two = on("two")
    two.pull()
    assert f"{TRIAL}/done.json" not in names(two.root)
    monkeypatch.setattr(RemoteFolder, "upload", real)
    one.push()
    two.pull()
    assert names(two.root) == names(one.root)


def test_what_was_removed_there_goes_here_unless_it_changed(on: On) -> None:
    """Catches error.json of a trial that another machine has finished since."""
    one, two = on("one"), on("two")
    write(one, f"{TRIAL}/error.json")
    write(one, f"{TRIAL}/trial.json")
    one.push()
    two.pull()
    (two.root / TRIAL / "trial.json").write_text("new here", encoding="utf-8")
    one.remove(TRIAL)
    two.pull()
    assert names(two.root) == {f"{TRIAL}/trial.json"}


def test_a_table_that_is_not_made_any_more_goes_there_and_trials_stay(on: On, there: Path) -> None:
    """Catches tables of an earlier `collect` among the new ones, and an emptied copy that empties a study."""
    one = on("one")
    table, trial = write(one, "collected/phase1/tried.csv"), write(one, f"{TRIAL}/done.json")
    one.push()
    table.unlink()
    trial.unlink()
    one.push()
    assert names(there) == {f"{TRIAL}/done.json"}


def test_of_a_record_that_changed_on_both_sides_the_remote_one_counts(on: On) -> None:
    """Catches an old machine that brings back what the study has left behind, and faces that are lost."""
    one, two = on("one"), on("two")
    for name in ("studies/phase1.json", "cache/faces/mtcnn-1.parquet"):
        write(one, name, "first")
        one.push()
        two.pull()
        write(one, name, "newer")
        one.push()
        write(two, name, "of an old run")
    two.pull()
    assert (two.root / "studies/phase1.json").read_text() == "newer"
    assert (two.root / "cache/faces/mtcnn-1.parquet").read_text() == "of an old run"


def test_a_copy_knows_what_it_is_a_copy_of(on: On, there: Path, tmp_path: Path) -> None:
    """Catches records that name the folder of a copy, which is on one machine alone."""
    one = on("one")
    assert copy_at(one.root) == one
    assert copy_at(tmp_path) is None
    assert place_text(one.root) == f"file://{there}"
    assert local_folder(f"file://{there}", "results") == one.root
    assert local_folder(tmp_path, "results") == tmp_path


def test_a_place_of_copies_that_cannot_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    monkeypatch.setenv("ORCHESTRATOR_LOCAL", str(tmp_path / "file"))
    with pytest.raises(InputError, match="ORCHESTRATOR_LOCAL"):
        copy_of(f"file://{tmp_path}/there")


def test_pixels_and_rows_are_fetched_by_those_that_need_them_alone() -> None:
    """Catches a `status` that downloads gigabytes."""
    assert not [name for name in ("cache/pixels/a/pixels.npy", "cache/rows/a.parquet") if is_pulled(name)]


def test_no_name_of_a_bucket_leads_out_of_the_copy(on: On, monkeypatch: pytest.MonkeyPatch) -> None:
    """Catches an object called ../../.bashrc that is written there: object stores take any name."""
    from pyarrow import fs

    one = on("one")
    write(one, "studies/p.json")
    one.push()
    real = RemoteFolder.list

    class Hostile:
        def get_file_info(self, selector: fs.FileSelector) -> list[fs.FileInfo]:
            base = one.address.path
            names = ("../mine", "studies/../../mine", "studies/q.json")
            return [fs.FileInfo(f"{base}/{name}", fs.FileType.File, size=1, mtime_ns=1) for name in names]

    monkeypatch.setattr(
        RemoteFolder, "list", lambda self, under="": real(RemoteFolder(self.address, Hostile()), under)
    )
    assert set(one.folder.list()) == {"studies/q.json"}
