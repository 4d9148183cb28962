"""OSC over TCP: frames of an int32 length (big-endian) and a packet, as in liblo and REAPER's EEL2.

A connection is closed after its first frame if the token is wrong, after five seconds if a frame is not complete, when
more than 256 KiB of answers are not read, and at once if a frame's length is not allowed.
"""

import logging
import selectors
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress

from bridge.osc import wire
from core.base.errors import Code, LoopError

PATIENCE = 5.0  # seconds for a frame to be complete, and for the first frame to arrive
MAX_UNSENT = 256 * 1024

_READ_AT_ONCE = 4_096  # bytes; small, so that one connection does not delay the others for long
_LENGTH = struct.Struct(">i")
_SHORTEST = 4

_log = logging.getLogger(__name__)


def frame(packet: bytes) -> bytes:
    """A packet as a TCP frame.

    >>> frame(b"/a\\0\\0,\\0\\0\\0")
    b'\\x00\\x00\\x00\\x08/a\\x00\\x00,\\x00\\x00\\x00'
    """
    return _LENGTH.pack(len(packet)) + packet


class Frames:
    """Assembles frames from the pieces of a stream.

    >>> frames = Frames()
    >>> list(frames.feed(bytes((0, 0, 0)))), frames.partial
    ([], True)
    >>> list(frames.feed(bytes((4,)) + b"abcd")), frames.partial
    ([b'abcd'], False)
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    @property
    def partial(self) -> bool:
        """Whether a frame has started and is not complete."""
        return bool(self._buffer)

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The packets that are complete with these bytes.

        Raises:
            LoopError: LIMIT for a length that is not allowed.
        """
        self._buffer += data
        while len(self._buffer) >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._buffer)
            if not _SHORTEST <= length <= wire.MAX_PACKET:
                raise LoopError(Code.LIMIT, f"a frame of {length} bytes, must be {_SHORTEST} to {wire.MAX_PACKET}")
            end = _LENGTH.size + length
            if len(self._buffer) < end:
                return
            packet = bytes(self._buffer[_LENGTH.size : end])
            del self._buffer[:end]
            yield packet


class Connection:
    """One client's stream. Only the endpoint's thread reads from it; any thread may write to it.

    Attributes:
        waiting_since: start time of the frame that must now become complete, or None while no frame is due.
        trusted: whether a frame from this client was accepted.
        broken: whether the endpoint's thread should close the connection.
    """

    def __init__(self, stream: socket.socket, now: float) -> None:
        self.stream = stream
        self.frames = Frames()
        self.waiting_since: float | None = now
        self.trusted = False
        self.broken = False
        self._unsent = bytearray()
        self._lock = threading.Lock()

    @property
    def events(self) -> int:
        """The events that the selector should wait for."""
        return selectors.EVENT_READ | (selectors.EVENT_WRITE if self._unsent else 0)

    def send(self, packet: bytes) -> None:
        """Send a packet now, or later when the client reads again."""
        with self._lock:
            self._unsent += frame(packet)
            self._flush()

    def flush(self) -> None:
        """Send waiting data, as much as the client accepts."""
        with self._lock:
            self._flush()

    def read(self) -> bytes:
        """The received bytes. Empty when there are none, or when the connection has ended."""
        try:
            data = self.stream.recv(_READ_AT_ONCE)
        except BlockingIOError:
            return b""
        except OSError:  # reset by the client
            data = b""
        if not data:
            self.broken = True
        return data

    def _flush(self) -> None:
        try:
            while self._unsent:
                del self._unsent[: self.stream.send(self._unsent)]
        except BlockingIOError:
            self.broken |= len(self._unsent) > MAX_UNSENT
        except OSError:
            self.broken = True


class Connections:
    """All TCP connections of an endpoint, by the clients' ports.

    Args:
        listener: a listening, non-blocking socket.
        hand_over: called with a packet and its client's port; returns whether the packet is accepted.
        limit: the most connections at the same time; a further connection is closed at once.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        listener: socket.socket,
        hand_over: Callable[[bytes, int], bool],
        *,
        limit: int,
        clock: Callable[[], float],
    ) -> None:
        self._listener = listener
        self._limit = limit
        self._hand_over = hand_over
        self._clock = clock
        self._open: dict[int, Connection] = {}
        self._selector: selectors.BaseSelector | None = None

    def join(self, selector: selectors.BaseSelector) -> None:
        """Register with a selector. Its user must call each ready key's `data`."""
        self._selector = selector
        selector.register(self._listener, selectors.EVENT_READ, self._accept)

    def send(self, packet: bytes, port: int) -> None:
        """Send a packet to the client on this port, if it is still connected."""
        if (connection := self._open.get(port)) is not None:
            connection.send(packet)

    def tidy(self) -> None:
        """Close broken and slow connections, and update the events of the others."""
        now = self._clock()
        for port, connection in list(self._open.items()):
            slow = connection.waiting_since is not None and now - connection.waiting_since > PATIENCE
            if connection.broken or slow:
                self._close(port)
            elif self._selector is not None and self._selector.get_key(connection.stream).events != connection.events:
                data = self._selector.get_key(connection.stream).data
                self._selector.modify(connection.stream, connection.events, data)

    def close(self) -> None:
        """Close all connections. Call it after the selector is closed."""
        self._selector = None
        for port in list(self._open):
            self._close(port)

    def _accept(self) -> None:
        try:
            stream, (_, port) = self._listener.accept()
        except OSError as error:  # the client is gone, or no file descriptor is left
            _log.debug("no connection accepted: %s", error)
            return
        if len(self._open) >= self._limit or self._selector is None:
            stream.close()
            return
        stream.setblocking(False)
        with suppress(OSError):  # macOS raises an error if the client is already gone
            stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._open[port] = connection = Connection(stream, self._clock())
        self._selector.register(stream, selectors.EVENT_READ, lambda: self._serve(connection, port))

    def _serve(self, connection: Connection, port: int) -> None:
        connection.flush()
        data = connection.read()
        complete = False
        try:
            for packet in connection.frames.feed(data):
                complete = True
                connection.trusted = self._hand_over(packet, port) or connection.trusted
                if not connection.trusted:
                    connection.broken = True
                    return
        except LoopError as error:
            _log.debug("a connection is closed: %s", error)
            connection.broken = True
        if connection.trusted and not connection.frames.partial:
            connection.waiting_since = None
        elif complete or connection.waiting_since is None:
            connection.waiting_since = self._clock()

    def _close(self, port: int) -> None:
        connection = self._open.pop(port)
        if self._selector is not None:
            self._selector.unregister(connection.stream)
        connection.stream.close()
