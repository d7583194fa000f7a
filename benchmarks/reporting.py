"""Report 1,000 trials of 5,000 predictions: processor seconds, memory, size, and how fast a browser opens it.

python benchmarks/reporting.py [--trials 1000] [--rows 5000] [--small]

Writes the made-up trials of benchmarks/collecting.py to a temporary folder, collects them and writes the
page, each time in a process of its own: first from nothing, then again with nothing new. Where Chromium is
there, it opens the page five times in a window of 390 px, each time in a new process; the figure is the
median of the time from the start of the navigation to the load event.

Limits are the page's share of the processor time that collecting takes, memory, and the page's size; the
seconds that a machine of two quiet cores should need are printed as aims.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from collecting import FOLDS, report_elsewhere, write_results

MAX_SHARE, MAX_MIB, MAX_PAGE_MIB = 0.5, 1536, 5.0
AIM_CPU_S, AIM_OPEN_MS = 5.0, 1000.0
OPENINGS = 5
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
# Written into a copy of the page, which is then read back as the browser has it.
PROBE = (
    "<script>addEventListener('load', () => setTimeout(() => document.title ="
    " 'opened in ' + performance.getEntriesByType('navigation')[0].loadEventEnd, 0))</script>"
)


def main() -> int:
    """Print the figures; return 1 when a limit is passed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--trials", type=int, default=1000)
    parser.add_argument("--rows", type=int, default=5000)
    parser.add_argument("--small", action="store_true", help="20 trials of 400 rows; no limit is enforced")
    wanted = parser.parse_args()
    trials, rows = (20, 400) if wanted.small else (wanted.trials, wanted.rows)
    with tempfile.TemporaryDirectory() as folder:
        is_good = measure(Path(folder), trials, rows)
    return int(not is_good and not wanted.small)


def measure(root: Path, trials: int, rows: int) -> bool:
    write_results(root, trials // FOLDS, rows, group_size=1)
    found, again = report_elsewhere(root), report_elsewhere(root)
    page = root / "reports" / "all" / "index.html"
    size_mib = page.stat().st_size / 2**20
    files = [path for path in page.parent.rglob("*") if path.is_file()]
    total_mib = sum(path.stat().st_size for path in files) / 2**20
    opened_ms = opening_ms(page)
    print(f"{trials} trials of {rows} test rows")
    spent = f"{found['report_cpu_s']:.2f} s of CPU (aim {AIM_CPU_S:.0f}), {found['report_s']:.2f} s"
    print(f"  page and files: {spent}")
    share = found["report_cpu_s"] / found["collect_cpu_s"]
    print(f"                  {share:.2f} of collecting's (limit {MAX_SHARE})")
    print(f"  nothing new:    {again['report_cpu_s']:.2f} s of CPU")
    print(f"  memory:         {found['mib']:.0f} MiB (limit {MAX_MIB})")
    beside = f"{len(files)} files of {total_mib:.1f} MiB in all"
    print(f"  page:           {size_mib:.2f} MiB (limit {MAX_PAGE_MIB}); {beside}")
    said = "no Chromium here" if opened_ms is None else f"{opened_ms:.0f} ms (aim {AIM_OPEN_MS:.0f})"
    print(f"  opens in:       {said}")
    return share <= MAX_SHARE and found["mib"] <= MAX_MIB and size_mib <= MAX_PAGE_MIB


def opening_ms(page: Path) -> float | None:
    """Milliseconds from navigation to the load event, the median; None without a browser."""
    program = next((found for name in BROWSERS if (found := shutil.which(name))), None)
    if program is None:
        return None
    probed = page.with_name("probed.html")
    # The page forbids scripts; the copy that is measured needs one, so it goes without that rule.
    html = re.sub(
        r'<meta http-equiv="Content-Security-Policy"[^>]*>', PROBE, page.read_text(encoding="utf-8")
    )
    probed.write_text(html, encoding="utf-8")
    found = []
    for _ in range(OPENINGS):
        with tempfile.TemporaryDirectory() as profile:
            command = [program, "--headless=new", "--no-sandbox", "--disable-gpu", "--window-size=390,900"]
            command += [f"--user-data-dir={profile}", "--virtual-time-budget=5000", "--dump-dom"]
            done = subprocess.run([*command, probed.as_uri()], capture_output=True, text=True, check=True)
        match = re.search(r"<title>opened in ([\d.]+)</title>", done.stdout)
        assert match is not None, "the page never finished loading"
        found.append(float(match.group(1)))
    probed.unlink()
    return statistics.median(found)


if __name__ == "__main__":
    sys.exit(main())
