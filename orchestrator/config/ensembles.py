"""Ensembles and what they combine: their bases belong to the study, come first, and see the same folds.

An experiment with an ensemble backbone names the experiments whose networks it combines. Each of its trials
takes the weights of its bases' trials of the same repeat and fold, so these run before it. It must never
train on an image that a base's test fold holds, nor test on one that a base trained on: the keys that decide
the rows have to be the same, and the rows themselves are looked at as well.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from orchestrator.config.earlier_decisions import layers
from orchestrator.config.experiment import Experiment, load_experiments
from orchestrator.config.library import Library
from orchestrator.store.records import HandedOver
from trainables import backbones
from trainables.errors import InputError, Problems

# What an ensemble and its bases must have in common: the rows of each part, and what an image looks like.
SHARED = (
    "data_dir", "layout", "group_by", "real_sources", "follow_links", "train_sources", "eval_sources",
    "subsample",
    "protocol", "cv_folds", "cv_repeats", "val_ratio", "test_ratio", "holdout_final", "seed",
    "image_size", "face_crop", "normalization",
)  # fmt: skip

# What is set of an ensemble is no setting of what it combines.
OWN = ("backbone", "bases")


def with_bases(
    library: Library,
    experiments: Sequence[Experiment],
    *,
    handed_over: Sequence[HandedOver] = (),
    preset: str | None = None,
    settings: Sequence[str] = (),
) -> tuple[Experiment, ...]:
    """Return the experiments with those that they combine, each after its bases.

    `library`, `handed_over`, `preset` and `settings` are those that the experiments were loaded with.

    Raises:
        InputError: a base does not exist, can't be combined, or has other folds or images.
    """
    known = {experiment.name: experiment for experiment in experiments}
    ordered: dict[str, Experiment] = {}
    problems: list[str] = []
    for experiment in experiments:
        for name in experiment.bases:
            try:
                if name not in known:
                    mine = [setting for setting in settings if setting.partition("=")[0] not in OWN]
                    below, above = layers(handed_over, preset, without=OWN)
                    (known[name],) = load_experiments(
                        library, [name], handed_over=below, decided=above, preset=preset, settings=mine
                    )
                _check(experiment, known[name])
            except InputError as error:
                problems += [f"{experiment.name}: bases: {line}" for line in error.lines]
            else:
                ordered.setdefault(name, known[name])
        ordered.setdefault(experiment.name, experiment)
    if problems:
        raise Problems(problems)
    return tuple(ordered.values())


def chosen_with_bases(experiments: Iterable[Experiment], chosen: set[str]) -> set[str]:
    """Return the names in `chosen` and those of their bases: what has to run for them."""
    return chosen | {
        base for experiment in experiments if experiment.name in chosen for base in experiment.bases
    }


def check_rows(ensemble: str, table: pd.DataFrame, base: str, base_table: pd.DataFrame) -> None:
    """Raise InputError when one of the two learns from an image, or its group, that the other is tested on.

    The tables are those of two trials, with the columns sha256, group and part.
    """
    for learner, learned, tested, holder in (
        (ensemble, table, base_table, base),
        (base, base_table, table, ensemble),
    ):
        learning = learned[learned["part"].isin(["train", "val"])]
        held = tested[tested["part"] == "test"]
        both = learning["sha256"].isin(set(held["sha256"])) | learning["group"].isin(set(held["group"]))
        if both.any():
            raise InputError(
                f"{ensemble}: {learner} would learn from {int(both.sum())} images of the fold that {holder} "
                "is tested on; give both the same protocol, folds and seed"
            )


def _check(ensemble: Experiment, base: Experiment) -> None:
    entry = backbones.own(base.backbone)
    if backbones.is_kernel_machine(base.backbone) or (entry is not None and entry.bases):
        raise InputError(f"{base.name} is a {base.backbone}, which can't be combined; name a plain network")
    differing = [name for name in SHARED if getattr(ensemble, name) != getattr(base, name)]
    if differing:
        name = differing[0]
        more = f" ({', '.join(differing[1:])} differ too)" if differing[1:] else ""
        raise InputError(
            f"{base.name} has {name} {getattr(base, name)!r}, the ensemble has "
            f"{getattr(ensemble, name)!r}{more}; both need the same folds and images"
        )
