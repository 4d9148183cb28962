"""Job: one requested extraction, and its changes of state."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from bridge.jobs.request import JobRequest
from bridge.jobs.state import ALLOWED, State
from core.base.errors import Code, LoopError

ATTACHED_TO = frozenset({State.QUEUED, State.RUNNING, State.INTERRUPTED})
ATTEMPTS = 2  # the most runs of a job; a second run follows only a crash or a killed daemon
_RECORDED = ("state", "seq", "code", "text", "identity", "client", "rid", "attempt")  # stored unchanged in the journal


@dataclass(frozen=True)
class Job:
    """One requested extraction.

    Attributes:
        identity: the same for equal requests with equal content; also the id of the first such job.
        client: name of the client that started the job, for the limit for each client.
        rid: the id of the request that started the job.
        seq: increases with every change while the daemon runs, so that a late message can be recognised.
        attempt: the number of runs so far.
        code, text: the error of a failed job.
        target: where the result is moved to.
        result: the result folder once done.
        files: size in bytes of each file of the result, by its path in the folder.
        log: the worker's log file; it exists once the job has started.
        changed: time of the last change of state, by the clock of `Jobs`.
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
    target: Path | None = None
    identity: str = ""
    client: str = ""
    rid: str = ""
    attempt: int = 0
    files: Mapping[str, int] = field(default_factory=dict)
    log: Path | None = None

    def moved(self, state: State, *, now: float, code: int = 0, text: str = "", result: Path | None = None) -> "Job":
        """The job in a new state.

        Raises:
            LoopError: WRONG_STATE when this change of state is not allowed.
        """
        if state not in ALLOWED[self.state]:
            raise LoopError(Code.WRONG_STATE, f"job {self.id} is {self.state} and cannot become {state}")
        progress = 1.0 if state is State.DONE else self.progress
        return replace(
            self, state=state, seq=self.seq + 1, changed=now, progress=progress, code=code, text=text, result=result
        )

    def record(self) -> dict[str, Any]:
        """The job as a record for the journal."""
        return {
            "request": self.request.canonical(),
            "target": str(self.target) if self.target else None,
            "files": dict(self.files),
            **{name: getattr(self, name) for name in _RECORDED},
        }

    @classmethod
    def from_record(cls, name: str, record: Mapping[str, Any], now: float) -> Self:
        """The job from a record.

        Raises:
            ValueError, KeyError, TypeError: the record is not valid.
        """
        target = Path(record["target"]) if record["target"] else None
        return cls(
            id=name,
            request=JobRequest.from_canonical(record["request"]),
            changed=now,
            progress=1.0 if record["state"] == State.DONE else 0.0,
            result=target if record["state"] == State.DONE else None,
            target=target,
            files=record["files"],
            **{name: record[name] for name in _RECORDED} | {"state": State(record["state"])},
        )

    def is_whole(self) -> bool:
        """Whether every file of the result exists with its size. Not for the reader's thread: it looks at the disk."""
        folder = self.target
        try:
            return (
                folder is not None
                and folder.is_dir()
                and all((folder / name).stat().st_size == size for name, size in self.files.items())
            )
        except OSError:
            return False
