"""Predictions on executors: with Ray and without it, the same bytes."""

import io
from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console

from orchestrator.analysis.joint_models import joint_models
from orchestrator.execution.executor import start_executor
from orchestrator.execution.predicting import predict_images, scratch_store
from orchestrator.store.find_experiment import find_experiment
from orchestrator.store.folder import Store
from trainables.data.dataset.named_images import name_images


@pytest.mark.ray
@pytest.mark.slow
def test_ray_gives_the_same(trained_study: Path, faces: Path, tmp_path: Path) -> None:
    """Catches workers that get other images or models than this process."""
    store = Store.look(trained_study)
    models = joint_models(store, find_experiment(store, "wide"))
    images, tables = name_images(faces, classes=models.classes), []
    for address in ("none", "local"):
        with scratch_store() as scratch, start_executor(address, logs=tmp_path / address) as executor:
            console = Console(file=io.StringIO())
            found = predict_images(
                store, models, images, scratch=scratch, executor=executor, console=console, quiet=True
            )
            tables.append(found.table)
        assert not scratch.root.exists()
    pd.testing.assert_frame_equal(*tables, rtol=0, atol=1e-12)
