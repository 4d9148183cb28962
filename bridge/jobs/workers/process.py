"""The worker process: it warms up, then runs one task after another until its daemon ends.

The main thread runs the tasks. A second thread receives the daemon's messages, sends a beat once a second while a task
runs, and ends the process at once when the daemon is gone, whatever the main thread is doing.
"""

import faulthandler
import logging
import os
import platform
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib import metadata
from multiprocessing.connection import Connection
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, TextIO

from bridge.jobs.request import JobRequest
from bridge.jobs.staging import sizes
from bridge.jobs.state import State
from core.base.errors import Cancelled, Code, LoopError
from core.base.progress import Progress

Work = Callable[[JobRequest, Path, Progress], Path]
"""Called in the worker process with (request, folder to write into, progress). Returns the result folder inside it."""

BEAT_EVERY = 1.0  # seconds
REPORT_EVERY = 0.1  # seconds between reports of progress
LOG_BYTES = 64 * 1024  # size limit of a job's log

_log = logging.getLogger(__name__)


class Task(NamedTuple):
    """A task from the daemon. Any other message from the daemon means "stop"."""

    request: JobRequest
    staging: Path
    log: Path | None


class Beat(NamedTuple):
    """A sign of life from the worker."""


class Progressed(NamedTuple):
    """A worker's progress in its task."""

    fraction: float
    stage: str


class Ended(NamedTuple):
    """A worker's last message about a task. The state is INTERRUPTED if the daemon stopped the task."""

    state: State
    code: int = 0
    text: str = ""
    made: Path | None = None
    files: Mapping[str, int] = {}


def serve(work: Work, warm: Callable[[], None], pipe: Connection) -> None:
    """Run the tasks from the pipe until the pipe ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows, where no mask is inherited
    logging.captureWarnings(True)
    daemon = _Daemon(pipe)
    threading.Thread(target=daemon.listen, name="listener", daemon=True).start()
    try:
        warm()
    except Exception:  # noqa: BLE001 - the task will fail for the same reason and report it to the client
        _log.exception("the worker could not warm up")
    while True:
        task = daemon.tasks.get()
        with _logging_to(task.log):
            daemon.end(_run(work, task, daemon))


class _Daemon:
    """The worker's side of the pipe."""

    def __init__(self, pipe: Connection) -> None:
        self.tasks: SimpleQueue[Task] = SimpleQueue()
        self._pipe = pipe
        self._sending = threading.Lock()
        self._task: Task | None = None
        self._stop = threading.Event()
        self._reported_at = -REPORT_EVERY

    def listen(self) -> None:
        """Receive tasks and stop messages, and send beats. End the process when the daemon is gone."""
        try:
            while True:
                if self._pipe.poll(BEAT_EVERY):
                    self._received(self._pipe.recv())
                elif self._task is not None:
                    self._send(Beat())
        except (EOFError, OSError):
            if self._task is not None:
                shutil.rmtree(self._task.staging, ignore_errors=True)
        finally:
            os._exit(1)

    def progress(self, fraction: float, stage: str) -> None:
        """Send the progress to the daemon, at most every `REPORT_EVERY` seconds. Raise `Cancelled` after a stop."""
        if self._stop.is_set():
            raise Cancelled
        now = time.monotonic()
        if now - self._reported_at >= REPORT_EVERY:
            self._reported_at = now
            with suppress(OSError):  # the daemon is gone; the listener ends the process
                self._send(Progressed(fraction, stage))

    def end(self, ended: Ended) -> None:
        self._task = None
        with suppress(OSError):
            self._send(ended)

    def _received(self, message: object) -> None:
        if isinstance(message, Task):
            self._stop.clear()  # a stop that came too late for the previous task
            self._reported_at = -REPORT_EVERY
            self._task = message
            self.tasks.put(message)
        else:
            self._stop.set()

    def _send(self, message: Beat | Progressed | Ended) -> None:
        with self._sending:
            self._pipe.send(message)


def _run(work: Work, task: Task, daemon: _Daemon) -> Ended:
    """Run one task and return its outcome. Every exception becomes an outcome, too."""
    try:
        task.staging.mkdir()
        made = work(task.request, task.staging, _logged(daemon.progress))
        return Ended(State.DONE, made=made, files=sizes(made))
    except Cancelled:
        return Ended(State.INTERRUPTED)
    except LoopError as error:
        return Ended(State.FAILED, error.code, error.message)
    except MemoryError:
        return Ended(State.FAILED, Code.LIMIT, "not enough memory; choose a shorter clip")
    except OSError as error:
        _log.exception("a system call failed")
        reason = error.strerror or str(error)
        return Ended(State.FAILED, Code.WRITE_FAILED, f"{task.request.out}: {reason}; check space and rights")
    except Exception as error:  # noqa: BLE001 - any error of a library must reach the client as a failed job
        _log.exception("the task raised")
        return Ended(State.FAILED, Code.INTERNAL, f"{type(error).__name__}: {error}; please report this")


def _logged(progress: Progress) -> Progress:
    """A progress that also writes each new stage to the log."""
    last = ""

    def report(fraction: float, stage: str) -> None:
        nonlocal last
        if stage != last:
            last = stage
            _log.info("%3.0f %% %s", 100 * fraction, stage)
        progress(fraction, stage)

    return report


class _Bounded(logging.StreamHandler[TextIO]):
    """Writes to a file until the file has `LOG_BYTES`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record if it still fits. A full disk must not disturb the task."""
        with suppress(OSError):
            if self.stream.tell() + len(self.format(record)) < LOG_BYTES:
                super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Do nothing: the default prints a traceback for each line that cannot be written."""


@contextmanager
def _logging_to(path: Path | None) -> Iterator[None]:
    """Write all log records of the block to the job's log, and the traceback of a crash in C code."""
    try:
        file = path.open("a", encoding="utf-8", errors="backslashreplace") if path else None
    except OSError:  # no space or no rights: the task runs without a log
        file = None
    if file is None:
        yield
        return
    handler = _Bounded(file)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    faulthandler.enable(file)
    try:
        _log.info("loopcube %s, Python %s, %s", metadata.version("loopcube"), platform.python_version(), os.name)
        yield
    finally:
        faulthandler.disable()
        root.removeHandler(handler)
        with suppress(OSError):
            file.close()
