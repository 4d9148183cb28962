"""How the daemon behaves in long and hard use: a table for each trial. The songs are small, all else is real.

python -m benchmarks.bridge.soak --minutes 10     mixed load at 50 messages a second: growth, and times of answers
python -m benchmarks.bridge.soak --hours 2        the load of this many hours, without pauses: growth
python -m benchmarks.bridge.soak --kills 100      kill -9 of the daemon or a worker at random moments: losses
python -m benchmarks.bridge.soak --starts 50      two daemons started at once: how many survive
python -m benchmarks.bridge.soak --stops 30       daemon and worker stopped (SIGSTOP) for this many seconds: recovery
python -m benchmarks.bridge.soak --cancels 20     the core's own work cancelled at random moments: time to the end
"""

import argparse
import random
import secrets
import socket
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from benchmarks.bridge.daemons import FILES, Daemon, Row, instant, table
from benchmarks.bridge.hardships import cancels, kills, starts, stops
from bridge.jobs.registry import KEPT, Jobs, open_journal
from bridge.jobs.request import JobRequest
from bridge.jobs.state import State
from bridge.osc import messages
from core.base.errors import LoopError

A_SECOND = 50  # messages
AN_HOUR = 3_600 * A_SECOND
MIB = 1024**2


def main() -> None:
    """Run the chosen trials, each in its own folder, and print their tables."""
    options = _options()
    trials: list[tuple[Callable[[Path, Any], list[Row]], float]] = [
        (soak, options.minutes),
        (hurry, options.hours),
        (kills, options.kills),
        (starts, options.starts),
        (stops, options.stops),
        (cancels, options.cancels),
    ]
    for trial, amount in trials:
        if amount:
            with tempfile.TemporaryDirectory(prefix="loopcube-soak-") as folder:
                print(table(trial(Path(folder), amount)), flush=True)


def soak(folder: Path, minutes: float) -> list[Row]:
    """One daemon under mixed load, with a full list of old jobs: what grows, and how fast it answers."""
    _fill(folder / "home", folder)
    title = f"soak of {minutes:g} min at {A_SECOND} messages/s"
    return _soaked(title, folder, Daemon(folder), minutes / 60.0, pause=1.0 / A_SECOND)


def hurry(folder: Path, hours: float) -> list[Row]:
    """`soak` without pauses and limits, and with songs that take no time, until every table is full."""
    _fill(folder / "home", folder)
    title = f"the load of {hours:g} h, without pauses"
    return _soaked(title, folder, Daemon(folder, instant, limited=False), hours, pause=0.0)


