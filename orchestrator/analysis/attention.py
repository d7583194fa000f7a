"""Attention of models in numbers: whether their maps matter to their scores, and where on a face they lie.

All of it is over the images that were explained, with their groups as units. A map matters where the score
falls faster when what it calls important is filled than when random places are: the paired difference of the
areas below both curves, deletion minus random (Petsiuk et al. 2018), by both ways of filling. Where the map
of an image is 0 everywhere, it has no shares. A uniform map's share of a region is the region's own share of
the picture; `above_uniform` is what is more than that, and what experiments are compared by, on the images
that both explained: a face crop alone makes a face a larger part of the picture. Holm corrects over all pairs
and regions, and over experiments where it is asked whether their maps matter. Errors are those of other
images for these trained models: that another training run may look elsewhere is in none of them.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
import pandas as pd

from orchestrator.statistics.group_means import GroupMean, group_mean
from orchestrator.statistics.paired import holm
from orchestrator.store.explanation_files import OUTCOMES, Explanations
from orchestrator.store.records import StudyRecord
from trainables.explain.face_regions import REGIONS, region_masks

ALL_OUTCOMES = "all"
# Without declared comparisons every two experiments are compared, up to so many.
MOST_EXPERIMENTS = 6
# The sides of a grid on which regions are measured: exact to a hundredth.
GRID = 128
BOX = ["face_left", "face_top", "face_right", "face_bottom"]


@dataclass(frozen=True, slots=True)
class MapNumbers:
    """Means over the images of an experiment, of one outcome or of all.

    `deletion` and `random` are areas in 0 .. 1 with noisy linear imputation (ROAD), lower where more matters;
    `gain_road` and `gain_blur` are deletion minus random by both fillings, below 0 where the map matters.
    `p_holm` is of both gains, corrected over the experiments; NaN where the means are of one outcome.
    """

    experiment: str
    outcome: str
    num_images: int
    num_faces: int
    deletion: GroupMean
    random: GroupMean
    gain_road: GroupMean
    gain_blur: GroupMean
    similarity: GroupMean
    inside_face: GroupMean
    p_holm: float = math.nan

    @property
    def p_both(self) -> float:
        """The p-value of the claim that neither gain is 0: the larger of the two (Berger 1982)."""
        return max(self.gain_road.p_value, self.gain_blur.p_value, key=_nan_last)

    @property
    def is_shown_to_matter(self) -> bool:
        """Whether both fillings show that the maps matter more than random ones, by the corrected test."""
        return self.p_holm < 0.05 and max(self.gain_road.mean, self.gain_blur.mean) < 0.0


@dataclass(frozen=True, slots=True)
class RegionShare:
    """A region's share of an experiment's maps, and how much that is above its share of the picture.

    `p_holm` is the latter's, corrected over the regions of the experiment.
    """

    experiment: str
    region: str
    share: GroupMean
    above_uniform: GroupMean
    p_holm: float

    @property
    def is_shown(self) -> bool:
        """Whether the map is not there as the picture is, by its corrected test."""
        return self.p_holm < 0.05


@dataclass(frozen=True, slots=True)
class ShareDifference:
    """What a region has above its share of the picture, treatment minus baseline, over the same images."""

    baseline: str
    treatment: str
    region: str
    difference: GroupMean
    p_holm: float

    @property
    def is_shown(self) -> bool:
        """Whether it is not 0 by its corrected test."""
        return self.p_holm < 0.05


@dataclass(frozen=True, slots=True)
class Attention:
    """The attention of a phase's models; tuples are in the order of the study."""

    maps: tuple[MapNumbers, ...]
    shares: tuple[RegionShare, ...]
    differences: tuple[ShareDifference, ...]

    def overall(self, experiment: str) -> MapNumbers:
        """Return an experiment's numbers over all outcomes."""
        return next(
            each for each in self.maps if (each.experiment, each.outcome) == (experiment, ALL_OUTCOMES)
        )

    def shares_of(self, experiment: str) -> tuple[RegionShare, ...]:
        """Return the shares of all regions of an experiment; none where no image has a face."""
        return tuple(each for each in self.shares if each.experiment == experiment)


def measure_attention(study: StudyRecord, found: Explanations) -> Attention:
    """Measure where the models of a phase look, and whether that matters."""
    numbers = found.numbers
    sizes = {each.name: each.recipe.image_size for each in study.experiments}
    names = [name for name in sizes if name in set(found.experiments)]
    by_name = {
        name: _with_areas(numbers[numbers["experiment"] == name], size_px=sizes[name]) for name in names
    }
    maps, shares = list[MapNumbers](), list[RegionShare]()
    for name, rows in by_name.items():
        maps.append(_map_numbers(name, ALL_OUTCOMES, rows))
        maps += [
            _map_numbers(name, outcome, part)
            for outcome in OUTCOMES
            if len(part := rows[rows["outcome"] == outcome])
        ]
        if rows[REGIONS[0]].notna().any():
            shares += _shares(name, rows)
    overall = [each for each in maps if each.outcome == ALL_OUTCOMES]
    corrected = dict(
        zip((each.experiment for each in overall), holm([each.p_both for each in overall]), strict=True)
    )
    maps = [
        replace(each, p_holm=corrected[each.experiment]) if each.outcome == ALL_OUTCOMES else each
        for each in maps
    ]
    pairs = [
        (each.baseline, each.treatment)
        for each in study.phase.comparisons
        if each.baseline in by_name and each.treatment in by_name
    ]
    if not pairs and len(names) <= MOST_EXPERIMENTS:
        pairs = list(combinations(names, 2))
    return Attention(tuple(maps), tuple(shares), _differences(by_name, list(dict.fromkeys(pairs))))


