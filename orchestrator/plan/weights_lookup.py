"""Weights that `pretrained` of an experiment stands for, as far as they are known without torch."""

from pathlib import Path

from orchestrator.config.experiment import Experiment
from orchestrator.store.folder import Store
from orchestrator.store.known_weights import read_known_weights
from trainables.backbones import own, timm_name
from trainables.starting_weights import StartingWeights, weights_of_file


def timm_model(experiment: Experiment) -> str:
    """Return timm's name of what can be pretrained of an experiment's backbone."""
    entry = own(experiment.backbone)
    return entry.trunk if entry is not None else timm_name(experiment.backbone)


def starting_weights(store: Store, experiment: Experiment) -> StartingWeights | None:
    """Return the weights that training starts from; None where there are none, or nobody has asked timm yet.

    Raises:
        InputError: a file of weights can't be read.
    """
    if isinstance(experiment.pretrained, str):
        return weights_of_file(Path(experiment.pretrained))
    return read_known_weights(store, timm_model(experiment)) if experiment.pretrained else None
