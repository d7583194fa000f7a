"""Training that goes on with smaller parts of a batch where memory runs out.

A plan measures how much of a batch fits, but other processes share the memory, and a step may need more than
the measured one. The part is halved, down to one image (two with batch normalisation), and the trial goes on
from its last checkpoint. The effective batch stays what the recipe says; batch normalisation sees the parts,
so scores may differ from those of whole batches: what was done is kept with the progress.
"""

import gc
import math
from collections.abc import Callable

import torch

from trainables.removal import remove_file
from trainables.training.checkpoint import Progress
from trainables.training.epoch_report import OnEpoch
from trainables.training.loop import Trainer, TrainingError
from trainables.training.precision import is_out_of_memory, least_part
from trainables.trial_files import STATE


def fit_in_memory(
    trainer: Trainer,
    *,
    on_epoch: OnEpoch,
    resume: bool,
    on_checkpoint: Callable[[], None] | None = None,
    on_sign: Callable[[], None] | None = None,
) -> Progress:
    """Train as `Trainer.fit` does, with half of the part of a batch whenever memory runs out.

    Raises:
        TrainingError: not even the smallest part fits, or as `Trainer.fit` does.
    """
    if not resume:
        # What lies there is of another training, which this one must not go on from later either.
        remove_file(trainer.folder / STATE, below=trainer.folder)
    while True:
        try:
            return trainer.fit(on_epoch=on_epoch, on_checkpoint=on_checkpoint, on_sign=on_sign, resume=True)
        except RuntimeError as error:
            if not is_out_of_memory(error):
                raise
            part, least = largest_part(trainer), least_part(trainer.model)
            if part <= least:
                raise TrainingError(
                    f"memory ran out with {part} images at a time: lower image_size, or let fewer trials "
                    "share the device (resources.gpus, --max-concurrent)"
                ) from error
        # Out of the handler: the exception would hold on to the tensors of the failed step.
        trainer.begin_again(micro_batch=max(least, math.ceil(part / 2)))
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()


def largest_part(trainer: Trainer) -> int:
    """Return the most images that training takes at a time."""
    return min(trainer.progress.micro_batch or trainer.recipe.batch_size, len(trainer.train.rows))
