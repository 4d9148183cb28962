"""Handlers for jobs."""

import logging
from concurrent.futures import Future
from dataclasses import dataclass

from bridge.jobs.job import Job
from bridge.jobs.paths import open_source, output_folder
from bridge.jobs.registry import Jobs
from bridge.jobs.request import JobRequest, Wanted, parse_options, parse_request
from bridge.osc import messages, wire
from bridge.osc.messages import Reply
from bridge.server.handlers.base import Background, Caller, Table, shutting_down
from bridge.server.rate_limits import Bucket
from bridge.server.uploads import Uploads
from bridge.system.settings import BridgeSettings
from core.base.errors import Code, LoopError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class JobHandlers:
    """Handlers for jobs.

    Attributes:
        starts: rate limit for new jobs.
        background: looks at files, in the order of the requests.
    """

    settings: BridgeSettings
    jobs: Jobs
    uploads: Uploads
    starts: Bucket
    background: Background

    def table(self) -> Table:
        return {
            messages.Extract: self.extract,
            messages.JobStart: self.start,
            messages.JobStatus: self.status,
            messages.JobCancel: self.cancel,
            messages.JobForget: self.forget,
            messages.JobList: self.list,
        }

    def extract(self, request: messages.Extract, caller: Caller) -> Future[Reply]:
        self._admit()
        return self.background.do(self._extract, request, caller.name)

    def start(self, request: messages.JobStart, caller: Caller) -> Future[Reply]:
        text = self.uploads.take(request.doc, request.bytes, request.crc32)
        self._admit()
        return self.background.do(self._start, request, text, caller.name)

    def status(self, request: messages.JobStatus, caller: Caller) -> Reply:
        job = self.jobs.get(request.job)
        return messages.JobStatusReply(
            request.rid, job.state.value, job.progress, wire.ascii_text(job.stage), job.seq, job.code, _outcome(job)
        )

    def cancel(self, request: messages.JobCancel, caller: Caller) -> Reply:
        return messages.JobCancelReply(request.rid, self.jobs.cancel(request.job).state.value)

    def forget(self, request: messages.JobForget, caller: Caller) -> Reply:
        self.jobs.forget(request.job)
        return messages.JobForgetReply(request.rid)

    def list(self, request: messages.JobList, caller: Caller) -> Reply:
        jobs = self.jobs.newest_first()
        page = jobs[request.offset : request.offset + messages.ROWS_A_LIST]
        rows = tuple(messages.JobRow(job.id, job.state.value, job.progress) for job in page)
        return messages.JobListReply(request.rid, len(jobs), rows)

    def _admit(self) -> None:
        if self.jobs.closed:
            raise shutting_down()
        if not self.starts.take():
            raise LoopError(Code.LIMIT, f"more than {self.settings.starts_per_second} jobs a second; try again soon")

    def _extract(self, request: messages.Extract, client: str) -> Reply:
        options, out = parse_options(request.options)
        job = self._begin(Wanted(request.path, out, options, {}), client=client, rid=request.rid)
        return messages.ExtractReply(request.rid, job.id, job.state.value)

    def _start(self, request: messages.JobStart, text: str, client: str) -> Reply:
        wanted = parse_request(text)
        job = self._begin(wanted, client=client, rid=request.rid, fresh=bool(request.fresh))
        described = ", ".join([client, *(f"{key} {value}" for key, value in wanted.host.items())])
        _log.info("job %s for %s", job.id, wire.ascii_text(described))
        return messages.JobStartReply(request.rid, job.id, job.state.value)

    def _begin(self, wanted: Wanted, *, client: str, rid: str, fresh: bool = False) -> Job:
        """Start a job. Runs on a thread for files: drives may be slow, and hashing a long file takes time."""
        with open_source(wanted.path, roots=self.settings.roots) as source:
            folder = output_folder(source.path, wanted.out, configured=self.settings.out)
            content = source.content_hash(stopped=lambda: self.jobs.closed)
        request = JobRequest(source.path, folder, content=content, **wanted.options)
        return self.jobs.start(request, content, fresh=fresh, client=client, rid=rid)


def _outcome(job: Job) -> str:
    """The text of a status: the result folder as a URI, because replies are ASCII, or the reason of a failure."""
    if job.result is None:
        return wire.ascii_text(job.text)
    uri = job.result.as_uri()
    return uri if len(uri) <= wire.MAX_REPLY - 200 else ""
