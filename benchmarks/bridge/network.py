"""How the daemon behaves in a bad network and under attack, and how fast it answers: a table for each trial.

python -m benchmarks.bridge.network --mutants 1000000   spoilt packets through the whole service
python -m benchmarks.bridge.network --jobs 1000         jobs through a network that loses 30 % each way, or --loss 0.5
python -m benchmarks.bridge.network --pings 2000        answers while two workers are busy, and during a burst
python -m benchmarks.bridge.network --flood 20000       pings without limits, with pauses and without
python -m benchmarks.bridge.network --bytes 200000      documents read in chunks, with and without loss
python -m benchmarks.bridge.network --packets 20000     decoding, compared with python-osc alone and liblo
"""

import argparse
import json
import multiprocessing
import socket
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyliblo3
from pythonosc.osc_message import OscMessage

from benchmarks.bridge.daemons import Daemon, Row, spin, table
from benchmarks.bridge.lossy import LossyProxy
from benchmarks.bridge.mutants import valid_packets
from benchmarks.bridge.spoilt_packets import MIB, TOKEN, spoil
from bridge.client.client import Client
from bridge.client.exchange import NotAnsweringError
from bridge.jobs.registry import Jobs
from bridge.jobs.state import State
from bridge.osc import messages, wire
from bridge.server.service import Service
from bridge.server.sockets import Endpoint, bind_free_port
from bridge.system.private import private_folder
from bridge.system.settings import LOOPBACK, BridgeSettings
from bridge.watch.watched_folders import Watches

CLIENTS = 8
LOSS, DOUBLED, DELAY = 0.3, 0.2, 0.05
GIVE_UPS = {0.3: "<= 1 %"}
LOSSES = {0.0: "", 0.01: "", 0.1: "< 1", 0.3: ""}
BURST = 20_000
PACE = 30  # packets between pauses of a millisecond
PAUSE = 0.005  # seconds between pings


def main() -> None:
    """Run the chosen trials, each in its own folder, and print their tables."""
    parser = argparse.ArgumentParser(description="How the daemon behaves in a bad network, and how fast it answers.")
    trials: dict[str, Callable[[Path, int], list[Row]]] = {
        "mutants": spoilt,
        "jobs": lambda folder, count: lossy(folder, count, loss=options.loss, delay=options.delay),
        "pings": answers,
        "flood": flood,
        "bytes": documents,
        "packets": decoding,
    }
    for name in trials:
        parser.add_argument(f"--{name}", type=int, default=0, metavar="N")
    parser.add_argument("--loss", type=float, default=LOSS, help="share of packets lost each way, for --jobs")
    parser.add_argument("--delay", type=float, default=DELAY, help="longest delay of a packet in s, for --jobs")
    options = parser.parse_args()
    for name, trial in trials.items():
        if amount := getattr(options, name):
            with tempfile.TemporaryDirectory(prefix="loopcube-bridge-") as folder:
                print(table(trial(Path(folder), amount)), flush=True)


def spoilt(folder: Path, count: int) -> list[Row]:
    """Send mutants of every request through the whole service."""
    began = time.monotonic()
    outcome = spoil(folder, count)
    seconds = time.monotonic() - began
    kept = folder / "home"
    strays = [path for path in outcome.left if not path.is_relative_to(kept)]
    answered = sum(outcome.codes.values())
    return [
        (f"{count} spoilt packets", "figure", "target"),
        ("uncaught exceptions", f"{outcome.uncaught}", "0"),
        ("slowest packet in ms", f"{1_000 * outcome.worst:.1f}", "< 100"),
        ("growth of memory in MiB", f"{outcome.growth / MIB:.1f}", "< 10"),
        ("files made outside the daemon's own folder", f"{len(strays)}", "0"),
        ("answered; by code", f"{answered}; {dict(sorted(outcome.codes.items(), reverse=True))}", ""),
        ("microseconds a packet", f"{1e6 * seconds / count:.0f}", ""),
    ]


