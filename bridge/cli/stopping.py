"""Ctrl-C and SIGTERM as one exception, so that whatever the command line is doing can clean up after itself."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stopped(BaseException):  # as KeyboardInterrupt, which typer would take for itself
    """Raised in the main thread when the user or the system asks the program to end."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.status = 128 + number  # as a shell reports it


@contextmanager
def stoppable() -> Iterator[None]:
    """Within the block the signals raise `Stopped`; further ones then do not disturb the cleaning up."""

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
