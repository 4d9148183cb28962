"""The wire's messages, one frozen dataclass each, and the address table made from them.

A request is (address, token, rid, ...); its one answer is /loopcube/reply (rid, the request's address, ...) or
/loopcube/error (rid, the request's address, code, text). A field's Python type is its OSC type: int i, float f, str s.
"""

import re
from dataclasses import astuple, dataclass, fields
from typing import ClassVar, NamedTuple, Self

from bridge import wire
from bridge.wire import Value
from core.errors import Code, LoopError

MAJOR, MINOR = 1, 0
ROWS_A_LIST = 12  # jobs in one answer of job/list: it must fit in 1,200 bytes

_RID = re.compile(r"[A-Za-z0-9._-]{1,40}")


@dataclass(frozen=True)
class Message:
    """What all messages share: an address, and fields that travel in their order."""

    address: ClassVar[str]

    def to_osc(self) -> tuple[str, tuple[Value, ...]]:
        """The message as (address, arguments)."""
        return self.address, astuple(self)

    @classmethod
    def from_osc(cls, arguments: tuple[Value, ...]) -> Self:
        """The message with these arguments.

        Raises:
            LoopError: ARGUMENTS, naming the argument, the rule and the value.
        """
        cls._check_types(arguments)
        return cls(*arguments)

    @classmethod
    def names(cls) -> tuple[str, ...]:
        return tuple(field.name for field in fields(cls))

    @classmethod
    def types(cls) -> str:
        """OSC type tags of the fields."""
        return "".join(wire.TAG_OF[field.type] for field in fields(cls) if isinstance(field.type, type))

    @classmethod
    def _check_types(cls, arguments: tuple[Value, ...]) -> None:
        names, expected = cls.names(), cls.types()
        if len(arguments) != len(names):
            raise LoopError(Code.ARGUMENTS, f"takes {len(names)} arguments ({', '.join(names)}), got {len(arguments)}")
        for name, wanted, got, value in zip(names, expected, wire.tags(arguments), arguments, strict=True):
            if wanted != got:
                raise LoopError(Code.ARGUMENTS, f"{name} must be of type {wanted}, got {got} ({str(value)[:40]!r})")


@dataclass(frozen=True)
class Request(Message):
    """What a client asks. `rid` names the request; it is reused only to resend the same bytes."""

    token: str
    rid: str

    def __post_init__(self) -> None:
        if not is_rid(self.rid):
            _refuse("rid", "1 to 40 of A-Z a-z 0-9 . _ -", self.rid)

    @classmethod
    def help(cls) -> str:
        """One line for `describe`: the arguments' names and what the request does."""
        return f"({', '.join(cls.names())}) {(cls.__doc__ or '').splitlines()[0]}"


@dataclass(frozen=True)
class Hello(Request):
    """Announce a client and the port for its answers (0: where it sends from).

    >>> Hello("t0", "r1", 1, 0, "reaper", 0).to_osc()
    ('/loopcube/hello', ('t0', 'r1', 1, 0, 'reaper', 0))
    """

    address = "/loopcube/hello"
    major: int
    minor: int
    client: str
    reply_port: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.reply_port != 0 and not 1024 <= self.reply_port <= 65535:
            _refuse("reply_port", "0 or 1024 to 65535", self.reply_port)


@dataclass(frozen=True)
class Ping(Request):
    """Is the daemon there, and how busy is it?

    >>> Ping("t0", "r1").to_osc()
    ('/loopcube/ping', ('t0', 'r1'))
    """

    address = "/loopcube/ping"


@dataclass(frozen=True)
class Describe(Request):
    """One line of the address table.

    >>> Describe("t0", "r1", 3).to_osc()
    ('/loopcube/describe', ('t0', 'r1', 3))
    """

    address = "/loopcube/describe"
    index: int


@dataclass(frozen=True)
class Extract(Request):
    """Take a file apart; options are "" or a short JSON object.

    >>> Extract("t0", "r1", "/music/song.wav", '{"loops":4}').to_osc()
    ('/loopcube/extract', ('t0', 'r1', '/music/song.wav', '{"loops":4}'))
    """

    address = "/loopcube/extract"
    path: str
    options: str


@dataclass(frozen=True)
class JobStatus(Request):
    """How far a job is, and how it ended.

    >>> JobStatus("t0", "r1", "00c0ffee00c0ffee").to_osc()
    ('/loopcube/job/status', ('t0', 'r1', '00c0ffee00c0ffee'))
    """

    address = "/loopcube/job/status"
    job: str


@dataclass(frozen=True)
class JobCancel(Request):
    """Stop a job; the answer is its state after the call.

    >>> JobCancel("t0", "r1", "00c0ffee00c0ffee").to_osc()
    ('/loopcube/job/cancel', ('t0', 'r1', '00c0ffee00c0ffee'))
    """

    address = "/loopcube/job/cancel"
    job: str


@dataclass(frozen=True)
class JobList(Request):
    """Jobs from the newest to the oldest, twelve at a time.

    >>> JobList("t0", "r1", 0).to_osc()
    ('/loopcube/job/list', ('t0', 'r1', 0))
    """

    address = "/loopcube/job/list"
    offset: int

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.offset < 0:
            _refuse("offset", "0 or more", self.offset)


