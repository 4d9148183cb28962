"""Notifications that a folder may have changed, from watchdog or from another part of the program.

There may be too many notifications, and some may be missing: network drives send none, and the system limits the number
of watches. So the receiver lists the folder itself, and also at regular intervals without a notification.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from watchdog.events import (
    FileClosedEvent,
    FileCreatedEvent,
    FileMovedEvent,
    FileSystemEvent,
    FileSystemEventHandler,
)
from watchdog.observers import Observer
from watchdog.observers.api import BaseObserver, ObservedWatch

LOOK_EVERY = 0.5  # seconds between looks while a file may still be changing
LOOK_ANYWAY = 10.0  # seconds between looks without a notification: some drives send none
REST = 9  # pause after a look, in multiples of its duration: slow drives have other programs to serve

_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileClosedEvent,
]  # not for each write, and not for our own reads

_log = logging.getLogger(__name__)


class Notifier(FileSystemEventHandler):
    """Collects notifications for some folders. The observer's threads start with the first folder."""

    def __init__(self) -> None:
        self._notified = threading.Event()
        self._observer: BaseObserver | None = None
        self._watches: dict[Path, ObservedWatch] = {}

    def listen_to(self, folder: Path) -> None:
        """Receive notifications for a folder. A second call tries again. A failure is logged, not raised."""
        self.stop_listening_to(folder)
        try:
            if self._observer is None:
                self._observer = Observer()  # only when needed: the system limits the number of observers
                self._observer.start()
            self._watches[folder] = self._observer.schedule(self, str(folder), event_filter=_EVENTS)
        except OSError as error:
            _log.info("%s: no notifications (%s); checked every %.0f s", folder, error, LOOK_ANYWAY)

    def stop_listening_to(self, folder: Path) -> None:
        """Receive no more notifications for a folder."""
        if self._observer is not None and folder in self._watches:
            self._observer.unschedule(self._watches.pop(folder))

    def notify(self) -> None:
        self._notified.set()

    def wait(self, seconds: float) -> None:
        """Wait for a notification since the last wait, or until the time is over."""
        self._notified.wait(seconds)
        self._notified.clear()

    def close(self) -> None:
        """End the observer's threads."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002 - the receiver lists the folder instead
        """Notify. watchdog calls this on its own thread."""
        self._notified.set()


def keep_looking(look: Callable[[], bool], notifier: Notifier, stop: threading.Event) -> None:
    """Call `look` after each notification and at regular intervals, until `stop` is set.

    Args:
        look: returns whether to look again soon.
    """
    while not stop.is_set():
        began = time.monotonic()
        soon = look()
        stop.wait(min(LOOK_ANYWAY, REST * (time.monotonic() - began)))
        notifier.wait(LOOK_EVERY if soon else LOOK_ANYWAY)
