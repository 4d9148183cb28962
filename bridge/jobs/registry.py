"""The registry of jobs: the only place that holds them, in memory and in the journal.

A `Job` is immutable. `Jobs` replaces it under a lock, so every reader gets a consistent job. Each change of state is
written to the journal before it becomes visible. Long work happens elsewhere: the service adds jobs here, and the
workers take them from here.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

from bridge.jobs.job import ATTACHED_TO, ATTEMPTS, Job
from bridge.jobs.journal import Journal
from bridge.jobs.request import JobRequest
from bridge.jobs.state import FINAL, State
from core.base.errors import Code, LoopError
from core.base.names import numbered

KEPT = 1_000  # finished jobs that are kept

_log = logging.getLogger(__name__)


def open_journal(path: Path) -> Journal:
    """The journal of jobs in a file. Raises as `Journal.open` does."""
    return Journal.open(path, lambda record: Job.from_record("", record, 0.0))


class Jobs:
    """All jobs of a daemon, safe to use from any thread.

    Args:
        clock: seconds, monotonic.
        queue: the most jobs that may wait.
        per_client: the most jobs of one client that may wait.
        journal: holds the jobs of earlier daemons; without a journal, jobs are lost when the process ends.
        logs: folder of the jobs' logs.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        queue: int = 16,
        per_client: int = 8,
        journal: Journal | None = None,
        logs: Path | None = None,
    ) -> None:
        self._clock = clock
        self._limit = queue
        self._limit_per_client = per_client
        self._journal = journal or Journal.in_memory()
        self._logs = logs
        self._jobs = {  # in order of arrival
            name: replace(Job.from_record(name, record, clock()), log=self._log_of(name))
            for name, record in self._journal.load().items()
        }
        self._unwritten: set[str] = set()  # jobs whose last change is not in the journal yet
        self._listeners: list[Callable[[Job], None]] = []
        self._news: list[Job] = []  # changed jobs that the listeners have not received yet
        self._changed = threading.Condition()
        self._closed = False

    def start(self, request: JobRequest, content: str, *, fresh: bool = False, client: str = "", rid: str = "") -> Job:
        """The job for a request and its file's content hash: an existing equal job, or a new one in the queue.

        A job that failed, was cancelled or lost its result files is not reused: the request runs again under the next
        free name (`<id>-2`). Do not call it on the reader's thread: it looks at the result files.

        Args:
            fresh: start a new job in any case, unless this same request (`rid`) has already started one.
            client: the client whose limit applies; "" has no limit of its own.

        Raises:
            LoopError: LIMIT when the queue or the client's share of it is full; WRITE_FAILED; SHUTTING_DOWN.
        """
        identity = request.identity(content)
        whole = {job.id for job in self._of(identity) if job.state is State.DONE and job.is_whole()}
        with self._changing():
            for job in reversed(self._of(identity)):
                if rid and job.rid == rid:
                    return job
                if not fresh and (job.state in ATTACHED_TO or job.id in whole):
                    return job
            self._admit(client)
            name = self._free_name(identity)
            job = Job(name, request, self._clock(), identity=identity, client=client, rid=rid, log=self._log_of(name))
            self._write(job)
            return self._put(job)

    def get(self, name: str) -> Job:
        """The job with this id.

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

    def listen(self, callback: Callable[[Job], None]) -> None:
        """Call `callback` for every change, on the thread that makes it. `seq` gives the order of two changes."""
        self._listeners.append(callback)

    def cancel(self, name: str) -> Job:
        """Cancel a job: at once when queued, soon when running. A finished job does not change.

        Raises:
            LoopError: NO_SUCH_JOB.
        """
        following = {State.QUEUED: State.CANCELLED, State.RUNNING: State.CANCELLING}
        with self._changing():
            job = self._get(name)
            if job.state not in following:
                return job
            return self._noted(job.moved(following[job.state], now=self._clock()))

    def forget(self, name: str) -> None:
        """Delete the record and the log of a finished job. Its result stays.

        Raises:
            LoopError: NO_SUCH_JOB; WRONG_STATE while it is not finished; WRITE_FAILED.
        """
        with self._changing():
            job = self._get(name)
            if job.state not in FINAL:
                raise LoopError(Code.WRONG_STATE, f"job {name} is {job.state}; cancel it first")
            self._drop([job])

    def take(self) -> Job | None:
        """Wait for the oldest queued job and set it to running. None once the registry is closed."""
        while True:
            with self._changing():
                if self._closed:
                    return None
                for job in self._jobs.values():
                    if job.state is State.QUEUED:
                        begun = job.moved(State.RUNNING, now=self._clock())
                        return self._noted(replace(begun, attempt=job.attempt + 1))
                self._changed.wait()

    def report(self, name: str, progress: float, stage: str) -> None:
        """Store a job's progress, which never decreases."""
        with self._changing():
            job = self._get(name)
            further = min(1.0, max(job.progress, progress))
            self._put(replace(job, progress=further, stage=stage, seq=job.seq + 1))

    def placing(self, name: str, target: Path, files: Mapping[str, int]) -> None:
        """Store the target of the result before it is moved there: after a crash, this shows whether it was moved."""
        with self._changing():
            job = self._get(name)
            self._noted(replace(job, target=target, files=files, seq=job.seq + 1))

    def finish(self, name: str, state: State, *, code: int = 0, text: str = "", result: Path | None = None) -> Job:
        """End a running job. A job that is being cancelled becomes `cancelled`, unless it was done in time.

        Args:
            result: the result folder; by default, the target that `placing` stored.
        """
        with self._changing():
            job = self._get(name)
            if job.state is State.CANCELLING and state is not State.DONE:
                state, code, text = State.CANCELLED, 0, ""
            result = (result or job.target) if state is State.DONE else None
            moved = job.moved(state, now=self._clock(), code=code, text=text, result=result)
            return self._noted(replace(moved, target=result))

    def interrupt(self, name: str) -> Job:
        """Mark a job that runs while the daemon stops. The next daemon runs it again; this attempt does not count."""
        with self._changing():
            job = self._get(name)
            if job.state is State.CANCELLING:
                return self._noted(job.moved(State.CANCELLED, now=self._clock()))
            return self._noted(replace(job.moved(State.INTERRUPTED, now=self._clock()), attempt=job.attempt - 1))

    def again(self, name: str, why: str) -> Job:
        """Queue a job again after its run was cut off.

        A job that was being cancelled becomes cancelled. A job with no attempts left becomes failed.
        """
        with self._changing():
            job, now = self._get(name), self._clock()
            if job.state is State.CANCELLING:
                return self._noted(job.moved(State.CANCELLED, now=now))
            if job.state is State.RUNNING and job.attempt >= ATTEMPTS:
                return self._noted(job.moved(State.FAILED, now=now, code=Code.INTERNAL, text=why))
            if job.state is State.RUNNING:
                job = self._put(job.moved(State.INTERRUPTED, now=now))
            return self._noted(replace(job.moved(State.QUEUED, now=now), progress=0.0, stage="", target=None))

    def wait_until(self, met: Callable[[Job], bool], name: str, *, timeout: float | None = None) -> Job:
        """The job once `met(job)` is true, or its last version after `timeout` seconds."""
        with self._changed:
            self._changed.wait_for(lambda: met(self._get(name)), timeout)
            return self._get(name)

    def close(self) -> None:
        """Accept no more jobs, and end all waits for jobs."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    @property
    def closed(self) -> bool:
        return self._closed

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Hold the lock. Call the listeners after releasing it, so that they may use the registry."""
        with self._changed:
            yield
            news, self._news = self._news, []
        for job in news:
            for callback in self._listeners:
                try:
                    callback(job)
                except Exception:  # noqa: BLE001 - an error in a listener does not undo the change
                    _log.exception("a listener failed")

    def _get(self, name: str) -> Job:
        if name not in self._jobs:
            raise LoopError(Code.NO_SUCH_JOB, f"no job {name[:40]!r}; /loopcube/job/list lists them")
        return self._jobs[name]

    def _of(self, identity: str) -> list[Job]:
        with self._changed:
            return [job for job in self._jobs.values() if job.identity == identity]

    def _put(self, job: Job) -> Job:
        self._jobs[job.id] = job
        self._news.append(job)
        self._changed.notify_all()
        return job

    def _noted(self, job: Job) -> Job:
        """Store a job in its new state. If the journal cannot be written now, the next change writes it as well."""
        try:
            self._write(job)
        except LoopError as error:
            _log.error("job %s is %s, but %s", job.id, job.state, error)
            self._unwritten.add(job.id)
        return self._put(job)

    def _write(self, job: Job) -> None:
        late = {name: self._jobs[name].record() for name in self._unwritten}
        self._journal.write({**late, job.id: job.record()})
        self._unwritten.clear()

    def _drop(self, jobs: list[Job]) -> None:
        self._journal.drop([job.id for job in jobs])
        for job in jobs:
            del self._jobs[job.id]
            self._unwritten.discard(job.id)
            if job.log is not None:
                with suppress(OSError):  # it does not exist, or (on Windows) is open elsewhere
                    job.log.unlink()

    def _admit(self, client: str) -> None:
        """Check that one more job may wait, and delete the oldest finished jobs beyond `KEPT`."""
        if self._closed:
            raise LoopError(Code.SHUTTING_DOWN, "the daemon is shutting down; try again once it runs again")
        waiting = [job for job in self._jobs.values() if job.state is State.QUEUED]
        if len(waiting) >= self._limit:
            raise LoopError(Code.LIMIT, f"{len(waiting)} jobs are waiting, at most {self._limit}; try again later")
        own = sum(job.client == client for job in waiting)
        if client and own >= self._limit_per_client:
            rule = f"at most {self._limit_per_client} a client"
            raise LoopError(Code.LIMIT, f"{own} of your jobs are waiting, {rule}; try again later")
        finished = [job for job in self._jobs.values() if job.state in FINAL]
        if len(finished) > KEPT:
            self._drop(finished[: len(finished) - KEPT])

    def _free_name(self, identity: str) -> str:
        return next(name for name in numbered(identity) if name not in self._jobs)

    def _log_of(self, name: str) -> Path | None:
        return self._logs / f"{name}.log" if self._logs else None
