"""What a daemon that was killed has left, put in order by the next one before it takes any job."""

import logging
from pathlib import Path

from bridge.jobs.job import Job
from bridge.jobs.registry import Jobs
from bridge.jobs.staging import sweep
from bridge.jobs.state import State
from bridge.system.settings import BridgeSettings

_log = logging.getLogger(__name__)


def recover(jobs: Jobs, settings: BridgeSettings) -> None:
    """Bring back the jobs that were running, and remove what nobody will finish.

    A job whose result was put in place just before the end is done; one that was being cancelled is cancelled; any
    other is queued once more, and fails when that was its last attempt.
    """
    known = jobs.newest_first()
    for job in reversed(known):
        if job.state in (State.RUNNING, State.CANCELLING, State.INTERRUPTED):
            sweep(job)
            _log.info("job %s was %s, now it is %s", job.id, job.state, _brought_back(jobs, job).state)
    logs = {job.log for job in known}
    _remove([log for log in settings.job_logs.glob("*.log") if log not in logs])
    _remove([*settings.state.glob("*.part"), *settings.runtime.glob("*.part")])


def _brought_back(jobs: Jobs, job: Job) -> Job:
    if job.state is not State.INTERRUPTED and job.is_whole():
        return jobs.finish(job.id, State.DONE)
    return jobs.again(job.id, "the daemon was killed while it ran, twice; start it again")


def _remove(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
