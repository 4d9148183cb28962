"""What all handlers share: the caller, and background threads for slow answers."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple

from bridge.osc.messages import Reply, Request
from bridge.server.sockets import Send, Source
from core.base.errors import Code, LoopError


class Caller(NamedTuple):
    """The client that sent a request: its source address, its name, and the function that sends to it."""

    source: Source
    name: str
    send: Send


Outcome = Reply | Future[Reply]
Table = dict[type[Request], Callable[[Any, Caller], Outcome]]
"""For each type of request its handler, called with the request and its caller. A slow handler returns a future."""


class Background:
    """Threads for handlers that look at files, which may be on slow drives.

    Args:
        threads: with one thread, the work is done in the order of the requests.
    """

    def __init__(self, name: str, threads: int) -> None:
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)

    def do(self, work: Callable[..., Reply], *arguments: Any) -> Future[Reply]:
        """Run `work` on one of the threads.

        Raises:
            LoopError: SHUTTING_DOWN after `close`.
        """
        try:
            return self._pool.submit(work, *arguments)
        except RuntimeError as error:
            raise shutting_down() from error

    def close(self) -> None:
        """Start no more work. Work that has started ends by itself."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def shutting_down() -> LoopError:
    return LoopError(Code.SHUTTING_DOWN, "the daemon is shutting down; try again once it runs again")
