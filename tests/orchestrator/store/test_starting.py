"""Runs that are starting: known while they live, and to nobody afterwards."""

import subprocess
import sys
from pathlib import Path

from orchestrator.store.folder import Store
from orchestrator.store.starting import announced, starting


def test_a_run_is_known_by_its_step_until_it_ends(tmp_path: Path) -> None:
    store = Store.look(tmp_path)
    assert starting(store) == {}
    with announced(store, "phase1") as on_step:
        assert starting(store) == {}
        for step in ("reading images", "starting Ray"):
            on_step(step)
            assert starting(store) == {"phase1": step}
        on_step("")
        assert starting(store) == {}
    assert starting(store) == {}


def test_a_second_run_of_the_same_phase_changes_nothing_of_the_first(tmp_path: Path) -> None:
    store = Store.look(tmp_path)
    with announced(store, "phase1") as on_step:
        on_step("starting Ray")
        with announced(store, "phase1") as other:
            other("reading images")
        assert starting(store) == {"phase1": "starting Ray"}


def test_a_run_that_was_killed_is_not_starting(tmp_path: Path) -> None:
    """Catches a status that waits for ever for a run that died."""
    code = (
        "import os, sys; from pathlib import Path\n"
        "from orchestrator.store.folder import Store\n"
        "from orchestrator.store.starting import announced\n"
        "with announced(Store.look(Path(sys.argv[1])), 'phase1') as on_step:\n"
        "    on_step('reading images'); os._exit(9)\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False, cwd=Path(__file__).parents[3])
    assert (tmp_path / "cache" / "starting" / "phase1.step").is_file()
    assert starting(Store.look(tmp_path)) == {}
