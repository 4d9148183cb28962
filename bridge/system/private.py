"""Files that only their user can read: the runtime folder, the token, daemon.json."""

import hmac
import os
import re
import secrets
import stat
from pathlib import Path

from core.base.errors import Code, LoopError

_TOKEN = re.compile(r"[0-9a-f]{32}")


def private_folder(path: Path) -> Path:
    """Make a folder of mode 0700, or check that an existing one belongs to this user.

    Raises:
        LoopError: PATH_NOT_ALLOWED when the path is a link or belongs to another user; WRITE_FAILED.
    """
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = path.lstat()
        if os.name == "posix":
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
                raise LoopError(Code.PATH_NOT_ALLOWED, f"{path}: is a link or not yours; remove it and start again")
            path.chmod(0o700)
    except OSError as error:
        raise LoopError(
            Code.WRITE_FAILED, f"{path}: cannot be made ({error.strerror}); check space and rights"
        ) from error
    return path


def write_private(path: Path, content: str | bytes) -> None:
    """Write a file of mode 0600, completely or not at all.

    Raises:
        LoopError: WRITE_FAILED.
    """
    part = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    try:
        descriptor = os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise LoopError(
            Code.WRITE_FAILED, f"{path}: cannot be written ({error.strerror}); check space and rights"
        ) from error


def load_token(path: Path) -> str:
    """The user's token of 128 bits. It is made on first use.

    Raises:
        LoopError: AUTH when other users can read the file, or when it does not hold a token; WRITE_FAILED.
    """
    if not path.exists():
        new_token(path)
    if os.name == "posix" and path.stat().st_mode & 0o077:
        raise LoopError(Code.AUTH, f"{path}: others may read the token; remove it, a new one is made at the next start")
    token = path.read_text(encoding="ascii", errors="replace").strip()
    if not _TOKEN.fullmatch(token):
        raise LoopError(Code.AUTH, f"{path}: holds no token; remove it, a new one is made at the next start")
    return token


def new_token(path: Path) -> None:
    """Write a new token. It replaces an existing one. Raises as `write_private`."""
    write_private(path, secrets.token_hex(16))


def same_token(left: str, right: str) -> bool:
    """Compare two tokens in constant time, so that the time does not show where they differ."""
    return hmac.compare_digest(left.encode(), right.encode())
