"""Runs the benchmarks, prints their tables and writes their figures to `.cache/bench/NAME.json`.

python -m benchmarks [--only NAME] [--quick] [--seed N] [--wording second]
"""

import argparse
import platform
import time
from pathlib import Path
from typing import get_args

from benchmarks.catalog import CATALOG, load
from benchmarks.options import RESULTS, Options, Wording


def main() -> None:
    listed = "\n".join(f"  {name:12} {entry.about}" for name, entry in CATALOG.items())
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", epilog=listed, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=list(CATALOG), help="run just this one (repeatable)")
    parser.add_argument("--quick", action="store_true", help="fewer notes and runs")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--wording", choices=get_args(Wording), default="first", help="of the questions on retrieval")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for the JSON files")
    given = parser.parse_args()
    options = Options(is_quick=given.quick, seed=given.seed, wording=given.wording, results=given.results)
    print(f"Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    for name in given.only or list(CATALOG):
        began = time.monotonic()
        report = load(name).run(options)
        report.print()
        path = report.save(options.results)
        print(f"{name}: {time.monotonic() - began:.0f} s, figures in {path}", flush=True)


if __name__ == "__main__":
    main()
