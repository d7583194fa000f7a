"""Pretrained weights: where timm's lie, what is in a file of the user's, and how a network takes them up.

timm's default weights are looked up by tag, pinned to the hub's commit that is recorded, and loaded by timm
itself. A file of the user's has to fit tensor by tensor: only the classifier may differ, and then starts
anew. What was loaded and what was not comes back, to be said; all else that does not fit is the user's
mistake, named before training.
"""

import sys
import zipfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import timm
import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError
from safetensors.torch import load_file
from timm.models import PretrainedCfg, clean_state_dict
from torch import Tensor, nn

from trainables.errors import InputError
from trainables.hub import WEIGHT_FILES
from trainables.starting_weights import SAFETENSORS, StartingWeights, weights_of_file

# Under which names training scripts save a network's tensors beside other things.
WRAPPERS = ("model_state_dict", "state_dict", "model")
NAMED = 4


@dataclass(frozen=True, slots=True)
class FoundWeights:
    """A file of weights, and how trials know it."""

    path: Path
    weights: StartingWeights


@dataclass(frozen=True, slots=True)
class LoadedWeights:
    """What a network took from a file: how many tensors, and the names of those that start anew."""

    file: str
    num_loaded: int
    anew: tuple[str, ...] = ()
    left_over: tuple[str, ...] = ()

    def sentence(self) -> str:
        """Say it in one sentence."""
        if not self.anew and not self.left_over:
            return f"{self.file}: all {self.num_loaded} tensors are taken over, the classifier's among them"
        anew = f"the classifier starts anew ({_named(self.anew)})" if self.anew else "without its classifier"
        others = [name for name in self.left_over if name not in self.anew]
        left = f"; left in the file: {_named(others)}" if others else ""
        return f"{self.file}: {self.num_loaded} tensors are taken over, {anew}{left}"


def find_timm_weights(name: str, *, revision: str | None = None) -> FoundWeights:
    """Find the file of the weights that timm takes for a model, in the local cache or on the hub.

    Args:
        name: timm's name of the model, with or without a tag; without one timm's default is taken.
        revision: the hub's commit to take the file from; None = the newest, or the cached one offline.

    Raises:
        Exception: whatever the hub's client raises where the file can't be had.
    """
    settings = _settings(name)
    tag = ".".join(filter(None, (settings.architecture, settings.tag)))
    if settings.hf_hub_id:
        repository, _, pinned = settings.hf_hub_id.partition("@")
        path = _from_hub(repository, settings.hf_hub_filename, revision or pinned or None)
        # The cache keeps the files of a commit in a folder of its name.
        revision = path.parent.name
    else:
        path, revision = _from_address(str(settings.url)), None
    found = StartingWeights(tag=tag, revision=revision, sha256=weights_of_file(path).sha256)
    return FoundWeights(path, found)


def _settings(name: str) -> PretrainedCfg:
    found = timm.get_pretrained_cfg(name)
    assert found is not None, "the name was checked"
    return found


def _from_hub(repository: str, named: str | None, revision: str | None) -> Path:
    files = (f"{Path(named).stem}{SAFETENSORS}", named) if named else WEIGHT_FILES
    missing: EntryNotFoundError | None = None
    for file in dict.fromkeys(files):
        try:
            return Path(hf_hub_download(repository, file, revision=revision))
        except EntryNotFoundError as error:
            missing = missing or error
    assert missing is not None, "there is at least one name"
    raise missing


def _from_address(address: str) -> Path:
    path = Path(torch.hub.get_dir()) / "checkpoints" / address.rpartition("/")[2]
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(address, str(path), progress=False)
    return path


def timm_network(name: str, *, file: Path | None, **options: Any) -> nn.Module:
    """Build a timm model; with the weights of a `file` that `find_timm_weights` gave, or from scratch."""
    overlay = None
    if file is not None:
        overlay = {"file": str(file), "custom_load": _settings(name).custom_load}
    model: nn.Module = timm.create_model(
        name, pretrained=file is not None, pretrained_cfg_overlay=overlay, **options
    )
    return model


