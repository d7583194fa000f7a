"""Differences between compared experiments that nobody declared, and that a comparison measures unasked.

A comparison says with `differs` in which keys its two sides are meant to differ, a factor of a decision with
its `key`; then every other key in which they differ is named. Where nothing is said, only those are named
that change a score whatever the question is: the weights that training starts from, the epochs, and the
precision, which is measured for each model and may come out otherwise on the two sides.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from pydantic import JsonValue

from orchestrator.store.records import Comparison, RecipeRecord, Rule
from trainables.backbones import is_kernel_machine
from trainables.recipe import Recipe, RecipeKeys
from trainables.starting_weights import StartingWeights

ALWAYS_NAMED = ("pretrained", "epochs", "precision")


@dataclass(frozen=True, slots=True)
class UndeclaredDifference:
    """A key in which the two sides of a comparison differ undeclared, with its values, plain JSON."""

    baseline: str
    treatment: str
    key: str
    baseline_value: JsonValue
    treatment_value: JsonValue


def undeclared_differences(
    comparisons: Sequence[Comparison], rule: Rule | None, recipes: Mapping[str, RecipeKeys]
) -> tuple[UndeclaredDifference, ...]:
    """Return what the pairs of a phase differ in beside what is declared, in the order of the pairs.

    Args:
        comparisons: those of the phase.
        rule: how it decides; each pair of a factor differs in the factor's key.
        recipes: by experiment, as far as they are resolved; a pair without both is passed over.
    """
    found = []
    for (baseline, treatment), declared in _declared(comparisons, rule).items():
        if baseline in recipes and treatment in recipes:
            one, other = recipes[baseline], recipes[treatment]
            names = [name for name in RecipeKeys.model_fields if name not in declared]
            found += [
                UndeclaredDifference(baseline, treatment, name, _shown(one, name), _shown(other, name))
                for name in (names if declared else ALWAYS_NAMED)
                if not _are_alike(name, one, other)
            ]
    return tuple(found)


def _declared(comparisons: Sequence[Comparison], rule: Rule | None) -> dict[tuple[str, str], set[str]]:
    """The keys that each pair is meant to differ in, by all that is said of it."""
    pairs: dict[tuple[str, str], set[str]] = {}
    for (baseline, treatment), keys in _said(comparisons, rule):
        pairs.setdefault((baseline, treatment), set()).update(keys)
    return pairs


def _said(
    comparisons: Sequence[Comparison], rule: Rule | None
) -> Iterator[tuple[tuple[str, str], tuple[str, ...]]]:
    for comparison in comparisons:
        yield (comparison.baseline, comparison.treatment), comparison.differs
    for factor in rule.factors if rule is not None else ():
        for pair in factor.pairs:
            yield pair, (factor.key,)


def _are_alike(name: str, one: RecipeKeys, other: RecipeKeys) -> bool:
    if name in ("epochs", "precision") and any(is_kernel_machine(each.backbone) for each in (one, other)):
        # It has neither.
        return True
    if name != "pretrained":
        return bool(getattr(one, name) == getattr(other, name))
    if one.backbone != other.backbone:
        # Weights of two backbones are never the same; that one starts from none is a difference of its own.
        return bool(one.pretrained) == bool(other.pretrained)
    mine, theirs = _weights(one), _weights(other)
    if mine is None or theirs is None:
        return one.pretrained == other.pretrained
    return mine.identity() == theirs.identity()


def _shown(recipe: RecipeKeys, name: str) -> JsonValue:
    """A value in plain JSON; `pretrained` by what it stands for, where that is known."""
    weights = _weights(recipe)
    if name == "pretrained" and weights is not None:
        return weights.called(recipe.pretrained)
    value: JsonValue = recipe.model_dump(mode="json", include={name})[name]
    return value


def _weights(recipe: RecipeKeys) -> StartingWeights | None:
    return recipe.weights if isinstance(recipe, Recipe | RecipeRecord) else None
