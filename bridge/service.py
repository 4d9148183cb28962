"""What each request does: a packet in, one answer out.

The order of the checks is the order of trust: well-formed, from somebody who knows the token, a new request, an address
and arguments that make sense. What takes long (looking at files) happens on a thread of its own; everything else is
answered at once.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib.metadata import version

from bridge import messages, wire
from bridge.endpoints import Send
from bridge.jobs import Job, Jobs, State
from bridge.messages import Error, Reply, Request, is_rid
from bridge.paths import open_source, output_folder
from bridge.private import same_token
from bridge.replies import LEASE_SECONDS, Leases, ReplyCache, Source, Sparingly
from bridge.request import JobRequest, parse_options
from bridge.settings import BridgeSettings
from core.errors import Code, LoopError

VERSION = version("loopcube")
CAPABILITIES = ":extract:"

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Asked:
    """An authenticated packet and the way to answer it."""

    packet: wire.Packet
    rid: str
    source: Source
    answer: Callable[[Reply | Error], None]

    def refuse(self, error: LoopError) -> None:
        self.answer(
            Error(self.rid, wire.ascii_text(self.packet.address, 60), error.code, wire.ascii_text(error.message))
        )


@dataclass
class Service:
    """Answers packets. `answer` is called on one thread; answers may be sent from another.

    Attributes:
        token: what every request must begin with.
        boot_id: names this run of the daemon.
        clock: seconds, monotonic.
    """

    settings: BridgeSettings
    jobs: Jobs
    token: str
    boot_id: str
    clock: Callable[[], float]
    _files: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="files"))

    def __post_init__(self) -> None:
        self._started = self.clock()
        self._replies = ReplyCache(clock=self.clock)
        self._leases = Leases(clock=self.clock)
        self._refusals = Sparingly(clock=self.clock)
        self._handlers: dict[type[Request], Callable[..., Reply | Future[Reply]]] = {
            messages.Ping: self._ping,
            messages.Describe: self._describe,
            messages.Extract: self._extract,
            messages.JobStatus: self._job_status,
            messages.JobCancel: self._job_cancel,
            messages.JobList: self._job_list,
        }

    def answer(self, packet: bytes, source: Source, send: Send) -> None:
        """Answer one packet; exactly one answer to every request that is well-formed and authenticated."""
        try:
            address, arguments = decoded = wire.decode(packet)
            self._authenticate(arguments)
        except LoopError as error:
            self._turn_away(error, source, send)
            return
        rid = str(arguments[1]) if len(arguments) > 1 and is_rid(arguments[1]) else ""
        destination = self._leases.renew(source)

        def reply(message: Reply | Error) -> None:
            encoded = wire.encode(*message.to_osc(), limit=wire.MAX_REPLY)
            self._replies.keep(rid, encoded)
            send(encoded, destination)

        asked = Asked(decoded, rid, source, reply)
        try:
            new, known = self._replies.claim(rid, packet) if rid else (True, None)
        except LoopError as error:  # the first request keeps its answer
            send(wire.encode(*Error(rid, address[:60], error.code, error.message).to_osc()), destination)
            return
        if new:
            self._serve(asked)
        elif known is not None:
            send(known, destination)

    def close(self) -> None:
        """Let go of the thread that looks at files."""
        self._files.shutdown(wait=False, cancel_futures=True)

    def _authenticate(self, arguments: tuple[wire.Value, ...]) -> None:
        given = arguments[0] if arguments else ""
        if not isinstance(given, str) or not same_token(given, self.token):
            raise LoopError(Code.AUTH, "token missing or wrong; it is in daemon.json of the running daemon")

    def _turn_away(self, error: LoopError, source: Source, send: Send) -> None:
        """Drop a packet that cannot be trusted; say why once a second where it helps an honest client."""
        if not self._refusals.allows((source, error.code)):
            return
        if self._refusals.allows(error.code):
            _log.warning("refused a packet: %s", error.message)
        if error.code in (Code.AUTH, Code.UNKNOWN_ADDRESS):
            send(wire.encode(*Error("", "", error.code, wire.ascii_text(error.message)).to_osc()), source)

    def _serve(self, asked: Asked) -> None:
        """Do what was asked and answer, now or when a file has been looked at."""
        try:
            request = messages.request_from_osc(*asked.packet)
            if isinstance(request, messages.Hello):
                outcome: Reply | Future[Reply] = self._hello(request, asked.source)
            else:
                outcome = self._handlers[type(request)](request)
        except Exception as error:  # noqa: BLE001 - every request gets its answer, whatever went wrong
            asked.refuse(_as_loop_error(error))
            return
        if isinstance(outcome, Future):
            outcome.add_done_callback(lambda done: _answer_later(asked, done))
        else:
            asked.answer(outcome)

    def _hello(self, request: messages.Hello, source: Source) -> Reply:
        if request.major > messages.MAJOR:
            raise LoopError(Code.VERSION, f"protocol {request.major} is newer than {messages.MAJOR}; update loopcube")
        if request.reply_port:
            self._leases.bind(source, request.reply_port)
        return messages.HelloReply(
            request.rid, messages.MAJOR, messages.MINOR, VERSION, self.boot_id, LEASE_SECONDS, CAPABILITIES
        )

    def _ping(self, request: messages.Ping) -> Reply:
        running = self.jobs.count(State.RUNNING, State.CANCELLING)
        uptime = int(self.clock() - self._started)
        return messages.PingReply(request.rid, self.boot_id, uptime, running, self.jobs.count(State.QUEUED))

    def _describe(self, request: messages.Describe) -> Reply:
        table = list(messages.REQUESTS.values())
        if not 0 <= request.index < len(table):
            raise LoopError(Code.ARGUMENTS, f"index must be 0 to {len(table) - 1}, got {request.index}")
        row = table[request.index]
        return messages.DescribeReply(request.rid, len(table), row.address, row.types(), wire.ascii_text(row.help()))

    def _extract(self, request: messages.Extract) -> Future[Reply]:
        if self.jobs.closed:
            raise LoopError(Code.SHUTTING_DOWN, "the daemon is shutting down; try again once it is back")
        return self._files.submit(self._start, request)

    def _start(self, request: messages.Extract) -> Reply:
        """Start a job, on the thread for files: folders may be slow and hashing a long file takes a while."""
        options, out = parse_options(request.options)
        with open_source(request.path, roots=self.settings.roots) as source:
            folder = output_folder(source.path, out, configured=self.settings.out)
            content = source.content_hash(stopped=lambda: self.jobs.closed)
        job = self.jobs.start(JobRequest(source.path, folder, **options), content)
        return messages.ExtractReply(request.rid, job.id, job.state.value)

    def _job_status(self, request: messages.JobStatus) -> Reply:
        job = self.jobs.get(request.job)
        return messages.JobStatusReply(
            request.rid, job.state.value, job.progress, wire.ascii_text(job.stage), job.seq, job.code, _outcome(job)
        )

    def _job_cancel(self, request: messages.JobCancel) -> Reply:
        return messages.JobCancelReply(request.rid, self.jobs.cancel(request.job).state.value)

    def _job_list(self, request: messages.JobList) -> Reply:
        jobs = self.jobs.newest_first()
        page = jobs[request.offset : request.offset + messages.ROWS_A_LIST]
        rows = tuple(messages.JobRow(job.id, job.state.value, job.progress) for job in page)
        return messages.JobListReply(request.rid, len(jobs), rows)


def _answer_later(asked: Asked, done: Future[Reply]) -> None:
    """Answer once the thread for files is through."""
    if done.cancelled():
        asked.refuse(LoopError(Code.SHUTTING_DOWN, "the daemon is shutting down; try again once it is back"))
    elif (error := done.exception()) is not None:
        asked.refuse(_as_loop_error(error))
    else:
        asked.answer(done.result())


def _as_loop_error(error: BaseException) -> LoopError:
    """The error itself if it is meant for the user, else one that points to the log."""
    if isinstance(error, LoopError):
        return error
    _log.error("a request could not be served", exc_info=error)
    return LoopError(Code.INTERNAL, f"{type(error).__name__}; see the daemon's log")


def _outcome(job: Job) -> str:
    """The text of a status: where the result is, as a URI because replies are ASCII; or why there is none."""
    if job.result is None:
        return wire.ascii_text(job.text)
    uri = job.result.as_uri()
    return uri if len(uri) <= wire.MAX_REPLY - 200 else ""
