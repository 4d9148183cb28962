"""daemon.json: process, port and token of the running daemon. Only its user can read the file."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from importlib.metadata import version

import psutil

from bridge.system.private import write_private
from bridge.system.settings import BridgeSettings

VERSION = version("loopcube")


@dataclass(frozen=True)
class Running:
    """The content of daemon.json."""

    pid: int
    port: int
    token: str
    version: str
    boot_id: str


def find_daemon(settings: BridgeSettings) -> Running | None:
    """The running daemon's daemon.json, or None when no daemon runs. A killed daemon may leave its file behind."""
    try:
        running = Running(**json.loads(settings.daemon_file.read_text(encoding="utf-8")))
        return running if psutil.pid_exists(running.pid) else None
    except (OSError, ValueError, TypeError, OverflowError):
        return None


@contextmanager
def published(settings: BridgeSettings, running: Running) -> Iterator[None]:
    """Write daemon.json, and remove it when the block ends."""
    write_private(settings.daemon_file, json.dumps(asdict(running)))
    try:
        yield
    finally:
        found = find_daemon(settings)
        if found is not None and found.boot_id == running.boot_id:
            settings.daemon_file.unlink(missing_ok=True)
