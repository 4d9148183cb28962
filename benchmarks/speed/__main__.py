"""How fast everything is: our times and those of peers, measured in one run, in one table.

    uv run python -m benchmarks.speed
    uv run python -m benchmarks.speed --only extract tucker

Seconds are wall time, medians of several runs (see the notes). The machine should run nothing else. With
OPENBLAS_NUM_THREADS=1 the peers' linear algebra uses one core, as ours always does.
"""

import argparse
import platform
import sys
from importlib import import_module
from importlib.util import find_spec

from benchmarks.speed.rows import Row
from core.base.threads import cores

PARTS = ("extract", "tucker", "tracker")  # benchmarks/speed/PART.py, each with a function rows()


def main() -> None:
    """Time the parts. Print each row to stderr when it is done, and the table to stdout."""
    rows = []
    for part in _chosen():
        for row in import_module(f"benchmarks.speed.{part}").rows():
            rows.append(row)
            print(f"{row.what}: {row.ours_seconds:.2f} s, {row.note}", file=sys.stderr, flush=True)
    print(f"\n{cores()} cores, Python {platform.python_version()}, {platform.machine()}\n")
    print(table(rows))


def table(rows: list[Row]) -> str:
    """The rows as plain text."""
    titles = ("what", "s", "beside", "s", "times as fast", "aim", "note")
    cells = [
        (r.what, f"{r.ours_seconds:.2f}", r.peer, f"{r.peer_seconds:.2f}", f"{r.ratio:.1f}", r.target, r.note)
        for r in rows
    ]
    widths = [max(len(row[i]) for row in (titles, *cells)) for i in range(len(titles))]
    lines = [_aligned(titles, widths), "  ".join("-" * width for width in widths)]
    return "\n".join([*lines, *(_aligned(row, widths) for row in cells)])


def _aligned(cells: tuple[str, ...], widths: list[int]) -> str:
    figures = (1, 3, 4)
    padded = [
        cell.rjust(width) if i in figures else cell.ljust(width)
        for i, (cell, width) in enumerate(zip(cells, widths, strict=True))
    ]
    return "  ".join(padded).rstrip()


def _chosen() -> list[str]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    known = [part for part in PARTS if find_spec(f"benchmarks.speed.{part}")]
    parser.add_argument("--only", nargs="+", choices=known, default=known, metavar="PART", help=", ".join(known))
    chosen: list[str] = parser.parse_args().only
    return chosen


if __name__ == "__main__":
    main()
