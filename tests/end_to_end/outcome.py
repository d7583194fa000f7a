"""The outcome of a run of the small phase: its tables, and its runs in the tracking store."""

from pathlib import Path

TABLES = ("scores", "summary", "comparisons", "failures")
EPOCHS = {"plain": 4, "wide": 6}


def tables(results: Path) -> dict[str, bytes]:
    return {name: (results / "collected" / "phase1" / f"{name}.csv").read_bytes() for name in TABLES}


def tracked_runs(results: Path, store: str | None = None) -> dict[str, tuple[str, list[int]]]:
    """Name -> status and the steps of the training loss, of every run in the store (that of the results)."""
    from mlflow import MlflowClient

    client = MlflowClient(store or f"sqlite:///{results / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("phase1")
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id])
    names = [run.info.run_name for run in runs]
    assert len(set(names)) == len(names), f"a run is there twice: {sorted(names)}"
    return {
        run.info.run_name: (
            run.info.status,
            [metric.step for metric in client.get_metric_history(run.info.run_id, "train_loss")],
        )
        for run in runs
    }


def expected_runs() -> dict[str, tuple[str, list[int]]]:
    trials = {
        f"{name}-r0f{fold}": ("FINISHED", list(range(1, epochs + 1)))
        for name, epochs in EPOCHS.items()
        for fold in range(3)
    }
    return {**trials, **{name: ("FINISHED", []) for name in EPOCHS}}
