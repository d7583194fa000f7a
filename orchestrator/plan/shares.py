"""Shares of trials that a study keeps from run to run, whichever nodes are up.

A share is recorded when a study is first planned on an executor, and kept as long as the experiment's recipe
and device stay: on the CPU the number of threads decides the last bits of a trial's numbers.
"""

from collections.abc import Mapping

from orchestrator.config.trial_resources import Resources
from orchestrator.plan.resources import Machine, Share, resident_pixels_mib, share_of
from orchestrator.store.records import RecipeRecord, StudyRecord
from orchestrator.store.share_record import ShareRecord
from trainables.recipe import Recipe


def recorded_shares(
    known: StudyRecord | None, recipes: Mapping[str, Recipe | None], *, device: str
) -> dict[str, ShareRecord]:
    """Return the shares of those experiments whose recipe and device are those of the last run."""
    if known is None or known.device != device:
        return {}
    found = {}
    for each in known.experiments:
        recipe = recipes.get(each.name)
        if each.share is None or recipe is None:
            continue
        if RecipeRecord.model_validate_json(recipe.model_dump_json()).plain() == each.recipe.plain():
            found[each.name] = each.share
    return found


def trial_share(
    machine: Machine, recorded: ShareRecord | None, *, peak_mib: float | None, wanted: Resources
) -> Share:
    """Return a trial's share of `machine`: the recorded one as far as there is as much.

    What the experiment asks for wins. Threads are kept wherever there are as many cores; of cores and GPUs a
    trial has at least what it needs on this machine, as `share_of` says.

    Raises:
        InputError: more GPUs are wanted than a node has.
    """
    fresh = share_of(machine, peak_mib=peak_mib, wanted=wanted)
    if recorded is None or wanted.cpus is not None or recorded.threads > machine.cores:
        return fresh
    # A machine with less memory has room for fewer trials, which then hold more cores.
    needed = 0 if machine.gpus else fresh.cpus
    gpus = fresh.gpus if wanted.gpus is not None else max(fresh.gpus, recorded.gpus)
    return Share(
        cpus=min(machine.cores, max(recorded.cpus, recorded.threads, needed)),
        gpus=gpus,
        threads=recorded.threads,
        pixels_mib=resident_pixels_mib(machine, gpus, peak_mib=peak_mib),
    )


def share_record(share: Share, machine: Machine, before: ShareRecord | None) -> ShareRecord:
    """Describe the share of an experiment's trials, with the threads that it had `before`."""
    earlier = () if before is None else before.earlier_threads
    if before is not None and before.threads != share.threads:
        earlier = (*earlier, before.threads)
    return ShareRecord(
        cpus=share.cpus,
        gpus=share.gpus,
        threads=share.threads,
        gpu_type=machine.gpu_type,
        pixels_mib=share.pixels_mib,
        earlier_threads=tuple(dict.fromkeys(earlier)),
    )
