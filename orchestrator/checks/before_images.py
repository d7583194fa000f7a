"""Refusals that need no image: backbones, pretrained weights, layout and classes of the data, the loss.

`plan` and a run ask here first, so that a slip of the keyboard is said at once and not after a scan of a
million files. Finding out what timm has takes seconds, and is remembered in results/cache/backbones/.
"""

import hashlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from orchestrator.config.experiment import Experiment
from orchestrator.plan.class_count import class_problems
from orchestrator.plan.data_sets import DataSets
from orchestrator.plan.plan import StudyPlan
from orchestrator.store.folder import State, Store, trial_state
from trainables import backbones, memo
from trainables.data.splits.trial_rows import refuse_one_class
from trainables.errors import InputError, Problems
from trainables.hub import can_be_fetched, no_weights_text, prepare_hub
from trainables.starting_weights import weights_of_file


def refuse_before_images(experiments: Sequence[Experiment], data: DataSets, *, is_here: bool) -> None:
    """Raise InputError with all that is wrong with experiments and can be told without opening an image.

    Args:
        experiments: what is to be run.
        data: their data folders, which are listed.
        is_here: whether this machine trains; on a cluster only its workers know which weights they can have.
    """
    problems = list(_unknown_backbones(experiments, data.store))
    if not problems and is_here and not _has_finished(data.store):
        problems += _lacking_weights(experiments, data.store)
    problems += _unfit_classes(experiments, data)
    if problems:
        raise Problems(problems)


def refuse_missing_weights(study: StudyPlan, *, is_here: bool) -> None:
    """Raise InputError where a trial is to run whose pretrained weights can't be had.

    What is finished needs none, so that a plan has to say first what is.
    """
    names = {trial.experiment for trial in study.missing()}
    running = [each.experiment for each in study.experiments if each.experiment.name in names]
    problems = list(_lacking_weights(running, study.store)) if is_here else []
    if problems:
        raise Problems(problems)


def _unknown_backbones(experiments: Sequence[Experiment], store: Store) -> Iterator[str]:
    if any(each.pretrained is True for each in experiments):
        # Before anything imports the hub's library, which reads its environment once.
        prepare_hub()
    for name, pretrained in dict.fromkeys((each.backbone, each.pretrained is True) for each in experiments):
        is_listed = name in backbones.BACKBONES or backbones.is_kernel_machine(name)
        if is_listed and not pretrained:
            continue
        try:
            _hub_repository(name, pretrained, store)
        except InputError as error:
            yield str(error)


def _lacking_weights(experiments: Sequence[Experiment], store: Store) -> Iterator[str]:
    for file in dict.fromkeys(each.pretrained for each in experiments if isinstance(each.pretrained, str)):
        try:
            weights_of_file(Path(file))
        except InputError as error:
            yield str(error)
    for name in dict.fromkeys(each.backbone for each in experiments if each.pretrained is True):
        prepare_hub()
        repository = _hub_repository(name, True, store)
        if repository and not can_be_fetched(repository):
            yield no_weights_text(name, f"{repository} is not on this machine, and the hub can't be reached")


def _hub_repository(name: str, pretrained: bool, store: Store) -> str:
    """Where the hub keeps a backbone's weights; raises InputError where timm has no such model or weights."""
    path = store.cached("backbones", f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.memo")
    key = memo.key([name, pretrained], code="trainables.models.building", libraries=("timm",))
    known = memo.read(path, key)
    if known is None:
        from trainables.models.building import check_timm_name, hub_repository

        if backbones.own(name) is None:
            check_timm_name(name, pretrained=pretrained)
        known = {"repository": hub_repository(name) if pretrained else ""}
        memo.write(path, key, known)
    return str(known["repository"])


def _has_finished(store: Store) -> bool:
    return any(trial_state(folder) == State.DONE for folder in store.folders_by_key().values())


def _unfit_classes(experiments: Sequence[Experiment], data: DataSets) -> Iterator[str]:
    for experiment in experiments:
        listing = data.listing(experiment)
        try:
            refuse_one_class(
                data.root(experiment), listing.classes, [image.label for image in listing.images]
            )
        except InputError as error:
            yield str(error)
            continue
        yield from class_problems(experiment, listing.classes)
