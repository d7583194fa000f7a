"""Finished trials whose weights are gone or damaged: their scores stand, and they have no model any more."""

from orchestrator.store.folder import Store
from orchestrator.store.records import StudyRecord
from orchestrator.store.remote.local_copy import copy_at
from trainables.done_record import read_done
from trainables.stored_weights import weights_problem


def lost_models(store: Store, study: StudyRecord) -> dict[str, str]:
    """Return why the model of a finished trial can't be used, by the trial's folder below results/.

    A copy of remote results has no weights until they are asked for, so nothing is said of it.
    """
    if copy_at(store.root) is not None:
        return {}
    folders = dict.fromkeys(trial.folder for _, trial in study.trials())
    done = {folder: record for folder in folders if (record := read_done(store.trial(folder))) is not None}
    problems = {
        folder: weights_problem(store.trial(folder), record, in_full=False) for folder, record in done.items()
    }
    return {folder: problem for folder, problem in problems.items() if problem}
