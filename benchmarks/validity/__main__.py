"""The table of simulated studies: what each case must hold, what an earlier version did, what this one does.

python -m benchmarks.validity [NAME ...] [--studies 600] [--small]

Every module of this package with a function `cases(studies)` is a question of its own; NAME chooses some.
`audit` are figures of an earlier version, as an audit found them: they are written down, not measured. What
is measured comes from this version, and is marked with "!" where it is not within its limit.
"""

import argparse
import importlib
import pkgutil
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks.validity.case import Case

STUDIES, SMALL_STUDIES, PROCESSES = 600, 20, 2
NO_QUESTION = ("__main__", "case")


def main() -> int:
    """Print the table; return 1 when a limit is passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(questions())}")
    parser.add_argument("--studies", type=int, default=STUDIES)
    parser.add_argument("--small", action="store_true", help="20 studies a case; no limit is enforced")
    wanted = parser.parse_args()
    names = wanted.names or questions()
    if unknown := sorted(set(names) - set(questions())):
        parser.error(f"no question is called {', '.join(unknown)}")
    studies = SMALL_STUDIES if wanted.small else wanted.studies
    start, is_good = time.perf_counter(), True
    print("| case | audit | measured |\n|---|---|---|")
    with ProcessPoolExecutor(PROCESSES) as pool:
        for found in pool.map(answer, names, [studies] * len(names)):
            for case in found:
                mark = "" if case.is_held else " !"
                print(f"| {case.name} | {case.audit} | {case.measured} ({case.limit}){mark} |", flush=True)
                is_good &= case.is_held
    print(f"{time.perf_counter() - start:.0f} s")
    return int(not is_good and not wanted.small)


def questions() -> list[str]:
    """Name the modules that have cases."""
    found = [module.name for module in pkgutil.iter_modules([str(Path(__file__).parent)])]
    return [name for name in found if name not in NO_QUESTION]


def answer(name: str, studies: int) -> list[Case]:
    """Run the cases of one module, on one thread."""
    with threadpool_limits(1):
        return list(importlib.import_module(f"benchmarks.validity.{name}").cases(studies))


if __name__ == "__main__":
    sys.exit(main())
