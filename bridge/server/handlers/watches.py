"""Handlers for watched folders: add, remove, list."""

from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from bridge.osc import messages, wire
from bridge.osc.messages import Reply
from bridge.server.handlers.base import Background, Caller, Table
from bridge.watch.watched_folders import Watches


@dataclass(frozen=True)
class WatchHandlers:
    """Handlers for watched folders.

    Attributes:
        background: looks at folders.
    """

    watches: Watches
    background: Background

    def table(self) -> Table:
        return {
            messages.WatchAdd: self.add,
            messages.WatchRemove: self.remove,
            messages.WatchList: self.list,
        }

    def add(self, request: messages.WatchAdd, caller: Caller) -> Future[Reply]:
        return self.background.do(lambda: messages.WatchAddReply(request.rid, self.watches.add(request.folder)))

    def remove(self, request: messages.WatchRemove, caller: Caller) -> Future[Reply]:
        def remove() -> Reply:
            self.watches.remove(request.id)
            return messages.WatchRemoveReply(request.rid)

        return self.background.do(remove)

    def list(self, request: messages.WatchList, caller: Caller) -> Reply:
        watches = self.watches.list()
        rows = tuple(messages.WatchRow(name, Path(folder).as_uri()) for name, folder in watches[request.offset :])
        page = messages.WatchListReply(request.rid, len(watches), rows)
        while len(page.watches) > 1 and not _fits(page):
            page = messages.WatchListReply(request.rid, len(watches), page.watches[:-1])
        return page


def _fits(page: messages.WatchListReply) -> bool:
    _, arguments = page.to_osc()
    return len(arguments) <= wire.MAX_ARGUMENTS and sum(len(str(value)) + 8 for value in arguments) < wire.MAX_REPLY
