"""Sockets: bytes in, bytes out, over UDP and TCP on one port of this machine.

One thread reads both, so that packets are answered one after another; answers may be sent from any thread. Each packet
goes as it came to one function, which checks it before anything parses it. Datagrams are read as soon as they come, and
their senders take turns at being answered.
"""

import errno
import logging
import selectors
import socket
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

from bridge.osc import wire
from bridge.server import tcp
from bridge.server.fair_queue import Turns
from bridge.system.settings import LOOPBACK, PORTS_TRIED
from core.base.errors import Code, LoopError

RECEIVE_BUFFER = 4 * 1024**2  # what scsynth asks for: at the system's default a burst of 200 packets overflows
PACKETS_A_TURN = 256  # datagrams read before anything is answered


class Source(NamedTuple):
    """Where a packet came from, which is where its answer goes."""

    host: str
    port: int
    tcp: bool = False


Send = Callable[[bytes, Source], None]
Answer = Callable[[bytes, Source, Send], bool]
"""Called with a packet, where it came from, and the way to answer it (now or later, from any thread); says whether it
came from somebody who may be here."""
Admit = Callable[[bytes, Source, Send], bool]
"""Called likewise, as soon as a packet is read; says whether it may wait for its answer. Costs next to nothing."""
_log = logging.getLogger(__name__)


def everybody(packet: bytes, source: Source, send: Send) -> bool:  # noqa: ARG001 - it asks nothing
    """Admits whatever comes."""
    return True


class Endpoint:
    """Receives on 127.0.0.1 and hands every packet that `admit` lets in to `answer`, on the thread of `serve_forever`.

    Args:
        connections: over TCP at the same time.

    Raises:
        OSError: the port is taken, for UDP or for TCP.
    """

    def __init__(
        self,
        port: int,
        answer: Answer,
        *,
        admit: Admit = everybody,
        connections: int = 8,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._answer = answer
        self._admit = admit
        self._turns: Turns[Source] = Turns()
        self._udp = _udp_socket(port)
        self.port = int(self._udp.getsockname()[1])
        try:
            self._listener = _listening_socket(self.port)
        except OSError:
            self._udp.close()
            raise
        self._connections = tcp.Connections(self._listener, self._hand_over_frame, limit=connections, clock=clock)
        self._stopped = threading.Event()

    @property
    def receive_buffer(self) -> int:
        """Bytes that the system granted for datagrams, which may be fewer than asked."""
        return int(self._udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def serve_forever(self, poll: float = 0.1) -> None:
        """Receive until `shutdown`, which is noticed after `poll` seconds at the latest."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._udp, selectors.EVENT_READ, self._receive)
            self._connections.join(selector)
            while not self._stopped.is_set():
                for key, _ in selector.select(0.0 if self._turns else poll):
                    key.data()
                for source, packet in self._turns.next_round():
                    self._hand_over(self._answer, packet, source)
                self._connections.tidy()

    def shutdown(self) -> None:
        """Make `serve_forever` return."""
        self._stopped.set()

    def close(self) -> None:
        """Close the sockets, once nobody serves."""
        self._connections.close()
        self._listener.close()
        self._udp.close()

    def send(self, packet: bytes, destination: Source) -> None:
        """Send one packet; a client that is gone is no fault of the daemon's."""
        if destination.tcp:
            self._connections.send(packet, destination.port)
            return
        try:
            self._udp.sendto(packet, destination[:2])
        except OSError as error:
            _log.debug("no answer sent: %s", error)

    def _receive(self) -> None:
        for _ in range(PACKETS_A_TURN):
            try:  # one byte more than allowed, so that a longer packet is seen to be too long
                packet, (host, port) = self._udp.recvfrom(wire.MAX_PACKET + 1)
            except BlockingIOError:
                return
            except OSError as error:  # on Windows: an earlier answer found nobody
                _log.debug("nothing received: %s", error)
                continue
            source = Source(host, port)
            if host == LOOPBACK and self._hand_over(self._admit, packet, source):
                self._turns.add(source, packet)

    def _hand_over_frame(self, frame: bytes, port: int) -> bool:
        source = Source(LOOPBACK, port, tcp=True)
        return self._hand_over(self._admit, frame, source) and self._hand_over(self._answer, frame, source)

    def _hand_over(self, to: Answer, packet: bytes, source: Source) -> bool:
        try:
            return to(packet, source, self.send)
        except Exception:  # noqa: BLE001 - the next packet must be served all the same
            _log.exception("a packet could not be served")
            return False


def bind_free_port(
    first: int,
    answer: Answer,
    *,
    admit: Admit = everybody,
    connections: int = 8,
    clock: Callable[[], float] = time.monotonic,
) -> Endpoint:
    """An endpoint on the first of `PORTS_TRIED` ports that is free for UDP and TCP.

    Raises:
        LoopError: LIMIT when all are taken.
    """
    for port in range(first, first + PORTS_TRIED):
        try:
            return Endpoint(port, answer, admit=admit, connections=connections, clock=clock)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise LoopError(Code.LIMIT, f"no free port from {first} to {first + PORTS_TRIED - 1}; choose another with --port")


def _udp_socket(port: int) -> socket.socket:
    """A socket that nobody can share: with SO_REUSEADDR a second process could take the packets."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)  # before the first packet can arrive
    return _bound(udp, port)


def _listening_socket(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # else old connections would keep a restarted daemon out
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _bound(listener, port).listen()
    return listener


def _bound(unbound: socket.socket, port: int) -> socket.socket:
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows: its default lets others share the port
            unbound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        unbound.bind((LOOPBACK, port))
        unbound.setblocking(False)
    except OSError:
        unbound.close()
        raise
    return unbound
