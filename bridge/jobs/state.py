"""The states of a job, and the allowed transitions."""

from enum import StrEnum


class State(StrEnum):
    """The state of a job."""

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
