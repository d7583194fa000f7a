"""Share of a machine that trials of an experiment were given: the number of threads decides last bits."""

from orchestrator.store.record import Record


class ShareRecord(Record):
    """What each trial of an experiment has of a node: cores, a part of its GPUs, torch's threads.

    `gpu_type` is Ray's name of the GPUs' type ("" = none, or not known), `pixels_mib` the memory of a GPU
    that each may keep images in. `earlier_threads` are those of earlier runs that a later one could not keep.
    """

    cpus: int
    gpus: float = 0.0
    threads: int
    gpu_type: str = ""
    pixels_mib: int = 0
    earlier_threads: tuple[int, ...] = ()
