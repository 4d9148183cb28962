"""A cache on disk: small results of long work, stored as arrays. The key is the hash of the input of that work.

Each entry is one file. It is written under a temporary name and then renamed, so processes may share the folder: a
reader finds a whole entry or none. A file whose contents do not match the digest at its head counts as missing. A cache
that cannot be written is no error: the work is done again. When the folder exceeds its limit, the least recently used
entries are deleted first.
"""

import hashlib
import io
import logging
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import numpy as np
import scipy
from numpy.typing import NDArray

Arrays = Mapping[str, NDArray[Any]]

MOST_BYTES = 256 * 1024**2
DIGEST_BYTES = 16

_log = logging.getLogger(__name__)


class Cache:
    """Arrays by key in a folder. The folder is made when it is first needed.

    Args:
        most_bytes: the largest size of the folder.
    """

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def get(self, key: str) -> Arrays | None:
        """The arrays under a key, or None."""
        path = self._path(key)
        try:
            contents = path.read_bytes()
            os.utime(path)  # marks the entry as used now
        except OSError:
            return None
        digest, body = contents[:DIGEST_BYTES], contents[DIGEST_BYTES:]
        if digest != _digest(body):
            _log.warning("%s is damaged; its contents are computed again", path)
            return None
        with np.load(io.BytesIO(body), allow_pickle=False) as file:
            return dict(file)

    def put(self, key: str, arrays: Arrays) -> None:
        """Store arrays under a key. Old entries are deleted where the folder becomes too large."""
        buffer = io.BytesIO()
        np.savez(buffer, **arrays)  # type: ignore[arg-type]  # NumPy's stub mistakes each name for `allow_pickle`
        body = buffer.getvalue()
        part = self._folder / f"{key}.{secrets.token_hex(4)}.part"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part.write_bytes(_digest(body) + body)
            part.replace(self._path(key))
            self._make_room()
        except OSError as error:
            _log.warning("%s: the cache cannot be written (%s)", self._folder, error.strerror or error)
            with suppress(OSError):
                part.unlink(missing_ok=True)

    def _path(self, key: str) -> Path:
        return self._folder / f"{key}.npz"

    def _make_room(self) -> None:
        entries = sorted(_entries(self._folder), reverse=True)
        total = 0
        for _, size, path in entries:
            total += size
            if total > self._most_bytes:
                with suppress(OSError):  # another process has removed the file, or (on Windows) is reading it
                    path.unlink()


def key_of(*parts: object) -> str:
    """The hash of the input of a computation and of the code: arrays, and values that `repr` describes completely."""
    digest = hashlib.blake2b(code_version().encode(), digest_size=DIGEST_BYTES)
    for part in parts:
        if isinstance(part, np.ndarray):
            digest.update(f"{part.dtype.str}{part.shape}".encode())
            digest.update(np.ascontiguousarray(part).data)
        else:
            digest.update(f"{part!r}\n".encode())
    return digest.hexdigest()


@cache
def code_version() -> str:
    """The hash of all code that an entry may depend on: the core's modules, and the versions of NumPy and SciPy."""
    digest = hashlib.blake2b(f"{np.__version__} {scipy.__version__}".encode(), digest_size=DIGEST_BYTES)
    for name, contents in sorted(_modules(resources.files("core"))):
        digest.update(name.encode() + contents)
    return digest.hexdigest()


def _modules(folder: Traversable, prefix: str = "") -> Iterator[tuple[str, bytes]]:
    """The name and the contents of each Python module in a package and in its subpackages."""
    for path in folder.iterdir():
        if path.is_dir():
            yield from _modules(path, f"{prefix}{path.name}/")
        elif path.name.endswith(".py"):
            yield prefix + path.name, path.read_bytes()


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=DIGEST_BYTES).digest()


def _entries(folder: Path) -> Iterator[tuple[int, int, Path]]:
    """The time of last use, the size and the file of each entry, also of unfinished ones from a killed process."""
    for path in folder.iterdir():
        if path.suffix in (".npz", ".part"):
            with suppress(OSError):
                found = path.stat()
                yield found.st_mtime_ns, found.st_size, path
