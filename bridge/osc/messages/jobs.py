"""Messages about jobs: start, follow, cancel, forget, list."""

from dataclasses import dataclass
from typing import NamedTuple

from bridge.osc.messages.base import Event, Reply, Request, require, require_name

ROWS_A_LIST = 12  # jobs in one answer of job/list, which must fit in 1,200 bytes


@dataclass(frozen=True)
class Extract(Request):
    """Start a job that extracts the loops of a file; options are "" or a short JSON object.

    >>> Extract("t0", "r1", "/music/song.wav", '{"loops":4}').to_osc()
    ('/loopcube/extract', ('t0', 'r1', '/music/song.wav', '{"loops":4}'))
    """

    address = "/loopcube/extract"
    path: str
    options: str


@dataclass(frozen=True)
class ExtractReply(Reply):
    """The job and its state. A state other than `queued` means that an equal job existed already.

    >>> ExtractReply("r1", "00c0ffee00c0ffee", "queued").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/extract', '00c0ffee00c0ffee', 'queued'))
    """

    answers = Extract.address
    job: str
    state: str


@dataclass(frozen=True)
class JobStart(Request):
    """Start the job of an uploaded JSON request; crc32 is signed; fresh=1 repeats a finished job.

    >>> JobStart("t0", "r1", "doc1", 2, -1549353149, 0).to_osc()
    ('/loopcube/job/start', ('t0', 'r1', 'doc1', 2, -1549353149, 0))
    """

    address = "/loopcube/job/start"
    doc: str
    bytes: int
    crc32: int
    fresh: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require_name("doc", self.doc)
        require(self.fresh in (0, 1), "fresh", "0 or 1", self.fresh)


@dataclass(frozen=True)
class JobStartReply(Reply):
    """The job and its state. A state other than `queued` means that an equal job existed already.

    >>> JobStartReply("r1", "00c0ffee00c0ffee", "queued").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/job/start', '00c0ffee00c0ffee', 'queued'))
    """

    answers = JobStart.address
    job: str
    state: str


@dataclass(frozen=True)
class JobStatus(Request):
    """Return a job's state, progress and outcome.

    >>> JobStatus("t0", "r1", "00c0ffee00c0ffee").to_osc()
    ('/loopcube/job/status', ('t0', 'r1', '00c0ffee00c0ffee'))
    """

    address = "/loopcube/job/status"
    job: str


@dataclass(frozen=True)
class JobStatusReply(Reply):
    """The job now. `text` is the result folder as a file: URI when done, and the reason when failed.

    >>> JobStatusReply("r1", "running", 0.5, "notes", 12, 0, "").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/job/status', 'running', 0.5, 'notes', 12, 0, ''))
    """

    answers = JobStatus.address
    state: str
    progress: float
    stage: str
    seq: int
    code: int
    text: str


@dataclass(frozen=True)
class JobCancel(Request):
    """Cancel a job; the answer is its state after the call.

    >>> JobCancel("t0", "r1", "00c0ffee00c0ffee").to_osc()
    ('/loopcube/job/cancel', ('t0', 'r1', '00c0ffee00c0ffee'))
    """

    address = "/loopcube/job/cancel"
    job: str


@dataclass(frozen=True)
class JobCancelReply(Reply):
    """The state after the call.

    >>> JobCancelReply("r1", "cancelling").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/job/cancel', 'cancelling'))
    """

    answers = JobCancel.address
    state: str


@dataclass(frozen=True)
class JobForget(Request):
    """Delete the record of a job that has ended; its files stay.

    >>> JobForget("t0", "r1", "00c0ffee00c0ffee").to_osc()
    ('/loopcube/job/forget', ('t0', 'r1', '00c0ffee00c0ffee'))
    """

    address = "/loopcube/job/forget"
    job: str


@dataclass(frozen=True)
class JobForgetReply(Reply):
    """The record is deleted.

    >>> JobForgetReply("r1").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/job/forget'))
    """

    answers = JobForget.address


@dataclass(frozen=True)
class JobList(Request):
    """List jobs from the newest to the oldest, twelve at a time.

    >>> JobList("t0", "r1", 0).to_osc()
    ('/loopcube/job/list', ('t0', 'r1', 0))
    """

    address = "/loopcube/job/list"
    offset: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.offset >= 0, "offset", "0 or more", self.offset)


class JobRow(NamedTuple):
    """One job in a list."""

    job: str
    state: str
    progress: float


@dataclass(frozen=True)
class JobListReply(Reply):
    """At most twelve of `total` jobs.

    >>> JobListReply("r1", 1, (JobRow("00c0ffee00c0ffee", "done", 1.0),)).to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/job/list', 1, '00c0ffee00c0ffee', 'done', 1.0))
    """

    answers = JobList.address
    total: int
    jobs: tuple[JobRow, ...]


@dataclass(frozen=True)
class JobEvent(Event):
    """A job has changed; a higher seq is newer. At most four a second for each job, and one for each change of state.

    >>> JobEvent("00c0ffee00c0ffee", 12, "running", 0.5, "notes").to_osc()
    ('/loopcube/event/job', ('00c0ffee00c0ffee', 12, 'running', 0.5, 'notes'))
    """

    address = "/loopcube/event/job"
    job: str
    seq: int
    state: str
    progress: float
    stage: str
