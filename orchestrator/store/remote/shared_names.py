"""Names in results/ by what becomes of them where results are remote: what is pulled, and what is pushed.

Names are relative to the results folder. Temporary files, locks, logs, leases, MLflow's database (it is made
again from what is pulled) and most caches stay on the machine that made them.
"""

from pathlib import PurePosixPath

from trainables.trial_files import CHECKPOINT, DONE

LEASES = "leases"
PRIVATE = ("logs", "mlflow", LEASES)
DATABASE = "mlflow.db"
CACHE, FACES = "cache", "faces"
MODELS = (".safetensors", ".onnx", ".pt", ".pt2")
# What is found out of models by measuring, and by looking for their weights.
MEASURED = ("precision", "weights")
# What the last of several shards leaves.
FINISHED = ("studies", "collected", "decisions", "reports")
# Folders that a command writes anew as a whole: what is gone from them here is gone.
REWRITTEN = ("collected", "reports")


def is_pushed(name: str) -> bool:
    """Tell whether a file that is new here is copied to the remote results."""
    path = PurePosixPath(name)
    if path.name.startswith(".") or path.name.endswith((".lock", ".partial")):
        return False
    top, *below = path.parts
    if top == CACHE:
        return below[:1] == [FACES]
    return not top.startswith(DATABASE) and top not in PRIVATE and not is_checkpoint(name)


def is_pulled(name: str) -> bool:
    """Tell whether a remote file is copied here before anything is read: not weights, nor checkpoints."""
    return is_pushed(name) and PurePosixPath(name).suffix not in MODELS


def is_checkpoint(name: str) -> bool:
    """Tell whether a file is part of a trial's checkpoint."""
    parts = PurePosixPath(name).parts
    return len(parts) > 3 and parts[0] == "trials" and parts[2] == CHECKPOINT


def is_rewritten(name: str) -> bool:
    """Tell whether a file that is gone here is removed there too."""
    return PurePosixPath(name).parts[0] in REWRITTEN


def is_own_cache(name: str) -> bool:
    """Tell whether what is new here is worth more than what is new there: it can be made again there."""
    return PurePosixPath(name).parts[0] == CACHE


def last_done(name: str) -> tuple[bool, str]:
    """Order names so that what says that a trial is finished is copied after all else."""
    return PurePosixPath(name).name == DONE, name
