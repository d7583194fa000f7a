"""Changes of trials' shares since an earlier run, in sentences."""

from collections.abc import Mapping

from orchestrator.store.share_record import ShareRecord
from orchestrator.wording.lists import few_named


def share_sentences(
    before: Mapping[str, ShareRecord], threads: Mapping[str, int], *, cores: int
) -> tuple[str, ...]:
    """Say which experiments have other threads than recorded, once for those that changed alike.

    Args:
        before: what is recorded, by experiment.
        threads: what each experiment's trials have now.
        cores: what the smallest machine has.
    """
    alike: dict[tuple[int, int], list[str]] = {}
    for name, share in before.items():
        if name in threads and threads[name] != share.threads:
            alike.setdefault((share.threads, threads[name]), []).append(name)
    return tuple(
        f"{few_named(names)}: {_threads(now)} for each trial, and not {then} as in earlier runs (a node has "
        f"{cores} {'core' if cores == 1 else 'cores'}); on the CPU the last bits of scores may differ from "
        "those of trials that are done"
        for (then, now), names in alike.items()
    )


def _threads(count: int) -> str:
    return f"{count} {'thread' if count == 1 else 'threads'}"
