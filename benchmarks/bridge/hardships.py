"""The destructive trials of `benchmarks.bridge.soak`: kills, simultaneous starts, stops, cancels of real work."""

import random
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psutil

from benchmarks.bridge.daemons import Daemon, Row, is_whole, linger
from bridge.client.client import Client
from bridge.jobs.registry import Jobs, open_journal
from bridge.jobs.request import JobRequest
from bridge.jobs.state import FINAL, State
from bridge.jobs.workers.pool import Workers
from bridge.jobs.workers.work import extract_to_folder, warm_up
from core.audio.wav import write_wav
from core.base.errors import LoopError
from core.evaluation.songs import build

OPEN_SONGS = 6  # requested and not yet done, during the kills
LONGEST_PAUSE = 2.0  # seconds before a kill
READY = 0.7  # share of the kills that wait until the daemon has started


def kills(folder: Path, number: int) -> list[Row]:
    """Kill the daemon or one of its workers at random moments while a client requests song after song."""
    chance, daemon, killed = random.Random(2), Daemon(folder), {"daemon": 0, "worker": 0}
    daemon.wait_until_ready()
    with _feeding(daemon, folder) as feeder:
        while sum(killed.values()) < number:
            if chance.random() < READY:
                daemon.wait_until_ready()
            time.sleep(chance.uniform(0.0, LONGEST_PAUSE))
            if not daemon.is_alive():
                raise RuntimeError(f"the daemon ended by itself:\n{daemon.log.read_text()}")
            workers = daemon.workers()
            if workers and chance.random() < 0.5:
                with suppress(psutil.Error):
                    chance.choice(workers).kill()
                    killed["worker"] += 1
            else:
                daemon.kill_and_start()
                killed["daemon"] += 1
        feeder.finish()
    daemon.stop()
    results = {song: list(folder.glob(f"{song.stem}-loops*")) for song in feeder.songs}
    half = [result for found in results.values() for result in found if not is_whole(result)]
    return [
        (f"{number} kills", "figure", "target"),
        ("of the daemon, of a worker", f"{killed['daemon']}, {killed['worker']}", ""),
        ("songs requested", f"{len(results)}", ""),
        ("songs done", f"{sum(bool(found) for found in results.values())}", "all"),
        ("songs done twice", f"{sum(len(found) > 1 for found in results.values())}", "0"),
        ("half results", f"{len(half)}", "0"),
        ("staging folders left", f"{len(list(folder.glob('.*.part')))}", "0"),
        ("jobs that failed by two kills, requested again", f"{sum('-' in job for job in feeder.jobs)}", ""),
    ]


class Feeder:
    """A client that requests songs, and repeats each request until its song is done.

    Attributes:
        songs: the requested songs.
        jobs: the jobs for these songs; after a failed job there is a new one with the next name.
    """

    def __init__(self, daemon: Daemon, folder: Path) -> None:
        self.songs: list[Path] = []
        self.jobs: set[str] = set()
        self._daemon = daemon
        self._folder = folder
        self._open: list[Path] = []
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def finish(self, seconds: float = 120.0) -> None:
        """Request no new songs, and wait until all are done."""
        self._ending.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while self._open or not self._ending.is_set():
            while len(self._open) < OPEN_SONGS and not self._ending.is_set():
                song = self._folder / f"song-{len(self.songs)}.wav"
                song.write_bytes(random.randbytes(1_000))
                self.songs.append(song)
                self._open.append(song)
            with suppress(LoopError), self._daemon.client() as client:  # the daemon may be dead
                self._open = [song for song in self._open if not self._is_done(client, song)]
            time.sleep(0.5)  # a daemon accepts 10 jobs a second from a client, and refuses more

    def _is_done(self, client: Client, song: Path) -> bool:
        reply = client.extract(song)
        self.jobs.add(reply.job)
        return reply.state == "done"


