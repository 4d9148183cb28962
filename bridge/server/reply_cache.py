"""Answers by rid: a resent request gets the same bytes again, and its handler does not run twice."""

import hashlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from core.base.errors import Code, LoopError

KEPT_SECONDS = 120.0
KEPT_REPLIES = 8_192  # at most 10 MB; a client resends for 6 seconds and may send 500 packets a second


@dataclass
class _Entry:
    fingerprint: bytes
    since: float
    reply: bytes | None = None  # None while the request is still being worked on


class ReplyCache:
    """The last answers, by rid."""

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._entries: OrderedDict[str, _Entry] = OrderedDict()

    def claim(self, rid: str, packet: bytes) -> tuple[bool, bytes | None]:
        """Whether this request is new; if not, also its answer (None while it has none yet).

        Raises:
            LoopError: ID_CONFLICT when the rid was used with other bytes before.
        """
        self._forget_old()
        fingerprint = hashlib.sha256(packet).digest()
        entry = self._entries.get(rid)
        if entry is None:
            self._entries[rid] = _Entry(fingerprint, self._clock())
            return True, None
        if entry.fingerprint != fingerprint:
            raise LoopError(Code.ID_CONFLICT, f"rid {rid} was used for another request; use a new one")
        return False, entry.reply

    def keep(self, rid: str, reply: bytes) -> None:
        """Store the answer to a claimed request."""
        if (entry := self._entries.get(rid)) is not None:
            entry.reply = reply

    def _forget_old(self) -> None:
        oldest = self._clock() - KEPT_SECONDS
        while self._entries:
            entry = next(iter(self._entries.values()))
            if len(self._entries) < KEPT_REPLIES and entry.since > oldest:
                return
            self._entries.popitem(last=False)
