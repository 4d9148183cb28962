"""Messages about the daemon itself: clients, addresses, subscriptions, statistics, stop."""

from dataclasses import dataclass

from bridge.osc.messages.base import Event, Reply, Request, require


@dataclass(frozen=True)
class Hello(Request):
    """Register a client's name and the port for its answers (0: the port it sends from).

    >>> Hello("t0", "r1", 1, 0, "reaper", 0).to_osc()
    ('/loopcube/hello', ('t0', 'r1', 1, 0, 'reaper', 0))
    """

    address = "/loopcube/hello"
    major: int
    minor: int
    client: str
    reply_port: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require(len(self.client) <= 64, "client", "at most 64 characters", self.client)
        port = self.reply_port
        require(port == 0 or 1024 <= port <= 65535, "reply_port", "0 or 1024 to 65535", port)


@dataclass(frozen=True)
class HelloReply(Reply):
    """The daemon's versions, and its capabilities as names between colons.

    >>> HelloReply("r1", 1, 0, "0.1.0", "b007", 15, ":tcp:").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/hello', 1, 0, '0.1.0', 'b007', 15, ':tcp:'))
    """

    answers = Hello.address
    major: int
    minor: int
    daemon_version: str
    boot_id: str
    lease_s: int
    capabilities: str


@dataclass(frozen=True)
class Bye(Request):
    """Remove this client's reply port and subscriptions; its jobs go on.

    >>> Bye("t0", "r1").to_osc()
    ('/loopcube/bye', ('t0', 'r1'))
    """

    address = "/loopcube/bye"


@dataclass(frozen=True)
class ByeReply(Reply):
    """The client is removed.

    >>> ByeReply("r1").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/bye'))
    """

    answers = Bye.address


@dataclass(frozen=True)
class Ping(Request):
    """Check that the daemon runs, and return its uptime and numbers of jobs.

    >>> Ping("t0", "r1").to_osc()
    ('/loopcube/ping', ('t0', 'r1'))
    """

    address = "/loopcube/ping"


@dataclass(frozen=True)
class PingReply(Reply):
    """The daemon runs. A new boot_id means that it was restarted.

    >>> PingReply("r1", "b007", 60, 1, 2).to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/ping', 'b007', 60, 1, 2))
    """

    answers = Ping.address
    boot_id: str
    uptime_s: int
    running: int
    queued: int


@dataclass(frozen=True)
class Describe(Request):
    """Return one line of the address table.

    >>> Describe("t0", "r1", 3).to_osc()
    ('/loopcube/describe', ('t0', 'r1', 3))
    """

    address = "/loopcube/describe"
    index: int


@dataclass(frozen=True)
class DescribeReply(Reply):
    """One of `count` lines of the address table.

    >>> DescribeReply("r1", 7, "/loopcube/ping", "ss", "() ...").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/describe', 7, '/loopcube/ping', 'ss', '() ...'))
    """

    answers = Describe.address
    count: int
    described: str
    tags: str
    text: str


@dataclass(frozen=True)
class Subscribe(Request):
    """Send a job's events ("": of all jobs) to this client while it keeps sending requests.

    >>> Subscribe("t0", "r1", "").to_osc()
    ('/loopcube/subscribe', ('t0', 'r1', ''))
    """

    address = "/loopcube/subscribe"
    job: str


@dataclass(frozen=True)
class SubscribeReply(Reply):
    """Events are sent until the client has sent no request for `lease_s` seconds. Any request renews the lease.

    >>> SubscribeReply("r1", 15).to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/subscribe', 15))
    """

    answers = Subscribe.address
    lease_s: int


@dataclass(frozen=True)
class Stats(Request):
    """Count the packets received and sent since the daemon started.

    >>> Stats("t0", "r1").to_osc()
    ('/loopcube/stats', ('t0', 'r1'))
    """

    address = "/loopcube/stats"


@dataclass(frozen=True)
class StatsReply(Reply):
    """Packets received, malformed, with a wrong token, over a limit, resent; packets sent; receive buffer in bytes.

    >>> StatsReply("r1", 100, 1, 0, 0, 2, 99, 425984).to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/stats', 100, 1, 0, 0, 2, 99, 425984))
    """

    answers = Stats.address
    packets: int
    bad: int
    auth: int
    limited: int
    dup: int
    sent: int
    rcvbuf: int


@dataclass(frozen=True)
class Quit(Request):
    """Stop the daemon; running jobs go on after its next start.

    >>> Quit("t0", "r1").to_osc()
    ('/loopcube/quit', ('t0', 'r1'))
    """

    address = "/loopcube/quit"


@dataclass(frozen=True)
class QuitReply(Reply):
    """The daemon stops within 6 seconds.

    >>> QuitReply("r1").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/quit'))
    """

    answers = Quit.address


@dataclass(frozen=True)
class ByeEvent(Event):
    """The daemon is stopping.

    >>> ByeEvent("b007").to_osc()
    ('/loopcube/event/bye', ('b007',))
    """

    address = "/loopcube/event/bye"
    boot_id: str
