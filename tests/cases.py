"""Cases of a parametrised test that repeat one idea: the first run each time, all in `make check-all`."""

from collections.abc import Iterable
from typing import Any

import pytest


def fast_first(cases: Iterable[Any], num_fast: int) -> list[Any]:
    """Mark as slow every case but the first `num_fast`; a tuple is the values of a case."""
    return [_case(case, is_slow=place >= num_fast) for place, case in enumerate(cases)]


def _case(case: Any, *, is_slow: bool) -> Any:
    marks = [pytest.mark.slow] if is_slow else []
    if hasattr(case, "marks"):
        return pytest.param(*case.values, marks=[*case.marks, *marks], id=case.id)
    return pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=marks)
