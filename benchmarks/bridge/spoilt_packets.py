"""Mutated packets through the whole service: its answers, its time and its memory."""

import random
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.bridge.mutants import mutants, valid_packets
from bridge.jobs.registry import Jobs
from bridge.jobs.request import JobRequest
from bridge.jobs.state import State
from bridge.osc import messages, wire
from bridge.server.service import Service
from bridge.server.sockets import Source
from bridge.system.private import private_folder
from bridge.system.settings import BridgeSettings
from bridge.watch.watched_folders import Watches
from core.base.errors import Code

TOKEN = "0123456789abcdef" * 2
BATCH = 1_000  # packets between waits for the threads that read files
MIB = 1024**2


@dataclass
class Outcome:
    """The result of a run.

    Attributes:
        codes: the number of answers by code, 0 for replies.
        worst: the seconds of the slowest packet.
        growth: the growth of memory in bytes after the first tenth of the packets.
        left: the new files.
    """

    codes: Counter[int] = field(default_factory=Counter)
    worst: float = 0.0
    growth: int = 0
    left: set[Path] = field(default_factory=set)

    @property
    def uncaught(self) -> int:
        return self.codes[Code.INTERNAL]


def spoil(folder: Path, count: int, *, seed: int = 1) -> Outcome:
    """Pass `count` mutants to a service whose files are in `folder`. Exceptions of the service are not caught."""
    outcome, rng = Outcome(), random.Random(seed)
    with _service(folder) as (service, job):
        valid = valid_packets(TOKEN, folder / "song.wav", job)
        before, memory = set(folder.rglob("*")), 0

        def send(packet: bytes, destination: Source) -> None:  # noqa: ARG001 - no answer is sent
            answer = messages.answer_from_osc(*wire.decode(packet))
            outcome.codes[answer.code if isinstance(answer, messages.Error) else 0] += 1

        for number, packet in enumerate(mutants(valid, count, seed)):
            source = Source("127.0.0.1", 50_000 + rng.randrange(64), tcp=bool(number % 2))
            began = time.perf_counter()
            service.answer(packet, source, send)
            outcome.worst = max(outcome.worst, time.perf_counter() - began)
            if number % BATCH == 0:
                _let_threads_finish(service)
            if number == count // 10:
                memory = _memory()
        _let_threads_finish(service)
        outcome.growth = _memory() - memory
        outcome.left = set(folder.rglob("*")) - before
    return outcome


@contextmanager
def _service(folder: Path) -> Iterator[tuple[Service, str]]:
    """A service without limits of rates, with one finished job."""
    settings = BridgeSettings(
        folder / "home",
        folder / "home" / "run",
        rate=10**6,
        burst=10**6,
        total_rate=10**7,
        starts_per_second=10**6,
        roots=(folder,),
    )
    private_folder(settings.state)
    song, result = folder / "song.wav", folder / "song-loops"
    song.write_bytes(b"RIFF")
    result.mkdir()
    (result / "manifest.json").write_text('{"schema": 1}')
    (result / "activations.json").write_text('{"loops": [{"activations": [0.5, 1.0]}]}')
    jobs = Jobs(clock=time.monotonic)
    job = jobs.start(JobRequest(song, folder), "content")
    jobs.take()
    jobs.finish(job.id, State.DONE, result=result)
    watches = Watches(jobs, settings)
    service = Service(settings, jobs, watches, TOKEN, "b007", time.monotonic, lambda: None)
    try:
        yield service, job.id
    finally:
        jobs.close()
        service.close()
        watches.close()


def _let_threads_finish(service: Service) -> None:
    for background in (service._starting, service._reading):
        for _ in range(2):
            background._pool.submit(lambda: None).result()


def _memory() -> int:
    return int(psutil.Process().memory_info().rss)
