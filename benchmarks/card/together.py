"""Sum of images/s of 1, 2, 4, 8 trials on one card, each in a process of its own, over that of one."""

import subprocess
import sys
import time

from benchmarks.card.case import emit, limit, read_case
from benchmarks.card.trainers import make_trainer, seconds_of

COUNTS, SMALL_COUNTS = (1, 2, 4, 8), (1, 2)
BACKBONES = (("resnet18", 128), ("simple_cnn", 128))
NUM_IMAGES = 512
# What sharing may cost where one trial fills the card, and noise.
MIN_SUM = 0.9


def worker(backbone: str, size_px: int) -> None:
    """Say that it is ready, wait for a line, train for so many seconds, say how many images that were."""
    case = read_case()
    trainer = make_trainer(case, backbone, size_px, num_images=64 if case.small else NUM_IMAGES)
    trainer.train_one_epoch(0)
    print("ready", flush=True)
    sys.stdin.readline()
    images, spent_s, epoch = 0, 0.0, 1
    while spent_s < case.seconds:
        spent_s += seconds_of(lambda epoch=epoch: trainer.train_one_epoch(epoch), case.torch_device)
        images += len(trainer.train.rows)
        epoch += 1
    print(images / spent_s, flush=True)


def sum_of(count: int, backbone: str, size_px: int, arguments: list[str]) -> float:
    command = [sys.executable, "-m", "benchmarks.card.together", *arguments]
    command += ["--backbone", backbone, "--size", str(size_px)]
    processes = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(count)
    ]
    try:
        for each in processes:
            assert each.stdout is not None and each.stdout.readline().strip() == "ready"
        for each in processes:
            assert each.stdin is not None
            each.stdin.write("go\n")
            each.stdin.flush()
        return sum(float(each.stdout.readline()) for each in processes if each.stdout is not None)
    finally:
        for each in processes:
            each.kill()
            each.wait()


def main() -> None:
    if "--backbone" in sys.argv:
        place = sys.argv.index("--backbone")
        backbone, size_px = sys.argv[place + 1], int(sys.argv[place + 3])
        del sys.argv[place : place + 4]
        worker(backbone, size_px)
        return
    case = read_case()
    counts = SMALL_COUNTS if case.small else COUNTS
    models = BACKBONES[1:] if case.small else BACKBONES
    # Half of the time goes into starting processes.
    each_s = 0.3 if case.small else case.seconds / len(models) / len(counts) / 2
    for backbone, size_px in models:
        sums: dict[int, float] = {}
        for count in counts:
            if case.left_s() < 2 * each_s:
                break
            arguments = ["--device", case.device, "--seconds", f"{each_s:.2f}"]
            start = time.monotonic()
            sums[count] = sum_of(
                count,
                backbone,
                32 if case.small else size_px,
                arguments + (["--small"] if case.small else []),
            )
            emit(
                backbone=backbone,
                trials=count,
                images_per_s=round(sums[count], 1),
                over_one=round(sums[count] / sums[1], 3),
                seconds=round(time.monotonic() - start, 1),
            )
        if len(sums) > 1:
            best = max(value for count, value in sums.items() if count > 1) / sums[1]
            limit(f"best sum of several trials over one alone, {backbone}", best, MIN_SUM)


if __name__ == "__main__":
    main()
