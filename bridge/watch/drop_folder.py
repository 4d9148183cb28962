"""The drop folder: an audio file that is moved or copied into it becomes a job once the file is complete.

All decisions use listings of the folder. So missing, double or unusual events (network drives, editors that write and
rename) have no effect; `notifier` only gives the moment to look. Folders inside are not searched, because they hold
results and failed files.
"""

import errno
import logging
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, Self

from bridge.jobs.state import FINAL, State
from core.base.errors import Code, LoopError

STABLE_SECONDS = 2.0  # a file that has not changed for this long is complete
LATER_SECONDS = 30.0  # a file that could not be started is tried again after this time, or when a job has ended
TRIES = 2  # runs of a file before it is moved to `SET_ASIDE`
KEPT_STAMPS = 10_000
SET_ASIDE = "loopcube-failed"
SUFFIXES = frozenset({".wav", ".flac", ".aif", ".aiff", ".ogg", ".oga", ".opus", ".mp3", ".m4a", ".caf", ".w64"})

_log = logging.getLogger(__name__)


class Stamp(NamedTuple):
    """Identifies a version of a file: it changes while the file is written, and stays when the file is renamed."""

    inode: int
    size: int
    mtime_ns: int


Listing = dict[str, Stamp]


@dataclass
class Settling:
    """Decides which files are ready: those whose stamp has not changed for `STABLE_SECONDS`. Each stamp is ready once.

    A stamp stays handled while its file is missing, for example while a drive is unplugged. Of the stamps of missing
    files, the last `KEPT_STAMPS` are kept.

    >>> settling, stamp = Settling(), Stamp(1, 100, 0)
    >>> settling.ready({"song.wav": stamp}, now=0.0), settling.ready({"song.wav": stamp}, now=2.0)
    ([], [('song.wav', Stamp(inode=1, size=100, mtime_ns=0))])
    >>> settling.ready({"renamed.wav": stamp}, now=9.0)
    []
    """

    handled: dict[Stamp, None] = field(default_factory=dict)  # in order of arrival
    _since: dict[str, tuple[Stamp, float]] = field(default_factory=dict)

    @property
    def waiting(self) -> bool:
        """Whether a file is not ready yet."""
        return bool(self._since)

    def ready(self, listing: Listing, *, now: float) -> list[tuple[str, Stamp]]:
        """The files that have become ready, sorted by name. From now on they count as handled."""
        fresh = {name: stamp for name, stamp in listing.items() if stamp not in self.handled}
        self._since = {
            name: self._since[name] if self._since.get(name, (None,))[0] == stamp else (stamp, now)
            for name, stamp in fresh.items()
        }
        names = sorted(name for name, (_, since) in self._since.items() if now - since >= STABLE_SECONDS)
        found = [(name, self._since.pop(name)[0]) for name in names]
        self.handled |= dict.fromkeys(stamp for _, stamp in found)
        self._forget_oldest(set(listing.values()))
        return found

    def _forget_oldest(self, there: set[Stamp]) -> None:
        away = [stamp for stamp in self.handled if stamp not in there]
        for stamp in away[:-KEPT_STAMPS]:
            del self.handled[stamp]


class NotNow(LoopError):  # noqa: N818 - the file has no error
    """A job cannot be started now, for a temporary reason."""


class Started(NamedTuple):
    """A job that was just started, or an equal one that already existed."""

    id: str
    state: str
    text: str = ""


class Running(NamedTuple):
    """The file of a running job, and the number of its runs, with this one."""

    name: str
    stamp: Stamp
    tries: int


Start = Callable[[Path], Started]
"""Starts a job for a file. Raises NotNow, or another LoopError when the file cannot be processed."""


