"""Start a daemon for a host if none runs. The daemon is independent of the host and keeps running after it closes."""

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

from bridge.client.client import Client
from bridge.client.exchange import NotAnsweringError
from bridge.hosts.autostart import this_daemon
from bridge.system.settings import BridgeSettings
from core.base.errors import Code, LoopError

PATIENCE = 60.0  # seconds for the daemon to start: after an update, files are compiled first
PAUSE = 0.1


def ensure_daemon(
    settings: BridgeSettings,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Client:
    """A client of a daemon that answers. The daemon is started if necessary.

    Raises:
        LoopError: INTERNAL when no daemon answers and none can be started.
    """
    client = _answering(settings)
    if client is not None:
        return client
    started = subprocess.Popen(this_daemon().command, **_apart())  # noqa: S603 - our own program
    until = clock() + PATIENCE
    while clock() < until:
        sleep(PAUSE)
        client = _answering(settings)
        if client is not None:
            return client
        if started.poll() not in (None, 0):  # 0: another daemon started first
            break
    raise LoopError(
        Code.INTERNAL, f"the daemon does not start; `loopcube daemon` shows why, or see {settings.log_file}"
    )


def _answering(settings: BridgeSettings) -> Client | None:
    try:
        client = Client.of_running_daemon(settings)
    except NotAnsweringError:
        return None
    try:
        client.ping()
    except NotAnsweringError:
        client.close()
        return None
    return client


def _apart() -> dict[str, Any]:
    """Options with which a process survives its parent: no window, no open files of the parent."""
    nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if sys.platform == "win32":
        return {**nowhere, "creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {**nowhere, "start_new_session": True}
