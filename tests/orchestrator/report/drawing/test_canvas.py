"""Scales of figures: every number stands where its value is, and says what it is to be multiplied by."""

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.ticker import FixedFormatter, FixedLocator, LogLocator, NullLocator
from PIL import Image

from orchestrator.report.drawing.canvas import panel, picture, style
from orchestrator.report.drawing.fold_differences import draw_fold_differences
from orchestrator.report.drawing.learning import draw_losses
from orchestrator.report.drawing.picture import RULE

Texts = Callable[[str], dict[str, tuple[float, float]]]


def test_numbers_stand_at_their_values_and_nothing_outside_is_marked(texts: Texts) -> None:
    """Catches a scale that is shifted against what it measures."""
    with style("scale"):
        figure, axes = panel(150.0)
        axes.set_xlim(10.0, 20.0)
        axes.set_ylim(0.0, 4.0)
        axes.xaxis.set_major_locator(FixedLocator([5.0, 10.0, 12.5, 20.0, 25.0]))
        axes.yaxis.set_major_locator(FixedLocator([0.0, 3.0]))
        axes.yaxis.set_major_formatter(FixedFormatter(["low", "high"]))
        axes.set_xlabel("seconds")
        axes.set_ylabel("score")
        box = axes.get_position()
        found = texts(picture(figure).svg)
    assert set(found) == {"10.0", "12.5", "20.0", "low", "high", "seconds", "score"}
    left, right = box.x0 * 260.0, box.x1 * 260.0
    for said, share in (("10.0", 0.0), ("12.5", 0.25), ("20.0", 1.0)):
        assert found[said][0] == pytest.approx(left + share * (right - left), abs=0.1)
    top, bottom = (1 - box.y1) * 150.0, (1 - box.y0) * 150.0
    assert found["low"][1] - found["high"][1] == pytest.approx(0.75 * (bottom - top), abs=0.1)
    assert found["seconds"][0] == pytest.approx((left + right) / 2, abs=0.1)
    assert found["seconds"][1] > found["10.0"][1] > bottom and found["score"][0] < left


def test_a_hidden_scale_and_a_hidden_grid_are_not_drawn(texts: Texts) -> None:
    def lines(*, hidden: bool, grid: bool) -> int:
        with style("grid"):
            figure, axes = panel(150.0)
            axes.xaxis.set_visible(False)
            axes.yaxis.set_visible(not hidden)
            axes.grid(axis="y", visible=grid)
            axes.set_ylim(0.0, 1.0)
            svg = picture(figure).svg
        assert bool(texts(svg)) == (not hidden)
        return svg.count(RULE)

    assert lines(hidden=True, grid=True) == 0 == lines(hidden=False, grid=False)
    assert lines(hidden=False, grid=True) > 0


def test_a_logarithmic_scale_is_even_in_factors(texts: Texts) -> None:
    with style("log"):
        figure, axes = panel(150.0)
        axes.set_xscale("log")
        axes.set_xlim(1.0, 1e4)
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0,)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.yaxis.set_visible(False)
        axes.set_xlabel("cost")
        found = texts(picture(figure).svg)
    steps = np.diff([found[said][0] for said in ("1", "10", "100", "1000", "10000")])
    assert steps == pytest.approx(steps[0], abs=0.1)
    assert found["cost"][0] == pytest.approx(found["100"][0], abs=0.1)


def test_tiny_and_huge_values_say_their_power_of_ten_inside_the_figure(texts: Texts) -> None:
    """Catches differences of 1e-7 that look like differences of 1."""
    pairs = pd.DataFrame({"label": ["fold 0", "fold 1"], "difference": [2e-7, -1e-7]})
    drawn = draw_fold_differences(
        pairs, bounds=(5e-8, -2e-7, 3e-7), rope=1e-8, metric="loss", about="a − b", lower_is_better=True
    )
    x, y = texts(drawn.svg)["× 1e−7"]
    height = float(re.findall(r'viewBox="0 0 260 ([\d.]+)"', drawn.svg)[0])
    assert 0 < x <= 250.5 and 0 < y < height - 15
    rows = {"trial": 0, "epoch": [1, 2, 3], "train_loss": [4e6, 3e6, 2e6], "val_loss": 5e6, "best_epoch": 3}
    x, y = texts(draw_losses(pd.DataFrame(rows), name="a", is_whole=True).svg)["× 1e6"]
    assert 0 < x < 40 and 0 < y < 40


def test_a_png_is_as_wide_as_promised_and_nothing_shines_through() -> None:
    with style("png"):
        figure, _ = panel(100.0)
        image = Image.open(io.BytesIO(picture(figure).png))
    assert image.mode == "RGB" and image.width == 722
    assert round(image.info["dpi"][0]) == 200


@pytest.mark.slow
def test_who_has_no_home_folder_hears_nothing_of_fonts(tmp_path: Path) -> None:
    """Catches two lines of matplotlib's own on the screen of a container's user."""
    (tmp_path / "home").touch()
    line = [sys.executable, "-c", "import orchestrator.report.drawing.canvas"]
    env = {
        name: value for name, value in os.environ.items() if name not in ("MPLCONFIGDIR", "XDG_CONFIG_HOME")
    }
    env |= {"HOME": str(tmp_path / "home"), "PYTHONPATH": os.pathsep.join(sys.path)}
    found = subprocess.run(line, env=env, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert found.stderr == ""