def lossy(folder: Path, count: int, *, loss: float = LOSS, delay: float = DELAY) -> list[Row]:
    """Several clients request jobs through a bad network; the worker only counts the jobs."""
    runs: Counter[str] = Counter()
    with _service(folder, count) as (service, endpoint), _worker(service.jobs, runs):
        with LossyProxy(endpoint.port, loss=loss, doubled=DOUBLED, delay=delay) as proxy:
            feeders = [Feeder(folder, proxy.port, number, count // CLIENTS) for number in range(CLIENTS)]
            with ThreadPoolExecutor(CLIENTS) as pool:
                list(pool.map(Feeder.run, feeders))
        requested = {job for feeder in feeders for job in feeder.jobs}
        wrong = [job for job in service.jobs.newest_first() if job.state is not State.DONE]
        given_up = sum(feeder.given_up for feeder in feeders)
    total = proxy.lost + proxy.passed
    network = f"{loss:.0%} lost, {DOUBLED:.0%} doubled, 0 to {1_000 * delay:.0f} ms each way"
    return [
        (f"{count} jobs, {network}", "figure", "target"),
        ("packets; lost", f"{total}; {proxy.lost / total:.0%}", ""),
        ("jobs run; more than once", f"{len(runs)}; {sum(number > 1 for number in runs.values())}", f"{count}; 0"),
        ("jobs that their clients know", f"{len(requested)}", ""),
        ("jobs not done in the end", f"{len(wrong)}", "0"),
        ("clients gave up on", f"{given_up} of {2 * count} waits", GIVE_UPS.get(loss, "")),
        ("resends answered from memory", f"{service.counters.dup}", ""),
    ]


def answers(folder: Path, count: int) -> list[Row]:
    """Pings while two workers are busy, then during a burst of another client."""
    daemon = Daemon(folder, spin)
    running = daemon.published()
    with daemon.client() as client:
        idle = _pings(client, count)
        with _two_busy(client, folder):
            busy = _pings(client, count)
        burst = _started(_burst, running.port, running.token, BURST)
        meanwhile = _pings(client, count)
        burst.join()
        limited = client.stats().limited
    daemon.stop()
    return [
        (f"{count} pings, one in {1_000 * PAUSE:.0f} ms", "p50, p99, worst in ms", "target"),
        ("while no worker is busy", _quantiles(idle), ""),
        ("while two workers are busy", _quantiles(busy), "p99 < 50"),
        (f"during {BURST} pings of another client", _quantiles(meanwhile), "worst < 100"),
        ("pings of the other client dropped by the rate limit", f"{limited}", "> 0"),
    ]


def flood(folder: Path, count: int) -> list[Row]:
    """Pings to a service without limits. If they come too fast, each lost ping is missing in the counters."""
    rows = [(f"{count} pings without limits", "answered, dropped before they were read", "target")]
    for what, pace, target in ((f"{PACE}, then 1 ms of rest", PACE, "> 99 %"), ("without rest", 0, "all counted")):
        inner = folder / str(pace)
        inner.mkdir()
        with _service(inner, 16) as (service, endpoint):
            _started(_burst, endpoint.port, TOKEN, count, pace).join()
            counters = service.counters
            until = time.monotonic() + 5.0
            while counters.sent < counters.packets and time.monotonic() < until:
                time.sleep(0.1)
        rows.append((what, f"{counters.sent / count:.1%}, {count - counters.packets}", target))
    return rows


def documents(folder: Path, size: int) -> list[Row]:
    """A manifest of `size` bytes, read through networks with more and more loss."""
    (folder / "manifest.json").write_text(json.dumps("x" * (size - 2)))
    song = folder / "song.wav"
    song.write_bytes(b"RIFF")
    rows = [(f"a document of {size} bytes", "seconds", "target")]
    with _service(folder, 16) as (service, endpoint), _worker(service.jobs, Counter()):
        for loss, target in LOSSES.items():
            with LossyProxy(endpoint.port, loss=loss) as proxy, Client(proxy.port, TOKEN) as client:
                job = client.start({"path": str(song)}).job
                client.wait(job)
                began = time.perf_counter()
                client.manifest(job)
                rows.append((f"{loss:.0%} lost each way", f"{time.perf_counter() - began:.3f}", target))
    return rows


def decoding(folder: Path, count: int) -> list[Row]:
    """Valid packets decoded by loopcube (checks, then python-osc), by python-osc without checks, and by liblo."""
    packets = valid_packets(TOKEN, folder / "song.wav", "00c0ffee00c0ffee")
    chosen = [packets[number % len(packets)] for number in range(count)]
    server = pyliblo3.Server(proto=pyliblo3.UDP)
    server.add_method(None, None, lambda path, arguments: None)  # noqa: ARG005 - only read
    target = pyliblo3.Address("127.0.0.1", server.port)
    known = [pyliblo3.Message(packet.address, *packet.arguments) for packet in map(wire.decode, packets)]

    def there_and_back(number: int) -> None:
        server.send(target, known[number % len(known)])
        server.recv(1_000)

    ours, alone = _each(wire.decode, chosen), _each(OscMessage, chosen)
    liblo = _each(there_and_back, range(count))
    return [
        (f"{count} valid packets", "microseconds each", ""),
        ("loopcube: checked, then decoded", f"{ours:.1f}", ""),
        ("python-osc 1.10.2 alone, which hangs on some", f"{alone:.1f} ({ours / alone:.1f} x)", ""),
        ("liblo, sent over loopback and decoded", f"{liblo:.1f}", ""),
    ]


class Feeder:
    """A client that requests one job after another, and repeats a request that gets no answer."""

    def __init__(self, folder: Path, port: int, number: int, count: int) -> None:
        self.jobs: list[str] = []
        self.given_up = 0
        self._port, self._count = port, count
        self._song = folder / f"song-{number}.wav"
        self._song.write_bytes(b"RIFF")

    def run(self) -> None:
        with Client(self._port, TOKEN) as client:
            for number in range(self._count):
                request = {"path": str(self._song), "bars_frames": [0, number + 1]}
                self._persist(lambda request=request: self.jobs.append(client.start(request).job))  # type: ignore[misc]
                self._persist(lambda: client.wait(self.jobs[-1]))

    def _persist(self, request: Callable[[], object]) -> None:
        while True:
            try:
                request()
            except NotAnsweringError:
                self.given_up += 1
            else:
                return


@contextmanager
def _service(folder: Path, queue: int) -> Iterator[tuple[Service, Endpoint]]:
    """A service on its own port, without limits of rates."""
    many = 10**6
    settings = BridgeSettings(
        folder / "home",
        folder / "home" / "run",
        queue=queue,
        queue_per_client=queue,
        rate=many,
        burst=many,
        total_rate=many,
        starts_per_second=many,
    )
    private_folder(settings.state)
    jobs = Jobs(clock=time.monotonic, queue=queue, per_client=queue)
    watches = Watches(jobs, settings)
    service = Service(settings, jobs, watches, TOKEN, "b007", time.monotonic, lambda: None)
    with bind_free_port(49_500, service.answer, admit=service.admits) as endpoint:
        reader = threading.Thread(target=endpoint.serve_forever)
        reader.start()
        yield service, endpoint
        endpoint.shutdown()
        reader.join()
    service.close()


@contextmanager
def _worker(jobs: Jobs, runs: Counter[str]) -> Iterator[None]:
    """Finish every job at once, and count how often each job is done."""

    def work() -> None:
        while job := jobs.take():
            runs[job.id] += 1
            jobs.report(job.id, 0.5, "counted")
            jobs.finish(job.id, State.DONE, result=job.request.out)

    thread = threading.Thread(target=work)
    thread.start()
    yield
    jobs.close()
    thread.join()


@contextmanager
def _two_busy(client: Client, folder: Path) -> Iterator[None]:
    """Inside the `with` block two songs keep two workers busy."""
    for number in range(2):
        song = folder / f"song-{number}.wav"
        song.write_bytes(str(number).encode())
        job = client.extract(song).job
        while client.status(job).stage != "spinning":
            time.sleep(0.05)
    yield
    for row in client.jobs().jobs:
        client.cancel(row.job)


def _pings(client: Client, count: int) -> list[float]:
    """The seconds of each of `count` pings."""
    seconds = []
    for _ in range(count):
        began = time.perf_counter()
        client.ping()
        seconds.append(time.perf_counter() - began)
        time.sleep(PAUSE)
    return seconds


def _started(work: Callable[..., None], *arguments: Any) -> multiprocessing.process.BaseProcess:
    """A new process that runs `work`."""
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)
    process.start()
    return process


def _burst(port: int, token: str, count: int, pace: int = 0) -> None:
    """Send `count` pings as fast as possible, with a pause after each `pace`. The answers are not read."""
    packets = [wire.encode(*messages.Ping(token, f"burst-{number}").to_osc()) for number in range(count)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        for number, packet in enumerate(packets, 1):
            plain.sendto(packet, (LOOPBACK, port))
            if pace and number % pace == 0:
                time.sleep(0.001)


def _quantiles(seconds: list[float]) -> str:
    return ", ".join(f"{1_000 * np.percentile(seconds, share):.1f}" for share in (50, 99, 100))


def _each(work: Callable[[Any], object], inputs: Sequence[Any]) -> float:
    """The median microseconds of one call, over ten parts of the inputs."""
    parts = np.array_split(np.arange(len(inputs)), 10)
    seconds = []
    for part in parts:
        began = time.perf_counter()
        for number in part:
            work(inputs[number])
        seconds.append((time.perf_counter() - began) / len(part))
    return 1e6 * median(seconds)


if __name__ == "__main__":
    main()
