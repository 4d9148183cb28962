"""Rules for paths: which files may be read, and where results may be written.

A file is opened once, folder by folder from the root, and no link is followed. Afterwards only the open file is used.
So the checked file is also the one that is hashed and read, even if the path changes meanwhile. To decide whether the
file lies inside an allowed folder, the folders on the way are compared by device and inode, not by name. So /music-evil
does not pass as /music, and a case-insensitive disk causes no error.
"""

import errno
import os
import re
import shutil
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

from core.base.errors import Code, LoopError
from core.base.names import has_control

MAX_BYTES = 2 * 1024**3
MAX_PATH = 1_024  # bytes, the limit of a string in an OSC packet
SPARE = 1.5  # required free space over expected size: room for labels, figures and other programs

_HASHED_AT_ONCE = 1 << 20
_PASSING = getattr(os, "O_PATH", os.O_RDONLY)  # O_PATH also opens a folder that may be entered but not listed
_WINDOWS_DEVICE = re.compile(r"(?i)(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9\u00b9\u00b2\u00b3])( *\..*)?")
_WINDOWS_DRIVE = re.compile(r"[A-Za-z]:[\\/]")


@dataclass(frozen=True)
class Source:
    """An open file that passed the checks.

    Attributes:
        path: absolute path, with links resolved.
        file: the open file, at its start.
        status: result of `fstat` when the file was opened.
    """

    path: Path
    file: BinaryIO
    status: os.stat_result

    def content_hash(self, *, stopped: Callable[[], bool] = lambda: False) -> str:
        """SHA-256 of the file. Do not call it on the reader's thread: ten minutes of 96 kHz float stereo take 0.5 s.

        Raises:
            LoopError: INCOMPLETE when the file has changed; SHUTTING_DOWN once `stopped()` is true; NO_SUCH_FILE.
        """
        digest = sha256()
        try:
            while block := self.file.read(_HASHED_AT_ONCE):
                if stopped():
                    raise LoopError(Code.SHUTTING_DOWN, "the daemon is shutting down; try again once it runs again")
                digest.update(block)
        except OSError as error:
            raise _unreadable(self.path, error) from error
        self.check_unchanged()
        return digest.hexdigest()

    def check_unchanged(self) -> None:
        """Check that the path still leads to this file, and that the file has not been written to.

        Raises:
            LoopError: INCOMPLETE.
        """
        try:
            there = self.path.lstat()
        except OSError:
            there = None
        if there is None or _version(there) != _version(self.status):
            raise LoopError(Code.INCOMPLETE, f"{_shown(self.path)}: changed during reading; wait until it is complete")


