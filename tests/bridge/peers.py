"""Plain clients over UDP and TCP, for tests of what goes over the wire, and an endpoint served on a thread."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

from bridge.osc import wire
from bridge.server.sockets import Answer, Endpoint, bind_free_port
from bridge.server.tcp import Frames, frame
from bridge.system.settings import LOOPBACK


@contextmanager
def serving(answer: Answer, port: int = 48_100, **options: Any) -> Iterator[Endpoint]:
    """An endpoint that serves while the block lasts."""
    with bind_free_port(port, answer, **options) as endpoint:
        reader = threading.Thread(target=endpoint.serve_forever, args=(0.02,), daemon=True)
        reader.start()
        try:
            yield endpoint
        finally:
            endpoint.shutdown()
            reader.join()


class Peer:
    """One socket to an endpoint."""

    kind = socket.SOCK_DGRAM

    def __init__(self, port: int) -> None:
        self.socket = socket.socket(socket.AF_INET, self.kind)
        self.socket.settimeout(5.0)
        self.socket.connect((LOOPBACK, port))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.socket.close()

    def send(self, packet: bytes) -> None:
        self.socket.send(packet)

    def receive(self) -> bytes:
        return self.socket.recv(wire.MAX_PACKET)

    def ask(self, address: str, *arguments: wire.Value) -> wire.Packet:
        """The next packet that comes after this one was sent."""
        self.send(wire.encode(address, arguments))
        return wire.decode(self.receive())


class TcpPeer(Peer):
    """One connection to an endpoint."""

    kind = socket.SOCK_STREAM

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._frames = Frames()
        self._received: list[bytes] = []

    def send(self, packet: bytes) -> None:
        self.socket.sendall(frame(packet))

    def receive(self) -> bytes:
        while not self._received:
            if not (data := self.socket.recv(4_096)):
                raise EOFError
            self._received.extend(self._frames.feed(data))
        return self._received.pop(0)

    def closed(self) -> bool:
        """Wait until the other side closes, throwing away what it sends before."""
        try:
            while self.socket.recv(4_096):
                pass
        except ConnectionError:
            return True
        except TimeoutError:
            return False
        return True
