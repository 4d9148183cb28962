"""Packets that wait to be answered: senders take turns, so that nobody waits behind the burst of another."""

from collections import deque
from collections.abc import Hashable
from typing import Generic, TypeVar

Sender = TypeVar("Sender", bound=Hashable)


class Turns(Generic[Sender]):
    """Packets by sender, each sender's in the order in which they came. Whoever adds sees to it that they are few.

    >>> turns = Turns()
    >>> for packet in (b"a1", b"a2", b"b1", b"a3"):
    ...     turns.add(chr(packet[0]), packet)
    >>> turns.next_round(), turns.next_round(), bool(turns)
    ([('a', b'a1'), ('b', b'b1')], [('a', b'a2')], True)
    """

    def __init__(self) -> None:
        self._waiting: dict[Sender, deque[bytes]] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, sender: Sender, packet: bytes) -> None:
        """Let a packet wait behind those of the same sender."""
        self._waiting.setdefault(sender, deque()).append(packet)

    def next_round(self) -> list[tuple[Sender, bytes]]:
        """The first packet of each sender; they wait no longer."""
        packets = [(sender, queue.popleft()) for sender, queue in self._waiting.items()]
        self._waiting = {sender: queue for sender, queue in self._waiting.items() if queue}
        return packets
