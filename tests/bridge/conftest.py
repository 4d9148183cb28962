"""What the bridge's tests share: a clock to turn by hand, a folder for one daemon, and polling with a deadline."""

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bridge.jobs.registry import Jobs
from bridge.server.service import Service
from bridge.server.sockets import bind_free_port
from bridge.system.private import private_folder
from bridge.system.settings import BridgeSettings
from bridge.watch.watched_folders import Watches

HERE = str(Path(__file__).parent)
if HERE not in sys.path:  # worker processes import the stand-ins of fake_work by name
    sys.path.insert(0, HERE)

from daemon_process import FAKE, Process  # noqa: E402 - found by the path just set
from talk import Talk  # noqa: E402 - likewise

TOKEN = "0123456789abcdef" * 2


class Clock:
    """Time that passes only when told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def token() -> str:
    return TOKEN


@pytest.fixture
def settings(tmp_path: Path) -> BridgeSettings:
    """A daemon's settings, with rates that no test reaches by accident."""
    return BridgeSettings(
        tmp_path / "home",
        tmp_path / "home" / "run",
        port=47_400,
        workers=1,
        rate=100_000,
        burst=100_000,
        total_rate=1_000_000,
        starts_per_second=1_000,
    )


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A file that only has to be there."""
    path = tmp_path / "music" / "song.wav"
    path.parent.mkdir()
    path.write_bytes(b"RIFF")
    return path


@pytest.fixture
def jobs(clock: Clock) -> Jobs:
    return Jobs(clock=clock, queue=3)


@pytest.fixture
def watches(settings: BridgeSettings, jobs: Jobs, clock: Clock) -> Iterator[Watches]:
    private_folder(settings.state)
    watches = Watches(jobs, settings, clock=clock)
    yield watches
    watches.close()


@pytest.fixture
def service(settings: BridgeSettings, jobs: Jobs, watches: Watches, clock: Clock) -> Iterator[Service]:
    service = Service(settings, jobs, watches, TOKEN, "b007", clock, jobs.close)
    yield service
    jobs.close()
    service.close()


@pytest.fixture
def talk(service: Service) -> Talk:
    return Talk(service, TOKEN)


@pytest.fixture
def free_port() -> int:
    """A port that was free a moment ago, away from the default one."""
    with bind_free_port(48_000, lambda *packet: None) as endpoint:  # noqa: ARG005 - nothing is answered
        return endpoint.port


@pytest.fixture
def eventually() -> Callable[..., None]:
    """`eventually(met)` polls real processes until `met()` holds; the test fails after `seconds`."""

    def poll(met: Callable[[], object], seconds: float = 20.0) -> None:
        until = time.monotonic() + seconds
        while not met():
            if time.monotonic() > until:
                pytest.fail(f"not met within {seconds} s")
            time.sleep(0.02)

    return poll


@pytest.fixture
def daemons(
    settings: BridgeSettings, free_port: int, eventually: Callable[..., None]
) -> Iterator[Callable[..., Process]]:
    """`daemons()` is one more daemon in the same folder, once it listens or has ended; killed after the test."""
    started: list[Process] = []

    def start(code: str = FAKE) -> Process:
        process = Process(settings, code, free_port)
        started.append(process)
        eventually(lambda: process.is_ready or process.popen.poll() is not None)
        return process

    yield start
    for process in started:
        if process.popen.poll() is None:
            process.popen.kill()
        process.popen.wait(10.0)


@pytest.fixture
def daemon(daemons: Callable[..., Process]) -> Process:
    return daemons()
