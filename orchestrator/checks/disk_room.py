"""Room on the disk of results for what a plan still has to run, counted from below before anything starts."""

from orchestrator.plan.network_work import model_of, networks_work
from orchestrator.plan.plan import StudyPlan
from trainables.errors import InputError
from trainables.files import free_bytes

FLOAT_BYTES = 4
# Of one trial that runs: its weights, the best ones, and two moments of each weight.
RUNNING_COPIES = 4
# Tables, page, tracking store and logs of a small phase, and a trial's own tables.
BESIDES_BYTES, TABLES_BYTES = 4 * 2**20, 2**14
# A row of predictions.
ROW_BYTES = 40


def room_needed(study: StudyPlan) -> int:
    """Return how many bytes the missing trials will write at least, with one of them at a time."""
    missing = study.missing()
    recipes = [study.experiment(trial.experiment).experiment for trial in missing]
    work = networks_work(recipes, study.store)
    weights = [FLOAT_BYTES * work[model_of(recipe)].parameters for recipe in recipes]
    kept = sum(weights) + sum(TABLES_BYTES + ROW_BYTES * sum(trial.sizes.values()) for trial in missing)
    return BESIDES_BYTES + kept + RUNNING_COPIES * max(weights, default=0)


def refuse_small_disk(study: StudyPlan) -> None:
    """Raise InputError where the disk of results can't hold what is missing."""
    root = study.store.root
    needed, free = room_needed(study), free_bytes(root)
    if free < needed:
        raise InputError(
            f"the disk of {root} has {free / 2**20:.0f} MiB free, and the trials that are missing need at "
            f"least {needed / 2**20:.0f} MiB (weights, checkpoints, predictions); make room on it, or name a "
            "folder on another disk with --results"
        )
