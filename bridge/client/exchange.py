"""The client's socket: sends requests until they are answered, and receives answers and events."""

import socket
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from bridge.osc import messages, wire
from bridge.osc.messages import Error, Event, Reply, Request
from bridge.system.settings import LOOPBACK
from core.base.errors import Code, LoopError

# Seconds between sends; after the last one the daemon counts as gone. It usually answers within 50 ms, and one packet
# more costs nothing.
RESEND_AFTER = (0.05, 0.1, 0.15, 0.25, 0.25, 0.5, 0.5, 1.0, 1.0, 2.0)
START_AFTER = (*RESEND_AFTER, *[2.0] * 12)  # longer, because the daemon reads the whole file before it answers
WINDOW = 8  # requests that may be unanswered at the same time
KEPT_EVENTS = 1_024


class NotAnsweringError(LoopError):
    """No daemon answers on the port."""

    def __init__(self) -> None:
        super().__init__(Code.INTERNAL, "daemon not answering: start it with `loopcube daemon`")


@dataclass
class _Pending:
    packet: bytes
    waits: deque[float]  # seconds before each remaining resend
    due: float


@dataclass
class Exchange:
    """Exchanges packets with one port of this machine.

    Attributes:
        clock, sleep: in seconds; tests replace them.
    """

    port: int
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    _events: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT_EVENTS))

    def __post_init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((LOOPBACK, self.port))  # so that only packets from this port are received

    def close(self) -> None:
        self._socket.close()

    def ask(self, requests: Sequence[Request], *, resend_after: Iterable[float] = RESEND_AFTER) -> list[Reply]:
        """The answers to requests, in the order of the requests. At most `WINDOW` requests are pending at a time.

        Raises:
            LoopError: the first error that arrives as an answer.
            NotAnsweringError: a request was not answered after all resends.
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
        """Send a request once, without waiting for an answer."""
        self._send(wire.encode(*request.to_osc()))

    def event(self, until: float) -> Event | None:
        """The next event, or None if none arrives before the time `until`."""
        while not self._events and self.clock() < until:
            self._receive(until)
        return self._events.popleft() if self._events else None

    def forget_events(self) -> None:
        """Discard the events that have arrived so far."""
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
        for _ in range(2):  # the first call may only report that an earlier packet was refused
            try:
                self._socket.send(packet)
            except ConnectionError:
                continue
            return

    def _receive(self, until: float) -> Reply | Error | None:
        """The next answer. Events are kept for `event`. None when no answer arrives before `until`."""
        left = until - self.clock()
        if left <= 0:
            return None
        try:
            self._socket.settimeout(left)
            packet = wire.decode(self._socket.recv(wire.MAX_PACKET + 1))
            if packet.address not in messages.EVENTS:
                return messages.answer_from_osc(*packet)
            self._events.append(messages.event_from_osc(*packet))
        except (TimeoutError, LoopError):  # nothing in time, or a message of a newer daemon
            pass
        except ConnectionError:  # no daemon on this port yet
            self.sleep(left)
        return None


def _is_about_all(error: Error) -> bool:
    """Whether an error without a request id concerns all requests. After LIMIT, the requests are just sent again."""
    return error.rid == "" and error.code != Code.LIMIT


def _code(code: int) -> Code:
    return Code(code) if code in list(Code) else Code.INTERNAL
