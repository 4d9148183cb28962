"""Ctrl-C and SIGTERM as one exception, so that every command can clean up before it ends."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):  # not KeyboardInterrupt, because typer handles that itself
    """Raised in the main thread when the user or the system stops the program."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number  # the exit status that a shell reports


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block, the first signal raises `Stopped`. Later signals are ignored, so that clean-up can finish."""

    def stop(number: int, _frame: FrameType | None) -> None:
        for each in SIGNALS:
            signal.signal(each, signal.SIG_IGN)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