def _soaked(title: str, folder: Path, daemon: Daemon, hours: float, *, pause: float) -> list[Row]:
    daemon.wait_until_ready()
    time.sleep(3.0)  # for the first worker to get warm
    load, seen = Load(daemon, folder), [Sample(daemon)]
    load.run(int(hours * AN_HOUR), pause, lambda: seen.append(Sample(daemon)))
    left, seconds = len(daemon.workers()), daemon.stop()
    later = [sample.memory for sample in seen[len(seen) // 2 :]]
    slope = np.polyfit(np.linspace(0.0, hours / 2.0, len(later)), later, 1)[0] / MIB
    times = 1_000 * np.array(load.seconds)
    answers = ", ".join(f"{np.percentile(times, share):.1f}" for share in (50, 99, 100))
    journal = sum(file.stat().st_size for file in daemon.settings.state.glob("jobs.sqlite*"))
    return [
        (title, "figure", "target"),
        ("requests; jobs; refused", f"{len(times)}; {load.songs}; {dict(load.refused)}", ""),
        ("answer p50, p99, worst in ms", answers, "p99 < 50"),
        ("memory at first, at last in MiB", f"{seen[0].memory / MIB:.1f}, {seen[-1].memory / MIB:.1f}", ""),
        (
            "growth of memory, second half, in MiB/h of load",
            f"{slope:.2f}",
            "< 1 from the second hour on: tables fill first",
        ),
        ("descriptors at first, most, at last", _ends(seen, "descriptors"), "constant"),
        ("threads at first, most, at last", _ends(seen, "threads"), "<= 6"),
        ("worker processes at the end", f"{left}", "1 or 2"),
        ("log, journal in kB", f"{daemon.log.stat().st_size / 1e3:.0f}, {journal / 1e3:.0f}", "log <= 5,000"),
        ("SIGTERM to end in s", f"{seconds:.1f}", "<= 6"),
    ]


def _fill(home: Path, songs: Path) -> None:
    """Write a full journal, so that each new job replaces an old one of the same size."""
    home.mkdir()
    sizes = {"manifest.json": 1, **{f"{number}.wav": 1 for number in range(FILES)}}
    with closing(open_journal(home / "jobs.sqlite")) as journal:
        jobs = Jobs(clock=time.monotonic, journal=journal)
        for number in range(KEPT):
            job = jobs.start(JobRequest(songs / f"old-{number}.wav", songs), "", client="old", rid=secrets.token_hex(8))
            jobs.take()
            jobs.placing(job.id, songs / f"old-{number}-loops", sizes)
            jobs.finish(job.id, State.DONE)


class Sample:
    """The memory, descriptors and threads of a daemon at one moment."""

    def __init__(self, daemon: Daemon) -> None:
        process = psutil.Process(daemon.pid)
        self.memory = process.memory_info().rss
        self.descriptors = process.num_fds()
        self.threads = process.num_threads()


class Load:
    """One client that sends all kinds of requests at a steady pace.

    Attributes:
        seconds: the time from each request to its answer.
        refused: the number of errors among the answers, by code.
    """

    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.seconds: list[float] = []
        self.refused: Counter[int] = Counter()
        self._random = random.Random(1)
        self._client = daemon.client()
        published = daemon.published()
        self._token, self._port = published.token, published.port
        self._stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._folder = folder
        self._songs: list[tuple[Path, str]] = []  # with their jobs

    @property
    def songs(self) -> int:
        return len(self._songs)

    def run(self, count: int, pause: float, look: Callable[[], None]) -> None:
        """Send `count` requests, one in `pause` seconds, and call `look` once for each second of load."""
        kinds = {self._new: 6, self._same: 6, self._status: 34, self._cancel: 2, self._forget: 4, self._list: 10}
        kinds |= {self._ping: 30, self._describe: 6, self._noise: 2}
        self._new()
        began = time.monotonic()
        for number in range(count):
            [request] = self._random.choices(list(kinds), list(kinds.values()))
            sent = time.perf_counter()
            try:
                request()
            except LoopError as error:
                self.refused[int(error.code)] += 1
            self.seconds.append(time.perf_counter() - sent)
            if number % A_SECOND == 0:
                look()
            time.sleep(max(0.0, began + (number + 1) * pause - time.monotonic()))

    def _new(self) -> None:
        path = self._folder / f"song-{self.songs}.wav"
        path.write_bytes(self._random.randbytes(1_000))
        self._songs.append((path, self._client.extract(path).job))

    def _same(self) -> None:
        self._client.extract(self._recent()[0])

    def _status(self) -> None:
        self._client.status(self._recent()[1])

    def _cancel(self) -> None:
        self._client.cancel(self._recent()[1])

    def _forget(self) -> None:
        request = messages.JobForget(self._token, secrets.token_hex(8), self._recent()[1])
        self._client.ask(request, messages.JobForgetReply)

    def _list(self) -> None:
        self._client.jobs(self._random.randrange(30))

    def _ping(self) -> None:
        self._client.ping()

    def _describe(self) -> None:
        self._client.ask(messages.Describe(self._token, secrets.token_hex(8), 0), messages.DescribeReply)

    def _noise(self) -> None:
        """Send a packet that is no request. It must have no effect."""
        self._stranger.sendto(self._random.randbytes(self._random.randrange(200)), ("127.0.0.1", self._port))

    def _recent(self) -> tuple[Path, str]:
        return self._random.choice(self._songs[-50:])


def _ends(seen: list[Sample], name: str) -> str:
    values = [getattr(sample, name) for sample in seen]
    return f"{values[0]}, {max(values)}, {values[-1]}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=0.0, help="minutes of mixed load")
    parser.add_argument("--hours", type=float, default=0.0, help="hours of this load, sent without pauses")
    parser.add_argument("--kills", type=int, default=0, help="number of kills of daemon and workers")
    parser.add_argument("--starts", type=int, default=0, help="pairs of daemons started at once")
    parser.add_argument("--stops", type=float, default=0.0, help="seconds for which daemon and worker are stopped")
    parser.add_argument("--cancels", type=int, default=0, help="number of cancelled jobs with the core's own work")
    return parser.parse_args()


if __name__ == "__main__":
    main()