@contextmanager
def open_source(text: str, *, roots: Iterable[Path] = ()) -> Iterator[Source]:
    """Open the regular file at a path that a client sent.

    Args:
        roots: the file must lie in one of these folders; an empty list allows any folder.

    Raises:
        LoopError: PATH_NOT_ALLOWED, NO_SUCH_FILE, LIMIT (size).
    """
    path = _resolved(text)
    _check_regular(path, path.stat())  # before opening, because opening a device can have side effects
    try:
        descriptor, folders = _open_without_links(path)
    except OSError as error:
        raise _unreadable(path, error) from error
    with os.fdopen(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        _check_regular(path, status)
        _check_inside(path, folders, tuple(roots))
        if status.st_size > MAX_BYTES:
            raise LoopError(Code.LIMIT, f"{_shown(path)}: {status.st_size} bytes, at most {MAX_BYTES}; cut it first")
        yield Source(path, file, status)


def readable_folder(text: str, *, roots: Iterable[Path] = ()) -> Path:
    """The folder at a path that a client sent, absolute, with links resolved. Rules and errors as in `open_source`."""
    path = _resolved(text)
    if not path.is_dir():
        raise LoopError(Code.NO_SUCH_FILE, f"{_shown(path)}: is not a folder; name a folder")
    _check_inside(path, [folder.stat() for folder in (path, *path.parents)], tuple(roots))
    return path


def output_folder(source: Path, text: str, *, configured: Path | None = None) -> Path:
    """The folder for results: the requested one, else the configured one, else the source's own.

    A requested folder must lie in the configured folder or in the source's folder, with no link on the way from there.

    Raises:
        LoopError: PATH_NOT_ALLOWED, NO_SUCH_FILE, WRITE_FAILED (read-only).
    """
    roots = (source.parent, *((configured,) if configured else ()))
    if text:
        folder = _resolved(text)
        if not any(_below(text, folder, root) for root in roots):
            rule = "results must go beside the source or below `out`, without links"
            raise LoopError(Code.PATH_NOT_ALLOWED, f"{_shown(folder)}: {rule}")
    else:
        folder = (configured or source.parent).resolve()
    if not folder.is_dir():
        raise LoopError(Code.NO_SUCH_FILE, f"{_shown(folder)}: no such folder for results; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LoopError(Code.WRITE_FAILED, f"{_shown(folder)}: cannot be written to; choose another folder")
    return folder


def check_space(folder: Path, expected: int) -> None:
    """Check that results of about `expected` bytes fit into a folder, and that it is still the folder checked before.

    Raises:
        LoopError: PATH_NOT_ALLOWED when the folder, or a folder above, has been replaced by a link; WRITE_FAILED.
    """
    try:
        found, free = folder.resolve(strict=True), shutil.disk_usage(folder).free
    except OSError as error:
        raise LoopError(Code.WRITE_FAILED, f"{_shown(folder)}: is missing ({error.strerror}); make it again") from error
    if found != folder:
        raise LoopError(Code.PATH_NOT_ALLOWED, f"{_shown(folder)}: is now a link; results do not follow links")
    if free < SPARE * expected:
        need, left = SPARE * expected / 1e6, free / 1e6
        rule = f"{left:.0f} MB free, {need:.0f} MB needed; make room or choose another"
        raise LoopError(Code.WRITE_FAILED, f"{_shown(folder)}: {rule}")


def windows_trap(text: str) -> str | None:
    r"""Why Windows would open something else than the file of that name, or None.

    >>> windows_trap(r"C:\music\song.wav"), windows_trap(r"C:\music\nul.wav")
    (None, 'nul.wav is a device')
    >>> windows_trap(r"C:\music\song.wav. ")
    'song.wav.  ends in a dot or a space'
    """
    if not _WINDOWS_DRIVE.match(text):
        return "it does not begin with a drive"  # \\host\share, \\?\, \\.\, and / of no drive
    for part in re.split(r"[\\/]+", text[3:]):
        if _WINDOWS_DEVICE.fullmatch(part):
            return f"{part} is a device"
        if part not in (".", "..") and part != part.rstrip(". "):
            return f"{part} ends in a dot or a space"
        if bad := set(part) & set('<>:"|?*'):  # a colon names a stream of another file
            return f"{part} holds {min(bad)}"
    return None


def _resolved(text: str) -> Path:
    """An absolute path with its links resolved. The path must exist."""
    if has_control(text) or len(text.encode(errors="replace")) > MAX_PATH:
        raise LoopError(Code.PATH_NOT_ALLOWED, "path must be at most 1024 bytes without control characters")
    if not Path(text).is_absolute() or text.startswith(("\\\\", "//")):
        raise LoopError(Code.PATH_NOT_ALLOWED, f"path must be absolute, got {text[:60]!r}")
    if os.name == "nt" and (trap := windows_trap(text)):
        raise LoopError(Code.PATH_NOT_ALLOWED, f"path not accepted: {trap[:80]}")
    try:
        return Path(text).resolve(strict=True)
    except (OSError, RuntimeError, ValueError) as error:  # a loop of links before Python 3.13; a lone surrogate
        raise LoopError(Code.NO_SUCH_FILE, f"{_shown(Path(text))}: no such file; check the path") from error


def _open_without_links(path: Path) -> tuple[int, list[os.stat_result]]:
    """A descriptor for reading, and the status of each folder on the way."""
    if os.open not in os.supports_dir_fd:  # Windows, where special rights are needed to make a link
        flags = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOINHERIT", 0)
        return os.open(path, flags), [folder.stat() for folder in path.parents]
    folders = []
    here = os.open(path.anchor, _PASSING | os.O_DIRECTORY)
    try:
        for name in path.parts[1:-1]:
            folders.append(os.fstat(here))
            here = _step(here, name, _PASSING | os.O_DIRECTORY | os.O_NOFOLLOW)
        folders.append(os.fstat(here))
        # O_NONBLOCK: if a FIFO has replaced the file, opening it would wait for a writer.
        return os.open(path.name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=here), folders
    finally:
        os.close(here)


def _step(here: int, name: str, flags: int) -> int:
    """Open the next folder, then close the descriptor of the current one."""
    following = os.open(name, flags, dir_fd=here)
    os.close(here)
    return following


def _check_regular(path: Path, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise LoopError(Code.NO_SUCH_FILE, f"{_shown(path)}: is not a regular file; name one audio file")


def _check_inside(path: Path, folders: list[os.stat_result], roots: tuple[Path, ...]) -> None:
    passed = {(folder.st_dev, folder.st_ino) for folder in folders}
    if roots and not any(identity in passed for root in roots for identity in _identity(root)):
        raise LoopError(Code.PATH_NOT_ALLOWED, f"{_shown(path)}: lies outside the allowed folders; see the settings")


def _identity(folder: Path) -> list[tuple[int, int]]:
    """Device and inode of a folder; empty if it does not exist: the drive of a root may be unplugged."""
    try:
        status = folder.stat()
    except OSError:
        return []
    return [(status.st_dev, status.st_ino)]


def _below(text: str, folder: Path, root: Path) -> bool:
    """Whether the folder that `text` names is a root, or lies below one with no link between them."""
    spelled = Path(os.path.normpath(text))
    for base in (root, root.resolve()):
        if spelled.is_relative_to(base):
            return root.resolve() / spelled.relative_to(base) == folder
    return False


def _version(status: os.stat_result) -> tuple[int, ...]:
    # ctime shows writes after which mtime was set back, and a file that was moved away and back.
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _unreadable(path: Path, error: OSError) -> LoopError:
    if error.errno in (errno.ELOOP, errno.ENOTDIR):
        return LoopError(Code.PATH_NOT_ALLOWED, f"{_shown(path)}: has been replaced by a link; try again")
    return LoopError(Code.NO_SUCH_FILE, f"{_shown(path)}: cannot be read ({error.strerror}); check its rights")


def _shown(path: Path) -> str:
    """A shortened path, so that the reason also fits into a text of 120 characters."""
    text = str(path)
    return text if len(text) <= 50 else f"...{text[-47:]}"
