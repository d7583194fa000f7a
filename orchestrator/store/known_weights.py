"""The record of which of timm's weights `pretrained` stood for when a model was first used with results/.

It stays in force: a later timm may have another default, and the hub another commit, for the same name.
"""

from orchestrator.store.folder import Store
from orchestrator.store.record_file import known_record
from trainables.files import write_json
from trainables.starting_weights import StartingWeights


def read_known_weights(store: Store, model: str) -> StartingWeights | None:
    """Read which weights timm has for a model; None when nobody has asked, or the record is damaged."""
    return known_record(store.weights_file(model), StartingWeights)


def write_known_weights(store: Store, model: str, weights: StartingWeights) -> None:
    """Write down which weights timm has for a model."""
    write_json(store.weights_file(model), weights.model_dump(mode="json"))
