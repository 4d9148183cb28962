"""New files that appear whole or not at all, and never in the place of another."""

import secrets
from collections.abc import Callable
from pathlib import Path

from core.base.errors import Code, LoopError
from core.base.names import MOST_ALIKE, numbered


def write_new(target: Path, write: Callable[[Path], None]) -> Path:
    """Let `write` fill a new file, and give it the target's name, or that with -2, -3 and so on where it is taken.

    Args:
        write: fills the file of the path that it is given.

    Returns:
        Where the file is.

    Raises:
        LoopError: WRITE_FAILED, with the system's reason; nothing stays behind.
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
    """The first free name, claimed by an empty file: creating it fails for all but one who try at the same time."""
    for stem in numbered(target.stem):
        path = target.with_stem(stem)
        try:
            path.open("xb").close()
        except FileExistsError:
            continue
        return path
    raise LoopError(Code.WRITE_FAILED, f"{target}: {MOST_ALIKE} files of that name are there already; remove some")
