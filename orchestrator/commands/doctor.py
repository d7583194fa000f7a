"""`doctor`: is this machine, or a file that starts a cluster, fit for a study.

Exit codes: 0 it is, 1 bits differ, 2 it can't be looked at, or something is wrong with the file.
"""

import json
from pathlib import Path

import typer

from orchestrator.commands.cluster_check import ClusterOption, say_cluster
from orchestrator.commands.exit_codes import EXIT_FAILED
from orchestrator.commands.options import RESULTS, DebugOption, JsonOption, ResultsOption
from orchestrator.console import say


def doctor_command(
    cluster: ClusterOption = None,
    results: ResultsOption = RESULTS,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Look at what trials would run on, and whether they give the same bits again.

    A small made-up trial runs twice, and once killed and resumed, on the processor and on a GPU if there is
    one, in some seconds each; the verdict stands in the record of each later run there. Exits with 1 where
    bits differ.

    With --cluster a file that starts a cluster is looked at instead: exits with 2 and everything that is
    wrong with it. Nothing is asked of a cloud.

    Example: python -m orchestrator doctor --cluster cluster.yaml
    """
    if cluster is not None:
        say_cluster(cluster)
        return
    from orchestrator.console import size_text
    from orchestrator.plan.resources import this_machine
    from trainables.device import gpus

    machine = this_machine()
    memory = size_text(int(machine.memory_mib * 2**20))
    cards = ", ".join(f"{each.name} ({size_text(int(each.memory_mib * 2**20))})" for each in gpus())
    if not as_json:
        say(f"{machine.cores} cores, {memory} of memory; GPUs: {cards or 'none'}")
    if not _are_bits_equal(results, as_json=as_json):
        raise typer.Exit(EXIT_FAILED)


def _are_bits_equal(results: Path, *, as_json: bool) -> bool:
    """Compare bits on each kind of device, keep and say the verdicts; tell whether all were equal."""
    from orchestrator.execution.bits import compared_bits
    from orchestrator.store.folder import Store
    from orchestrator.wording.bits_text import bits_sentence
    from trainables.device import device_type

    store, verdicts = Store.open(results), []
    for device in dict.fromkeys(("cpu", device_type())):
        verdict = compared_bits(store, device)
        verdicts.append(verdict)
        if not as_json:
            say(bits_sentence(verdict))
    if as_json:
        print(json.dumps([verdict.model_dump(mode="json") for verdict in verdicts], indent=1))
    return all(verdict.is_equal for verdict in verdicts)
