"""Messages about the packets of other clients, for authors of patches."""

from dataclasses import dataclass
from typing import NamedTuple

from bridge.osc.messages.base import Reply, Request


@dataclass(frozen=True)
class Traffic(Request):
    """Return the packets of other clients from number `first` on; the daemon keeps only the last ones.

    >>> Traffic("t0", "r1", 1).to_osc()
    ('/loopcube/traffic', ('t0', 'r1', 1))
    """

    address = "/loopcube/traffic"
    first: int


class TrafficRow(NamedTuple):
    """One packet: its number, `udp` or `tcp` with its source port, its content without the token, and 0 or the code of
    the error that answered it."""

    number: int
    source: str
    text: str
    code: int


@dataclass(frozen=True)
class TrafficReply(Reply):
    """At most eight packets, and the number from which the next request should start.

    >>> TrafficReply("r1", 8, (TrafficRow(7, "udp 50000", "/loopcube/ping 'r9'", 0),)).to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/traffic', 8, 7, 'udp 50000', "/loopcube/ping 'r9'", 0))
    """

    answers = Traffic.address
    following: int
    packets: tuple[TrafficRow, ...]
