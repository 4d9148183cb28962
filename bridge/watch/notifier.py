"""A bell that rings when something may have happened: in a folder, by watchdog, or because somebody rang it.

It may ring too often, and it may miss things: network drives tell nothing, and a system has only so many watches. Who
listens looks for itself, and looks now and then even if it stays silent.
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

LOOK_EVERY = 0.5  # seconds between looks while a file is settling
LOOK_ANYWAY = 10.0  # seconds between looks when nothing was heard: some drives tell nothing
REST = 9  # a look that took a second is followed by so many of rest: slow drives have others to serve

_EVENTS: list[type[FileSystemEvent]] = [
    FileCreatedEvent,
    FileMovedEvent,
    FileClosedEvent,
]  # not each write, nor our own looks

_log = logging.getLogger(__name__)


class Bell(FileSystemEventHandler):
    """Rings for the folders that it listens to. The observer's threads begin with the first one."""

    def __init__(self) -> None:
        self._rung = threading.Event()
        self._observer: BaseObserver | None = None
        self._heard: dict[Path, ObservedWatch] = {}

    def listen_to(self, folder: Path) -> None:
        """Ring for a folder from now on, also where that failed before; what cannot be listened to stays silent."""
        self.leave(folder)
        try:
            if self._observer is None:
                self._observer = Observer()  # takes one of the few that a system has, so not before it is needed
                self._observer.start()
            self._heard[folder] = self._observer.schedule(self, str(folder), event_filter=_EVENTS)
        except OSError as error:
            _log.info("%s: is looked at now and then only (%s)", folder, error)

    def leave(self, folder: Path) -> None:
        """Ring for a folder no more."""
        if self._observer is not None and folder in self._heard:
            self._observer.unschedule(self._heard.pop(folder))

    def ring(self) -> None:
        self._rung.set()

    def wait(self, seconds: float) -> None:
        """Wait until the bell has rung since the last wait, or until the time is over."""
        self._rung.wait(seconds)
        self._rung.clear()

    def close(self) -> None:
        """End the observer's threads."""
        if self._observer is not None:
            self._observer.stop()
            self._observer.join()

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002 - what happened is read from the folder
        """Ring; watchdog calls this on a thread of its own."""
        self._rung.set()


def keep_looking(look: Callable[[], bool], bell: Bell, stop: threading.Event) -> None:
    """Look when the bell rings and now and then, until told to stop; `look` says whether to look again soon."""
    while not stop.is_set():
        began = time.monotonic()
        soon = look()
        stop.wait(min(LOOK_ANYWAY, REST * (time.monotonic() - began)))
        bell.wait(LOOK_EVERY if soon else LOOK_ANYWAY)
