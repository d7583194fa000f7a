"""Several commands that bring one tracking store up to date at once."""

from typing import Any

from orchestrator.store.folder import Store
from orchestrator.tracking import sync
from orchestrator.tracking.address import tracking_uri
from orchestrator.tracking.client import client_of
from orchestrator.tracking.mirror import Mirror
from tests.orchestrator.tracking.seen_runs import CHILD, Seen, metric_rows, study_of


def test_a_run_that_another_process_has_made_since_is_not_made_again(results: Any, store: Store) -> None:
    """Catches two parents and two runs of each trial: each process knows the runs from when it began."""
    results.add("a", folds=2, states={1: "missing"})
    study = study_of(results)
    one, other = (Mirror(store, study, client_of(tracking_uri(store))) for _ in range(2))
    (experiment,) = study.experiments
    one.trial(experiment, experiment.trials[0])
    results.experiments.clear()
    results.add("a", folds=2)
    study_of(results)
    for mirror in (other, one, other):
        for trial in experiment.trials:
            mirror.trial(experiment, trial)
        mirror.finish()
    seen = Seen(store)
    assert sorted(run.info.run_name for run in seen.runs) == ["a", "a-r0f0", "a-r0f1"]
    parent = seen.parents["a"].info.run_id
    assert {run.data.tags[CHILD] for run in seen.children.values()} == {parent}
    assert {run.info.status for run in seen.runs} == {"FINISHED"}
    for run in seen.children.values():
        assert [step for step, _ in seen.history(run, "train_loss")] == [1, 2, 3]
    before = metric_rows(store)
    sync(store, study)
    assert metric_rows(store) == before
