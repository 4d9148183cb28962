"""Workers: each job runs in a process of its own, so that it can be stopped, or die, without the daemon.

A thread for each worker takes a job, starts the process and relays what it tells through a pipe. A cancelled job is
asked to stop through the same pipe, terminated if it does not, and killed if that does not help. The work writes into a
staging folder beside the results, which is moved into place when it is whole and removed whatever happens.
"""

import logging
import multiprocessing
import shutil
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from itertools import count
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import NamedTuple

from bridge.jobs import Job, Jobs, State
from bridge.request import JobRequest
from core.errors import Cancelled, Code, LoopError
from core.progress import Progress

Work = Callable[[JobRequest, Path, Progress], Path]
"""Called in the worker process with (request, folder to write into, progress); the path of the result folder in it."""

ASKED_FOR = 1.5  # seconds that a cancelled job has to stop by itself
TICK = 0.1  # seconds between looks at whether a job was cancelled
REPORT_EVERY = 0.1  # seconds between reports of progress

_log = logging.getLogger(__name__)
_spawn = multiprocessing.get_context("spawn")  # fork would copy the daemon's threads, locks and sockets


class Progressed(NamedTuple):
    """What a worker tells on its way."""

    fraction: float
    stage: str


class Ended(NamedTuple):
    """What a worker tells last."""

    state: State
    code: int = 0
    text: str = ""
    result: Path | None = None


class Workers:
    """Runs the jobs of `jobs` until these are closed.

    Args:
        work: picklable by name; runs in the worker process.
        processes: jobs that run at the same time.
    """

    def __init__(
        self, jobs: Jobs, work: Work, *, processes: int = 1, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._jobs = jobs
        self._work = work
        self._clock = clock
        self._threads = [
            threading.Thread(target=self._serve, name=f"worker-{i}", daemon=True) for i in range(processes)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self, timeout: float) -> bool:
        """Wait for the workers to end, after `Jobs.close`; whether they all did."""
        until = self._clock() + timeout
        for thread in self._threads:
            thread.join(max(0.0, until - self._clock()))
        return not any(thread.is_alive() for thread in self._threads)

    def _serve(self) -> None:
        _leave_ctrl_c_to_the_daemon()
        while (job := self._jobs.take()) is not None:
            try:
                ended = self._run(job)
            except OSError as error:  # no process, no pipe, no space
                _log.exception("job %s could not be run", job.id)
                ended = Ended(State.FAILED, Code.INTERNAL, f"the worker could not be started ({error})")
            if ended.state is State.INTERRUPTED:
                self._jobs.interrupt(job.id)
                continue
            if ended.result is not None:
                self._jobs.placing(job.id, ended.result, {})
            self._jobs.finish(job.id, ended.state, code=ended.code, text=ended.text)

    def _run(self, job: Job) -> Ended:
        """Run one job to its end; its process and its staging folder are gone when this returns."""
        staging = job.request.out / f".{job.id}.part"
        here, there = _spawn.Pipe()
        process = _spawn.Process(target=_run_in_worker, args=(self._work, job.request, staging, there), daemon=True)
        try:
            process.start()
            there.close()  # so that the pipe ends when the worker does
            return self._relay(job.id, here)
        finally:
            here.close()
            _end(process)
            shutil.rmtree(staging, ignore_errors=True)

    def _relay(self, name: str, pipe: Connection) -> Ended:
        """Pass on what the worker tells until it has ended or had its time to stop."""
        asked_at: float | None = None
        while True:
            told = _next(pipe)
            if isinstance(told, Ended):
                return told
            if told is not None:
                self._jobs.report(name, told.fraction, told.stage)
            stop = self._jobs.closed or self._jobs.get(name).state is State.CANCELLING
            if stop and asked_at is None:
                asked_at = self._clock()
                with suppress(OSError):  # it has just ended; the next look at the pipe tells how
                    pipe.send("cancel")
            if asked_at is not None and self._clock() - asked_at > ASKED_FOR:
                return Ended(State.INTERRUPTED)


def _leave_ctrl_c_to_the_daemon() -> None:
    """Ctrl-C in a terminal reaches every process, even one still importing: those started by this thread block it."""
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # as its start would unblock the signal again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})


def _next(pipe: Connection) -> Progressed | Ended | None:
    """What the worker tells within a tick; a broken pipe means that it died."""
    try:
        told: Progressed | Ended | None = pipe.recv() if pipe.poll(TICK) else None
    except (EOFError, OSError):
        return Ended(State.FAILED, Code.INTERNAL, "the worker ended unexpectedly; out of memory? try a shorter clip")
    return told


def _end(process: SpawnProcess) -> None:
    """Make sure that a process is gone and reaped: let it end, terminate it, kill it."""
    if process.pid is None:
        return
    process.join(TICK)
    for stop in (process.terminate, process.kill):
        if process.is_alive():
            stop()
            process.join(TICK)
    process.join()
    process.close()


def _run_in_worker(work: Work, request: JobRequest, staging: Path, pipe: Connection) -> None:
    """The worker process: run the work, tell how it went."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # for Windows, where no mask is inherited
    try:
        shutil.rmtree(staging, ignore_errors=True)  # left by a daemon that was killed
        staging.mkdir()
        ended = Ended(State.DONE, result=_place(work(request, staging, _reporter(pipe)), request.out))
    except Cancelled:
        ended = Ended(State.INTERRUPTED)
    except LoopError as error:
        ended = Ended(State.FAILED, error.code, error.message)
    except MemoryError:
        ended = Ended(State.FAILED, Code.LIMIT, "not enough memory; choose a shorter clip")
    except OSError as error:
        ended = Ended(State.FAILED, Code.WRITE_FAILED, f"{request.out}: {error.strerror}; check space and rights")
    except Exception as error:  # noqa: BLE001 - whatever a library raises must reach the client as a failed job
        _log.exception("the work raised")
        ended = Ended(State.FAILED, Code.INTERNAL, f"{type(error).__name__}: {error}; please report this")
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    with suppress(OSError):  # the daemon is gone
        pipe.send(ended)


def _reporter(pipe: Connection) -> Progress:
    """A progress that tells the daemon now and then, and raises `Cancelled` once the daemon asks or is gone."""
    last = -REPORT_EVERY

    def report(fraction: float, stage: str) -> None:
        nonlocal last
        now = time.monotonic()
        if pipe.poll():  # "cancel", or the end of the pipe
            raise Cancelled
        if now - last >= REPORT_EVERY:
            last = now
            try:
                pipe.send(Progressed(fraction, stage))
            except OSError as error:
                raise Cancelled from error

    return report


def _place(made: Path, out: Path) -> Path:
    """Move a whole result folder to where it belongs, under a fresh name if its own is taken."""
    for attempt in count(1):
        target = out / (made.name if attempt == 1 else f"{made.name}-{attempt}")
        if not target.exists():
            try:
                return made.rename(target)
            except OSError:
                if not target.exists():  # else somebody took the name meanwhile
                    raise
    raise AssertionError("count() has no end")
