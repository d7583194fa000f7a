"""Choices that a phase puts to the test: a key, its two values, and the experiments that differ in it.

They are the factors of its decision, and the keys in which its declared comparisons are meant to differ as
far as no factor has them. Pairs with the same two values are one choice, whatever the model.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import JsonValue

from orchestrator.analysis.settings import setting_value
from orchestrator.store.records import PhaseRecord, RecipeRecord


@dataclass(frozen=True, slots=True)
class Choice:
    """One or more keys that change from the values `before` to those `after`, in pairs of experiments.

    `pairs` are (baseline, treatment). Gains by `metric` up to `rope` are practically none.
    """

    keys: tuple[str, ...]
    before: tuple[JsonValue, ...]
    after: tuple[JsonValue, ...]
    pairs: tuple[tuple[str, str], ...]
    metric: str
    rope: float

    @property
    def name(self) -> str:
        """The keys in a text."""
        return " + ".join(self.keys)


def declared_choices(phase: PhaseRecord, recipes: Mapping[str, RecipeRecord]) -> tuple[Choice, ...]:
    """Return the choices of a phase, in the order in which they were declared.

    A pair whose two sides have the same values, as a preset may make them, is no choice.

    Args:
        phase: what was declared.
        recipes: those of its experiments, by name.
    """
    rule, asked = phase.decision, list[tuple[tuple[str, ...], tuple[str, str], str, float]]()
    for factor in rule.factors if rule is not None else ():
        assert rule is not None
        asked += [((factor.key,), pair, rule.choose, rule.rope) for pair in factor.pairs]
    factors = {keys for keys, *_ in asked}
    for comparison in phase.comparisons:
        if comparison.differs and comparison.differs not in factors:
            pair = (comparison.baseline, comparison.treatment)
            asked.append((comparison.differs, pair, comparison.metrics[0], comparison.rope))
    found: dict[str, Choice] = {}
    for keys, pair, metric, rope in asked:
        if not all(name in recipes for name in pair):
            continue
        before, after = (tuple(setting_value(recipes[name], key) for key in keys) for name in pair)
        place = json.dumps([keys, before, after, metric, rope], sort_keys=True)
        known = found.get(place, Choice(keys, before, after, (), metric, rope))
        if before != after and pair not in known.pairs:
            found[place] = Choice(keys, before, after, (*known.pairs, pair), metric, rope)
    return tuple(found.values())
