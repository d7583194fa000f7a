"""The version of each part whose change changes numbers. It enters the identity of every trial.

Raise a number when a change of its part gives other results from the same input; trials made before are then
run again, and stay on disk under their old key. They live here, apart from the code they belong to, because a
plan has to know them without importing torch. A model's own version stands in the registry.
"""

from trainables import backbones

FOLDS = 1
PIXELS = 2
FACES = 1
TRAINING = 2


def parts(backbone: str, *, face_crop: bool = False) -> dict[str, int]:
    """Return the versions that decide the numbers of a trial with this backbone."""
    return {
        **({"faces": FACES} if face_crop else {}),
        "folds": FOLDS,
        "pixels": PIXELS,
        "training": TRAINING,
        "model": backbones.version(backbone),
    }
