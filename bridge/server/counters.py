"""Packet counters since the start of the daemon."""

from dataclasses import dataclass


@dataclass
class Counters:
    """Numbers of packets, in the order of the reply to `stats`.

    Attributes:
        packets: received.
        bad: malformed.
        auth: without the right token.
        limited: dropped because of the rate limits.
        dup: resent by their clients.
        sent: answers and events.
        receive_buffer: the system's receive buffer for datagrams, in bytes.
    """

    packets: int = 0
    bad: int = 0
    auth: int = 0
    limited: int = 0
    dup: int = 0
    sent: int = 0
    receive_buffer: int = 0
