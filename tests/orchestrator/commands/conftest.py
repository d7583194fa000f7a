"""Fixtures of the commands' tests: a command line that must succeed."""

from collections.abc import Callable

import pytest

from orchestrator.cli import main

Run = Callable[..., str]


@pytest.fixture
def run_command_line(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command that must succeed; return its standard output."""

    def call(*arguments: object) -> str:
        with pytest.raises(SystemExit) as end:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        assert end.value.code == 0, captured.err
        return captured.out

    return call
