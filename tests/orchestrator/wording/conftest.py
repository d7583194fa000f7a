"""A small study whose answers are put into sentences."""

from collections.abc import Callable
from typing import Any

import pytest

from orchestrator.analysis.collect import Tables
from orchestrator.store.folder import Store


@pytest.fixture
def three(results: Any, tables_of: Callable[[], tuple[Store, Tables]]) -> Callable[[], tuple[Store, Tables]]:
    """Collect three experiments of five folds: b is far better than a, c is as b."""

    def collected() -> tuple[Store, Tables]:
        for name, good in (("a", 0.3), ("b", 2.0), ("c", 2.01)):
            results.add(name)
            for split in ("test", "val"):
                results.separate(name, split, good)
        results.facts("a", training_seconds=36.0, device="cuda")
        results.compare("a", "b", "auc", "accuracy")
        results.compare("b", "c", "auc")
        return tables_of()

    return collected
