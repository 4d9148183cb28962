"""Which files may be read and where results may go.

Links are resolved first and the rules hold for what they lead to; comparing whole path parts keeps /music-evil out of
/music.
"""

import os
import stat
from collections.abc import Iterable
from pathlib import Path

from bridge import wire
from core.errors import Code, LoopError

MAX_BYTES = 2 * 1024**3


def readable_file(text: str, *, roots: Iterable[Path] = ()) -> Path:
    """The regular file that a path from the wire leads to.

    Args:
        roots: folders that it must lie in; none means anywhere.

    Raises:
        LoopError: PATH_NOT_ALLOWED, NO_SUCH_FILE, LIMIT (size).
    """
    path = _resolved(text)
    if not stat.S_ISREG(path.stat().st_mode):
        raise LoopError(Code.NO_SUCH_FILE, f"{_shown(path)}: is not a regular file; name one audio file")
    allowed = tuple(roots)
    if allowed and not any(_inside(path, root) for root in allowed):
        raise LoopError(Code.PATH_NOT_ALLOWED, f"{_shown(path)}: lies outside the allowed folders; see the settings")
    if path.stat().st_size > MAX_BYTES:
        raise LoopError(Code.LIMIT, f"{_shown(path)}: {path.stat().st_size} bytes, at most {MAX_BYTES}; cut it first")
    return path


def output_folder(source: Path, text: str, *, configured: Path | None = None) -> Path:
    """The folder to put results in: what was asked for, else the configured one, else the source's own.

    What a client asks for must lie in the configured folder or in the source's.

    Raises:
        LoopError: PATH_NOT_ALLOWED, NO_SUCH_FILE, WRITE_FAILED (read-only).
    """
    roots = (source.parent, *((configured,) if configured else ()))
    folder = _resolved(text) if text else (configured or source.parent).resolve()
    if not any(_inside(folder, root) for root in roots):
        raise LoopError(
            Code.PATH_NOT_ALLOWED, f"{_shown(folder)}: results go beside the source or below the daemon's --out folder"
        )
    if not folder.is_dir():
        raise LoopError(Code.NO_SUCH_FILE, f"{_shown(folder)}: no such folder for results; make it first")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise LoopError(Code.WRITE_FAILED, f"{_shown(folder)}: cannot be written to; choose another folder")
    return folder


def _resolved(text: str) -> Path:
    """An absolute path with its links resolved; it exists."""
    if wire.has_control(text) or len(text.encode(errors="replace")) > wire.MAX_STRING:
        raise LoopError(Code.PATH_NOT_ALLOWED, "path must be at most 1024 bytes without control characters")
    # Windows' network and device paths (\\host\share, \\?\, \\.\) would reach beyond this machine's files.
    if not Path(text).is_absolute() or text.startswith(("\\\\", "//")):
        raise LoopError(Code.PATH_NOT_ALLOWED, f"path must be absolute, got {text[:60]!r}")
    try:
        return Path(text).resolve(strict=True)
    except (OSError, RuntimeError) as error:  # RuntimeError: a loop of links, before Python 3.13
        raise LoopError(Code.NO_SUCH_FILE, f"{_shown(Path(text))}: no such file; check the path") from error


def _inside(path: Path, root: Path) -> bool:
    return path.is_relative_to(root.resolve())


def _shown(path: Path) -> str:
    """A path short enough to leave room for the reason in a text of 120 characters."""
    text = str(path)
    return text if len(text) <= 50 else f"...{text[-47:]}"
