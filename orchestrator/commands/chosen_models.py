"""Models that a command works with: those of an experiment, or of one trial, named alike wherever they are.

`predict` and `export` take an experiment, some of its folds, or a trial; what can't be meant is said here.
"""

from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.commands.run_options import fold_list
from trainables.errors import InputError

if TYPE_CHECKING:
    from orchestrator.analysis.joint_models import CalibrationChoice, JointModels
    from orchestrator.store.folder import Store

ALL_FOLDS = "all"
TrialOption = Annotated[
    str | None,
    typer.Option(
        "--trial",
        metavar="TRIAL",
        help="One trial alone: its folder's name, a part of it, or the start of its key.",
        show_default=False,
    ),
]
FoldsOfOption = Annotated[
    str, typer.Option("--folds", metavar="all|0,1", help="Only the models of these outer folds.")
]


def chosen_models(
    store: "Store",
    experiment: str | None,
    trial: str | None,
    *,
    folds: str,
    by: str,
    calibration: "CalibrationChoice" = "temperature",
) -> "JointModels":
    """Find the models that a command names.

    Args:
        store: results, which are only read.
        experiment: its name, or PHASE/NAME.
        trial: as `find_trial` takes it; either this or an experiment.
        folds: as --folds has it.
        by: how the command takes an experiment, for the message.
        calibration: how scores are calibrated.

    Raises:
        InputError: both or none are named, there is no such experiment, trial or fold, or none has a model.
    """
    from orchestrator.analysis.joint_models import joint_models
    from orchestrator.store.find_experiment import experiment_of_trial, find_experiment, find_trial

    if (experiment is None) == (trial is None):
        raise InputError(f"name whose models are meant: either {by} or --trial TRIAL")
    if trial is None:
        record = find_experiment(store, str(experiment))
        wanted = None if folds == ALL_FOLDS else fold_list(folds)
        return joint_models(store, record, folds=wanted, method=calibration)
    if folds != ALL_FOLDS:
        raise InputError("--trial names one model; leave out --folds")
    return joint_models(store, experiment_of_trial(store, find_trial(store, trial)), method=calibration)