@dataclass(frozen=True)
class Reply(Message):
    """The answer to a request that went well; `answers` is the request's address and travels after the rid."""

    address = "/loopcube/reply"
    answers: ClassVar[str]
    rid: str

    def to_osc(self) -> tuple[str, tuple[Value, ...]]:
        """The reply as (address, arguments)."""
        rid, *values = astuple(self)
        return self.address, (rid, self.answers, *values)

    @classmethod
    def from_osc(cls, arguments: tuple[Value, ...]) -> Self:
        """The reply with these arguments; raises as `Message.from_osc`."""
        return super().from_osc((arguments[0], *arguments[2:]))


@dataclass(frozen=True)
class HelloReply(Reply):
    """Who answers, and what it can do.

    >>> HelloReply("r1", 1, 0, "0.1.0", "b007", 15, ":").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/hello', 1, 0, '0.1.0', 'b007', 15, ':'))
    """

    answers = Hello.address
    major: int
    minor: int
    daemon_version: str
    boot_id: str
    lease_s: int
    capabilities: str


@dataclass(frozen=True)
class PingReply(Reply):
    """The daemon is there.

    >>> PingReply("r1", "b007", 60, 1, 2).to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/ping', 'b007', 60, 1, 2))
    """

    answers = Ping.address
    boot_id: str
    uptime_s: int
    running: int
    queued: int


@dataclass(frozen=True)
class DescribeReply(Reply):
    """One of `count` lines of the address table.

    >>> DescribeReply("r1", 7, "/loopcube/ping", "ss", "(token, rid) ...").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/describe', 7, '/loopcube/ping', 'ss', '(token, rid) ...'))
    """

    answers = Describe.address
    count: int
    described: str
    tags: str
    text: str


@dataclass(frozen=True)
class ExtractReply(Reply):
    """The job that does it; any state but `queued` means that the same job was already there.

    >>> ExtractReply("r1", "00c0ffee00c0ffee", "queued").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/extract', '00c0ffee00c0ffee', 'queued'))
    """

    answers = Extract.address
    job: str
    state: str


@dataclass(frozen=True)
class JobStatusReply(Reply):
    """A job as it stands; `text` is the result folder as a file: URI when done, the reason when failed.

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
class JobCancelReply(Reply):
    """The state after the call.

    >>> JobCancelReply("r1", "cancelling").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/job/cancel', 'cancelling'))
    """

    answers = JobCancel.address
    state: str


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

    def to_osc(self) -> tuple[str, tuple[Value, ...]]:
        """The reply as (address, arguments), the rows laid end to end."""
        return self.address, (self.rid, self.answers, self.total, *(value for row in self.jobs for value in row))

    @classmethod
    def from_osc(cls, arguments: tuple[Value, ...]) -> Self:
        """The reply with these arguments; raises as `Message.from_osc`."""
        if wire.tags(arguments) != "ssi" + "ssf" * ((len(arguments) - 3) // 3):
            raise LoopError(Code.ARGUMENTS, f"jobs must be total and rows of s s f, got {wire.tags(arguments)}")
        rid, _, total, *cells = arguments
        rows = tuple(JobRow(*cells[i : i + 3]) for i in range(0, len(cells), 3))  # type: ignore[arg-type]
        return cls(rid, total, rows)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Error(Message):
    """The answer to a request that went wrong; codes are those of `core.errors.Code`.

    >>> Error("r1", "/loopcube/job/status", -10, "no such job").to_osc()
    ('/loopcube/error', ('r1', '/loopcube/job/status', -10, 'no such job'))
    """

    address = "/loopcube/error"
    rid: str
    request: str
    code: int
    text: str


REQUESTS: dict[str, type[Request]] = {
    request.address: request for request in (Hello, Ping, Describe, Extract, JobStatus, JobCancel, JobList)
}
REPLIES: dict[str, type[Reply]] = {
    reply.answers: reply
    for reply in (HelloReply, PingReply, DescribeReply, ExtractReply, JobStatusReply, JobCancelReply, JobListReply)
}


def is_rid(value: Value) -> bool:
    """Whether a value may name a request."""
    return isinstance(value, str) and _RID.fullmatch(value) is not None


def request_from_osc(address: str, arguments: tuple[Value, ...]) -> Request:
    """The request that a packet holds.

    Raises:
        LoopError: UNKNOWN_ADDRESS; ARGUMENTS, naming the argument, the rule and the value.
    """
    if address not in REQUESTS:
        raise LoopError(Code.UNKNOWN_ADDRESS, f"no address {address[:50]}; /loopcube/describe lists them")
    return REQUESTS[address].from_osc(arguments)


def answer_from_osc(address: str, arguments: tuple[Value, ...]) -> Reply | Error:
    """The answer that a packet holds.

    Raises:
        LoopError: UNKNOWN_ADDRESS when it is no answer that this version knows; ARGUMENTS.
    """
    if address == Error.address:
        return Error.from_osc(arguments)
    if address == Reply.address and len(arguments) > 1 and arguments[1] in REPLIES:
        return REPLIES[str(arguments[1])].from_osc(arguments)
    raise LoopError(Code.UNKNOWN_ADDRESS, f"{address[:50]} is no answer that this version knows")


def _refuse(name: str, rule: str, value: Value) -> None:
    raise LoopError(Code.ARGUMENTS, f"{name} must be {rule}, got {str(value)[:40]!r}")
