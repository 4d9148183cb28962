"""Job: one extraction on its way, its states and the steps that lead from one to the next."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

from bridge.jobs.request import JobRequest
from bridge.jobs.state import ALLOWED, State
from core.base.errors import Code, LoopError

ATTACHED_TO = frozenset({State.QUEUED, State.RUNNING, State.INTERRUPTED})
ATTEMPTS = 2  # runs that a job gets, where the first ended by no fault of its own
_RECORDED = ("state", "seq", "code", "text", "identity", "client", "rid", "attempt")  # by the journal, as they are


@dataclass(frozen=True)
class Job:
    """One extraction on its way.

    Attributes:
        identity: what equal requests for equal content share; the id of the first of them.
        client: who started it, as the limit for each client counts.
        rid: the id of the request that started it.
        seq: grows with every change while a daemon lives, so that a late message can be told from a new one.
        attempt: how often it was begun.
        code, text: why it failed.
        target: where the result is about to be put, or was.
        result: the result folder once done.
        files: bytes of each file that makes the result, by its path in the folder.
        log: the file into which the worker writes what it does; there once the job has begun.
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
    target: Path | None = None
    identity: str = ""
    client: str = ""
    rid: str = ""
    attempt: int = 0
    files: Mapping[str, int] = field(default_factory=dict)
    log: Path | None = None

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

    def record(self) -> dict[str, Any]:
        """What the journal keeps."""
        return {
            "request": self.request.canonical(),
            "target": str(self.target) if self.target else None,
            "files": dict(self.files),
            **{name: getattr(self, name) for name in _RECORDED},
        }

    @classmethod
    def from_record(cls, name: str, record: Mapping[str, Any], now: float) -> Self:
        """The job of a record.

        Raises:
            ValueError, KeyError, TypeError: when it is none.
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
        """Whether every file of the result is there with its size. Looks at the disk: not for the reader's thread."""
        folder = self.target
        try:
            return (
                folder is not None
                and folder.is_dir()
                and all((folder / name).stat().st_size == size for name, size in self.files.items())
            )
        except OSError:
            return False
