"""The last received packets and the codes of their answers, for authors of patches.

Resent packets are left out. Of refused packets, at most one a second is kept for each sender and code.
"""

import threading
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from bridge.osc import wire
from bridge.server.sockets import Source
from bridge.system.log import masked
from core.base.errors import LoopError

KEPT = 512
SHOWN = 84  # characters of a packet: eight such lines with their numbers and sources fit into an answer


class Entry(NamedTuple):
    """One packet.

    Attributes:
        number: counts the packets that this daemon has kept, from 1.
        code: 0, or the code of the error that answered the packet.
    """

    number: int
    packet: bytes
    source: Source
    code: int


class TrafficLog:
    """The last packets. It may be used from any thread."""

    def __init__(self) -> None:
        self._entries: deque[Entry] = deque(maxlen=KEPT)
        self._count = 0
        self._lock = threading.Lock()

    def note(self, packet: bytes, source: Source, code: int) -> None:
        """Keep a packet and the code of its answer."""
        with self._lock:
            self._count += 1
            self._entries.append(Entry(self._count, packet[: wire.MAX_PACKET], source, code))

    def since(self, first: int, wanted: Callable[[Entry], bool], most: int) -> tuple[int, list[Entry]]:
        """At most `most` wanted packets, from number `first` on, and the number for the next call."""
        with self._lock:
            found = [entry for entry in self._entries if entry.number >= first and wanted(entry)]
            following = found[most].number if len(found) > most else self._count + 1
        return following, found[:most]


def shown(packet: bytes) -> str:
    """A packet as a line of ASCII. Its token is left out, and everything else that looks like a token is masked.

    >>> shown(wire.encode("/loopcube/job/status", ("t0", "r1", "00c0ffee")))
    "/loopcube/job/status 'r1' '00c0ffee'"
    >>> shown(b"#bundle and more")
    "b'#bundle and more'"
    """
    safe = masked(packet)
    try:
        address, arguments = wire.decode(safe)
    except LoopError:
        return wire.ascii_text(repr(safe[:SHOWN]), SHOWN)
    return wire.ascii_text(" ".join([address, *map(repr, arguments[1:])]), SHOWN)
