"""A daemon for a host that finds none: started apart from the host, so that it lives on when that is closed."""

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

PATIENCE = 60.0  # seconds for it to start: the first time after an update, files are compiled
PAUSE = 0.1


def ensure_daemon(
    settings: BridgeSettings,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Client:
    """A client of a daemon that answers.

    Raises:
        LoopError: INTERNAL when none answers and none starts.
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
        if started.poll() not in (None, 0):  # 0: another one was faster
            break
    raise LoopError(Code.INTERNAL, f"the daemon does not start; `loopcube daemon` says why, or see {settings.log_file}")


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
    """What makes a process survive the one that starts it, without windows or anybody's files."""
    nowhere = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    if sys.platform == "win32":
        return {**nowhere, "creationflags": subprocess.DETACHED_PROCESS | subprocess.CREATE_NEW_PROCESS_GROUP}
    return {**nowhere, "start_new_session": True}
