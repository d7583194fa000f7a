"""The hub asked once whether it answers, and a choice made by the user left alone."""

import logging
import os
import socket
from collections.abc import Iterator

import pytest

from trainables.hub import prepare_hub

PROXIES = ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


@pytest.fixture
def clean(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """No choice and no proxy in the environment, which is put back afterwards."""
    logger = logging.getLogger("huggingface_hub")
    level = logger.level
    for name in ("HF_HUB_OFFLINE", *PROXIES):
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    yield monkeypatch
    logger.setLevel(level)


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this machine that answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_hub_that_answers_is_used(clean: pytest.MonkeyPatch, port: int) -> None:
    clean.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")
    prepare_hub()
    assert "HF_HUB_OFFLINE" not in os.environ


def test_without_an_answer_weights_are_missed_at_once(clean: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = server.getsockname()[1]
    clean.setenv("HF_ENDPOINT", f"http://127.0.0.1:{closed}")
    prepare_hub()
    assert os.environ["HF_HUB_OFFLINE"] == "1"


@pytest.mark.parametrize("choice", ["0", "1"])
def test_the_users_choice_is_left_alone(clean: pytest.MonkeyPatch, choice: str) -> None:
    clean.setenv("HF_HUB_OFFLINE", choice)
    clean.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    prepare_hub()
    assert os.environ["HF_HUB_OFFLINE"] == choice


@pytest.mark.parametrize("proxy", PROXIES)
def test_behind_a_proxy_a_plain_connection_proves_nothing(clean: pytest.MonkeyPatch, proxy: str) -> None:
    clean.setenv("HF_ENDPOINT", "http://127.0.0.1:1")
    clean.setenv(proxy, "http://proxy:3128")
    prepare_hub()
    assert "HF_HUB_OFFLINE" not in os.environ
