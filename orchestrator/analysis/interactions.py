"""Interactions of two choices: does what one of them gains depend on the other?

Wherever a phase has four experiments (a quartet) that agree in everything but two keys, and hold all four
combinations of two values of each, the difference of the differences (both - second) - (first - neither) is
paired by fold (the contrast of a 2 x 2 design: Montgomery, Design and Analysis of Experiments, 2017, section
6.2). They are found by the recipes, whatever the experiments are called; experiments with one and the same
recipe are one. Quartets of the same two changes in other surroundings (another model) are averaged, fold by
fold, and given each.

Values are ordered by their first appearance in the phase. In given surroundings the first experiment that can
be the corner "neither" is that of all quartets there, so that a grid of n x m values has (n - 1) (m - 1) of
them. Holm corrects over the interactions, and over the single quartets.
"""

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from pydantic import JsonValue

from orchestrator.analysis.contrasts import Contrast, Term, contrast, corrected_family
from orchestrator.analysis.experiment_scores import Gathered
from orchestrator.analysis.settings import Setting, experiment_settings
from trainables.evaluation.metrics import LOWER_IS_BETTER

# A seed is no choice: quartets of other seeds are averaged.
NOT_ASKED = ("seed",)
# Weights of neither, first, second, both in the difference of differences.
CROSSED = (1.0, -1.0, -1.0, 1.0)
Settings = Mapping[str, Setting]
Change = tuple[Setting, Setting]


@dataclass(frozen=True, slots=True)
class Quartet:
    """Four experiments that differ in two keys: neither changed, the first, the second, both.

    `surroundings` are their settings in the keys that the phase varies beside the two.
    """

    neither: str
    first: str
    second: str
    both: str
    surroundings: tuple[Setting, ...]
    interaction: Contrast


@dataclass(frozen=True, slots=True)
class Interaction:
    """Two changes, what the first gains without and with the second, and how far these differ.

    Positive: together they gain more than each alone. `interaction` and both gains are means over quartets.
    """

    first: str
    second: str
    first_values: tuple[JsonValue, JsonValue]
    second_values: tuple[JsonValue, JsonValue]
    metric: str
    gain_without: Contrast
    gain_with: Contrast
    interaction: Contrast
    quartets: tuple[Quartet, ...]


@dataclass(frozen=True, slots=True)
class _Corners:
    """Names of the experiments of a quartet, with the changes that make it."""

    names: tuple[str, str, str, str]
    first: Change
    second: Change
    surroundings: tuple[Setting, ...]


def find_interactions(experiments: Mapping[str, Gathered], metric: str) -> tuple[Interaction, ...]:
    """Compute every interaction of a phase by a metric, in the order of the keys."""
    by_name = {name: experiment_settings(each.record) for name, each in experiments.items()}
    together: dict[tuple[str, str, str, str], list[_Corners]] = {}
    for corners in _quartets(_distinct(by_name, experiments)):
        changes = (*corners.first, *corners.second)
        place = tuple(f"{each.key} {each.identity}" for each in changes)
        together.setdefault((place[0], place[1], place[2], place[3]), []).append(corners)
    found = [_interaction(each, experiments, metric) for each in together.values()]
    means = corrected_family([each.interaction for each in found])
    singles = iter(corrected_family([quartet.interaction for each in found for quartet in each.quartets]))
    return tuple(
        replace(
            each,
            interaction=mean,
            quartets=tuple(replace(quartet, interaction=next(singles)) for quartet in each.quartets),
        )
        for each, mean in zip(found, means, strict=True)
    )


def _distinct(by_name: Mapping[str, Settings], experiments: Mapping[str, Gathered]) -> dict[str, Settings]:
    """Leave out experiments that are another one under a second name: of twins the one with draws stays."""
    kept: dict[tuple[str, ...], str] = {}
    for name, settings in by_name.items():
        place = tuple(each.identity for each in settings.values())
        twin = kept.get(place)
        if twin is None or (not experiments[twin].deviations and experiments[name].deviations):
            kept[place] = name
    names = set(kept.values())
    return {name: settings for name, settings in by_name.items() if name in names}


def _quartets(by_name: Mapping[str, Settings]) -> Iterable[_Corners]:
    """Yield the quartets of all pairs of keys that vary."""
    order: dict[str, dict[str, int]] = {}
    for settings in by_name.values():
        for key, each in settings.items():
            places = order.setdefault(key, {})
            places.setdefault(each.identity, len(places))
    varied = [key for key, places in order.items() if len(places) > 1]
    for first, second in itertools.combinations([key for key in varied if key not in NOT_ASKED], 2):
        rest = [key for key in varied if key not in (first, second)]
        surroundings: dict[tuple[str, ...], dict[tuple[int, int], str]] = {}
        for name, settings in by_name.items():
            place = tuple(settings[key].identity if key in settings else "" for key in rest)
            if first in settings and second in settings:
                cell = tuple(order[key][settings[key].identity] for key in (first, second))
                surroundings.setdefault(place, {})[cell[0], cell[1]] = name
        for cells in surroundings.values():
            yield from _from_one_corner(cells, by_name, first, second, rest)


def _from_one_corner(
    cells: Mapping[tuple[int, int], str],
    by_name: Mapping[str, Settings],
    first: str,
    second: str,
    rest: Sequence[str],
) -> Iterable[_Corners]:
    for (row, column), name in sorted(cells.items()):
        opposite = [
            (down, across)
            for down, across in sorted(cells)
            if down > row and across > column and (down, column) in cells and (row, across) in cells
        ]
        for down, across in opposite:
            names = (name, cells[down, column], cells[row, across], cells[down, across])
            one, other = by_name[names[0]], by_name[names[3]]
            around = tuple(one[key] for key in rest if key in one)
            yield _Corners(names, (one[first], other[first]), (one[second], other[second]), around)
        if opposite:
            return


def _interaction(
    corners: Sequence[_Corners], experiments: Mapping[str, Gathered], metric: str
) -> Interaction:
    sign = -1.0 if metric in LOWER_IS_BETTER else 1.0
    found = [[experiments[name] for name in each.names] for each in corners]

    def mean_of(*weights: float) -> Contrast:
        """Average a contrast of the four corners over the quartets; a corner of weight 0 is left out."""
        terms = [
            Term(sign * weight / len(found), experiment)
            for four in found
            for weight, experiment in zip(weights, four, strict=True)
            if weight
        ]
        return contrast(terms, metric)

    # The keys that tell the quartets apart from one another are named, those in which all agree are not.
    around = [{each.key: each for each in quartet.surroundings} for quartet in corners]
    telling = [key for key in around[0] if len({each[key].identity for each in around if key in each}) > 1]
    quartets = tuple(
        Quartet(
            *each.names,
            tuple(places[key] for key in telling if key in places),
            contrast([Term(sign * weight, one) for weight, one in zip(CROSSED, four, strict=True)], metric),
        )
        for each, places, four in zip(corners, around, found, strict=True)
    )
    one = corners[0]
    return Interaction(
        one.first[0].key,
        one.second[0].key,
        (one.first[0].value, one.first[1].value),
        (one.second[0].value, one.second[1].value),
        metric,
        gain_without=mean_of(-1.0, 1.0, 0.0, 0.0),
        gain_with=mean_of(0.0, 0.0, -1.0, 1.0),
        interaction=mean_of(*CROSSED),
        quartets=quartets,
    )
