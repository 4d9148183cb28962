"""The display of `loopcube monitor`: the daemon's jobs, its counters and the packets as they arrive, without tokens."""

from collections import deque
from dataclasses import dataclass, field

from rich import box
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from bridge.client.client import Client
from bridge.osc.messages import JobRow, PingReply, StatsReply, TrafficRow

KEPT = 200  # packets kept for display
FRAME = 11  # lines for everything but jobs and packets
PULLS = 32  # the most requests for packets in one look, so that heavy traffic does not block the list of jobs

_STYLE = {"done": "green", "running": "cyan", "failed": "red", "cancelled": "dim", "interrupted": "yellow"}


@dataclass
class Monitor:
    """Reads the state of a daemon through its messages.

    Attributes:
        packets: the last packets, the newest last, without the monitor's own.
        jobs: the newest jobs first, as many as one answer holds.
    """

    client: Client
    packets: deque[TrafficRow] = field(default_factory=lambda: deque(maxlen=KEPT))
    jobs: tuple[JobRow, ...] = ()
    ping: PingReply | None = None
    stats: StatsReply | None = None
    _next: int = 1

    def look(self) -> list[TrafficRow]:
        """Request the current state, and return the new packets.

        Raises:
            LoopError: the daemon does not answer.
        """
        ping = self.client.ping()
        if self.ping is not None and ping.boot_id != self.ping.boot_id:
            self._next = 1
        self.ping = ping
        self.stats = self.client.stats()
        self.jobs = self.client.jobs().jobs
        fresh = self._new_packets()
        self.packets.extend(fresh)
        return fresh

    def _new_packets(self) -> list[TrafficRow]:
        fresh: list[TrafficRow] = []
        for _ in range(PULLS):
            answer = self.client.traffic(self._next)
            fresh.extend(answer.packets)
            self._next = answer.following
            if not answer.packets:
                break
        return fresh

    def view(self, height: int) -> RenderableType:
        """The display, `height` lines high."""
        jobs = min(len(self.jobs), max(1, height // 3))
        return Group(self._head(), self._job_table(jobs), self._packet_table(max(1, height - jobs - FRAME)))

    def _head(self) -> Text:
        if self.ping is None or self.stats is None:
            return Text("waiting for the daemon")
        ping, stats = self.ping, self.stats
        return Text.assemble(
            ("loopcube ", "bold"),
            f"up {ping.uptime_s} s, {ping.running} running, {ping.queued} queued; packets: {stats.packets} in, ",
            f"{stats.sent} out, {stats.bad} malformed, {stats.auth} without token, {stats.limited} too many, ",
            f"{stats.dup} resent",
            no_wrap=True,
            overflow="ellipsis",
        )

    def _job_table(self, rows: int) -> Table:
        table = Table("job", "state", "progress", box=box.SIMPLE_HEAD, title="jobs", title_justify="left")
        for row in self.jobs[:rows]:
            table.add_row(row.job, Text(row.state, style=_STYLE.get(row.state, "")), f"{row.progress:4.0%}")
        return table

    def _packet_table(self, rows: int) -> Table:
        table = Table("number", "from", "packet", "answer", box=box.SIMPLE_HEAD, title="packets", title_justify="left")
        for row in list(self.packets)[-rows:]:
            # As Text, so that markup in a received packet has no effect.
            table.add_row(
                str(row.number), Text(row.source), Text(row.text, overflow="ellipsis", no_wrap=True), _answer(row)
            )
        return table


def as_line(row: TrafficRow) -> str:
    """A packet as a line for pipes.

    >>> as_line(TrafficRow(7, "udp 50000", "/loopcube/ping 'r1'", 0))
    "7 udp 50000 ok /loopcube/ping 'r1'"
    """
    return f"{row.number} {row.source} {row.code or 'ok'} {row.text}"


def _answer(row: TrafficRow) -> Text:
    return Text(str(row.code), style="red") if row.code else Text("ok", style="green")
