"""Sockets: packets over UDP and TCP on one port of this machine.

One thread reads both, so packets are answered one after another. Answers may be sent from any thread. Each packet goes
unchanged to one function, which checks the packet before it is parsed. Datagrams are read as soon as they arrive, and
are then answered in rounds, one of each sender.
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
from bridge.server.fair_queue import FairQueue
from bridge.system.settings import LOOPBACK, PORTS_TRIED
from core.base.errors import Code, LoopError

RECEIVE_BUFFER = 4 * 1024**2  # as in scsynth: the system's default overflows at a burst of 200 packets
PACKETS_A_TURN = 256  # datagrams that are read before the next answer


class Source(NamedTuple):
    """The source address of a packet, which is also the destination of its answer."""

    host: str
    port: int
    tcp: bool = False


Send = Callable[[bytes, Source], None]
Answer = Callable[[bytes, Source, Send], bool]
"""Called with a packet, its source, and a function that sends the answer (now or later, from any thread). Returns
whether the packet had the right token."""
Admit = Callable[[bytes, Source, Send], bool]
"""Called with the same arguments as soon as a packet is read. Returns whether the packet may wait for its answer. It
must be cheap."""
_log = logging.getLogger(__name__)


def everybody(packet: bytes, source: Source, send: Send) -> bool:  # noqa: ARG001 - the signature of Admit
    """Admit every packet."""
    return True


class Endpoint:
    """Receives on 127.0.0.1 and passes every packet that `admit` accepts to `answer`, on the thread of `serve_forever`.

    Args:
        connections: the most TCP connections at the same time.

    Raises:
        OSError: the port is in use, for UDP or for TCP.
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
        self._queue: FairQueue[Source] = FairQueue()
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
        """The system's receive buffer for datagrams in bytes. It may be smaller than `RECEIVE_BUFFER`."""
        return int(self._udp.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def serve_forever(self, poll: float = 0.1) -> None:
        """Receive until `shutdown` is called, which takes effect within `poll` seconds."""
        with selectors.DefaultSelector() as selector:
            selector.register(self._udp, selectors.EVENT_READ, self._receive)
            self._connections.join(selector)
            while not self._stopped.is_set():
                for key, _ in selector.select(0.0 if self._queue else poll):
                    key.data()
                for source, packet in self._queue.next_round():
                    self._hand_over(self._answer, packet, source)
                self._connections.tidy()

    def shutdown(self) -> None:
        """Make `serve_forever` return."""
        self._stopped.set()

    def close(self) -> None:
        """Close the sockets. Call it after `serve_forever` has returned."""
        self._connections.close()
        self._listener.close()
        self._udp.close()

    def send(self, packet: bytes, destination: Source) -> None:
        """Send one packet. A client that is gone is not an error."""
        if destination.tcp:
            self._connections.send(packet, destination.port)
            return
        try:
            self._udp.sendto(packet, destination[:2])
        except OSError as error:
            _log.debug("no answer sent: %s", error)

    def _receive(self) -> None:
        for _ in range(PACKETS_A_TURN):
            try:  # one byte more than allowed, so that a packet that is too long is detected
                packet, (host, port) = self._udp.recvfrom(wire.MAX_PACKET + 1)
            except BlockingIOError:
                return
            except OSError as error:  # on Windows: an earlier answer could not be delivered
                _log.debug("nothing received: %s", error)
                continue
            source = Source(host, port)
            if host == LOOPBACK and self._hand_over(self._admit, packet, source):
                self._queue.add(source, packet)

    def _hand_over_frame(self, frame: bytes, port: int) -> bool:
        source = Source(LOOPBACK, port, tcp=True)
        return self._hand_over(self._admit, frame, source) and self._hand_over(self._answer, frame, source)

    def _hand_over(self, to: Answer, packet: bytes, source: Source) -> bool:
        try:
            return to(packet, source, self.send)
        except Exception:  # noqa: BLE001 - the next packet must still be served
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
        LoopError: LIMIT when all are in use.
    """
    for port in range(first, first + PORTS_TRIED):
        try:
            return Endpoint(port, answer, admit=admit, connections=connections, clock=clock)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise LoopError(Code.LIMIT, f"no free port from {first} to {first + PORTS_TRIED - 1}; choose another with --port")


def _udp_socket(port: int) -> socket.socket:
    """A UDP socket without SO_REUSEADDR: with it, a second process could receive the packets."""
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)  # before the first packet can arrive
    return _bound(udp, port)


def _listening_socket(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    if not hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # so that old connections do not block a restarted daemon's port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    _bound(listener, port).listen()
    return listener


def _bound(unbound: socket.socket, port: int) -> socket.socket:
    try:
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows, where other programs could share the port by default
            unbound.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        unbound.bind((LOOPBACK, port))
        unbound.setblocking(False)
    except OSError:
        unbound.close()
        raise
    return unbound
