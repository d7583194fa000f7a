"""Single calls on the cluster: results as they come, and a user's mistake that stays one sentence."""

import hashlib
from pathlib import Path

import pytest

from orchestrator.execution import launch
from trainables.data.pixels import read_unchanged
from trainables.errors import InputError

pytestmark = [pytest.mark.ray, pytest.mark.timeout(280)]


def test_results_come_all_and_mistakes_of_the_user_in_one_sentence(tmp_path: Path) -> None:
    """Catches an InputError of a worker that arrives as Ray's own error, with its traceback in it."""
    calls = []
    for number in range(9):
        path = tmp_path / f"{number}.txt"
        path.write_bytes(bytes([number]))
        calls.append({"path": path, "digest": hashlib.sha256(bytes([number])).hexdigest()})
    with launch.start(log=tmp_path / "ray.log"):
        found = sorted(launch.each(read_unchanged, calls, cpus=1, gpus=0.0))
        assert found == [bytes([number]) for number in range(9)]
        with pytest.raises(InputError) as raised:
            list(launch.each(read_unchanged, [{**calls[0], "digest": "other"}], cpus=1, gpus=0.0))
        assert (
            str(raised.value) == f"{calls[0]['path']} changed since it was scanned; start the command again"
        )
