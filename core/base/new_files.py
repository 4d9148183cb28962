"""New files that appear whole or not at all, and never replace another file."""

import secrets
from collections.abc import Callable
from pathlib import Path

from core.base.errors import Code, LoopError
from core.base.names import MOST_ALIKE, numbered


def write_new(target: Path, write: Callable[[Path], None]) -> Path:
    """Write a new file under the target's name. If a file has that name, add -2, -3 and so on.

    Args:
        write: receives a temporary path and writes the file there.

    Returns:
        The final path of the file.

    Raises:
        LoopError: WRITE_FAILED, with the system's reason. No partial file is left.
    """
    part, claimed = target.with_name(f".{secrets.token_hex(8)}.part"), None
    try:
        write(part)
        claimed = _claimed(target)
        return part.replace(claimed)
    except BaseException as error:
        for path in filter(None, (part, claimed)):
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            reason = error.strerror or error
            raise LoopError(
                Code.WRITE_FAILED, f"{target}: cannot be written ({reason}); check space and rights"
            ) from error
        raise


def _claimed(target: Path) -> Path:
    """The first free name, claimed by an empty file. Of several writers, only one succeeds in creating that file."""
    for stem in numbered(target.stem):
        path = target.with_stem(stem)
        try:
            path.open("xb").close()
        except FileExistsError:
            continue
        return path
    raise LoopError(Code.WRITE_FAILED, f"{target}: {MOST_ALIKE} files have this name already; remove some of them")
