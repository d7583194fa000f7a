"""Attention in numbers and sentences, on maps whose shares were set by hand."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from orchestrator.analysis.attention import Attention, attention_table, measure_attention
from orchestrator.store.explanation_files import ExplanationRecord, Explanations
from orchestrator.store.records import Comparison
from orchestrator.wording.attention_text import attention_answer, focus_sentence, matters_sentence
from trainables.explain.face_regions import EYES

# A face of 32 x 32 in the middle of 64 x 64, of which it is a quarter.
BOX = {"face_left": 16.0, "face_top": 16.0, "face_right": 48.0, "face_bottom": 48.0}
EYES_AREA = (EYES[2] - EYES[0]) * (EYES[3] - EYES[1]) / 4


def rows(experiment: str, *, gain: float, eyes: float, images: int = 12, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    noise = rng.normal(0.0, 0.02, (images, 3))
    random = 0.6 + noise[:, 0]
    share = eyes + noise[:, 1]
    return pd.DataFrame(
        {
            "experiment": experiment,
            "path": [f"{n}.png" for n in range(images)],
            "group": [f"g{n}" for n in range(images)],
            "outcome": ["true_fake", "false_real"] * (images // 2),
            "deletion_road": random + gain + noise[:, 2],
            "random_road": random,
            "deletion_blur": random + gain + noise[:, 2],
            "random_blur": random,
            "similarity": 0.1 + noise[:, 2],
            "inside_face": share + 0.3,
            "eyes": share,
            "mouth": 0.1,
            "face_rest": 0.2,
            "hair": 0.2,
            "background": 0.5 - share,
            **BOX,
        }
    )


def measured(*tables: pd.DataFrame, comparisons: tuple[Comparison, ...] = ()) -> Attention:
    names = [str(table["experiment"].iloc[0]) for table in tables]
    numbers = pd.concat(tables, ignore_index=True)
    found = Explanations(
        Path("nowhere"), ExplanationRecord(phase="p", per_experiment=12), numbers[["path"]], numbers
    )
    recipe = SimpleNamespace(image_size=64)
    study = SimpleNamespace(
        experiments=[SimpleNamespace(name=name, recipe=recipe) for name in names],
        phase=SimpleNamespace(comparisons=comparisons),
    )
    return measure_attention(cast(Any, study), found)


def test_maps_matter_where_both_fillings_show_it() -> None:
    good, none = rows("good", gain=-0.2, eyes=0.2), rows("none", gain=0.0, eyes=0.2)
    half = rows("half", gain=-0.2, eyes=0.2).assign(deletion_blur=none["deletion_blur"])
    found = measured(good, none, half)
    assert [found.overall(name).is_shown_to_matter for name in ("good", "none", "half")] == [
        True,
        False,
        False,
    ]
    difference = good["deletion_road"] - good["random_road"]
    told = stats.ttest_1samp(difference, 0.0).confidence_interval()
    gain = found.overall("good").gain_road
    assert (gain.low, gain.high) == pytest.approx((told.low, told.high), rel=1e-9)
    assert "so that they are no evidence of what it looks at" in matters_sentence(found.overall("none"))
    assert "more than random ones (" in matters_sentence(found.overall("good"))
    assert [each.num_images for each in found.maps if each.experiment == "good"] == [12, 6, 6]


def test_a_regions_share_is_set_against_its_part_of_the_picture() -> None:
    """Catches a large region that is called looked at because it is large."""
    found = measured(rows("one", gain=-0.2, eyes=0.2))
    eyes = next(each for each in found.shares if each.region == "eyes")
    assert eyes.above_uniform.mean == pytest.approx(eyes.share.mean - EYES_AREA, abs=0.005)
    assert eyes.is_shown and eyes.p_holm >= eyes.above_uniform.p_value
    said = focus_sentence("one", found.shares_of("one"))
    assert "more on the eyes (" in said and "less on" in said and "the background (" in said
    whole = sum(each.share.mean for each in found.shares if each.region != "inside_face")
    assert whole == pytest.approx(1.0)


def test_experiments_are_compared_over_the_images_of_both() -> None:
    first, second = rows("a", gain=-0.2, eyes=0.2), rows("b", gain=-0.2, eyes=0.3).iloc[:10]
    declared = Comparison(question="?", baseline="a", treatment="b")
    found = measured(first, second, comparisons=(declared,))
    eyes = next(each for each in found.differences if each.region == "eyes")
    assert eyes.difference.num_images == 10
    # The same noise on both sides: the difference is exact, and no certainty.
    assert eyes.difference.mean == pytest.approx(0.1) and math.isnan(eyes.p_holm)
    other = rows("b", gain=-0.2, eyes=0.3, seed=5)
    found = measured(first, other, comparisons=(declared,))
    eyes = next(each for each in found.differences if each.region == "eyes")
    assert eyes.is_shown and eyes.p_holm == pytest.approx(5 * eyes.difference.p_value)
    answer = attention_answer(found)
    assert answer.sentences[0].startswith(
        "Of 2 experiments, the Grad-CAM maps of a and b are shown to matter"
    )
    assert any("b against a on the eyes, +0.0" in line or "b against a on the eyes, +0.1" in line
               for line in answer.sentences)  # fmt: skip


def test_what_is_no_evidence_answers_nothing() -> None:
    answer = attention_answer(measured(rows("a", gain=0.0, eyes=0.2), rows("b", gain=0.0, eyes=0.3, seed=2)))
    assert answer.sentences[0].startswith("Not answered: of none of 2 experiments")
    assert not any("on the eyes" in line for line in answer.sentences)


def test_images_without_a_face_have_no_regions_and_still_count() -> None:
    table = rows("one", gain=-0.2, eyes=0.2)
    nothing = dict.fromkeys(
        [*BOX, "eyes", "mouth", "face_rest", "hair", "background", "inside_face"], math.nan
    )
    found = measured(table.assign(**nothing))
    assert found.shares == () and found.overall("one").num_faces == 0
    assert found.overall("one").is_shown_to_matter
    assert "no face was found" in focus_sentence("one", found.shares_of("one"))
    assert len(attention_table(found)) == 3 * 6


def test_many_experiments_are_no_chance_to_find_one_whose_maps_matter() -> None:
    """Catches tests of all experiments of which each is read as if it were the only one."""
    weak = rows("weak", gain=-0.018, eyes=0.2, seed=3)
    alone = measured(weak).overall("weak")
    others = [rows(f"none{seed}", gain=0.0, eyes=0.2, seed=seed) for seed in range(4, 12)]
    among = measured(weak, *others).overall("weak")
    assert alone.is_shown_to_matter and alone.p_holm == pytest.approx(alone.gain_road.p_value)
    assert not among.is_shown_to_matter and among.p_holm == pytest.approx(min(1.0, 9 * alone.p_holm))


def test_two_images_are_too_few() -> None:
    two = measured(rows("one", gain=-0.2, eyes=0.2, images=2)).overall("one")
    assert two.gain_road.is_too_few and not two.is_shown_to_matter
    assert "can't be told from 2 images, which are too few" in matters_sentence(two)


def test_what_is_not_shown_is_told_with_the_test_that_does_not_show_it() -> None:
    """Catches a p-value below 0.05, not corrected, beside the sentence that nothing is shown."""
    found = measured(rows("one", gain=-0.2, eyes=EYES_AREA))
    shares = [replace(each, p_holm=0.2) for each in found.shares_of("one")]
    said = focus_sentence("one", shares)
    assert "no region is shown" in said and said.endswith("Holm-corrected p = 0.200.")
