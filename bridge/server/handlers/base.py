"""What handlers share: who asks, and how to answer later."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from bridge.osc.messages import Reply, Request
from bridge.server.sockets import Send, Source
from core.base.errors import Code, LoopError


class Caller(NamedTuple):
    """Who asks: where it sends from, what it calls itself, and the way to tell it something."""

    source: Source
    name: str
    send: Send


Outcome = Reply | Future[Reply]
Table = dict[type[Request], Callable[[Any, Caller], Outcome]]
"""For each kind of request what is called with it and its caller; whatever takes long is a future."""


class Background:
    """Threads for whatever touches files, which may lie on slow drives.

    Args:
        threads: with one, everything happens in the order in which it was asked for.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def do(self, work: Callable[..., Reply], *arguments: Any) -> Future[Reply]:
        """Do something soon.

        Raises:
            LoopError: SHUTTING_DOWN once it is closed.
        """
        try:
            return self._pool.submit(work, *arguments)
        except RuntimeError as error:
            raise shutting_down() from error

    def close(self) -> None:
        """Do nothing more; what has begun ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def shutting_down() -> LoopError:
    return LoopError(Code.SHUTTING_DOWN, "the daemon is shutting down; try again once it is back")
