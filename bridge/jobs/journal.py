"""The journal: the records of all jobs, in a file that survives the daemon.

SQLite makes each write complete or not done at all, even when the process is killed. A record is the JSON of one job;
`registry` defines its content.
"""

import json
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any, Self

from core.base.errors import Code, LoopError

MIGRATIONS = ("CREATE TABLE jobs (arrival INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, record TEXT NOT NULL)",)
"""Each statement leads to the next schema version. A file's version is the number of statements applied to it."""

CACHE_KB = 256
Record = Mapping[str, Any]

_COMPANIONS = ("", "-wal", "-shm")  # the files of a database in WAL mode
_NO_DAMAGE = frozenset(  # errors that do not mean a damaged file: no space, no rights, used by another process
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_READONLY,
    }
)
_log = logging.getLogger(__name__)


class Journal:
    """Records of jobs by id, in the order in which the ids were added. Only one thread may use it at a time.

    Raises:
        LoopError: WRITE_FAILED from every method when the disk is full or the file cannot be reached; the earlier
            content of the journal is then unchanged.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    @classmethod
    def in_memory(cls) -> Self:
        """A journal in memory, without a file."""
        connection = _connect(":memory:")
        _migrate(connection)
        return cls(connection)

    @classmethod
    def open(cls, path: Path, check: Callable[[Record], object] = dict) -> Self:
        """Open the journal in a file. A missing file is made; a damaged one is renamed and replaced by an empty one.

        Args:
            check: raises ValueError, KeyError or TypeError for an invalid record, which counts as damage.

        Raises:
            LoopError: VERSION when a newer loopcube wrote the file, which is then not changed; WRITE_FAILED.
        """
        try:
            return cls(_open(path, check))
        except (sqlite3.Error, ValueError, KeyError, TypeError) as error:
            if isinstance(error, sqlite3.Error) and _primary_code(error) in _NO_DAMAGE:
                raise _not_opened(path, error) from error
            aside = _set_aside(path)
            _log.error("%s is damaged (%s): kept as %s, the list of jobs starts empty", path, error, aside.name)
        try:
            return cls(_open(path, check))
        except sqlite3.Error as error:
            raise _not_opened(path, error) from error

    def load(self) -> dict[str, dict[str, Any]]:
        """Every record by its id."""
        rows = self._connection.execute("SELECT id, record FROM jobs ORDER BY arrival")
        return {name: json.loads(record) for name, record in rows}

    def write(self, records: Mapping[str, Record]) -> None:
        """Add or replace records, all of them or none."""
        rows = [(name, json.dumps(record)) for name, record in records.items()]
        self._change(
            "INSERT INTO jobs (id, record) VALUES (?, ?) ON CONFLICT (id) DO UPDATE SET record = excluded.record", rows
        )

    def drop(self, names: list[str]) -> None:
        """Remove the records with these ids, all of them or none."""
        self._change("DELETE FROM jobs WHERE id = ?", [(name,) for name in names])

    def close(self) -> None:
        self._connection.close()

    def _change(self, statement: str, rows: Sequence[tuple[str, ...]]) -> None:
        try:
            with self._connection:  # commits at the end, or rolls back
                self._connection.executemany(statement, rows)
        except sqlite3.Error as error:
            raise LoopError(
                Code.WRITE_FAILED, f"the list of jobs cannot be written ({error}); free disk space and try again"
            ) from error


def _connect(name: str) -> sqlite3.Connection:
    return sqlite3.connect(name, timeout=1.0, check_same_thread=False)  # `Jobs` calls under its lock


def _open(path: Path, check: Callable[[Record], object]) -> sqlite3.Connection:
    connection = _connect(str(path))
    try:
        # Only the daemon uses the file. So no shared memory is needed, which some file systems do not support.
        connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        _check_version(connection)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")  # consistent after a power cut, complete after a kill
        connection.execute(f"PRAGMA cache_size = -{CACHE_KB}")  # read only at the start; a cache would only grow
        [verdict] = connection.execute("PRAGMA quick_check(1)").fetchone()
        if verdict != "ok":
            raise ValueError(verdict)
        _migrate(connection)
        for record in Journal(connection).load().values():
            check(record)
    except BaseException:
        connection.close()
        raise
    return connection


def _check_version(connection: sqlite3.Connection) -> int:
    [version] = connection.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise LoopError(
            Code.VERSION, f"the list of jobs has version {version}, this loopcube reads {len(MIGRATIONS)}; update it"
        )
    return int(version)


def _migrate(connection: sqlite3.Connection) -> None:
    """Update a file to the newest schema, one version at a time, each in a transaction of its own."""
    for number in range(_check_version(connection), len(MIGRATIONS)):
        with connection:
            connection.execute("BEGIN")
            connection.execute(MIGRATIONS[number])
            connection.execute(f"PRAGMA user_version = {number + 1}")


def _set_aside(path: Path) -> Path:
    """Rename a damaged journal and its companion files to free names."""
    for number in count(1):
        aside = path.with_name(f"{path.stem}-damaged-{number}{path.suffix}")
        if not aside.exists():
            break
    for end in _COMPANIONS:
        source = path.with_name(path.name + end)
        if source.exists():
            source.rename(aside.with_name(aside.name + end))
    return aside


def _primary_code(error: sqlite3.Error) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF  # the higher bits are the extended code


def _not_opened(path: Path, error: sqlite3.Error) -> LoopError:
    return LoopError(Code.WRITE_FAILED, f"{path}: cannot be used ({error}); check space and rights")
