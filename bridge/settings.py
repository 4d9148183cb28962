"""What the daemon is told before it starts: folders, port, workers.

The runtime folder (lock, daemon.json) may vanish at log-out; the state folder (token) stays. LOOPCUBE_HOME puts both in
one folder of the user's choice, for tests and for a second, separate daemon.
"""

import os
from dataclasses import dataclass
from pathlib import Path

import platformdirs

PORT = 47310
PORTS_TRIED = 20
WORKERS = min(2, os.cpu_count() or 1)  # not one a core: each song takes about a gigabyte of memory

_APP = "loopcube"


def default_home() -> Path:
    """Where what must outlive a log-out is kept."""
    chosen = os.environ.get("LOOPCUBE_HOME")
    return Path(chosen) if chosen else platformdirs.user_state_path(_APP, appauthor=False)


def default_runtime() -> Path:
    """Where the running daemon is found: $XDG_RUNTIME_DIR/loopcube if there is one, else `run` beside the state."""
    # platformdirs falls back to a folder in /tmp, where another user could have been first.
    if "LOOPCUBE_HOME" not in os.environ and "XDG_RUNTIME_DIR" in os.environ:
        return platformdirs.user_runtime_path(_APP, appauthor=False)
    return default_home() / "run"


@dataclass(frozen=True)
class BridgeSettings:
    """Folders, port and limits of one daemon.

    Attributes:
        state: folder of the token.
        runtime: folder of the lock and of daemon.json.
        port: the first port to try.
        workers: jobs that run at the same time.
        queue: jobs that may wait.
        out: the folder for results; None puts them beside each source.
        roots: folders that input may lie in; empty means anywhere that the user can read.
    """

    state: Path
    runtime: Path
    port: int = PORT
    workers: int = WORKERS
    queue: int = 16
    out: Path | None = None
    roots: tuple[Path, ...] = ()

    @property
    def token_file(self) -> Path:
        return self.state / "token"

    @property
    def lock_file(self) -> Path:
        return self.runtime / "daemon.lock"

    @property
    def daemon_file(self) -> Path:
        return self.runtime / "daemon.json"
