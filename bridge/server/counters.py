"""What came in and went out since the daemon started."""

from dataclasses import dataclass


@dataclass
class Counters:
    """Numbers of packets, in the order of the reply to `stats`.

    Attributes:
        packets: received.
        bad: malformed.
        auth: without the token.
        limited: dropped because they were too many.
        dup: resent by their clients.
        sent: answers and events.
        receive_buffer: bytes that the system granted for datagrams.
    """

    packets: int = 0
    bad: int = 0
    auth: int = 0
    limited: int = 0
    dup: int = 0
    sent: int = 0
    receive_buffer: int = 0
