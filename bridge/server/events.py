"""Events about jobs for subscribers, just often enough for a progress bar."""

import threading
from collections import OrderedDict
from collections.abc import Callable

from bridge.jobs.job import Job
from bridge.osc import wire
from bridge.osc.messages import ByeEvent, JobEvent
from bridge.server.clients import Clients

SHORTEST = 0.25  # seconds between two events of a job in the same state
KEPT_JOBS = 256  # jobs whose last event is stored; far more than run and wait


class Events:
    """Sends events to the subscribers among `clients`. It may be used from any thread.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, clients: Clients, *, clock: Callable[[], float]) -> None:
        self._clients = clients
        self._clock = clock
        self._sent: OrderedDict[str, tuple[Job, float]] = OrderedDict()
        self._lock = threading.Lock()  # held while sending, too, so that no event overtakes another

    def job_changed(self, job: Job) -> None:
        """Send an event about a change, unless it is old, or an event in the same state was sent just before."""
        with self._lock:
            if self._is_due(job):
                event = JobEvent(job.id, job.seq, job.state.value, job.progress, wire.ascii_text(job.stage))
                self._clients.tell(wire.encode(*event.to_osc(), limit=wire.MAX_REPLY), job.id)

    def bye(self, boot_id: str) -> None:
        """Send the event that the daemon is stopping."""
        self._clients.tell(wire.encode(*ByeEvent(boot_id).to_osc(), limit=wire.MAX_REPLY))

    def _is_due(self, job: Job) -> bool:
        now = self._clock()
        last, at = self._sent.pop(job.id, (None, 0.0))
        newer = last is None or (job.changed, job.seq) > (last.changed, last.seq)
        due = newer and (last is None or job.state is not last.state or now - at >= SHORTEST)
        self._sent[job.id] = (job, now) if due or last is None else (last, at)
        if len(self._sent) > KEPT_JOBS:
            self._sent.popitem(last=False)
        return due
