"""Two machines that share one remote place, which is a folder behind a file:// address."""

from collections.abc import Callable
from pathlib import Path

import pytest

from orchestrator.store.remote.local_copy import LocalCopy, copy_of
from orchestrator.store.remote.local_places import LOCAL

On = Callable[[str], LocalCopy]


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """The remote folder."""
    folder = tmp_path / "there" / "study"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def on(tmp_path: Path, there: Path, monkeypatch: pytest.MonkeyPatch) -> On:
    """Give the copy of the remote folder on a machine of this name."""

    def machine(name: str) -> LocalCopy:
        monkeypatch.setenv(LOCAL, str(tmp_path / name))
        return copy_of(f"file://{there}")

    return machine
