"""One extraction in a process of its own, as a worker does it; what it took, as JSON on stdout.

    python -m benchmarks.speed.child song.wav out [--bar-frames 88200] [--loops 4] [--cache-mib 256] [--warm [LOOPS]]

CPU seconds and peak memory are the whole process's, imports and all. --warm gets warm first, as workers do, and then
works twice, the second time for so many loops: that takes `again_seconds`.
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
    """The most memory that this process had, in bytes; what Linux reports counts that of the parent in."""
    if STATUS.exists():
        return 1024 * int(next(line for line in STATUS.read_text().splitlines() if line.startswith("VmHWM")).split()[1])
    return reported * (1 if sys.platform == "darwin" else 1024)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("song", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--bar-frames", type=int, help="frames of a bar, as a host would tell; tracked if left out")
    parser.add_argument("--loops", type=int, help="how many")
    parser.add_argument("--cache-mib", type=int, default=0)
    parser.add_argument("--warm", type=int, nargs="?", const=0, metavar="LOOPS", help="0 for as many as there are")
    return parser.parse_args()


if __name__ == "__main__":
    main()
