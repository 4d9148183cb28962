"""The service: it checks each packet and sends one answer.

The checks run in this order: the rate limits, the form of the packet, the token, whether the request is new, the
address and the arguments. `handlers` holds the actions. Handlers that look at files run on other threads, because
drives may be slow; all others answer at once.
"""

import logging
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field

from bridge.jobs.registry import Jobs
from bridge.osc import messages, wire
from bridge.osc.messages import Error, Hello, Reply, is_name
from bridge.server.clients import Clients
from bridge.server.counters import Counters
from bridge.server.documents import Documents
from bridge.server.events import Events
from bridge.server.handlers.base import Background, Caller, Table, shutting_down
from bridge.server.handlers.documents import DocumentHandlers
from bridge.server.handlers.jobs import JobHandlers
from bridge.server.handlers.session import SessionHandlers
from bridge.server.handlers.traffic import TrafficHandlers
from bridge.server.handlers.watches import WatchHandlers
from bridge.server.rate_limits import Bucket, Buckets, Throttle
from bridge.server.reply_cache import ReplyCache
from bridge.server.sockets import Send, Source
from bridge.server.traffic_log import TrafficLog
from bridge.server.uploads import Uploads
from bridge.system.log import hex_start
from bridge.system.private import same_token
from bridge.system.settings import BridgeSettings
from bridge.watch.watched_folders import Watches
from core.base.errors import Code, LoopError

TOO_MANY = LoopError(Code.LIMIT, "too many packets a second; some were dropped")
EXPLAINED = frozenset({Code.AUTH, Code.UNKNOWN_ADDRESS, Code.LIMIT})  # refusals that are answered: they help a client

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pending:
    """An authenticated request that has no answer yet."""

    packet: wire.Packet
    rid: str
    caller: Caller
    answer: Callable[[Reply | Error], None]

    def refuse(self, error: LoopError) -> None:
        self.answer(_error(error, self.rid, self.packet.address))