def starts(folder: Path, number: int) -> list[Row]:
    """Start two daemons at once and kill the survivor, many times. Each pair finds the lock of the one before."""
    survivors, seconds = [], []
    for _ in range(number):
        began = time.monotonic()
        pair = [Daemon(folder), Daemon(folder)]
        while sum(daemon.is_alive() for daemon in pair) > 1 or not any(daemon.is_ready() for daemon in pair):
            time.sleep(0.01)
        seconds.append(time.monotonic() - began)
        survivors.append(sum(daemon.is_alive() for daemon in pair))
        for daemon in pair:
            daemon.kill()
    return [
        (f"two starts at once, {number} times", "figure", "target"),
        ("exactly one survived", f"{survivors.count(1)}", "all"),
        ("until it was ready and the other gone, median and worst in s", _median_and_worst(seconds), ""),
    ]


def stops(folder: Path, seconds: float) -> list[Row]:
    """Stop the daemon, then a worker, in the middle of a job, as when a computer sleeps. The job may end meanwhile."""
    daemon = Daemon(folder, linger)
    daemon.wait_until_ready()
    rows = [(f"stopped (SIGSTOP) for {seconds:g} s in the middle of a job", "of the daemon; of its worker", "target")]
    answered, done, ends = [], [], []
    for who in ("daemon", "worker"):
        song = folder / f"{who}.wav"
        song.write_bytes(who.encode())
        with daemon.client() as client:
            job = client.extract(song).job
            while client.status(job).stage != "lingering":
                time.sleep(0.05)
            worker = int(song.with_suffix(".pid").read_text())
            stopped = psutil.Process(daemon.pid if who == "daemon" else worker)
            stopped.suspend()
            time.sleep(seconds)
            song.with_suffix(".go").touch()
            stopped.resume()
            began = time.monotonic()
            client.ping()
            answered.append(f"{1_000 * (time.monotonic() - began):.1f}")
            ends.append(client.wait(job).state)
            done.append(f"{time.monotonic() - began:.1f}")
    daemon.stop()
    with closing(open_journal(daemon.settings.journal_file)) as journal:
        attempts = [f"{record['attempt']}" for record in journal.load().values()]
    return [
        *rows,
        ("until a ping was answered in ms", "; ".join(answered), ""),
        ("the job in the end", "; ".join(ends), "done"),
        ("until it was done in s", "; ".join(done), ""),
        ("times that it was begun", "; ".join(attempts), "1"),
    ]


def cancels(folder: Path, number: int) -> list[Row]:
    """Cancel the core's own work at random moments."""
    chance, song = random.Random(3), build("dense", 7)
    path = folder / "song.wav"
    write_wav(path, song.mixture.samples, song.rate)
    bars = tuple(song.grid.starts.tolist())
    jobs = Jobs(clock=time.monotonic)
    workers = Workers(jobs, extract_to_folder, warm=warm_up)
    workers.start()
    seconds, stages = [], set()
    for _ in range(number):
        method = chance.choice(["auto", "tucker"])
        job = jobs.start(JobRequest(path, folder, method=method, bars_frames=bars), "", fresh=True)
        jobs.wait_until(lambda job: job.progress > 0, job.id, timeout=60.0)
        time.sleep(chance.uniform(0.0, 8.0))
        stages.add(jobs.get(job.id).stage)
        began = time.monotonic()
        jobs.cancel(job.id)
        jobs.wait_until(lambda job: job.state in FINAL, job.id)
        if jobs.get(job.id).state is State.CANCELLED:
            seconds.append(time.monotonic() - began)
    jobs.close()
    workers.join(5.0)
    return [
        (f"{number} cancels of real work", "figure", "target"),
        ("cancelled; the others were done", f"{len(seconds)}", ""),
        ("in the stages", ", ".join(sorted(stages)), ""),
        ("until cancelled, median and worst in s", _median_and_worst(seconds), "<= 2"),
        ("files left beside the song", f"{len(list(folder.glob('.*')))}", "0"),
    ]


@contextmanager
def _feeding(daemon: Daemon, folder: Path) -> Iterator[Feeder]:
    feeder = Feeder(daemon, folder)
    try:
        yield feeder
    finally:
        feeder.finish()


def _median_and_worst(seconds: list[float]) -> str:
    return f"{statistics.median(seconds):.2f}, {max(seconds):.2f}"
