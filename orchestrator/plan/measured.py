"""Measurements of models by device: which one holds here, and where each is kept.

The first measurement of a model on a type of device settles precision and memory format, which are part of
its trials' keys: every card trains in it, so that no comparison has two precisions. How much memory a trial
takes and how much of a batch fits hang on the card, its driver and torch, and are measured for each of these,
in a file of its own beside the first.
"""

import re
from pathlib import Path

from orchestrator.config.experiment import Experiment
from orchestrator.store.folder import Store, read_measurement
from trainables.device import card
from trainables.measurement import Measurement


def measurement_file(store: Store, experiment: Experiment, device: str, *, card_name: str = "") -> Path:
    """Name the file of the first measurement of an experiment's model, or of that on a named card."""
    model = experiment.backbone
    if model == "simple_cnn":
        model += f"-{experiment.cnn_preset}"
    asked = "" if experiment.precision == "auto" else f"-{experiment.precision}"
    name = re.sub(r"[^A-Za-z0-9_.-]", "_", f"{model}-{experiment.image_size}px-{device}{asked}")
    if card_name:
        name += "@" + re.sub(r"[^A-Za-z0-9_.-]+", "_", card_name)
    return store.precision_file(name)


def known_measurement(store: Store, experiment: Experiment, device: str) -> Measurement | None:
    """Return what was measured on this machine's card, or the first measurement where that was not yet."""
    first = read_measurement(measurement_file(store, experiment, device))
    if first is None or is_of_this_card(first, device):
        return first
    own = read_measurement(measurement_file(store, experiment, device, card_name=card()))
    if own is None or _layout(own) != _layout(first):
        return first
    return own


def next_file(store: Store, experiment: Experiment, device: str) -> Path:
    """Return where the next measurement on this machine belongs."""
    path = measurement_file(store, experiment, device)
    first = read_measurement(path)
    if first is None or is_of_this_card(first, device):
        return path
    return measurement_file(store, experiment, device, card_name=card())


def is_of_this_card(measured: Measurement, device: str) -> bool:
    """Tell whether it holds for this machine's card; also where that is no question, or nobody here can tell.

    Trials of a cluster may run on cards that the machine which plans has not got.
    """
    return device == "cpu" or not card() or measured.card == card()


def _layout(measured: Measurement) -> tuple[str, str]:
    return measured.choice.precision, measured.choice.memory_format
