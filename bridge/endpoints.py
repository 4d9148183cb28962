"""Sockets: bytes in, bytes out. The UDP server is python-osc's, with its own reading and dispatch left out.

Why (all measured on python-osc 1.10.2): it reads at most 8,192 bytes and cuts without saying so, parses before it
checks, and matches addresses as patterns. Here each packet goes as it came to one function, which checks it first.
"""

import errno
import logging
import socket
from collections.abc import Callable
from typing import Any

from pythonosc.dispatcher import Dispatcher
from pythonosc.osc_server import BlockingOSCUDPServer

from bridge import wire
from bridge.replies import Source
from bridge.settings import PORTS_TRIED
from core.errors import Code, LoopError

LOOPBACK = "127.0.0.1"
RECEIVE_BUFFER = 4 * 1024**2  # what scsynth asks for: at the system's default a burst of 200 packets overflows

Send = Callable[[bytes, Source], None]
Answer = Callable[[bytes, Source, Send], None]
"""Called with a packet, where it came from, and the way to answer it (now or later, from any thread)."""

_log = logging.getLogger(__name__)


class UdpEndpoint(BlockingOSCUDPServer):
    """Receives on 127.0.0.1 and hands every packet to `answer`, on the thread of `serve_forever`."""

    max_packet_size = wire.MAX_PACKET + 1  # one more than allowed, so that a longer packet is seen to be too long
    allow_reuse_address = False  # with it a second process could take the port and the packets

    def __init__(self, port: int, answer: Answer) -> None:
        self._answer = answer
        super().__init__((LOOPBACK, port), Dispatcher())

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def receive_buffer(self) -> int:
        """Bytes that the system granted, which may be fewer than asked."""
        return int(self.socket.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF))

    def server_bind(self) -> None:
        """Size the buffer before the first packet can arrive."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if hasattr(socket, "SO_EXCLUSIVEADDRUSE"):  # Windows: its default lets others share the port
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_EXCLUSIVEADDRUSE, 1)
        super().server_bind()

    def verify_request(self, request: Any, client_address: Any) -> bool:
        """Take packets from this machine alone; `wire.check` looks at the bytes."""
        return bool(request) and client_address[0] == LOOPBACK

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Hand the packet on."""
        self._answer(request[0], client_address, self.send)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 - the base class's signature
        """Log what went wrong; the next packet is served all the same."""
        _log.exception("a packet could not be served")

    def send(self, packet: bytes, destination: Source) -> None:
        """Send one packet; a client that is gone is no fault of the daemon's."""
        try:
            self.socket.sendto(packet, destination)
        except OSError as error:
            _log.debug("no answer sent: %s", error)


def bind_free_port(first: int, answer: Answer) -> UdpEndpoint:
    """An endpoint on the first free port of `PORTS_TRIED`.

    Raises:
        LoopError: LIMIT when all are taken.
    """
    for port in range(first, first + PORTS_TRIED):
        try:
            return UdpEndpoint(port, answer)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
    raise LoopError(Code.LIMIT, f"no free port from {first} to {first + PORTS_TRIED - 1}; choose another with --port")
