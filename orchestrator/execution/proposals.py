"""Settings that a search proposes: rounds of points of its space, from a seeded sampler of Optuna.

The same scores, told in the order of the settings, give the same proposals. So nothing of a search is kept
but what its trials have left: whoever asks again replays it. Numbers are rounded to four digits, which a
reader can write down and no score can tell from the others.
"""

import warnings
from collections.abc import Sequence

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from pydantic import JsonValue

from orchestrator.config.sweep import Range, Search, Setting, whole

DIGITS = 4


class Proposer:
    """A search under way: `ask` for a round, and `tell` what it scored."""

    def __init__(self, search: Search, *, lower_is_better: bool) -> None:
        # It prints a line for each study and trial, and warns of steps that do not end at `high`.
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._search = search
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sampler = (
                optuna.samplers.TPESampler(seed=search.seed, constant_liar=True)
                if search.sampler == "tpe"
                else optuna.samplers.RandomSampler(seed=search.seed)
            )
            self._space = {key: _distribution(key, values) for key, values in search.space.items()}
        self._study = optuna.create_study(
            sampler=sampler, direction="minimize" if lower_is_better else "maximize"
        )
        self._asked: list[optuna.Trial] = []

    def ask(self) -> list[Setting]:
        """Return the settings of the next round, by dotted key; none when all have been proposed."""
        left = self._search.trials - len(self._study.get_trials(deepcopy=False))
        number = min(self._search.parallel, left)
        self._asked = [self._study.ask(self._space) for _ in range(number)]
        return [
            {key: _value(key, values, trial.params[key]) for key, values in self._search.space.items()}
            for trial in self._asked
        ]

    def tell(self, scores: Sequence[float | None]) -> None:
        """Take in what the settings of the round scored, in their order; None = it failed."""
        for trial, score in zip(self._asked, scores, strict=True):
            failed = optuna.trial.TrialState.FAIL if score is None else None
            self._study.tell(trial, score, state=failed)


def _distribution(key: str, values: Range | tuple[JsonValue, ...]) -> BaseDistribution:
    if not isinstance(values, Range):
        # By place, since a value may be an object.
        return CategoricalDistribution(range(len(values)))
    low, high = whole(key, values.low), whole(key, values.high)
    if isinstance(low, int) and isinstance(high, int):
        return IntDistribution(low, high, log=values.log, step=max(1, round(values.step or 1)))
    return FloatDistribution(low, high, log=values.log, step=values.step)


def _value(key: str, values: Range | tuple[JsonValue, ...], drawn: int | float) -> JsonValue:
    if not isinstance(values, Range):
        return values[int(drawn)]
    if isinstance(drawn, int):
        return drawn
    rounded = round(drawn, 10) if values.step is not None else float(f"{drawn:.{DIGITS}g}")
    return whole(key, min(max(rounded, values.low), values.high))
