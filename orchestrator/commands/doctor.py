"""`doctor`: is this machine, or a file that starts a cluster, fit for a study.

Exit codes: 0 it is, 2 it is not, with all that is wrong at once.
"""

from orchestrator.commands.cluster_check import ClusterOption, say_cluster
from orchestrator.commands.options import DebugOption
from orchestrator.console import say


def doctor_command(cluster: ClusterOption = None, debug: DebugOption = False) -> None:
    """Look at what trials would run on: this machine, or with --cluster a file that starts others.

    Exits with 2 and everything that is wrong with the file. Nothing is asked of a cloud.

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
    say(f"{machine.cores} cores, {memory} of memory; GPUs: {cards or 'none'}")
