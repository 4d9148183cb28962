"""Messages about watched folders. Each audio file that is put into a watched folder becomes a job."""

from dataclasses import dataclass
from typing import NamedTuple

from bridge.osc.messages.base import Reply, Request, require


@dataclass(frozen=True)
class WatchAdd(Request):
    """Watch a folder: each new audio file in it becomes a job.

    >>> WatchAdd("t0", "r1", "/music/drop").to_osc()
    ('/loopcube/watch/add', ('t0', 'r1', '/music/drop'))
    """

    address = "/loopcube/watch/add"
    folder: str


@dataclass(frozen=True)
class WatchAddReply(Reply):
    """The id of the watch, for watch/remove.

    >>> WatchAddReply("r1", "w1").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/watch/add', 'w1'))
    """

    answers = WatchAdd.address
    id: str


@dataclass(frozen=True)
class WatchRemove(Request):
    """Stop watching a folder; its jobs go on.

    >>> WatchRemove("t0", "r1", "w1").to_osc()
    ('/loopcube/watch/remove', ('t0', 'r1', 'w1'))
    """

    address = "/loopcube/watch/remove"
    id: str


@dataclass(frozen=True)
class WatchRemoveReply(Reply):
    """The watch is removed.

    >>> WatchRemoveReply("r1").to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/watch/remove'))
    """

    answers = WatchRemove.address


@dataclass(frozen=True)
class WatchList(Request):
    """List the watched folders from an offset on, as many as fit in an answer.

    >>> WatchList("t0", "r1", 0).to_osc()
    ('/loopcube/watch/list', ('t0', 'r1', 0))
    """

    address = "/loopcube/watch/list"
    offset: int

    def __post_init__(self) -> None:
        super().__post_init__()
        require(self.offset >= 0, "offset", "0 or more", self.offset)


class WatchRow(NamedTuple):
    """One watched folder. Its path is a file: URI, because replies are ASCII."""

    id: str
    folder: str


@dataclass(frozen=True)
class WatchListReply(Reply):
    """Some of `total` watched folders.

    >>> WatchListReply("r1", 1, (WatchRow("w1", "file:///music/drop"),)).to_osc()
    ('/loopcube/reply', ('r1', '/loopcube/watch/list', 1, 'w1', 'file:///music/drop'))
    """

    answers = WatchList.address
    total: int
    watches: tuple[WatchRow, ...]
