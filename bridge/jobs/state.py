"""The states of a job, and which may follow which."""

from enum import StrEnum


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