def load_file_of_weights(model: nn.Module, path: Path, *, backbone: str) -> LoadedWeights:
    """Load a file of weights into a network; where the classifier does not fit, it starts anew.

    Args:
        model: the network; one around a trunk takes a file of the trunk, or of the whole.
        path: safetensors, or what torch.save wrote; a DataParallel's prefix and the usual wrappers are taken
        off.
        backbone: how a message calls the network.

    Raises:
        InputError: the file can't be read, or does not fit.
    """
    tensors = read_weights(path)
    trunk = getattr(model, "trunk", None)
    if isinstance(trunk, nn.Module) and not any(name.startswith("trunk.") for name in tensors):
        model = trunk
    fit = _fit(model, tensors)
    if fit.problems and (adapted := _adapted(tensors, model)) is not None:
        second = _fit(model, adapted)
        fit = fit if second.problems else second
    if fit.problems:
        raise InputError(
            f"pretrained: {path.name} does not fit {backbone}: {'; '.join(fit.problems)}; give a file of "
            "this backbone's weights, or set pretrained to false"
        )
    model.load_state_dict(fit.kept, strict=False)
    return LoadedWeights(path.name, len(fit.kept), fit.anew, fit.left_over)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a file of weights as name -> tensor, without running code that it may hold.

    Raises:
        InputError: it can't be read, or holds no table of tensors.
    """
    try:
        if path.suffix.lower() == SAFETENSORS:
            content: object = load_file(path)
        else:
            _refuse_packed(path)
            content = torch.load(path, map_location="cpu", weights_only=True)
    # A file of any origin can be broken in any way; torch's reader alone knows a dozen exceptions.
    except Exception as error:
        reason = " ".join(str(error).split())[:120]
        if reason.startswith("Weights only load failed"):
            # What follows there is advice to torch's own users.
            reason = "no file of tensors that torch.save wrote"
        if "unsupported global" in str(error).lower():
            raise InputError(
                f"pretrained: {path} holds more than tensors, and reading that could run code; save the "
                "network's state_dict() alone"
            ) from error
        raise InputError(f"pretrained: {path} can't be read as weights ({reason})") from error
    while isinstance(content, Mapping):
        inner = next((content[key] for key in WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if inner is None:
            break
        content = inner
    if not isinstance(content, Mapping) or not all(isinstance(value, Tensor) for value in content.values()):
        keys = _named(map(str, content)) if isinstance(content, Mapping) else type(content).__name__
        raise InputError(f"pretrained: {path} holds no table of tensors but {keys}; save state_dict() alone")
    return dict(clean_state_dict({str(name): value for name, value in content.items()}))


def _refuse_packed(path: Path) -> None:
    """Raise ValueError for an archive that unpacks to more than itself, as torch.save writes none."""
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            if sum(each.file_size for each in archive.infolist()) > path.stat().st_size:
                raise ValueError("it unpacks to more than its own size")


@dataclass(frozen=True, slots=True)
class _Fit:
    """Which tensors of a file a model can take, and what speaks against it; names in their order."""

    kept: dict[str, Tensor]
    anew: tuple[str, ...]
    left_over: tuple[str, ...]
    problems: tuple[str, ...]


def _fit(model: nn.Module, tensors: Mapping[str, Tensor]) -> _Fit:
    wanted = model.state_dict()
    anew, left_over = _classifier_apart(wanted, tensors, _heads(model))
    kept = {name: value for name, value in tensors.items() if name not in left_over}
    needed = [name for name in wanted if name not in anew]
    missing = [name for name in needed if name not in kept]
    unexpected = [name for name in kept if name not in wanted]
    shapes = [
        f"{name} ({_shape(kept[name])} in the file, {_shape(wanted[name])} in the network)"
        for name in needed
        if name in kept and kept[name].shape != wanted[name].shape
    ]
    found = (("missing", missing), ("unexpected", unexpected), ("of another shape", shapes))
    problems = tuple(f"{len(names)} {what}: {_named(names)}" for what, names in found if names)
    return _Fit(kept, _in_order(anew, wanted), _in_order(left_over, tensors), problems)


def _adapted(tensors: dict[str, Tensor], model: nn.Module) -> dict[str, Tensor] | None:
    """Let timm bring weights to the model's image size and names; None where its module has no way to."""
    change = getattr(sys.modules[type(model).__module__], "checkpoint_filter_fn", None)
    try:
        return None if change is None else dict(change(dict(tensors), model))
    # It expects weights of its own models, and stumbles over others in its own ways.
    except Exception:
        return None


def _heads(model: nn.Module) -> tuple[str, ...]:
    """The names of what classifies: a network's own word, or timm's, which may name several."""
    own = getattr(model, "head_name", None)
    named = own or getattr(model, "pretrained_cfg", {}).get("classifier") or ()
    return (named,) if isinstance(named, str) else tuple(named)


def _classifier_apart(
    wanted: Mapping[str, Tensor], tensors: Mapping[str, Tensor], heads: tuple[str, ...]
) -> tuple[set[str], set[str]]:
    """Which tensors of the classifier start anew, and which of the file's are left where they are."""

    def of_head(names: Iterable[str]) -> set[str]:
        return {name for name in names if name.startswith(tuple(f"{head}." for head in heads))}

    mine, given = of_head(wanted), of_head(tensors)
    if mine != given:
        return mine, given
    # A layer whose weight does not fit does not keep its bias.
    layers = {name.rpartition(".")[0] for name in mine if wanted[name].shape != tensors[name].shape}
    differing = {name for name in mine if name.rpartition(".")[0] in layers}
    return differing, differing


def _shape(tensor: Tensor) -> str:
    return "x".join(map(str, tensor.shape)) or "a number"


def _in_order(names: Iterable[str], order: Mapping[str, Tensor]) -> tuple[str, ...]:
    chosen = set(names)
    return tuple(name for name in order if name in chosen)


def _named(names: Iterable[str]) -> str:
    """The first few names, and how many more there are."""
    found = list(names)
    more = f" and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return ", ".join(found[:NAMED]) + more
