"""The worker process: it gets warm, then runs one task after the other for as long as its daemon lives.

The main thread works. A second thread listens to the daemon, beats once a second while there is work, and ends the
process at once when the daemon is gone, whatever the main thread is doing.
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
"""Called in the worker process with (request, folder to write into, progress); the path of the result folder in it."""

BEAT_EVERY = 1.0  # seconds
REPORT_EVERY = 0.1  # seconds between reports of progress
LOG_BYTES = 64 * 1024  # of a job's log

_log = logging.getLogger(__name__)


class Task(NamedTuple):
    """What the daemon asks for; anything else that it sends means "stop"."""

    request: JobRequest
    staging: Path
    log: Path | None


class Beat(NamedTuple):
    """The worker lives."""


class Progressed(NamedTuple):
    """What a worker tells on its way."""

    fraction: float
    stage: str


class Ended(NamedTuple):
    """What a worker tells last: INTERRUPTED if it was asked to stop."""

    state: State
    code: int = 0
    text: str = ""
    made: Path | None = None
    files: Mapping[str, int] = {}


def serve(work: Work, warm: Callable[[], None], pipe: Connection) -> None:
    """Run the tasks that come through the pipe until it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows, where no mask is inherited
    logging.captureWarnings(True)
    daemon = _Daemon(pipe)
    threading.Thread(target=daemon.listen, name="listener", daemon=True).start()
    try:
        warm()
    except Exception:  # noqa: BLE001 - the work will fail for the same reason, and tell the client
        _log.exception("the worker could not get warm")
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
        self._told_at = -REPORT_EVERY

    def listen(self) -> None:
        """Hear tasks and calls to stop, and beat; ends the process when the daemon is gone."""
        try:
            while True:
                if self._pipe.poll(BEAT_EVERY):
                    self._heard(self._pipe.recv())
                elif self._task is not None:
                    self._tell(Beat())
        except (EOFError, OSError):
            if self._task is not None:
                shutil.rmtree(self._task.staging, ignore_errors=True)
        finally:
            os._exit(1)

    def progress(self, fraction: float, stage: str) -> None:
        """Tell the daemon now and then; raises `Cancelled` once it asked to stop."""
        if self._stop.is_set():
            raise Cancelled
        now = time.monotonic()
        if now - self._told_at >= REPORT_EVERY:
            self._told_at = now
            with suppress(OSError):  # it is gone; the listener ends the process
                self._tell(Progressed(fraction, stage))

    def end(self, ended: Ended) -> None:
        self._task = None
        with suppress(OSError):
            self._tell(ended)

    def _heard(self, message: object) -> None:
        if isinstance(message, Task):
            self._stop.clear()  # what the task before did not hear in time
            self._told_at = -REPORT_EVERY
            self._task = message
            self.tasks.put(message)
        else:
            self._stop.set()

    def _tell(self, message: Beat | Progressed | Ended) -> None:
        with self._sending:
            self._pipe.send(message)


def _run(work: Work, task: Task, daemon: _Daemon) -> Ended:
    """Run one task and tell how it went, whatever happens."""
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
        _log.exception("the system refused")
        reason = error.strerror or str(error)
        return Ended(State.FAILED, Code.WRITE_FAILED, f"{task.request.out}: {reason}; check space and rights")
    except Exception as error:  # noqa: BLE001 - whatever a library raises must reach the client as a failed job
        _log.exception("the work raised")
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
    """Writes to a file until that has `LOG_BYTES`."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write what still fits; a full disk must not disturb the work."""
        with suppress(OSError):
            if self.stream.tell() + len(self.format(record)) < LOG_BYTES:
                super().emit(record)

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's own name
        """Say nothing: the default prints a traceback for each line that cannot be written."""


@contextmanager
def _logging_to(path: Path | None) -> Iterator[None]:
    """Everything that is logged within the block goes to the job's log, the traceback of a crash in C code, too."""
    try:
        file = path.open("a", encoding="utf-8", errors="backslashreplace") if path else None
    except OSError:  # no space, no rights: the work goes on without
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
