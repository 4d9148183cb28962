"""Recovery after a killed daemon: the next daemon cleans up before it accepts jobs."""

import logging
from pathlib import Path

from bridge.jobs.job import Job
from bridge.jobs.registry import Jobs
from bridge.jobs.staging import sweep
from bridge.jobs.state import State
from bridge.system.settings import BridgeSettings

_log = logging.getLogger(__name__)


def recover(jobs: Jobs, settings: BridgeSettings) -> None:
    """Recover the jobs that were running, and remove unfinished files.

    A job whose result was already in place is done. A job that was being cancelled is cancelled. Any other job is
    queued again, or fails when that was its last attempt.
    """
    known = jobs.newest_first()
    for job in reversed(known):
        if job.state in (State.RUNNING, State.CANCELLING, State.INTERRUPTED):
            sweep(job)
            _log.info("job %s was %s, now it is %s", job.id, job.state, _recovered(jobs, job).state)
    logs = {job.log for job in known}
    _remove([log for log in settings.job_logs.glob("*.log") if log not in logs])
    _remove([*settings.state.glob("*.part"), *settings.runtime.glob("*.part")])


def _recovered(jobs: Jobs, job: Job) -> Job:
    if job.state is not State.INTERRUPTED and job.is_whole():
        return jobs.finish(job.id, State.DONE)
    return jobs.again(job.id, "the daemon was killed twice while this job ran; start the job again")


def _remove(files: list[Path]) -> None:
    for file in files:
        file.unlink(missing_ok=True)
