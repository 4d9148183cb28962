"""Handler for requests about the packets of other clients."""

from dataclasses import dataclass

from bridge.osc import messages
from bridge.osc.messages import Reply, TrafficRow
from bridge.server.handlers.base import Caller, Table
from bridge.server.sockets import Source
from bridge.server.traffic_log import TrafficLog, shown

ROWS = 8  # packets in an answer, which must fit in 1,200 bytes


@dataclass(frozen=True)
class TrafficHandlers:
    """Handler for the traffic log."""

    log: TrafficLog

    def table(self) -> Table:
        return {messages.Traffic: self.traffic}

    def traffic(self, request: messages.Traffic, caller: Caller) -> Reply:
        """The packets of all clients except the caller."""
        following, entries = self.log.since(request.first, lambda entry: entry.source != caller.source, ROWS)
        rows = tuple(
            TrafficRow(entry.number, _name(entry.source), shown(entry.packet), entry.code) for entry in entries
        )
        return messages.TrafficReply(request.rid, following, rows)


def _name(source: Source) -> str:
    return f"{'tcp' if source.tcp else 'udp'} {source.port}"
