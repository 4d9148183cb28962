"""Workers: jobs run in processes of their own, so that they can be stopped, or die, without the daemon.

A thread for each job at a time takes it, hands it to a process and relays what that tells through a pipe. A process
that ended its job well takes the next one; one that crashed, fell silent, took too much memory or did not stop when
asked is killed. One idle process at most is kept, warm, so that the next job does not wait for imports.
"""

import logging
import multiprocessing
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import resource_tracker
from typing import NamedTuple

import psutil

from bridge.jobs.job import Job
from bridge.jobs.registry import Jobs
from bridge.jobs.staging import free_targets, staging_folder, sweep
from bridge.jobs.state import State
from bridge.jobs.workers.process import Beat, Ended, Progressed, Task, Work, serve
from bridge.system.settings import GIB
from core.base.errors import Code

ASKED_FOR = 1.5  # seconds that a cancelled job has to stop by itself
TICK = 0.1  # seconds between looks at whether a job was cancelled
SILENT_FOR = 60.0  # seconds without a beat after which a worker is taken to hang
KEPT_BELOW = GIB  # bytes; a process that holds more after its job is replaced

_log = logging.getLogger(__name__)
_spawn = multiprocessing.get_context("spawn")  # fork would copy the daemon's threads, locks and sockets


class CutOff(NamedTuple):
    """A run that came to no end of its own: a crash, or silence."""

    why: str


def nothing() -> None:
    """Import nothing beforehand."""


