"""The drop folder: an audio file that is moved or copied into it becomes a job once it is complete.

watchdog only says that something happened; what to do is decided by `Settling` from plain listings of the folder, so
that missed, doubled or odd events (network drives, editors that write and rename) change nothing.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from watchdog.events import FileSystemEvent, FileSystemEventHandler
from watchdog.observers import Observer

from core.errors import Code, LoopError

STABLE_SECONDS = 2.0  # a file that did not change for so long is complete
LOOK_EVERY = 0.5  # seconds between looks while a file is settling
LOOK_ANYWAY = 10.0  # seconds between looks when nothing was heard: some drives tell nothing
SUFFIXES = frozenset({".wav", ".flac", ".aif", ".aiff", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".caf", ".w64"})

_log = logging.getLogger(__name__)


class Stamp(NamedTuple):
    """What changes while a file is being written, and when another file takes its name."""

    inode: int
    size: int
    mtime_ns: int


Listing = dict[str, Stamp]


@dataclass
class Settling:
    """Decides which files are ready: those whose stamp did not change for `STABLE_SECONDS`, each stamp once.

    >>> settling, stamp = Settling(), Stamp(1, 100, 0)
    >>> settling.ready({"song.wav": stamp}, now=0.0), settling.ready({"song.wav": stamp}, now=2.0)
    ([], ['song.wav'])
    >>> settling.ready({"song.wav": stamp}, now=9.0)
    []
    """

    handled: Listing = field(default_factory=dict)
    _since: dict[str, tuple[Stamp, float]] = field(default_factory=dict)

    @property
    def waiting(self) -> bool:
        """Whether a file has still to settle."""
        return bool(self._since)

    def ready(self, listing: Listing, *, now: float) -> list[str]:
        """The names of the files that have become ready, by name; they count as handled from now on."""
        self.handled = {name: stamp for name, stamp in self.handled.items() if name in listing}
        fresh = {name: stamp for name, stamp in listing.items() if self.handled.get(name) != stamp}
        self._since = {
            name: self._since[name] if self._since.get(name, (None,))[0] == stamp else (stamp, now)
            for name, stamp in fresh.items()
        }
        names = sorted(name for name, (_, since) in self._since.items() if now - since >= STABLE_SECONDS)
        for name in names:
            self.handled[name], _ = self._since.pop(name)
        return names


def is_candidate(name: str) -> bool:
    """Whether a file of that name may be a finished audio file: no hidden one, none that is still being written.

    >>> is_candidate("Song.WAV"), is_candidate("song.wav.part"), is_candidate(".song.wav"), is_candidate("notes.txt")
    (True, False, False, False)
    """
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def listing(folder: Path) -> Listing:
    """The candidates in a folder: regular files with something in them. Folders (our results) and links are left alone.

    Raises:
        LoopError: NO_SUCH_FILE when the folder is gone.
    """
    try:
        entries = [entry for entry in folder.iterdir() if is_candidate(entry.name)]
    except OSError as error:
        raise LoopError(
            Code.NO_SUCH_FILE, f"{folder}: cannot be listed ({error.strerror}); check the folder"
        ) from error
    found = {}
    for entry in entries:
        try:
            if entry.is_file() and not entry.is_symlink() and (status := entry.stat()).st_size:
                found[entry.name] = Stamp(status.st_ino, status.st_size, status.st_mtime_ns)
        except OSError:  # gone again since it was listed
            continue
    return found


def watch(
    folder: Path,
    handle: Callable[[Path], None],
    *,
    existing: bool = False,
    stop: threading.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Call `handle` with every file that gets into a folder, until `stop`.

    A file that `handle` refuses with a LoopError is logged and left; the watch goes on, also when the folder is away
    for a while.

    Args:
        existing: take the files that are there already, too.

    Raises:
        LoopError: NO_SUCH_FILE when there is no such folder at the start.
    """
    stop = stop or threading.Event()
    there = listing(folder)
    settling = Settling({} if existing else there)
    bell = threading.Event()
    observer = Observer()
    observer.schedule(_Ring(bell), str(folder))
    observer.start()
    try:
        while not stop.is_set():
            bell.clear()
            for name in _ready(settling, folder, clock()):
                _attempt(handle, folder / name)
            bell.wait(LOOK_EVERY if settling.waiting else LOOK_ANYWAY)
    finally:
        observer.stop()
        observer.join()


class _Ring(FileSystemEventHandler):
    """Rings a bell whenever something happens in the folder."""

    def __init__(self, bell: threading.Event) -> None:
        self._bell = bell

    def on_any_event(self, event: FileSystemEvent) -> None:  # noqa: ARG002 - what happened is read from the folder
        self._bell.set()


def _ready(settling: Settling, folder: Path, now: float) -> list[str]:
    try:
        return settling.ready(listing(folder), now=now)
    except LoopError as error:
        _log.warning("%s", error)
        return []


def _attempt(handle: Callable[[Path], None], path: Path) -> None:
    try:
        handle(path)
    except LoopError as error:
        _log.error("%s: %s", path.name, error)
