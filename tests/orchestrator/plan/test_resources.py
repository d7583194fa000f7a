"""Shares of a machine among its trials."""

import pytest
from hypothesis import example, given
from hypothesis import settings as with_settings
from hypothesis import strategies as st

from orchestrator.config.trial_resources import Resources
from orchestrator.plan.resources import Machine, share_of, this_machine

ANYTHING = Resources()


@pytest.mark.parametrize(
    ("cores", "memory_mib", "peak_mib", "cpus"),
    [
        (8, 64_000, 1000, 1),  # memory for 42: one per core
        (8, 6_000, 1000, 2),  # 4800 / 1200 = 4 at a time
        (8, 3_000, 1000, 4),  # 2400 / 1200 = 2 at a time
        (8, 1_000, 1000, 8),  # less than one fits: alone, with everything
        (1, 64_000, 1000, 1),
        (2, 1_024, None, 2),  # not measured: 1500 MiB are assumed
        (2, 16_000, None, 1),
    ],
)
def test_cpu_shares_follow_from_cores_and_memory(
    cores: int, memory_mib: float, peak_mib: float | None, cpus: int
) -> None:
    """Catches a machine that runs out of memory, or one whose cores lie idle."""
    share = share_of(Machine(cores, memory_mib), peak_mib=peak_mib, wanted=ANYTHING)
    assert (share.cpus, share.threads, share.gpus) == (cpus, cpus, 0.0)


@pytest.mark.parametrize(
    ("cores", "gpus", "gpu_memory_mib", "peak_mib", "share", "cpus"),
    [
        (16, 1, 144_000, 2000, 0.125, 2),  # 48 fit, 8 are the most
        (16, 1, 12_000, 2000, 0.25, 4),  # 12000 / (2400 + 600) = 4
        (16, 1, 9_000, 2000, 0.333, 5),  # three thirds must not be more than one GPU
        (16, 1, 1_000, 2000, 1.0, 16),  # too small even for one: one
        (4, 1, 144_000, 2000, 0.25, 1),  # a core a trial
        (16, 4, 144_000, 2000, 0.25, 1),  # 4 cores per GPU
        (2, 4, 144_000, 2000, 1.0, 1),  # fewer cores than GPUs
        (16, 1, 0, 2000, 1.0, 16),  # memory not known: one per GPU
    ],
)
def test_gpu_shares_follow_from_its_memory_and_the_cores(
    cores: int, gpus: int, gpu_memory_mib: float, peak_mib: float, share: float, cpus: int
) -> None:
    found = share_of(Machine(cores, 64_000, gpus, gpu_memory_mib), peak_mib=peak_mib, wanted=ANYTHING)
    assert (found.gpus, found.cpus) == (share, cpus)


def test_trials_of_gpus_fit_the_memory_of_their_node() -> None:
    """Catches 64 processes of some GiB on a node with eight large cards and little memory."""
    share = share_of(Machine(128, 64_000, 8, 80_000), peak_mib=1000, wanted=ANYTHING)
    assert share.gpus == 0.5
    assert share_of(Machine(128, 6_000, 8, 80_000), peak_mib=1000, wanted=ANYTHING).gpus == 1.0


@with_settings(max_examples=100)
@given(
    gpu_memory_mib=st.floats(0, 200_000),
    peaks=st.lists(st.none() | st.floats(1, 20_000), min_size=1, max_size=4),
    wanted=st.none() | st.sampled_from([0.1, 0.25, 0.5, 1.0]),
)
def test_what_trials_keep_on_a_card_is_never_more_than_the_card(
    gpu_memory_mib: float, peaks: list[float | None], wanted: float | None
) -> None:
    """Catches trials that each take what is free at the moment, which is the same for all of them."""
    machine, resources = Machine(32, 500_000, 2, gpu_memory_mib), Resources(gpus=wanted)
    shares = [share_of(machine, peak_mib=peak, wanted=resources) for peak in peaks]
    taken = 0.0
    for share, peak in zip(shares, peaks, strict=True):
        if share.pixels_mib:
            # Of each experiment as many as its share lets onto a card, were it alone.
            each = share.pixels_mib + (peak or 1500) * 1.2 + 600
            taken = max(taken, each * max(1, int(1 / share.gpus)))
    assert taken <= gpu_memory_mib
    assert all(share.pixels_mib == 0 for share in shares) or gpu_memory_mib > 600


@pytest.mark.parametrize("machine", [Machine(8, 6_000), Machine(8, 64_000, 2, 12_000)])
def test_what_the_experiment_asks_for_wins(machine: Machine) -> None:
    share = share_of(machine, peak_mib=1000, wanted=Resources(cpus=3, gpus=0.5 if machine.gpus else None))
    assert (share.cpus, share.threads) == (3, 3)
    assert share.gpus == (0.5 if machine.gpus else 0.0)


@with_settings(max_examples=100)
@given(
    cores=st.integers(1, 64),
    memory_mib=st.floats(500, 500_000),
    gpus=st.integers(0, 8),
    gpu_memory_mib=st.floats(0, 200_000),
    peak_mib=st.none() | st.floats(1, 300_000),
    wanted_cpus=st.none() | st.integers(1, 128),
)
def test_a_share_always_fits_the_machine(
    cores: int, memory_mib: float, gpus: int, gpu_memory_mib: float, peak_mib: float, wanted_cpus: int
) -> None:
    """Catches a trial that Ray can never place, for which a run waits for ever."""
    machine = Machine(cores, memory_mib, gpus, gpu_memory_mib)
    share = share_of(machine, peak_mib=peak_mib, wanted=Resources(cpus=wanted_cpus))
    assert 1 <= share.cpus <= cores
    assert 1 <= share.threads <= cores
    assert (0 < share.gpus <= gpus) if gpus else (share.gpus == 0.0)


@pytest.mark.parametrize("machine", [Machine(8, 64_000), Machine(8, 64_000, 1, 80_000)])
def test_more_gpus_than_there_are_can_t_be_asked_for(machine: Machine) -> None:
    """Catches a file written for a GPU box that waits for ever on a laptop."""
    try:
        share = share_of(machine, peak_mib=1000, wanted=Resources(gpus=2.0))
    except ValueError:
        return  # refused with a message: as good
    assert share.gpus <= machine.gpus


@with_settings(max_examples=50)
@given(cores=st.integers(1, 64), memory_mib=st.floats(2_000, 500_000), peak_mib=st.floats(1, 5_000))
@example(cores=10, memory_mib=14_626.0, peak_mib=1471.0)
def test_cpu_trials_at_a_time_fit_the_memory(cores: int, memory_mib: float, peak_mib: float) -> None:
    """Catches shares that let more trials run at a time than the memory holds."""
    share = share_of(Machine(cores, memory_mib), peak_mib=peak_mib, wanted=ANYTHING)
    at_a_time = cores // share.cpus
    # 10 cores and memory for 6: a core each would let 10 run at a time.
    assert at_a_time == 1 or at_a_time * peak_mib <= memory_mib


def test_this_machine_is_one_without_gpus_for_the_plan() -> None:
    machine = this_machine()
    assert machine.cores >= 1
    assert machine.memory_mib > 100
