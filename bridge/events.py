"""Events: what subscribers are told of jobs, often enough to draw a progress bar and no more."""

import threading
from collections.abc import Callable

from bridge import wire
from bridge.clients import Clients
from bridge.job import FINAL, Job, State
from bridge.messages import ByeEvent, JobEvent

SHORTEST = 0.25  # seconds between two events of a job that stays in its state


class Events:
    """Tells the subscribers among `clients`; safe to use from any thread.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clients: Clients, *, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._clock = clock
        self._last: dict[str, tuple[State, float]] = {}
        self._lock = threading.Lock()

    def job_changed(self, job: Job) -> None:
        """Tell of a change, unless another one of the same state was told of just before."""
        if self._is_due(job):
            event = JobEvent(job.id, job.seq, job.state.value, job.progress, wire.ascii_text(job.stage))
            self._clients.tell(wire.encode(*event.to_osc(), limit=wire.MAX_REPLY), job.id)

    def bye(self, boot_id: str) -> None:
        """Tell that the daemon stops."""
        self._clients.tell(wire.encode(*ByeEvent(boot_id).to_osc(), limit=wire.MAX_REPLY))

    def _is_due(self, job: Job) -> bool:
        now = self._clock()
        with self._lock:
            state, told = self._last.get(job.id, (None, 0.0))
            if state is job.state and now - told < SHORTEST:
                return False
            if job.state in FINAL:
                self._last.pop(job.id, None)
            else:
                self._last[job.id] = (job.state, now)
            return True
