"""Daemons in other processes, for benchmarks of the bridge. Their work is cheap, and their results can be counted."""

import hashlib
import json
import os
import random
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psutil

from bridge.client.client import Client
from bridge.jobs.request import JobRequest
from bridge.jobs.workers.process import Work
from bridge.server.daemon import AlreadyRunningError, serve
from bridge.system.running import Running, find_daemon
from bridge.system.settings import BridgeSettings
from core.base.progress import Progress

MOST_SECONDS = 0.5  # the longest work on a song
FILES = 5  # in a result
PORT = 49_400

Row = tuple[str, str, str]
"""Name of the measurement, figure, target."""

_ROOT = Path(__file__).resolve().parents[2]


def count_song(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work of up to `MOST_SECONDS`; half of the songs keep a core busy. The sizes of the result can be checked."""
    chance = random.Random(request.path.name)
    busy, until = chance.random() < 0.5, time.monotonic() + chance.uniform(0.0, MOST_SECONDS)
    result = folder / f"{request.path.stem}-loops"
    result.mkdir()
    sizes = {f"{number}.wav": chance.randrange(100_000) for number in range(FILES)}
    for name, size in sizes.items():
        (result / name).write_bytes(bytes(size))
    (result / "manifest.json").write_text(json.dumps({"files": list(sizes), "sizes": sizes}))
    while time.monotonic() < until:
        progress(0.5, "counting")
        if busy:
            hashlib.sha256(bytes(1_000_000))
        else:
            time.sleep(0.01)
    return result


def spin(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that keeps a core busy until it is cancelled."""
    until = time.monotonic() + 3_600.0
    while time.monotonic() < until:
        progress(0.5, "spinning")
        hashlib.sha256(bytes(1_000_000))
    return count_song(request, folder, progress)


def instant(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that writes a result at once."""
    result = folder / f"{request.path.stem}-loops"
    result.mkdir()
    (result / "manifest.json").write_text(json.dumps({"sizes": {}}))
    progress(0.5, "writing")
    return result


def linger(request: JobRequest, folder: Path, progress: Progress) -> Path:
    """Work that writes its process number to a .pid file beside the song, and goes on until there is a .go file."""
    request.path.with_suffix(".pid").write_text(str(os.getpid()))
    while not request.path.with_suffix(".go").exists():
        progress(0.5, "lingering")
        time.sleep(0.05)
    return count_song(request, folder, progress)


def is_whole(result: Path) -> bool:
    """Whether a result of `count_song` has all files of its manifest, with the right sizes."""
    try:
        sizes = json.loads((result / "manifest.json").read_text())["sizes"]
        return all((result / name).stat().st_size == size for name, size in sizes.items())
    except OSError:
        return False


class Daemon:
    """A daemon with a work function of this module, to be killed and started again in the same folder.

    Args:
        limited: whether it applies the usual limits of rates to its clients.
    """

    def __init__(self, folder: Path, work: Work = count_song, *, limited: bool = True) -> None:
        self._work, self._limited = work.__name__, limited
        home = folder / "home"
        home.mkdir(exist_ok=True)
        self.settings = _settings(home, limited)
        self.log = home / "console.log"
        self._popen = self._begin()

    def _begin(self) -> "subprocess.Popen[bytes]":
        arguments = f"{str(self.settings.state)!r}, {self._work!r}, {self._limited}"
        code = f"from benchmarks.bridge.daemons import main; main({arguments})"
        environment = os.environ | {"PYTHONPATH": str(_ROOT), "OPENBLAS_NUM_THREADS": "1"}
        with self.log.open("a") as log:
            command = [sys.executable, "-c", code]
            return subprocess.Popen(command, env=environment, stdout=log, stderr=log)  # noqa: S603 - our own code

    @property
    def pid(self) -> int:
        return self._popen.pid

    def is_alive(self) -> bool:
        return self._popen.poll() is None

    def is_ready(self) -> bool:
        """Whether this process, and not another one, has published itself."""
        found = find_daemon(self.settings)
        return found is not None and found.pid == self.pid

    def wait_until_ready(self, seconds: float = 60.0) -> None:
        until = time.monotonic() + seconds
        while not self.is_ready():
            if not self.is_alive() or time.monotonic() > until:
                raise RuntimeError(f"the daemon does not start:\n{self.log.read_text()}")
            time.sleep(0.01)

    def workers(self) -> list[psutil.Process]:
        """The daemon's worker processes."""
        try:
            children = psutil.Process(self.pid).children()
            return [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        except psutil.Error:
            return []

    def kill(self) -> None:
        self._popen.kill()
        self._popen.wait()

    def kill_and_start(self) -> None:
        self.kill()
        self._popen = self._begin()

    def stop(self) -> float:
        """End the daemon as a user would, and return the seconds that this took."""
        began = time.monotonic()
        self._popen.terminate()
        self._popen.wait(30.0)
        return time.monotonic() - began

    def published(self) -> Running:
        """The data that the daemon published about itself."""
        self.wait_until_ready()
        return Running(**json.loads(self.settings.daemon_file.read_text()))

    def client(self) -> Client:
        return Client.of_running_daemon(self.settings)


def table(rows: list[Row]) -> str:
    """The rows as three columns of plain text; the first row is the heading."""
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    lines = [f"{what:<{widths[0]}}  {figure:>{widths[1]}}  {target}".rstrip() for what, figure, target in rows]
    return "\n".join([lines[0], "-" * (sum(widths) + 4), *lines[1:], ""])


def main(home: str, work: str, limited: bool) -> None:
    """The process of a daemon."""
    with suppress(AlreadyRunningError):
        serve(_settings(Path(home), limited), globals()[work])


def _settings(home: Path, limited: bool) -> BridgeSettings:
    settings = BridgeSettings(home, home / "run", port=PORT, workers=2)
    many = 10**6
    return settings if limited else replace(settings, rate=many, burst=many, total_rate=many, starts_per_second=many)
