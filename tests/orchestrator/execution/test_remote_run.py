"""Runs over remote results: who may run beside whom, and what is pulled and pushed around them."""

from pathlib import Path

import pytest

from orchestrator.console import screen
from orchestrator.execution.remote_run import driving, in_turn
from orchestrator.plan.sharding import Shard
from orchestrator.store.folder import Store
from orchestrator.store.remote.local_copy import copy_of
from orchestrator.store.remote.local_places import LOCAL
from trainables.errors import InputError


@pytest.fixture
def there(tmp_path: Path) -> Path:
    (tmp_path / "there").mkdir()
    return tmp_path / "there"


@pytest.fixture
def store(there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setenv(LOCAL, str(tmp_path / "local"))
    return Store.open(copy_of(f"file://{there}").root)


@pytest.mark.parametrize(
    ("first", "second", "is_refused"),
    [
        (None, None, True),
        (None, Shard(1, 2), True),
        (Shard(1, 2), None, True),
        (Shard(1, 2), Shard(1, 2), True),
        (Shard(1, 2), Shard(1, 3), True),
        (Shard(1, 2), Shard(2, 2), False),
    ],
)
def test_no_two_runs_have_the_same_trials(
    store: Store, there: Path, first: Shard | None, second: Shard | None, is_refused: bool
) -> None:
    """Catches a shard beside a run of the whole phase, and shards of two cuts: trials would run twice."""
    console = screen()
    with driving(store, "phase1", first, console=console), driving(store, "phase10", None, console=console):
        if is_refused:
            with (
                pytest.raises(InputError, match="is being run by"),
                driving(store, "phase1", second, console=console),
            ):
                pass
        else:
            with driving(store, "phase1", second, console=console):
                pass
    assert not list((there / "leases").glob("[!.]*"))


def test_a_run_works_on_what_is_there_and_is_pushed_also_when_it_fails(store: Store, there: Path) -> None:
    """Catches a driver that plans by an old copy, and finished work that stays on a machine that goes."""
    (there / "decisions").mkdir()
    (there / "decisions" / "phase0.json").write_text("{}", encoding="utf-8")
    with pytest.raises(KeyboardInterrupt), driving(store, "phase1", None, console=screen()):
        assert (store.root / "decisions" / "phase0.json").is_file()
        store.study_file("phase1").parent.mkdir()
        store.study_file("phase1").write_text("{}", encoding="utf-8")
        raise KeyboardInterrupt
    assert (there / "studies" / "phase1.json").is_file()


def test_whoever_is_next_works_on_what_the_one_before_has_left(
    store: Store, there: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Catches two shards that measure a model each, and train under two precisions."""
    with in_turn(store, "measuring", "precision", console=screen()):
        store.precision_file("a").parent.mkdir()
        store.precision_file("a").write_text("{}", encoding="utf-8")
    monkeypatch.setenv(LOCAL, str(tmp_path / "other"))
    other = Store.open(copy_of(f"file://{there}").root)
    with in_turn(other, "measuring", "precision", console=screen()):
        assert other.precision_file("a").is_file()


def test_local_results_have_no_lease(tmp_path: Path) -> None:
    """Catches a folder leases/ in results of one machine."""
    store = Store.open(tmp_path / "results")
    with driving(store, "phase1", None, console=screen()), in_turn(store, "measuring", console=screen()):
        pass
    assert not (store.root / "leases").exists()
