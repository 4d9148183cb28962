"""Workers: jobs run in separate processes, so that stopping or crashing a job does not affect the daemon.

There is one thread for each job that may run at the same time. The thread takes a job, sends it to a process, and
relays the messages that the process sends through a pipe. A process that ended its job normally gets the next one. A
process that crashed, fell silent, used too much memory or did not stop on request is killed. At most one idle process
is kept, with its imports done, so that the next job starts at once.
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

STOP_SECONDS = 1.5  # time for a cancelled job to stop by itself
TICK = 0.1  # seconds between checks for a cancelled job
SILENT_FOR = 60.0  # seconds without a message after which a worker counts as hanging
KEPT_BELOW = GIB  # bytes; a process that uses more after its job is replaced

_log = logging.getLogger(__name__)
_spawn = multiprocessing.get_context("spawn")  # a fork would copy the daemon's locks and sockets


class CutOff(NamedTuple):
    """A run that did not end by itself: the worker crashed or fell silent."""

    why: str


def nothing() -> None:
    """The default for `warm`: do nothing."""


class Workers:
    """Runs the jobs of the registry `jobs` until it is closed.

    Args:
        work: runs in the worker process; must be picklable by name.
        warm: runs in a new process before its first job; must be picklable by name.
        processes: number of jobs that run at the same time.
        memory: the most bytes for one job.
        silent_for: seconds without a message after which a worker counts as hanging.
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
        """Wait for the workers to end, after `Jobs.close`. Return whether all have ended."""
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
            except Exception as error:  # noqa: BLE001 - no process or no pipe: the next job may still run
                _log.exception("job %s could not be run", job.id)
                outcome = Ended(State.FAILED, Code.INTERNAL, f"the worker could not be started ({error})")
            self._settle(job, outcome)

    def _settle(self, job: Job, outcome: Ended | CutOff) -> None:
        """Store the outcome of a job's run."""
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
        """Run one job to its end and put its result in place. All other files of the job are removed."""
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
        """Relay the worker's messages until it has ended, or until its time to stop is over."""
        stop_sent_at: float | None = None
        silent = 0.0  # seconds, counted in ticks: the clock may include time for which the machine slept
        while True:
            message = worker.receive(TICK)
            if isinstance(message, Ended | CutOff):
                return message
            if isinstance(message, Progressed):
                self._jobs.report(name, message.fraction, message.stage)
            silent = silent + TICK if message is None else 0.0
            if silent > self._silent_for:
                return CutOff(f"its worker was silent for {self._silent_for:.0f} s; try again")
            if worker.memory() > self._memory:
                return Ended(State.FAILED, Code.LIMIT, _too_much(self._memory))
            stop = self._jobs.closed or self._jobs.get(name).state is State.CANCELLING
            if stop and stop_sent_at is None:
                stop_sent_at = self._clock()
                worker.send(None)
            if stop_sent_at is not None and self._clock() - stop_sent_at > STOP_SECONDS:
                return Ended(State.INTERRUPTED)

    def _placed(self, job: Job, ended: Ended) -> Ended:
        """Rename a result to its own name, or to the next free one. The journal stores the target before."""
        if ended.made is None:
            return ended
        with self._placing:  # so that two jobs cannot choose the same name
            for target in free_targets(ended.made, job.request.out):
                self._jobs.placing(job.id, target, ended.files)
                try:
                    ended.made.rename(target)
                except OSError as error:
                    if os.path.lexists(target):  # another program has used the name meanwhile
                        continue
                    text = f"{job.request.out}: {error.strerror}; check space and rights"
                    return Ended(State.FAILED, Code.WRITE_FAILED, text)
                return ended
        return Ended(State.FAILED, Code.WRITE_FAILED, f"{job.request.out}: too many results named {ended.made.name}")


class _Pool:
    """Worker processes: at most `size`, and at most one of them idle.

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
        """Return a process. It is kept if it can be used again and no other process is idle."""
        usable = worker.has_ended and worker.memory() < KEPT_BELOW
        with self._lock:
            self._busy -= 1
            if usable and self._idle is None and not self._closed:
                self._idle = worker
                return
        worker.kill()

    def fill(self) -> None:
        """Start a process for the next job, unless the limit is reached."""
        with self._lock:
            if self._idle is None and self._busy < self._size and not self._closed:
                with suppress(OSError):  # the job will try again, and report the error
                    self._idle = self._make()

    def close(self) -> None:
        """End the idle process, and keep none from now on."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, None
        if idle is not None:
            idle.kill()


class _Worker:
    """The daemon's side of a worker process.

    Attributes:
        has_ended: whether the process has reported the end of its last task.
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
            there.close()  # so that the pipe breaks when the worker ends
        self._usage = psutil.Process(self._process.pid)

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def memory(self) -> int:
        """Bytes of memory that the process uses."""
        try:
            return int(self._usage.memory_info().rss)
        except psutil.Error:  # the process has just died; `receive` reports it
            return 0

    def send(self, message: Task | None) -> None:
        """Send a task, or None to stop the current one. If the process has died, the next `receive` reports it."""
        self.has_ended = self.has_ended and message is None
        with suppress(OSError):
            self._pipe.send(message)

    def receive(self, seconds: float) -> Progressed | Beat | Ended | CutOff | None:
        """The worker's next message, or None after some seconds. A broken pipe means that the worker died."""
        try:
            message: Progressed | Beat | Ended | None = self._pipe.recv() if self._pipe.poll(seconds) else None
        except (EOFError, OSError):
            return CutOff(self._cause_of_death())
        self.has_ended = isinstance(message, Ended)
        return message

    def kill(self) -> None:
        """Kill the process and reap it. It has nothing to clean up."""
        self._pipe.close()
        self._process.kill()
        self._process.join()
        self._process.close()

    def _cause_of_death(self) -> str:
        self._process.join(1.0)
        code = self._process.exitcode
        how = f"signal {-code}" if code is not None and code < 0 else f"status {code}"
        return f"its worker died ({how}); out of memory? try a shorter clip"


def _too_much(limit: int) -> str:
    return f"the job needs more than {limit / GIB:.3g} GiB of memory; choose a shorter clip, or raise memory_gib"


def _leave_ctrl_c_to_the_daemon() -> None:
    """Block SIGINT in the processes that this thread starts: Ctrl-C in a terminal reaches all of them at any time."""
    if sys.platform != "win32":
        resource_tracker.ensure_running()  # started now, because its start would unblock the signal again
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
