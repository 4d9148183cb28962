"""The daemon's log: five files of one megabyte each. Only their user can read them, and tokens are masked."""

import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from core.base.errors import Code, LoopError

FILES, BYTES = 5, 1_000_000
SHOWN = 64  # bytes of a refused packet

_FORMAT = "%(asctime)s %(levelname)s %(threadName)s %(name)s: %(message)s"
_SECRET = re.compile(rb"[0-9a-fA-F]{17,}")  # a token, an old token, or a part of one; a job's id has only 16 digits


@contextmanager
def logged_to(path: Path) -> Iterator[None]:
    """Write the bridge's log to a file as well, until the block ends.

    Raises:
        LoopError: WRITE_FAILED.
    """
    try:
        handler = _PrivateFiles(path, "a", BYTES, FILES - 1, "utf-8", errors="backslashreplace")
    except OSError as error:
        raise LoopError(Code.WRITE_FAILED, f"{path}: cannot be written ({error.strerror}); check its rights") from error
    handler.setFormatter(logging.Formatter(_FORMAT))
    logger = logging.getLogger("bridge")
    before = logger.level
    logger.setLevel(logging.INFO)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)
        handler.close()


def last_lines(path: Path, count: int) -> list[str]:
    """The last lines of a log.

    Raises:
        LoopError: NO_SUCH_FILE when there is no log.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()[-count:]
    except OSError as error:
        raise LoopError(Code.NO_SUCH_FILE, f"{path}: no log yet ({error.strerror}); start the daemon first") from error


def hex_start(packet: bytes) -> str:
    """The first bytes of a packet in hexadecimal. Everything that looks like a token is replaced by asterisks.

    >>> bytes.fromhex(hex_start(b"/x" + b"0123456789abcdef" * 2))
    b'/x********************************'
    """
    return masked(packet)[:SHOWN].hex()


def masked(packet: bytes) -> bytes:
    """The packet at the same length, with everything that looks like a token replaced by asterisks."""
    return _SECRET.sub(lambda found: b"*" * len(found[0]), packet)


class _PrivateFiles(RotatingFileHandler):
    """Log files of mode 0600."""

    def _open(self) -> TextIOWrapper:
        raw = os.fdopen(os.open(self.baseFilename, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "wb")
        return TextIOWrapper(raw, encoding=self.encoding, errors=self.errors)