class Workers:
    """Runs the jobs of `jobs` until these are closed.

    Args:
        work: picklable by name; runs in the worker process.
        warm: likewise; runs in a process before its first job comes.
        processes: jobs that run at the same time.
        memory: bytes that one job may take.
        silent_for: seconds without a beat after which a worker is taken to hang.
    """

    def __init__(
        self,
        jobs: Jobs,
        work: Work,
        *,
        warm: Callable[[], None] = nothing,
        processes: int = 1,
        memory: int = 8 * GIB,
        silent_for: float = SILENT_FOR,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._jobs = jobs
        self._clock = clock
        self._memory = memory
        self._silent_for = silent_for
        self._pool = _Pool(lambda: _Worker(work, warm), processes)
        self._placing = threading.Lock()
        self._threads = [
            threading.Thread(target=self._serve, name=f"worker-{i}", daemon=True) for i in range(processes)
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def join(self, timeout: float) -> bool:
        """Wait for the workers to end, after `Jobs.close`; whether they all did."""
        self._pool.close()
        until = self._clock() + timeout
        for thread in self._threads:
            thread.join(max(0.0, until - self._clock()))
        return not any(thread.is_alive() for thread in self._threads)

    def _serve(self) -> None:
        _leave_ctrl_c_to_the_daemon()
        self._pool.fill()
        while (job := self._jobs.take()) is not None:
            try:
                outcome = self._run(job)
            except Exception as error:  # noqa: BLE001 - no process, no pipe: the next job may have more luck
                _log.exception("job %s could not be run", job.id)
                outcome = Ended(State.FAILED, Code.INTERNAL, f"the worker could not be started ({error})")
            self._settle(job, outcome)

    def _settle(self, job: Job, outcome: Ended | CutOff) -> None:
        """Note how a job's run went."""
        if isinstance(outcome, CutOff):
            _log.warning("job %s, attempt %d: %s", job.id, job.attempt, outcome.why)
            self._jobs.again(job.id, outcome.why)
        elif outcome.state is State.INTERRUPTED and self._jobs.closed:
            self._jobs.interrupt(job.id)
        elif outcome.state is State.INTERRUPTED:
            self._jobs.finish(job.id, State.FAILED, code=Code.INTERNAL, text="the work stopped by itself")
        else:
            self._jobs.finish(job.id, outcome.state, code=outcome.code, text=outcome.text)

    def _run(self, job: Job) -> Ended | CutOff:
        """Run one job to its end and put its result in place; nothing else of it is left when this returns."""
        worker = self._pool.take()
        try:
            worker.send(Task(job.request, staging_folder(job), job.log))
            self._pool.fill()  # for the next job, while this one runs
            outcome = self._relay(job.id, worker)
        finally:
            self._pool.give_back(worker)
        try:
            return self._placed(job, outcome) if isinstance(outcome, Ended) else outcome
        finally:
            sweep(job)

    def _relay(self, name: str, worker: "_Worker") -> Ended | CutOff:
        """Pass on what the worker tells until it has ended or had its time to stop."""
        asked_at: float | None = None
        silent = 0.0  # counted in looks, not by the clock: a daemon that was asleep has heard nothing either
        while True:
            told = worker.hear(TICK)
            if isinstance(told, Ended | CutOff):
                return told
            if isinstance(told, Progressed):
                self._jobs.report(name, told.fraction, told.stage)
            silent = silent + TICK if told is None else 0.0
            if silent > self._silent_for:
                return CutOff(f"its worker was silent for {self._silent_for:.0f} s; try again")
            if worker.memory() > self._memory:
                return Ended(State.FAILED, Code.LIMIT, _too_much(self._memory))
            stop = self._jobs.closed or self._jobs.get(name).state is State.CANCELLING
            if stop and asked_at is None:
                asked_at = self._clock()
                worker.send(None)
            if asked_at is not None and self._clock() - asked_at > ASKED_FOR:
                return Ended(State.INTERRUPTED)

    def _placed(self, job: Job, ended: Ended) -> Ended:
        """Rename a result to its own name, or to a free one like it; the journal hears of it before and after."""
        if ended.made is None:
            return ended
        with self._placing:  # so that no two jobs are promised the same name
            for target in free_targets(ended.made, job.request.out):
                self._jobs.placing(job.id, target, ended.files)
                try:
                    ended.made.rename(target)
                except OSError as error:
                    if os.path.lexists(target):  # somebody took the name meanwhile
                        continue
                    text = f"{job.request.out}: {error.strerror}; check space and rights"
                    return Ended(State.FAILED, Code.WRITE_FAILED, text)
                return ended
        return Ended(State.FAILED, Code.WRITE_FAILED, f"{job.request.out}: too many results named {ended.made.name}")


class _Pool:
    """Processes at hand: `size` at most, of which one at most is idle.

    Args:
        make: starts a process.
    """

    def __init__(self, make: Callable[[], "_Worker"], size: int) -> None:
        self._make = make
        self._size = size
        self._busy = 0
        self._idle: _Worker | None = None
        self._closed = False
        self._lock = threading.Lock()

    def take(self) -> "_Worker":
        """An idle process, or a new one."""
        with self._lock:
            self._busy += 1
            idle, self._idle = self._idle, None
        if idle is not None and idle.alive:
            return idle
        if idle is not None:
            idle.kill()
        try:
            return self._make()
        except BaseException:
            with self._lock:
                self._busy -= 1
            raise

    def give_back(self, worker: "_Worker") -> None:
        """Take a process back: it is kept if it is fit and there is no other."""
        fit = worker.has_ended and worker.memory() < KEPT_BELOW
        with self._lock:
            self._busy -= 1
            if fit and self._idle is None and not self._closed:
                self._idle = worker
                return
        worker.kill()

    def fill(self) -> None:
        """Start a process for the next job, if there may be one more."""
        with self._lock:
            if self._idle is None and self._busy < self._size and not self._closed:
                with suppress(OSError):  # then the job will try, and tell
                    self._idle = self._make()

    def close(self) -> None:
        """End what is idle, and keep nothing from now on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, None
        if idle is not None:
            idle.kill()


class _Worker:
    """A worker process, seen from the daemon.

    Attributes:
        has_ended: whether it told the end of its last task.
    """

    def __init__(self, work: Work, warm: Callable[[], None]) -> None:
        self.has_ended = True
        self._pipe, there = _spawn.Pipe()
        self._process = _spawn.Process(target=serve, args=(work, warm, there), daemon=True)
        try:
            self._process.start()
        except BaseException:
            self._pipe.close()
            raise
        finally:
            there.close()  # so that the pipe ends when the worker does
        self._usage = psutil.Process(self._process.pid)

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def memory(self) -> int:
        """Bytes that it holds."""
        try:
            return int(self._usage.memory_info().rss)
        except psutil.Error:  # it has just died; the pipe tells
            return 0

    def send(self, message: Task | None) -> None:
        """Hand over a task, or None to stop it. That it died meanwhile is heard at the next look."""
        self.has_ended = self.has_ended and message is None
        with suppress(OSError):
            self._pipe.send(message)

    def hear(self, seconds: float) -> Progressed | Beat | Ended | CutOff | None:
        """What the worker tells within some seconds; a broken pipe means that it died."""
        try:
            told: Progressed | Beat | Ended | None = self._pipe.recv() if self._pipe.poll(seconds) else None
        except (EOFError, OSError):
            return CutOff(self._epitaph())
        self.has_ended = isinstance(told, Ended)
        return told

    def kill(self) -> None:
        """Make sure that it is gone and reaped. There is nothing that it would have to put in order."""
        self._pipe.close()
        self._process.kill()
        self._process.join()
        self._process.close()

    def _epitaph(self) -> str:
        self._process.join(1.0)
        code = self._process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"status {code}"
        return f"its worker died ({how}); out of memory? try a shorter clip"


def _too_much(limit: int) -> str:
    return f"the job needs more than {limit / GIB:.3g} GiB of memory; choose a shorter clip, or raise memory_gib"


def _leave_ctrl_c_to_the_daemon() -> None:
    """Ctrl-C in a terminal reaches every process, even one still importing: those started by this thread block it."""
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # as its start would unblock the signal again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
