"""Handlers for requests about the daemon itself, from hello to bye."""

from collections.abc import Callable
from dataclasses import astuple, dataclass

from bridge.jobs.registry import Jobs
from bridge.jobs.state import State
from bridge.osc import messages, wire
from bridge.osc.messages import Reply
from bridge.server.clients import ALL_JOBS, LEASE_SECONDS, Clients
from bridge.server.counters import Counters
from bridge.server.handlers.base import Caller, Table
from bridge.system.running import VERSION
from core.base.errors import Code, LoopError

CAPABILITIES = ":documents:events:extract:tcp:watch:"
_MOST = 2**31 - 1  # the largest integer in OSC


@dataclass(frozen=True)
class SessionHandlers:
    """Handlers for requests about the daemon.

    Attributes:
        uptime: returns the seconds since the start.
        stop: starts the shutdown of the daemon, and returns at once.
    """

    jobs: Jobs
    clients: Clients
    counters: Counters
    boot_id: str
    uptime: Callable[[], float]
    stop: Callable[[], None]

    def table(self) -> Table:
        return {
            messages.Hello: self.hello,
            messages.Bye: self.bye,
            messages.Ping: self.ping,
            messages.Describe: self.describe,
            messages.Subscribe: self.subscribe,
            messages.Stats: self.stats,
            messages.Quit: self.quit,
        }

    def hello(self, request: messages.Hello, caller: Caller) -> Reply:
        # The reply port is stored first, so that a refusal also goes to that port.
        self.clients.greet(caller.source, request.client, request.reply_port)
        if request.major > messages.MAJOR:
            raise LoopError(Code.VERSION, f"protocol {request.major} is newer than {messages.MAJOR}; update loopcube")
        return messages.HelloReply(
            request.rid, messages.MAJOR, messages.MINOR, VERSION, self.boot_id, LEASE_SECONDS, CAPABILITIES
        )

    def bye(self, request: messages.Bye, caller: Caller) -> Reply:
        self.clients.leave(caller.source)
        return messages.ByeReply(request.rid)

    def ping(self, request: messages.Ping, caller: Caller) -> Reply:
        running = self.jobs.count(State.RUNNING, State.CANCELLING)
        return messages.PingReply(request.rid, self.boot_id, int(self.uptime()), running, self.jobs.count(State.QUEUED))

    def describe(self, request: messages.Describe, caller: Caller) -> Reply:
        table = list(messages.REQUESTS.values())
        if not 0 <= request.index < len(table):
            raise LoopError(Code.ARGUMENTS, f"index must be 0 to {len(table) - 1}, got {request.index}")
        row = table[request.index]
        return messages.DescribeReply(request.rid, len(table), row.address, row.types(), wire.ascii_text(row.help()))

    def subscribe(self, request: messages.Subscribe, caller: Caller) -> Reply:
        if request.job != ALL_JOBS:
            self.jobs.get(request.job)
        self.clients.subscribe(caller.source, request.job, caller.send)
        return messages.SubscribeReply(request.rid, LEASE_SECONDS)

    def stats(self, request: messages.Stats, caller: Caller) -> Reply:
        return messages.StatsReply(request.rid, *(min(_MOST, number) for number in astuple(self.counters)))

    def quit(self, request: messages.Quit, caller: Caller) -> Reply:
        self.stop()
        return messages.QuitReply(request.rid)
