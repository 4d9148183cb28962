"""Packets that wait for their answers, in rounds of one packet a sender. So no sender waits for another's burst."""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Sender = TypeVar("Sender", bound=Hashable)


class FairQueue(Generic[Sender]):
    """Packets by sender, in order of arrival. The queue has no limit of its own: the caller must limit the packets.

    >>> queue = FairQueue()
    >>> for packet in (b"a1", b"a2", b"b1", b"a3"):
    ...     queue.add(chr(packet[0]), packet)
    >>> queue.next_round(), queue.next_round(), bool(queue)
    ([('a', b'a1'), ('b', b'b1')], [('a', b'a2')], True)
    """

    def __init__(self) -> None:
        self._waiting: dict[Sender, deque[bytes]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, sender: Sender, packet: bytes) -> None:
        """Append a packet to those of the same sender."""
        self._waiting.setdefault(sender, deque()).append(packet)

    def next_round(self) -> list[tuple[Sender, bytes]]:
        """Remove and return the first packet of each sender."""
        packets = [(sender, queue.popleft()) for sender, queue in self._waiting.items()]
        self._waiting = {sender: queue for sender, queue in self._waiting.items() if queue}
        return packets
