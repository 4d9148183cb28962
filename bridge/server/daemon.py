"""The daemon: connects service, jobs, workers and endpoint, and starts and stops them together.

Each user has at most one daemon. A lock ensures this; the system releases the lock when the daemon dies. Clients read
daemon.json (pid, port, token, version, boot_id), which only the user can read.
"""

import logging
import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from types import FrameType

from filelock import FileLock, Timeout

from bridge.jobs.journal import Journal
from bridge.jobs.recovery import recover
from bridge.jobs.registry import Jobs, open_journal
from bridge.jobs.workers.pool import Workers, nothing
from bridge.jobs.workers.process import Work
from bridge.server.service import Service
from bridge.server.sockets import Endpoint, bind_free_port
from bridge.system.heap import keep_heap_small
from bridge.system.log import logged_to
from bridge.system.private import load_token, private_folder
from bridge.system.running import VERSION, Running, find_daemon, published
from bridge.system.settings import GIB, BridgeSettings
from bridge.watch.watched_folders import Watches
from core.base.errors import Code, LoopError

STOP_SECONDS = 4.0  # time for workers to end; a complete stop then takes less than 6 s
_log = logging.getLogger(__name__)


class AlreadyRunningError(LoopError):
    """Another daemon of this user holds the lock."""

    def __init__(self, port: int) -> None:
        super().__init__(Code.WRONG_STATE, f"a daemon is already running on port {port}; it serves all clients")


def serve(
    settings: BridgeSettings,
    work: Work,
    *,
    warm: Callable[[], None] = nothing,
    stop: threading.Event | None = None,
) -> None:
    """Run a daemon until SIGTERM, SIGINT or `stop`.

    Args:
        warm: runs in each worker process before its first job.

    Raises:
        AlreadyRunningError: another daemon runs.
        LoopError: LIMIT (no free port), AUTH (token file), VERSION (journal of a newer daemon), WRITE_FAILED.
    """
    keep_heap_small()
    private_folder(settings.state)
    private_folder(settings.runtime)
    stop = stop or threading.Event()
    with (
        _only_instance(settings),
        _signals_set(stop),
        logged_to(settings.log_file),
        closing(open_journal(settings.journal_file)) as journal,
    ):
        jobs = _jobs(settings, journal)
        recover(jobs, settings)
        token, boot_id = load_token(settings.token_file), secrets.token_hex(8)
        watches = Watches(jobs, settings)
        service = Service(settings, jobs, watches, token, boot_id, time.monotonic, stop.set)
        workers = Workers(jobs, work, warm=warm, processes=settings.workers, memory=settings.memory_gib * GIB)
        with bind_free_port(
            settings.port, service.answer, admit=service.admits, connections=settings.connections
        ) as endpoint:
            service.counters.receive_buffer = endpoint.receive_buffer
            running = Running(os.getpid(), endpoint.port, token, VERSION, boot_id)
            with published(settings, running), _answering(endpoint):
                workers.start()
                watches.start()
                _log.info("listening on 127.0.0.1:%d, UDP and TCP; process %d", running.port, running.pid)
                _log.info("results go %s", f"to {settings.out}" if settings.out else "beside each source")
                while not stop.wait(0.5):  # with a timeout, because otherwise Ctrl-C has no effect on Windows
                    pass
                _log.info("stopping")
                jobs.close()
                watches.close()
                service.close()
                if not workers.join(STOP_SECONDS):
                    _log.warning("a worker did not end in time")
    _log.info("stopped")


def _jobs(settings: BridgeSettings, journal: Journal) -> Jobs:
    return Jobs(
        clock=time.monotonic,
        queue=settings.queue,
        per_client=settings.queue_per_client,
        journal=journal,
        logs=private_folder(settings.job_logs),
    )


@contextmanager
def _only_instance(settings: BridgeSettings) -> Iterator[None]:
    lock = FileLock(settings.lock_file, timeout=0, mode=0o600)
    try:
        lock.acquire()
    except Timeout:
        running = find_daemon(settings)
        raise AlreadyRunningError(running.port if running else settings.port) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _signals_set(stop: threading.Event) -> Iterator[None]:
    """Let SIGTERM and SIGINT stop the daemon, if it runs on the main thread (in tests it may not)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def on_signal(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - the signature of signal handlers
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def _answering(endpoint: Endpoint) -> Iterator[None]:
    """Receive on a separate thread until the block ends."""
    reader = threading.Thread(target=endpoint.serve_forever, args=(0.1,), name="reader", daemon=True)
    reader.start()
    try:
        yield
    finally:
        endpoint.shutdown()
        reader.join()
