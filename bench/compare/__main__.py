"""`make bench`: measure everything in one run, and say what was found."""

from __future__ import annotations

import argparse
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bench.compare import contenders, plot, report
from bench.compare.bars import lines, verdicts
from bench.compare.databases import databases
from bench.compare.load import CONNECTIONS, ROOT, LoadError, check_tools, find_ghz
from bench.compare.machine import describe
from bench.compare.measure import Results
from bench.compare.sections import SECTIONS, USER, Bench
from bench.compare.services import ServiceError
from bench.compare.verify import VerifyError

PAGE = ROOT / "docs" / "performance.md"
PICTURE = ROOT / "docs" / "images" / "performance.svg"
_QUICK = {"seconds": 1.0, "rounds": 1, "users": 20_000}
_CORES = 2


def options() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="make bench", description="Compare authsvc with its ceilings and with others."
    )
    # Short turns, and many: what a machine's other tenants do changes within seconds, and is to hit all cells alike.
    parser.add_argument("--seconds", type=float, default=1.0, help="of load in each round of a cell (1)")
    parser.add_argument("--rounds", type=int, default=9, help="how often each cell has its turn (9)")
    parser.add_argument("--users", type=int, default=1_000_000, metavar="N", help="of the large databases (1,000,000)")
    parser.add_argument("--only", choices=SECTIONS, action="append", help="a section, instead of all; may be repeated")
    parser.add_argument("--quick", action="store_true", help="one round of a second, 20,000 users: whether it works")
    parser.add_argument("--write", action="store_true", help=f"put what was found into {PAGE.relative_to(ROOT)}")
    parsed = parser.parse_args()
    if parsed.write and parsed.only:
        parser.error("--write is for a run of all sections")
    for name, value in _QUICK.items() if parsed.quick else ():
        setattr(parsed, name, value)
    return parsed


def main() -> None:
    """Run the sections, then print tables and bars."""
    wanted = options()
    check_tools()
    if len(os.sched_getaffinity(0)) < _CORES:
        sys.exit("this needs two cores, one for the service and one for the load")
    results, ghz = Results(), find_ghz()
    if ghz is None:
        results.missing.append("native gRPC: neither Go nor ghz is there")
        print(results.missing[-1], file=sys.stderr)
    began = time.monotonic()
    with databases() as made:
        bench = Bench(results, ghz, wanted.rounds, wanted.seconds, wanted.users, made)
        failed = [name for name in wanted.only or SECTIONS if not works(bench, name)]
    found = [each for each in verdicts(results, wanted.users) if each.found is not None or not wanted.only]
    run = (
        f"{datetime.now(UTC):%Y-%m-%d}: {wanted.rounds} rounds of {wanted.seconds:g} s a cell,"
        f" {CONNECTIONS} connections unless said; {(time.monotonic() - began) / 60:.0f} minutes in all"
    )
    picture = str(PICTURE.relative_to(PAGE.parent))
    text = report.document(results, found, describe(ghz), run, picture)
    print(text, lines(found), sep="\n\n")
    if failed:
        sys.exit(f"not measured: {', '.join(failed)}; why is above")
    if wanted.write:
        save(PAGE, PICTURE, text, results)


def works(bench: Bench, section: str) -> bool:
    """Measure a section. What fails in one is said, and costs none of the others."""
    try:
        SECTIONS[section](bench)
    except (LoadError, ServiceError, VerifyError) as error:
        print(f"{section}: {error}", file=sys.stderr)
        bench.results.missing.append(f"the section {section}, which failed")
        return False
    return True


def save(page: Path, picture: Path, text: str, results: Results) -> None:
    """Put the tables into a page, and the picture beside it."""
    bars = picture_bars(results)
    if bars:
        picture.write_text(plot.svg("GetMyUser: calls per second and core", bars))
    report.write(page, text)


def picture_bars(results: Results) -> list[plot.Bar]:
    """GetMyUser by everybody, the fastest first."""
    ceilings = {other.name for other in contenders.OTHERS if other.ceiling}
    bars = []
    for cell in results.of("calls"):
        rate = results.median(cell, lambda sample: sample.per_core)
        if cell.case == USER and rate:
            kind = (
                "ours" if cell.contender == contenders.AUTHSVC else "ceiling" if cell.contender in ceilings else "other"
            )
            bars.append(plot.Bar(f"{cell.contender}, {cell.door.value}", rate, kind))
    return sorted(bars, key=lambda bar: -bar.value)


if __name__ == "__main__":
    main()
