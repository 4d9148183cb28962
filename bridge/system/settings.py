"""A daemon's settings: folders, port, limits. Each field is a key of the settings file, with its rule and its help.

The runtime folder (lock, daemon.json) may vanish at log-out. The state folder (token, jobs, log) stays. LOOPCUBE_HOME
puts both folders and the settings file into one folder, for tests and for a second, separate daemon.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import platformdirs
import psutil

LOOPBACK = "127.0.0.1"


PORT = 47310
PORTS_TRIED = 20
GIB = 1024**3
# One worker a core, but 2 GiB of memory a worker: each song takes about a gigabyte, and the DAW needs as much again.
WORKERS = max(1, min(os.cpu_count() or 1, psutil.virtual_memory().total // (2 * GIB)))

_APP = "loopcube"


def default_home() -> Path:
    """The folder for files that must survive a log-out."""
    chosen = os.environ.get("LOOPCUBE_HOME")
    return Path(chosen) if chosen else platformdirs.user_state_path(_APP, appauthor=False)


def default_runtime() -> Path:
    """The folder of lock and daemon.json: $XDG_RUNTIME_DIR/loopcube if that variable is set, else `run` in the home."""
    # Without that variable, platformdirs uses a folder in /tmp. Another user could have made that folder first.
    if "LOOPCUBE_HOME" not in os.environ and "XDG_RUNTIME_DIR" in os.environ:
        return platformdirs.user_runtime_path(_APP, appauthor=False)
    return default_home() / "run"


def default_config() -> Path:
    """The folder of the settings file."""
    chosen = os.environ.get("LOOPCUBE_HOME")
    return Path(chosen) if chosen else platformdirs.user_config_path(_APP, appauthor=False)


def default_cache() -> Path:
    """The folder of the song cache. It may be removed at any time."""
    chosen = os.environ.get("LOOPCUBE_HOME")
    return Path(chosen) / "cache" if chosen else platformdirs.user_cache_path(_APP, appauthor=False)


class Rule(NamedTuple):
    """The rule of a value in words, and its check: it returns the value in the daemon's type or raises ValueError."""

    words: str
    check: Callable[[object], Any]


def whole(low: int, high: int) -> Rule:
    """A rule for whole numbers. They may be given as text, as the environment does.

    >>> whole(1, 64).check("8"), whole(1, 64).words
    (8, 'a whole number from 1 to 64')
    """

    def check(value: object) -> int:
        number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
        if type(number) is not int or not low <= number <= high:  # `type`, because a bool is an instance of int
            raise ValueError
        return number

    return Rule(f"a whole number from {low} to {high}", check)


def _folder(value: object) -> Path:
    path = Path(value).expanduser() if isinstance(value, str | Path) and str(value) else None
    if path is None or not path.is_absolute() or "\0" in str(path):
        raise ValueError
    return path


def _maybe_folder(value: object) -> Path | None:
    return None if value in ("", None) else _folder(value)


def _folders(value: object) -> tuple[Path, ...]:
    parts = value.split(os.pathsep) if isinstance(value, str) else value
    if not isinstance(parts, list | tuple):
        raise ValueError
    return tuple(_folder(part) for part in parts if part != "")


FOLDER = Rule('an absolute folder, or ""', _maybe_folder)
FOLDERS = Rule("a list of absolute folders", _folders)


@dataclass(frozen=True)
class BridgeSettings:
    """Folders, port and limits of one daemon. Each field with a default is a key of the settings file.

    Attributes:
        state: folder of token, jobs and log.
        runtime: folder of the lock and of daemon.json.
    """

    state: Path
    runtime: Path
    port: Annotated[int, whole(1024, 65_000), "The first port to try, for UDP and TCP; the next 19 follow."] = PORT
    workers: Annotated[int, whole(1, 64), "Songs processed at the same time; each takes about 1 GB."] = WORKERS
    out: Annotated[Path | None, FOLDER, 'The folder for results; "" puts them beside each source.'] = None
    roots: Annotated[tuple[Path, ...], FOLDERS, "Folders that input must lie in; none means any folder."] = ()
    queue: Annotated[int, whole(1, 10_000), "Jobs that may wait."] = 16
    queue_per_client: Annotated[int, whole(1, 10_000), "Jobs of one client that may wait."] = 8
    starts_per_second: Annotated[int, whole(1, 1_000), "Jobs that may be started in a second."] = 10
    rate: Annotated[int, whole(1, 100_000), "Messages a second from one client."] = 500
    burst: Annotated[int, whole(1, 100_000), "Messages from one client in a burst."] = 1_000
    total_rate: Annotated[int, whole(1, 1_000_000), "Messages a second from all clients together."] = 5_000
    subscribers: Annotated[int, whole(1, 64), "Clients that may subscribe to events."] = 8
    connections: Annotated[int, whole(1, 64), "TCP connections at the same time."] = 8
    watches: Annotated[int, whole(1, 256), "Folders that may be watched at the same time."] = 16
    memory_gib: Annotated[int, whole(1, 1_024), "The most memory for one song, in GiB."] = 8
    minutes: Annotated[int, whole(1, 600), "The longest song, in minutes."] = 30
    cache_mib: Annotated[int, whole(0, 100_000), "MiB of the song cache, for other loop counts; 0 for none."] = 256

    @property
    def token_file(self) -> Path:
        return self.state / "token"

    @property
    def journal_file(self) -> Path:
        return self.state / "jobs.sqlite"

    @property
    def job_logs(self) -> Path:
        return self.state / "jobs"

    @property
    def lock_file(self) -> Path:
        return self.runtime / "daemon.lock"

    @property
    def daemon_file(self) -> Path:
        return self.runtime / "daemon.json"

    @property
    def log_file(self) -> Path:
        return self.state / "daemon.log"
