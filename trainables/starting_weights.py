"""Weights that a network starts from: which of timm's or which file, and the content that trials know it by.

`pretrained` in an experiment file is true (timm's default weights of the backbone), false, or a file of
weights. Neither a path nor "timm's default" says which numbers training starts from: a file can be replaced,
and a library changes its defaults. `StartingWeights` says it, and is part of a trial's identity by its tag
and its hash. No torch here: a plan has to know files by their content.
"""

from pathlib import Path
from typing import Annotated

from trainables.errors import InputError
from trainables.files import known_sha256
from trainables.recipe_part import COUNTS, IF_SET, RECORDED, RecipePart, refuse_undeclared

# safetensors, and what torch.save writes.
SAFETENSORS, PICKLES = ".safetensors", (".pth", ".pt", ".bin")
SUFFIXES = (SAFETENSORS, *PICKLES)


class StartingWeights(RecipePart):
    """The weights that `pretrained` stands for.

    `tag` is the full name that timm gives its weights, like resnet18.a1_in1k; None for a file of the user's.
    `revision` is the hub's commit that they are taken from, so that a later run takes the same ones. `sha256`
    is the hash of the file.
    """

    tag: Annotated[str | None, IF_SET] = None
    revision: Annotated[str | None, RECORDED] = None
    sha256: Annotated[str, COUNTS]

    def called(self, pretrained: bool | str) -> str:
        """Return how people call them, where `pretrained` is true or a file: by tag or name, and by hash."""
        name = Path(pretrained).name if isinstance(pretrained, str) else self.tag
        return f"{name} (sha256 {self.sha256[:12]})"


def is_weights_file(value: str) -> bool:
    """Tell whether a value of `pretrained` is the path of a file of weights, by its ending."""
    return Path(value).suffix.lower() in SUFFIXES


def weights_of_file(path: Path) -> StartingWeights:
    """Return how trials know a file of weights.

    Raises:
        InputError: the file is not there, or can't be read.
    """
    try:
        return StartingWeights(sha256=known_sha256(path))
    except OSError as error:
        raise InputError(
            f"pretrained: {path} can't be read ({error.strerror}); name a file of weights"
        ) from error


refuse_undeclared(StartingWeights)
