"""The price of an hour: numbers, instances of a list, and what is wrong with either."""

import json
from pathlib import Path

import pytest

from orchestrator.plan.price import find_price, read_prices
from trainables.errors import InputError

LINE = {"instance": "big.4x", "gpu": "X1", "gpus": 4, "per_hour": 8.0, "currency": "EUR", "date": "2024-02"}


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    path = tmp_path / "prices.json"
    path.write_text(json.dumps({"about": "Mine.", "instances": [LINE, {"instance": "cpu", "per_hour": 0.5}]}))
    return path


def test_a_number_is_of_one_gpu_or_of_a_machine_without_one() -> None:
    assert (find_price("1.2", device="cuda").per_hour, find_price("1.2", device="cuda").per) == (1.2, "GPU")
    assert find_price("1.2", device="cpu").per == "machine"


def test_an_instance_is_shared_out_among_its_gpus(prices: Path) -> None:
    """Catches the price of eight GPUs for each of them."""
    found = find_price("BIG.4x", device="cuda", file=prices)
    assert (found.per_hour, found.per, found.currency, found.gpu) == (2.0, "GPU", "EUR", "X1")
    assert (found.instance, found.date) == ("big.4x", "2024-02")
    assert find_price("big.4x", device="cpu", file=prices).per_hour == 8.0
    assert find_price("cpu", device="cuda", file=prices).per_hour == 0.5


@pytest.mark.parametrize("given", ["0", "-1", "nan", "inf"])
def test_a_price_is_above_nothing(given: str) -> None:
    with pytest.raises(InputError, match="give what an hour costs, a number above 0"):
        find_price(given, device="cpu")


def test_an_unknown_instance_is_answered_with_the_nearest(prices: Path) -> None:
    with pytest.raises(InputError, match=r"big\.2x: no number, and no instance of .*nearest: big\.4x"):
        find_price("big.2x", device="cpu", file=prices)


def test_a_comma_for_a_point_is_answered_with_the_point(prices: Path) -> None:
    with pytest.raises(InputError, match=r"--price 1,2: write a number with a point, 1\.2"):
        find_price("1,2", device="cpu", file=prices)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "line 1: not valid JSON"),
        ("[]", "a JSON object is needed"),
        ('{"instances": [{"instance": "a", "per_hour": "much"}]}', r"instances\.0\.per_hour"),
        ('{"instances": [{"instance": "a", "per_hour": 0}]}', r"instances\.0\.per_hour"),
        ('{"instances": [{"instance": "a", "price": 1.0}]}', "per_hour: Field required"),
    ],
)
def test_a_damaged_list_is_said_with_its_place(prices: Path, text: str, said: str) -> None:
    prices.write_text(text)
    with pytest.raises(InputError, match=said):
        find_price("a", device="cpu", file=prices)


def test_the_list_here_is_taken_before_the_shipped_one(
    prices: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert find_price("g5.xlarge", device="cuda").gpu == "A10G"
    (tmp_path / "cluster").mkdir()
    prices.rename(tmp_path / "cluster" / "prices.json")
    assert find_price("big.4x", device="cuda").per_hour == 2.0
    with pytest.raises(InputError, match=r"no instance of cluster/prices\.json"):
        find_price("g5.xlarge", device="cuda")


def test_every_shipped_price_is_dated_and_the_list_says_whose_it_is() -> None:
    file = Path(__file__).parents[3] / "cluster" / "prices.json"
    assert all(each.date for each in read_prices(file))
    assert "check each" in json.loads(file.read_text())["about"]
