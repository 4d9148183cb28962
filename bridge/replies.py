"""What the daemon remembers of its clients: answers by rid, ports by lease, and how often each was refused.

All three are bounded, so that no client can make the daemon grow.
"""

import hashlib
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from core.errors import Code, LoopError

Clock = Callable[[], float]
Source = tuple[str, int]

KEPT_REPLIES, KEPT_SECONDS = 1_024, 120.0
LEASE_SECONDS = 15
KEPT_SOURCES = 1_024


@dataclass
class _Entry:
    fingerprint: bytes
    since: float
    reply: bytes | None = None  # None while the request is still being worked on


class ReplyCache:
    """Answers by rid, so that a resend gets the same bytes and runs nothing."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def claim(self, rid: str, packet: bytes) -> tuple[bool, bytes | None]:
        """Whether this request is new, and else the answer it got (None while there is none yet).

        Raises:
            LoopError: ID_CONFLICT when the rid came with other bytes before.
        """
        self._forget_old()
        fingerprint = hashlib.sha256(packet).digest()
        entry = self._entries.get(rid)
        if entry is None:
            self._entries[rid] = _Entry(fingerprint, self._clock())
            return True, None
        if entry.fingerprint != fingerprint:
            raise LoopError(Code.ID_CONFLICT, f"rid {rid} was used for another request; take a new one")
        return False, entry.reply

    def keep(self, rid: str, reply: bytes) -> None:
        """Note the answer to a claimed request."""
        if (entry := self._entries.get(rid)) is not None:
            entry.reply = reply

    def _forget_old(self) -> None:
        oldest = self._clock() - KEPT_SECONDS
        while self._entries:
            entry = next(iter(self._entries.values()))
            if len(self._entries) < KEPT_REPLIES and entry.since > oldest:
                return
            self._entries.popitem(last=False)


class Leases:
    """Which port a client wants its answers on, for as long as it is heard of."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._leases: OrderedDict[Source, tuple[int, float]] = OrderedDict()

    def bind(self, source: Source, port: int) -> None:
        """Send what answers this source to a port of the same host."""
        self._leases.pop(source, None)
        while len(self._leases) >= KEPT_SOURCES:
            self._leases.popitem(last=False)
        self._leases[source] = (port, self._clock())

    def renew(self, source: Source) -> Source:
        """Where answers to this source go; hearing of it renews its lease."""
        port, since = self._leases.get(source, (source[1], 0.0))
        if source in self._leases and self._clock() - since > LEASE_SECONDS:
            del self._leases[source]
            return source
        if source in self._leases:
            self.bind(source, port)
        return source[0], port


class Sparingly:
    """Allows each key once a second: refusals must not flood the log, nor a port that somebody forged."""

    def __init__(self, *, clock: Clock, seconds: float = 1.0) -> None:
        self._clock = clock
        self._seconds = seconds
        self._last: dict[Hashable, float] = {}

    def allows(self, key: Hashable) -> bool:
        now = self._clock()
        if now - self._last.get(key, -self._seconds) < self._seconds:
            return False
        if len(self._last) >= KEPT_SOURCES:
            self._last.clear()
        self._last[key] = now
        return True