@dataclass
class Service:
    """Answers packets. `admits` and `answer` are called on one thread; answers may be sent from another.

    Attributes:
        token: the first argument of every request.
        boot_id: id of this run of the daemon.
        clock: seconds, monotonic.
        stop: starts the shutdown of the daemon, and returns at once.
    """

    settings: BridgeSettings
    jobs: Jobs
    watches: Watches
    token: str
    boot_id: str
    clock: Callable[[], float]
    stop: Callable[[], None]
    counters: Counters = field(default_factory=Counters)

    def __post_init__(self) -> None:
        settings, clock = self.settings, self.clock
        self._clients = Clients(clock=clock, subscribers=settings.subscribers)
        self._events = Events(self._clients, clock=clock)
        self._replies = ReplyCache(clock=clock)
        self._refusals, self._limited = Throttle(clock=clock), Throttle(clock=clock)
        self._traffic = TrafficLog()
        self._from_one = Buckets(settings.rate, settings.burst, clock=clock)
        self._from_all = Bucket(settings.total_rate, settings.total_rate, clock=clock)
        self._starting = Background("starting", 1)
        self._reading = Background("reading", 2)
        self._handlers = self._table()
        self.jobs.listen(self._events.job_changed)

    def admits(self, packet: bytes, source: Source, send: Send) -> bool:
        """Whether a packet is within the rate limits and may wait for its answer."""
        self.counters.packets += 1
        if self._from_one.take(source) and self._from_all.take():
            return True
        self.counters.limited += 1
        if self._limited.allows(source):  # the first check of all, because dropping a packet must be cheap
            self._reject(TOO_MANY, packet, source, self._counted(send))
        return False

    def answer(self, packet: bytes, source: Source, send: Send) -> bool:
        """Answer an admitted packet, and return whether it has the right token.

        Every well-formed request with the right token gets exactly one answer.
        """
        send = self._counted(send)
        try:
            decoded = wire.decode(packet)
        except LoopError as error:
            self.counters.bad += 1
            self._reject(error, packet, source, send)
            return False
        if not self._is_authentic(decoded.arguments):
            self.counters.auth += 1
            wrong = LoopError(Code.AUTH, "token missing or wrong; it is in daemon.json of the running daemon")
            self._reject(wrong, packet, source, send)
            return False
        self._accept(packet, decoded, source, send)
        return True

    def close(self) -> None:
        """Send the bye event to the subscribers, and end the threads that look at files."""
        self._events.bye(self.boot_id)
        self._starting.close()
        self._reading.close()

    def _table(self) -> Table:
        uploads = Uploads(clock=self.clock)
        starts = Bucket(self.settings.starts_per_second, self.settings.starts_per_second, clock=self.clock)
        began = self.clock()
        session = SessionHandlers(
            self.jobs,
            self._clients,
            self.counters,
            self.boot_id,
            uptime=lambda: self.clock() - began,
            stop=self.stop,
        )
        return {
            **session.table(),
            **JobHandlers(self.settings, self.jobs, uploads, starts, self._starting).table(),
            **DocumentHandlers(self.jobs, uploads, Documents(), self._reading).table(),
            **WatchHandlers(self.watches, self._reading).table(),
            **TrafficHandlers(self._traffic).table(),
        }

    def _is_authentic(self, arguments: tuple[wire.Value, ...]) -> bool:
        return bool(arguments) and isinstance(arguments[0], str) and same_token(arguments[0], self.token)

    def _reject(self, error: LoopError, packet: bytes, source: Source, send: Send) -> None:
        """Drop an untrusted packet. At most once a second, log it, and answer it where that helps a client."""
        if not self._refusals.allows((source, error.code)):
            return
        self._traffic.note(packet, source, error.code)
        if self._refusals.allows(error.code):
            _log.warning("refused a packet: %s [%s]", error.message, hex_start(packet))
        if error.code in EXPLAINED:
            send(_encoded(_error(error, "", "")), source)

    def _accept(self, packet: bytes, decoded: wire.Packet, source: Source, send: Send) -> None:
        """Serve a trusted packet, or send its earlier answer again."""
        arguments = decoded.arguments
        rid = str(arguments[1]) if len(arguments) > 1 and is_name(arguments[1]) else ""
        self._clients.heard(source)
        destination = self._clients.destination(source)

        def reply(message: Reply | Error) -> None:
            try:
                encoded = _encoded(message)
            except LoopError as error:  # a path may be too long for an answer
                message = _error(error, rid, decoded.address)
                encoded = _encoded(message)
            self._traffic.note(packet, source, message.code if isinstance(message, Error) else 0)
            self._replies.keep(rid, encoded)
            # Look up the destination again only after a hello, which may change it. After a bye it is no longer known.
            send(encoded, self._clients.destination(source) if decoded.address == Hello.address else destination)

        try:
            new, known = self._replies.claim(rid, packet) if rid else (True, None)
        except LoopError as error:  # the answer of the first request with this rid is kept
            send(_encoded(_error(error, rid, decoded.address)), destination)
            return
        if new:
            self._serve(Pending(decoded, rid, Caller(source, self._clients.name(source), send), reply))
            return
        self.counters.dup += 1
        if known is not None:
            send(known, destination)

    def _serve(self, pending: Pending) -> None:
        """Run the handler, and answer now or, if the handler looks at files, later."""
        try:
            request = messages.request_from_osc(*pending.packet)
            outcome = self._handlers[type(request)](request, pending.caller)
        except Exception as error:  # noqa: BLE001 - every request must get an answer
            pending.refuse(_as_loop_error(error))
            return
        if isinstance(outcome, Future):
            outcome.add_done_callback(lambda done: _answer_later(pending, done))
        else:
            pending.answer(outcome)

    def _counted(self, send: Send) -> Send:
        def count(packet: bytes, destination: Source) -> None:
            self.counters.sent += 1
            send(packet, destination)

        return count


def _answer_later(pending: Pending, done: Future[Reply]) -> None:
    """Answer when the thread for files has finished."""
    if done.cancelled():
        pending.refuse(shutting_down())
    elif (error := done.exception()) is not None:
        pending.refuse(_as_loop_error(error))
    else:
        pending.answer(done.result())


def _as_loop_error(error: BaseException) -> LoopError:
    """The error itself if it is a LoopError, else an error that refers to the log."""
    if isinstance(error, LoopError):
        return error
    _log.error("a request could not be served", exc_info=error)
    return LoopError(Code.INTERNAL, f"{type(error).__name__}; see the daemon's log")


def _error(error: LoopError, rid: str, address: str) -> Error:
    return Error(rid, wire.ascii_text(address, 60), error.code, wire.ascii_text(error.message))


def _encoded(message: Reply | Error) -> bytes:
    return wire.encode(*message.to_osc(), limit=wire.MAX_REPLY)
