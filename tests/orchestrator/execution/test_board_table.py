"""The table of running trials within the width of a terminal: names give way, numbers never."""

import io

import pytest
from rich.console import Console

from orchestrator.execution.progress import Board, TrialCell

NAMES = ("p1_efficientnet_b0_with_face_crops_and_heavy_augmentation", "p1_resnet50_baseline")


def drawn(width: int, *, folds: int, repeats: int = 1) -> list[str]:
    cells = {
        (name, f"{name}{repeat}{fold}"): TrialCell(
            name, repeat, fold, "running", epoch=10 + fold, epochs=15, score=0.871 + fold / 1000
        )
        for name in NAMES
        for repeat in range(repeats)
        for fold in range(folds)
    }
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=True, color_system=None)
    console.print(Board(cells).titled(console.width))
    return out.getvalue().splitlines()


@pytest.mark.parametrize("folds", [1, 3, 5, 10])
@pytest.mark.parametrize("width", [60, 80, 132])
def test_every_number_is_whole_whatever_the_width(width: int, folds: int) -> None:
    """Catches an epoch or a score that ends in an ellipsis on a terminal of 80 columns."""
    lines = drawn(width, folds=folds)
    assert max(len(line.rstrip()) for line in lines) <= width
    text = "\n".join(lines)
    for fold in range(folds):
        assert text.count(f"▶ {10 + fold}/15 {0.871 + fold / 1000:.3f}") == len(NAMES)
        assert text.count(f"fold {fold} ") == 1


def test_a_long_name_keeps_its_beginning_and_its_end() -> None:
    """Catches names that can't be told apart because they begin alike."""
    text = "\n".join(drawn(80, folds=3))
    (line,) = [line for line in text.splitlines() if "p1_eff" in line]
    name = line.split()[1]
    assert "…" in name and NAMES[0].startswith(name.split("…")[0]) and NAMES[0].endswith(name.split("…")[1])
    assert NAMES[0] in "\n".join(drawn(200, folds=3))


def test_folds_that_do_not_fit_come_in_a_table_below() -> None:
    lines = drawn(80, folds=5, repeats=2)
    heads = [line for line in lines if "r0 f0" in line or "r1 f4" in line]
    assert len(heads) == 2 and all("experiment" in line for line in heads)
