"""`doctor`: the machine in a line, the verdict on its bits, and an exit code for a script."""

import json
from pathlib import Path

import pytest

from orchestrator.cli import main
from orchestrator.execution import bits
from orchestrator.store.folder import Store
from trainables import device
from trainables.bits_verdict import BitsVerdict


@pytest.mark.parametrize(("runs", "code"), [(True, 0), (False, 1)])
def test_differing_bits_are_said_and_end_with_one(
    runs: bool, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def compared(store: Store, device: str) -> BitsVerdict:
        return BitsVerdict(device=device, place="here", runs=runs, resumed=True)

    monkeypatch.setattr(bits, "compared_bits", compared)
    monkeypatch.setattr(device, "device_type", lambda: "cpu")
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--results", str(tmp_path)])
    said = capsys.readouterr().out
    assert end.value.code == code
    assert "cores" in said and ("equal bit by bit" if runs else "differ") in said
    with pytest.raises(SystemExit):
        main(["doctor", "--results", str(tmp_path), "--json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert found["runs"] is runs


@pytest.mark.slow
def test_a_real_comparison_is_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["doctor", "--results", str(tmp_path)])
    assert end.value.code == 0, capsys.readouterr().err
    assert len(list((tmp_path / "bits").iterdir())) == 1
