"""The client's side of the wire: requests out until they are answered, answers and events in, over one socket."""

import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bridge.osc import messages, wire
from bridge.osc.messages import Error, Event, Reply, Request
from bridge.system.settings import LOOPBACK
from core.base.errors import Code, LoopError

# Seconds; then the daemon is taken to be gone. It answers within 50 ms, and one packet more costs nothing.
RESEND_AFTER = (0.05, 0.1, 0.15, 0.25, 0.25, 0.5, 0.5, 1.0, 1.0, 2.0)
START_AFTER = (*RESEND_AFTER, *[2.0] * 12)  # before a job is there its file is read to the end
WINDOW = 8  # requests that may be unanswered at the same time
KEPT_EVENTS = 1_024


class NotAnsweringError(LoopError):
    """No daemon answers on that port."""

    def __init__(self) -> None:
        super().__init__(Code.INTERNAL, "daemon not answering: start it with `loopcube daemon`")


@dataclass
class _Pending:
    packet: bytes
    waits: deque[float]  # seconds between its resends to come
    due: float


@dataclass
class Exchange:
    """Talks to one port of this machine.

    Attributes:
        clock, sleep: seconds; tests bring their own.
    """

    port: int
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _events: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((LOOPBACK, self.port))  # nobody else's packets come in

    def close(self) -> None:
        self._socket.close()

    def ask(self, requests: Sequence[Request], *, resend_after: Iterable[float] = RESEND_AFTER) -> list[Reply]:
        """The answers to requests, in their order; several are under way at the same time.

        Raises:
            LoopError: the first one that comes as an answer.
            NotAnsweringError: one was not answered, however often it was sent.
        """
        todo = deque(requests)
        pending: dict[str, _Pending] = {}
        answers: dict[str, Reply] = {}
        while todo or pending:
            while todo and len(pending) < WINDOW:
                request = todo.popleft()
                pending[request.rid] = _Pending(wire.encode(*request.to_osc()), deque(resend_after), self.clock())
            self._send_due(pending.values())
            answer = self._receive(min(each.due for each in pending.values()))
            if isinstance(answer, Error) and (answer.rid in pending or _is_about_all(answer)):
                raise LoopError(_code(answer.code), answer.text)
            if isinstance(answer, Reply) and answer.rid in pending:
                del pending[answer.rid]
                answers[answer.rid] = answer
        return [answers[request.rid] for request in requests]

    def tell(self, request: Request) -> None:
        """Send a request once and expect no answer."""
        self._send(wire.encode(*request.to_osc()))

    def event(self, until: float) -> Event | None:
        """The next event, or None when none has come by then."""
        while not self._events and self.clock() < until:
            self._receive(until)
        return self._events.popleft() if self._events else None

    def forget_events(self) -> None:
        """Drop the events that have come so far."""
        self._events.clear()

    def _send_due(self, pending: Iterable[_Pending]) -> None:
        now = self.clock()
        for each in pending:
            if each.due <= now:
                if not each.waits:
                    raise NotAnsweringError
                self._send(each.packet)
                each.due = now + each.waits.popleft()

    def _send(self, packet: bytes) -> None:
        for _ in range(2):  # an earlier refusal is told instead of sending
            try:
                self._socket.send(packet)
            except ConnectionError:
                continue
            return

    def _receive(self, until: float) -> Reply | Error | None:
        """The next answer; events are put aside. None when nothing came in time, or nothing of use."""
        left = until - self.clock()
        if left <= 0:
            return None
        try:
            self._socket.settimeout(left)
            packet = wire.decode(self._socket.recv(wire.MAX_PACKET + 1))
            if packet.address not in messages.EVENTS:
                return messages.answer_from_osc(*packet)
            self._events.append(messages.event_from_osc(*packet))
        except (TimeoutError, LoopError):  # late, or something of a newer daemon
            pass
        except ConnectionError:  # nobody listens on that port, yet
            self.sleep(left)
        return None


def _is_about_all(error: Error) -> bool:
    """Whether an error that names no request stops them all; what was too much for now is just sent again."""
    return error.rid == "" and error.code != Code.LIMIT


def _code(code: int) -> Code:
    return Code(code) if code in list(Code) else Code.INTERNAL
