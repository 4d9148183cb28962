"""One extraction in a separate process, as in a worker. It prints its times and memory as JSON to stdout.

    python -m benchmarks.speed.child song.wav out [--bar-frames 88200] [--loops 4] [--cache-mib 256] [--warm [LOOPS]]

CPU seconds and peak memory are those of the whole process, including imports. With --warm the process first warms up,
as workers do, and then extracts twice, the second time with LOOPS loops; the second time is `again_seconds`.
"""

import argparse
import json
import resource
import sys
import time
from dataclasses import replace
from pathlib import Path

import soundfile

from bridge.jobs.request import JobRequest
from bridge.jobs.workers.work import extract_to_folder, warm_up
from core.base.progress import silent

STATUS = Path("/proc/self/status")


def main() -> None:
    """Extract and report."""
    options = _options()
    frames = soundfile.info(options.song).frames
    bars = tuple(range(0, frames + 1, options.bar_frames)) if options.bar_frames else None
    request = JobRequest(options.song.resolve(), options.out.resolve(), bars_frames=bars, loops=options.loops)
    requests = [request]
    if options.warm is not None:
        warm_up()
        requests.append(replace(request, loops=options.warm or None))
    times = []
    for each in requests:
        began = time.perf_counter()
        extract_to_folder(each, options.out, silent, cache_mib=options.cache_mib)
        times.append(time.perf_counter() - began)
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    print(json.dumps({"seconds": times[0], "again_seconds": times[-1], "cpu": cpu, "peak": _peak(used.ru_maxrss)}))


def _peak(reported: int) -> int:
    """The peak memory of this process in bytes. On Linux, `reported` also includes the parent's memory."""
    if STATUS.exists():
        return 1024 * int(next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")).split()[1])
    return reported * (1 if sys.platform == "darwin" else 1024)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bar-frames", type=int, help="frames of a bar, as from a host; without it bars are tracked")
    parser.add_argument("--loops", type=int, help="number of loops; estimated if left out")
    parser.add_argument("--cache-mib", type=int, default=0)
    parser.add_argument("--warm", type=int, nargs="?", const=0, metavar="LOOPS", help="0 to estimate the number")
    return parser.parse_args()


if __name__ == "__main__":
    main()
