"""Shares that trials keep from run to run: the threads decide last bits on the CPU."""

from orchestrator.config.trial_resources import Resources
from orchestrator.plan.resources import Machine, Share, share_of
from orchestrator.plan.shares import share_record, trial_share
from orchestrator.store.share_record import ShareRecord
from orchestrator.wording.share_text import share_sentences

SMALL = Machine(cores=2, memory_mib=2000.0)
LARGE = Machine(cores=8, memory_mib=64000.0)


def shared(machine: Machine, recorded: ShareRecord | None, **wanted: int) -> Share:
    return trial_share(machine, recorded, peak_mib=1000.0, wanted=Resources(**wanted))


def test_threads_stay_whichever_nodes_are_up() -> None:
    """Catches other last bits under the same keys on a resume with smaller or larger workers."""
    first = shared(SMALL, None)
    assert first == share_of(SMALL, peak_mib=1000.0, wanted=Resources()) == Share(2, 0.0, 2)
    recorded = share_record(first, SMALL, None)
    assert shared(LARGE, None).threads == 1
    assert shared(LARGE, recorded) == first
    # Threads stay where memory asks for more cores.
    alone = shared(SMALL, share_record(Share(1, 0.0, 1), LARGE, None))
    assert alone == Share(2, 0.0, 1)


def test_what_an_experiment_asks_for_wins() -> None:
    assert shared(LARGE, ShareRecord(cpus=2, threads=2), cpus=4) == Share(4, 0.0, 4)


def test_a_part_of_a_gpu_stays_unless_more_is_needed() -> None:
    gpu = Machine(cores=8, memory_mib=64000.0, gpus=1, gpu_memory_mib=80000.0, gpu_type="A100")
    recorded = share_record(Share(4, 0.5, 4), gpu, None)
    assert recorded.gpu_type == "A100"
    assert shared(gpu, recorded) == Share(4, 0.5, 4, pixels_mib=38000 - 1800)
    tiny = Machine(cores=8, memory_mib=64000.0, gpus=1, gpu_memory_mib=2000.0)
    assert shared(tiny, recorded) == Share(4, 1.0, 4, pixels_mib=1900 - 1800)


def test_a_change_that_can_not_be_helped_is_said_and_recorded() -> None:
    before = ShareRecord(cpus=4, threads=4)
    now = shared(SMALL, before)
    assert now.threads == 2
    assert share_record(now, SMALL, before).earlier_threads == (4,)
    (said,) = share_sentences({"a": before, "b": before}, {"a": 2, "b": 2}, cores=2)
    assert "a and b: 2 threads for each trial, and not 4 as in earlier runs (a node has 2 cores)" in said
    assert share_sentences({"a": before}, {"a": 4}, cores=4) == ()
