"""The kernel machine against scikit-learn's radial SVC on the same scaled pixels: how much faster, and equal?

python benchmarks/svm.py [--images 1000] [--features 12000] [--small]

Both in one thread, by processor time: BLAS threads that wait for each other make libsvm ten times slower.
"""

import argparse
import sys
import time

import numpy as np
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from trainables.training.kernel_machine import KernelMachine

MIN_RATIO = 5.0
TEST_SHARE = 0.2


def main() -> int:
    """Print the ratio; return 1 when it is below the limit or the predictions differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--features", type=int, default=12_000)
    parser.add_argument(
        "--small", action="store_true", help="300 images of 3,000 features; no limit is enforced"
    )
    wanted = parser.parse_args()
    size = (300, 3000) if wanted.small else (wanted.images, wanted.features)
    pixels, labels = images(*size)
    cut = round(len(pixels) * (1 - TEST_SHARE))
    train, test = np.arange(cut), np.arange(cut, len(pixels))
    with threadpool_limits(1):
        start = time.process_time()
        machine = KernelMachine(pixels)
        machine.fit(train, labels[train])
        _, votes = machine.predict(test)
        ours_s = time.process_time() - start
        start = time.process_time()
        flat = pixels.reshape(len(pixels), -1).astype(np.float32)
        scaler = StandardScaler().fit(flat[train])
        svc = SVC(kernel="rbf", gamma="auto").fit(scaler.transform(flat[train]), labels[train])
        expected = svc.predict(scaler.transform(flat[test]))
        theirs_s = time.process_time() - start
    equal = float((votes == expected).mean())
    ratio = theirs_s / ours_s
    print(
        f"{cut} + {len(test)} images of {flat.shape[1]} features: SVC {theirs_s:.1f} s, ours {ours_s:.1f} s"
    )
    print(f"{ratio:.1f} times faster   (limit {MIN_RATIO}); equal predictions: {equal:.2%}")
    return int(not wanted.small and (ratio < MIN_RATIO or equal < 1.0))


def images(count: int, num_features: int) -> tuple[np.ndarray, np.ndarray]:
    """Five patterns in noise; the nearest square size to `num_features`."""
    rng = np.random.default_rng(0)
    side = round((num_features / 3) ** 0.5)
    labels = rng.integers(0, 5, count)
    patterns = rng.normal(128, 6, (5, side, side, 3)).astype(np.float32)
    noise = rng.normal(0, 50, (count, side, side, 3)).astype(np.float32)
    return (patterns[labels] + noise).clip(0, 255).astype(np.uint8), labels


if __name__ == "__main__":
    sys.exit(main())
