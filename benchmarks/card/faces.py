"""Faces of 320 drawn images through the executor: images/s, and how many processes looked at them."""

import importlib.util
import tempfile
import threading
import time
from pathlib import Path

import psutil

from benchmarks.card.case import emit, limit, read_case
from orchestrator.execution.executor import IN_PROCESS, start_executor
from orchestrator.execution.faces import detector_on
from trainables.data.demo import write_demo
from trainables.data.images.inspection import inspect_file

NUM_IMAGES, SMALL_NUM_IMAGES = 320, 8
# The demo has as many images as that for each of its faces.
EACH = 4
POLL_S = 0.05


def main() -> None:
    case = read_case()
    has_ray = importlib.util.find_spec("ray") is not None and not case.small
    address = "local" if has_ray else IN_PROCESS
    wanted = SMALL_NUM_IMAGES if case.small else NUM_IMAGES
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_demo(folder / "data", num_faces=max(15, wanted // EACH))
        paths = sorted(path for path in (folder / "data").rglob("*") if path.suffix in (".jpg", ".png"))
        files = [(inspect_file(path).sha256, path) for path in paths[:wanted]]
        with start_executor(address, logs=folder / "logs") as executor, Watched() as watched:
            start = time.perf_counter()
            found = [each for part in detector_on(executor)(files) for each in part]
            seconds = time.perf_counter() - start
            device, machine = executor.device, executor.machine
    emit(
        executor=address,
        device=device,
        cores=machine.cores,
        gpus=machine.gpus,
        images=len(found),
        images_per_s=round(len(found) / seconds, 2),
        seconds=round(seconds, 1),
        processes=len(watched.seen),
    )
    limit("images that were looked at over those asked for", len(found) / len(files), 1)


class Watched:
    """The workers of Ray that have had work, by their process: Ray names a process by what it does."""

    def __init__(self) -> None:
        self.seen: set[int] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> "Watched":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._stop.wait(POLL_S):
            for process in psutil.Process().children(recursive=True):
                try:
                    title = " ".join(process.cmdline()[:1])
                except psutil.Error:
                    continue
                if title.startswith("ray::") and "IDLE" not in title:
                    self.seen.add(process.pid)


if __name__ == "__main__":
    main()