class Inbox:
    """One drop folder. Each file in it becomes one job; after `TRIES` failures it is set aside, with the reason.

    Only one thread may use it at a time.

    Args:
        tell: called with a line about each file that is started, done, refused or set aside.
        handled: stamps of files to ignore, such as files that are already there.
        running: files by the ids of their jobs.
    """

    def __init__(
        self,
        folder: Path,
        start: Start,
        tell: Callable[[str], None],
        *,
        handled: Iterable[Stamp] = (),
        running: Mapping[str, Running] = MappingProxyType({}),
    ) -> None:
        self.folder = folder
        self.away = False
        self._start = start
        self._tell = tell
        self._settling = Settling(dict.fromkeys(handled))
        self._pending: deque[Running] = deque()
        self._running = dict(running)
        self._not_before = 0.0

    @classmethod
    def from_record(cls, record: Mapping[str, Any], start: Start, tell: Callable[[str], None]) -> Self:
        """The inbox from a record. Its folder may be missing.

        Raises:
            ValueError, KeyError, TypeError: the record is not valid.
        """
        running = {job: Running(name, Stamp(*stamp), tries) for job, (name, stamp, tries) in record["running"].items()}
        handled = [Stamp(*stamp) for stamp in record["handled"]]
        return cls(Path(record["folder"]), start, tell, handled=handled, running=running)

    def record(self) -> dict[str, Any]:
        """The state that the next daemon needs to go on. Files that were not started yet are not part of it."""
        pending = {file.stamp for file in self._pending}
        return {
            "folder": str(self.folder),
            "handled": [stamp for stamp in self._settling.handled if stamp not in pending],
            "running": self._running,
        }

    @property
    def busy(self) -> bool:
        """Whether a file may still be changing."""
        return self._settling.waiting

    @property
    def running(self) -> dict[str, str]:
        """The jobs that have not ended, with the names of their files."""
        return {job: file.name for job, file in self._running.items()}

    def look(self, now: float) -> None:
        """Look at the folder, and start a job for each file that has become ready."""
        try:
            ready = self._settling.ready(listing(self.folder), now=now)
        except LoopError as error:
            if not self.away:
                _log.warning("%s", error)
            self.away = True
            return
        self.away = False
        self._pending.extend(Running(name, stamp, 1) for name, stamp in ready)
        while self._pending and now >= self._not_before:
            self._attempt(self._pending.popleft(), now)

    def ended(self, job: str, state: str, text: str) -> None:
        """Process the end of a job. `text` is the result's path, or the reason why there is none."""
        self._not_before = 0.0  # the queue may have room now
        file = self._running.pop(job, None)
        if file is None:
            return
        self._tell(f"{file.name}: {state}: {text}" if text else f"{file.name}: {state}")
        if state == State.FAILED:
            self._failed(file, text)

    def lost(self, job: str) -> None:
        """Process that a job no longer exists: its file becomes a new job."""
        file = self._running.pop(job, None)
        if file is not None:
            self._settling.handled.pop(file.stamp, None)

    def _attempt(self, file: Running, now: float) -> None:
        try:
            started = self._start(self.folder / file.name)
        except NotNow as error:
            _log.info("%s waits: %s", file.name, error)
            self._pending.appendleft(file)
            self._not_before = now + LATER_SECONDS
        except LoopError as error:
            if stamp_of(self.folder / file.name) != file.stamp:
                return  # deleted or replaced: the next look finds the new file
            self._tell(f"{file.name}: not started: error {int(error.code)}: {error}")
            if error.code is not Code.PATH_NOT_ALLOWED:  # that error is caused by the settings, not by the file
                self._not_before = now + LATER_SECONDS
                self._failed(file, f"error {int(error.code)}: {error}")
        else:
            self._running[started.id] = file
            if started.state in FINAL:
                self.ended(*started)
            else:
                self._tell(f"{file.name}: {started.state}")

    def _failed(self, file: Running, why: str) -> None:
        if file.tries < TRIES:
            self._pending.append(file._replace(tries=file.tries + 1))
        elif stamp_of(self.folder / file.name) == file.stamp:
            self._set_aside(file, why)

    def _set_aside(self, file: Running, why: str) -> None:
        try:
            moved = set_aside(self.folder / file.name, why)
        except OSError as error:  # the file stays; it counts as handled, so it is ignored from now on
            _log.error("%s: cannot be set aside (%s)", file.name, error.strerror)
            return
        self._settling.handled.pop(file.stamp, None)  # so that the file is tried again when it is moved back
        self._tell(f"{file.name}: set aside in {moved.parent}, with the reason")


def is_candidate(name: str) -> bool:
    """Whether a file of this name may be a complete audio file: not hidden, and with an audio suffix.

    >>> is_candidate("Song.WAV"), is_candidate("song.wav.part"), is_candidate(".song.wav"), is_candidate("notes.txt")
    (True, False, False, False)
    """
    return not name.startswith(".") and Path(name).suffix.lower() in SUFFIXES


def listing(folder: Path) -> Listing:
    """The candidates in a folder: regular files that are not empty. Folders (our results) and links are ignored.

    Raises:
        LoopError: NO_SUCH_FILE when the folder cannot be listed.
    """
    try:
        entries = [entry for entry in folder.iterdir() if is_candidate(entry.name)]
    except OSError as error:
        raise LoopError(
            Code.NO_SUCH_FILE, f"{folder}: cannot be listed ({error.strerror}); check the folder"
        ) from error
    stamps = {entry.name: stamp_of(entry) for entry in entries}
    return {name: stamp for name, stamp in stamps.items() if stamp is not None}


def stamp_of(path: Path) -> Stamp | None:
    """The stamp of a regular file that is not empty, else None."""
    try:
        if path.is_symlink() or not path.is_file() or not (status := path.stat()).st_size:
            return None
    except OSError:  # deleted since it was listed
        return None
    return Stamp(status.st_ino, status.st_size, status.st_mtime_ns)


def set_aside(path: Path, why: str) -> Path:
    """Move a file into the folder for failed files beside it, with a text file that gives the reason.

    Returns the new path. Nothing is overwritten. On OSError the file stays where it was.
    """
    folder = path.parent / SET_ASIDE
    folder.mkdir(exist_ok=True)
    if folder.is_symlink():
        raise NotADirectoryError(errno.ENOTDIR, "is a link, and files are not moved through links", str(folder))
    for number in count(1):
        name = path.name if number == 1 else f"{path.stem}-{number}{path.suffix}"
        target, reason = folder / name, folder / f"{name}.txt"
        if target.exists() or reason.exists():
            continue
        try:
            reason.write_text(_reason(path, why), encoding="utf-8", errors="backslashreplace")
            return path.rename(target)
        except OSError:
            reason.unlink(missing_ok=True)
            raise
    raise AssertionError("count() has no end")


def _reason(path: Path, why: str) -> str:
    return (
        f"The loops of {path.name} could not be extracted, in {TRIES} tries:\n\n    {why}\n\n"
        f"The file has not been changed. When the problem is solved, move the file back into {path.parent}.\n"
    )
