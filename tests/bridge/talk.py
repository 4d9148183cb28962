"""A client without sockets: it hands packets to a service and keeps what comes back, and to whom."""

import threading

from bridge.osc import messages, wire
from bridge.osc.messages import Error, Event, Reply
from bridge.server.service import Service
from bridge.server.sockets import Source
from core.base.errors import Code

SOURCE = Source("127.0.0.1", 50_000)


class Talk:
    """Talks to a service from one source."""

    def __init__(self, service: Service, token: str, source: Source = SOURCE) -> None:
        self.service = service
        self.token = token
        self.source = source
        self.sent: list[tuple[bytes, Source]] = []
        self._arrived = threading.Condition()

    def packet(self, packet: bytes, *, wait: float = 0.0) -> bytes | None:
        """What comes back for a packet; `wait` seconds at most where it comes from another thread."""
        before = len(self.sent)
        if self.service.admits(packet, self.source, self._send):
            self.service.answer(packet, self.source, self._send)
        with self._arrived:
            self._arrived.wait_for(lambda: len(self.sent) > before, wait)
        return self.sent[-1][0] if len(self.sent) > before else None

    def __call__(self, address: str, *arguments: wire.Value) -> Reply | Error:
        """The answer to a request."""
        return read(self.packet(wire.encode(f"/loopcube/{address}", (self.token, *arguments)), wait=10.0))

    @property
    def events(self) -> list[Event]:
        """The events among what came."""
        packets = [wire.decode(packet) for packet, _ in self.sent]
        return [messages.event_from_osc(*packet) for packet in packets if packet.address in messages.EVENTS]

    def _send(self, packet: bytes, destination: Source) -> None:
        with self._arrived:
            self.sent.append((packet, destination))
            self._arrived.notify_all()


def read(packet: bytes | None) -> Reply | Error:
    assert packet is not None
    return messages.answer_from_osc(*wire.decode(packet))


def read_code(answer: Reply | Error) -> Code:
    """The code of an error, whose text keeps to its rules."""
    assert isinstance(answer, Error)
    assert answer.text.isascii()
    assert len(answer.text) <= 120
    return Code(answer.code)
