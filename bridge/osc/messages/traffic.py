"""Messages about the packets of others, for those who write their own patches."""

from dataclasses import dataclass
from typing import NamedTuple

from bridge.osc.messages.base import Reply, Request


@dataclass(frozen=True)
class Traffic(Request):
    """The packets from number `first` on that others sent, of those the daemon still remembers.

    >>> Traffic("t0", "r1", 1).to_osc()
    ('/loopcube/traffic', ('t0', 'r1', 1))
    """

    address = "/loopcube/traffic"
    first: int


class TrafficRow(NamedTuple):
    """One packet: its number, `udp` or `tcp` and the port that it came from, what it holds but for its token, and 0 or
    the code of the error that answered it."""

    number: int
    source: str
    text: str
    code: int


@dataclass(frozen=True)
class TrafficReply(Reply):
    """At most eight packets, and the number to go on with.

    >>> TrafficReply("r1", 8, (TrafficRow(7, "udp 50000", "/loopcube/ping 'r9'", 0),)).to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/traffic', 8, 7, 'udp 50000', "/loopcube/ping 'r9'", 0))
    """

    answers = Traffic.address
    following: int
    packets: tuple[TrafficRow, ...]
