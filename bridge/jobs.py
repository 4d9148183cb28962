"""Jobs: their states, the transitions between these, and the one place that holds them.

A `Job` never changes; `Jobs` replaces it under a lock, so whoever reads one has a consistent picture. Everything long
happens elsewhere: the service adds jobs here, the workers take them from here.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from bridge.request import JobRequest
from core.errors import Code, LoopError

KEPT = 1_000  # finished jobs that can still be asked about


class State(StrEnum):
    """Where a job is in its life."""

    QUEUED = "queued"
    RUNNING = "running"
    CANCELLING = "cancelling"
    DONE = "done"
    CANCELLED = "cancelled"
    FAILED = "failed"
    INTERRUPTED = "interrupted"


ALLOWED: dict[State, frozenset[State]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED}),
    State.RUNNING: frozenset({State.DONE, State.FAILED, State.CANCELLING, State.INTERRUPTED}),
    State.CANCELLING: frozenset({State.CANCELLED, State.DONE}),
    State.INTERRUPTED: frozenset({State.QUEUED}),
    State.DONE: frozenset(),
    State.CANCELLED: frozenset(),
    State.FAILED: frozenset(),
}
FINAL = frozenset({State.DONE, State.CANCELLED, State.FAILED})


@dataclass(frozen=True)
class Job:
    """One extraction on its way.

    Attributes:
        seq: grows with every change, so that a late message can be told from a new one.
        code, text: why it failed.
        result: the result folder once done.
        client: who asked for it first.
        changed: when the state last changed, by the clock of `Jobs`.
    """

    id: str
    request: JobRequest
    changed: float
    state: State = State.QUEUED
    progress: float = 0.0
    stage: str = ""
    seq: int = 0
    code: int = 0
    text: str = ""
    result: Path | None = None
    client: str = ""

    def moved(self, state: State, *, now: float, code: int = 0, text: str = "", result: Path | None = None) -> "Job":
        """The job in its next state.

        Raises:
            LoopError: WRONG_STATE when that step is not allowed.
        """
        if state not in ALLOWED[self.state]:
            raise LoopError(Code.WRONG_STATE, f"job {self.id} is {self.state} and cannot become {state}")
        progress = 1.0 if state is State.DONE else self.progress
        return replace(
            self, state=state, seq=self.seq + 1, changed=now, progress=progress, code=code, text=text, result=result
        )


class Jobs:
    """All jobs of a daemon, safe to use from any thread.

    Args:
        clock: seconds, monotonic.
        queue: jobs that may wait at the same time.
    """

    def __init__(self, *, clock: Callable[[], float], queue: int = 16) -> None:
        self._clock = clock
        self._limit = queue
        self._jobs: dict[str, Job] = {}  # in order of arrival
        self._changed = threading.Condition()
        self._closed = False
        self._listeners: list[Callable[[Job], None]] = []

    def start(self, request: JobRequest, content: str, *, fresh: bool = False, client: str = "") -> Job:
        """The job for a request and its file's content hash: the one already there, or a new one in the queue.

        A job that failed, was cancelled or whose results are gone is not attached to: the request runs again under the
        next free name (`<id>-2`).

        Args:
            fresh: run again even if there is such a job.
            client: who asks.

        Raises:
            LoopError: LIMIT when the queue is full; SHUTTING_DOWN.
        """
        identity = name = request.identity(content)
        with self._changed:
            attempt = 1
            while (job := self._jobs.get(name)) is not None:
                if _still_good(job) and not fresh:
                    return job
                attempt += 1
                name = f"{identity}-{attempt}"
            self._admit()
            return self._put(Job(name, request, self._clock(), client=client))

    def get(self, name: str) -> Job:
        """The job of that id.

        Raises:
            LoopError: NO_SUCH_JOB.
        """
        with self._changed:
            return self._get(name)

    def newest_first(self) -> list[Job]:
        with self._changed:
            return list(reversed(self._jobs.values()))

    def count(self, *states: State) -> int:
        with self._changed:
            return sum(job.state in states for job in self._jobs.values())

    def cancel(self, name: str) -> Job:
        """Cancel a job: at once when queued, soon when running; a finished one stays as it is.

        Raises:
            LoopError: NO_SUCH_JOB.
        """
        following = {State.QUEUED: State.CANCELLED, State.RUNNING: State.CANCELLING}
        with self._changed:
            job = self._get(name)
            if job.state not in following:
                return job
            return self._put(job.moved(following[job.state], now=self._clock()))

    def forget(self, name: str) -> None:
        """Drop the record of a job that has ended; its files stay.

        Raises:
            LoopError: NO_SUCH_JOB; WRONG_STATE while it has not ended.
        """
        with self._changed:
            job = self._get(name)
            if job.state not in FINAL:
                raise LoopError(Code.WRONG_STATE, f"job {name} is {job.state}; cancel it first")
            del self._jobs[name]

    def listen(self, callback: Callable[[Job], None]) -> None:
        """Call back with every change of a job, from whatever thread makes it; the callback must be quick."""
        self._listeners.append(callback)

    def take(self) -> Job | None:
        """Wait for the oldest queued job and make it run; None once the jobs are closed."""
        with self._changed:
            while not self._closed:
                for job in self._jobs.values():
                    if job.state is State.QUEUED:
                        return self._put(job.moved(State.RUNNING, now=self._clock()))
                self._changed.wait()
            return None

    def report(self, name: str, progress: float, stage: str) -> None:
        """Note how far a job is; it never goes back."""
        with self._changed:
            job = self._get(name)
            further = min(1.0, max(job.progress, progress))
            self._put(replace(job, progress=further, stage=stage, seq=job.seq + 1))

    def finish(self, name: str, state: State, *, code: int = 0, text: str = "", result: Path | None = None) -> Job:
        """End a job that runs; one that is being cancelled and did not get done in time becomes `cancelled`."""
        with self._changed:
            job = self._get(name)
            if job.state is State.CANCELLING and state is not State.DONE:
                state, code, text = State.CANCELLED, 0, ""
            return self._put(job.moved(state, now=self._clock(), code=code, text=text, result=result))

    def wait_until(self, met: Callable[[Job], bool], name: str, *, timeout: float | None = None) -> Job:
        """The job once `met` holds for it, or as it is after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: met(self._get(name)), timeout)
            return self._get(name)

    def close(self) -> None:
        """Take no more jobs, and let nobody wait for one."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    def _get(self, name: str) -> Job:
        if name not in self._jobs:
            raise LoopError(Code.NO_SUCH_JOB, f"no job {name[:40]!r}; /loopcube/job/list lists them")
        return self._jobs[name]

    def _put(self, job: Job) -> Job:
        self._jobs[job.id] = job
        self._changed.notify_all()
        for listener in self._listeners:
            listener(job)
        return job

    def _admit(self) -> None:
        """Check that one more job may wait, and drop the oldest finished one where there are too many."""
        if self._closed:
            raise LoopError(Code.SHUTTING_DOWN, "the daemon is shutting down; try again once it is back")
        waiting = sum(job.state is State.QUEUED for job in self._jobs.values())
        if waiting >= self._limit:
            raise LoopError(Code.LIMIT, f"{waiting} jobs are waiting, at most {self._limit}; try again later")
        finished = [name for name, job in self._jobs.items() if job.state in FINAL]
        for name in finished[: max(0, len(finished) - KEPT)]:
            del self._jobs[name]


def _still_good(job: Job) -> bool:
    if job.state is State.DONE:
        return job.result is not None and job.result.is_dir()
    return job.state not in FINAL