def attention_table(found: Attention) -> pd.DataFrame:
    """Put means and differences into rows, each with its interval and how many images it is of."""
    rows = []
    for each in found.maps:
        for name in ("deletion", "random", "gain_road", "gain_blur", "similarity", "inside_face"):
            corrected = each.p_holm if name.startswith("gain") else math.nan
            rows.append((each.experiment, "", each.outcome, name, *_columns(getattr(each, name)), corrected))
    for share in found.shares:
        for name, mean, p_holm in (
            ("share", share.share, math.nan),
            ("above_uniform", share.above_uniform, share.p_holm),
        ):
            quantity = f"{name}_{share.region}"
            rows.append((share.experiment, "", ALL_OUTCOMES, quantity, *_columns(mean), p_holm))
    for one in found.differences:
        quantity = f"difference_{one.region}"
        rows.append(
            (one.treatment, one.baseline, ALL_OUTCOMES, quantity, *_columns(one.difference), one.p_holm)
        )
    columns = [
        "experiment", "against", "outcome", "quantity", "mean", "ci_low", "ci_high", "p_value", "images",
        "groups", "p_holm",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _nan_last(value: float) -> tuple[bool, float]:
    return math.isnan(value), value


def _columns(found: GroupMean) -> tuple[float, ...]:
    return found.mean, found.low, found.high, found.p_value, found.num_images, found.num_groups


def _map_numbers(experiment: str, outcome: str, rows: pd.DataFrame) -> MapNumbers:
    return MapNumbers(
        experiment,
        outcome,
        num_images=len(rows),
        num_faces=int(rows["face_left"].notna().sum()),
        deletion=_mean(rows, rows["deletion_road"], is_share=True),
        random=_mean(rows, rows["random_road"], is_share=True),
        gain_road=_mean(rows, rows["deletion_road"] - rows["random_road"]),
        gain_blur=_mean(rows, rows["deletion_blur"] - rows["random_blur"]),
        similarity=_mean(rows, rows["similarity"]),
        inside_face=_mean(rows, rows["inside_face"], is_share=True),
    )


def _shares(experiment: str, rows: pd.DataFrame) -> Iterable[RegionShare]:
    above = [_mean(rows, rows[f"above_{region}"]) for region in REGIONS]
    corrected = holm([each.p_value for each in above])
    for region, each, p_holm in zip(REGIONS, above, corrected, strict=True):
        yield RegionShare(experiment, region, _mean(rows, rows[region], is_share=True), each, p_holm)


def _with_areas(rows: pd.DataFrame, *, size_px: int) -> pd.DataFrame:
    """Add above_<region>: a region's share of the map minus that of the picture; NaN without a face."""
    boxes = rows[BOX].to_numpy(dtype=float) * GRID / size_px
    areas = np.full((len(rows), len(REGIONS)), math.nan)
    for place, (left, top, right, bottom) in enumerate(boxes.tolist()):
        if not math.isnan(left):
            masks = region_masks((left, top, right, bottom), size_px=GRID)
            counts = np.array([masks[region].sum() for region in REGIONS], dtype=float)
            areas[place] = counts / counts.sum()
    above = rows[list(REGIONS)].to_numpy(dtype=float) - areas
    return rows.assign(**{f"above_{region}": above[:, place] for place, region in enumerate(REGIONS)})


def _differences(
    by_name: dict[str, pd.DataFrame], pairs: Sequence[tuple[str, str]]
) -> tuple[ShareDifference, ...]:
    found = []
    for baseline, treatment in pairs:
        both = by_name[baseline].merge(by_name[treatment], on=["path", "group"], suffixes=("", "_treatment"))
        for region in REGIONS:
            difference = _mean(both, both[f"above_{region}_treatment"] - both[f"above_{region}"])
            found.append((baseline, treatment, region, difference))
    corrected = holm([difference.p_value for *_, difference in found])
    return tuple(ShareDifference(*each, p_holm=p) for each, p in zip(found, corrected, strict=True))


def _mean(rows: pd.DataFrame, values: "pd.Series[float]", *, is_share: bool = False) -> GroupMean:
    return group_mean(np.asarray(values, dtype=float), rows["group"].to_numpy(), is_share=is_share)
