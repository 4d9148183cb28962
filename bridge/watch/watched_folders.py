"""The watched folders of a daemon: kept across restarts, on the same jobs as everything else.

Each watch has a file of its own in the state folder, written anew whenever one of its files was started or has ended.
One thread looks at all of them; adding and removing may come from any.
"""

import hashlib
import json
import logging
import os
import queue
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bridge.jobs.job import Job
from bridge.jobs.paths import open_source, output_folder, readable_folder
from bridge.jobs.registry import Jobs
from bridge.jobs.request import JobRequest
from bridge.jobs.state import FINAL
from bridge.system.private import private_folder, write_private
from bridge.system.settings import BridgeSettings
from bridge.watch.drop_folder import Inbox, NotNow, Started, listing
from bridge.watch.notifier import Bell, keep_looking
from core.base.errors import Code, LoopError

CLIENT = "watch"

_log = logging.getLogger(__name__)


class Watches:
    """The watched folders of a daemon.

    Args:
        clock: seconds, monotonic.
    """

    def __init__(self, jobs: Jobs, settings: BridgeSettings, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._jobs = jobs
        self._settings = settings
        self._clock = clock
        self._records = private_folder(settings.state / "watches")
        self._inboxes: dict[str, Inbox] = {}
        self._lock = threading.Lock()  # for the inboxes' dict and files; what is in an inbox is the one thread's
        self._ended: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._bell = Bell()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watches", daemon=True)
        for record in sorted(self._records.glob("*.json")):
            self._load(record)
        jobs.listen(self._heard)

    def start(self) -> None:
        """Begin to look, on a thread of its own."""
        self._thread.start()

    def close(self) -> None:
        """Look no more. A file that is being read for its hash delays this by a second at most."""
        self._stop.set()
        self._bell.ring()
        if self._thread.is_alive():
            self._thread.join(1.0)
        self._bell.close()

    def add(self, folder: str) -> str:
        """Watch a folder from now on, and after restarts, too; the id to remove it by. What is in it already is left.

        A folder that is watched already keeps its id.

        Raises:
            LoopError: PATH_NOT_ALLOWED, NO_SUCH_FILE, LIMIT, WRITE_FAILED.
        """
        path = readable_folder(folder, roots=self._settings.roots)
        if self._settings.out is None and not os.access(path, os.W_OK):
            raise LoopError(Code.WRITE_FAILED, f"{path.name}: takes no results; choose another, or set `out`")
        inbox = Inbox(path, self._start_job, _log.info, handled=listing(path).values())
        with self._lock:
            for name, other in self._inboxes.items():
                if _same(other.folder, path):
                    return name
            if len(self._inboxes) >= self._settings.watches:
                raise LoopError(Code.LIMIT, f"{len(self._inboxes)} folders are watched, at most that many; remove one")
            name = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
            self._write(name, inbox)
            self._inboxes[name] = inbox
        self._bell.listen_to(path)
        self._bell.ring()
        return name

    def remove(self, name: str) -> None:
        """Watch a folder no more; jobs that it has started go on.

        Raises:
            LoopError: NO_SUCH_JOB when there is no such watch.
        """
        with self._lock:
            inbox = self._inboxes.pop(name, None)
            if inbox is None:
                raise LoopError(Code.NO_SUCH_JOB, f"no watch {name[:40]!r}; /loopcube/watch/list lists them")
            self._file(name).unlink(missing_ok=True)
        self._bell.leave(inbox.folder)

    def look(self) -> bool:
        """Look at every folder once, and note which jobs have ended; whether to look again soon."""
        ended = self._drain()
        with self._lock:
            inboxes = dict(self._inboxes)
        for name, inbox in inboxes.items():
            before, was_away = inbox.record(), inbox.away
            for job in ended:
                inbox.ended(job.id, job.state, str(job.result or job.text))
            inbox.look(self._clock())
            if was_away and not inbox.away:
                self._bell.listen_to(inbox.folder)
            if inbox.record() != before:
                self._save(name, inbox)
        return any(inbox.busy for inbox in inboxes.values())

    def _run(self) -> None:
        for inbox in list(self._inboxes.values()):
            self._bell.listen_to(inbox.folder)
        keep_looking(self.look, self._bell, self._stop)

    def _heard(self, job: Job) -> None:
        if job.state in FINAL:
            self._ended.put(job)
            self._bell.ring()

    def _drain(self) -> tuple[Job, ...]:
        return tuple(self._ended.get_nowait() for _ in range(self._ended.qsize()))

    def _start_job(self, path: Path) -> Started:
        """Start a job for a file; see `drop_folder.Start`."""
        with open_source(str(path), roots=self._settings.roots) as source:
            try:
                folder = output_folder(source.path, "", configured=self._settings.out)
                content = source.content_hash(stopped=lambda: self._jobs.closed or self._stop.is_set())
                request = JobRequest(source.path, folder, content=content)
                job = self._jobs.start(request, content, client=CLIENT)
            except LoopError as error:
                raise NotNow(error.code, error.message) from error
        return Started(job.id, job.state, str(job.result or job.text))

    def _load(self, record: Path) -> None:
        """Take up a watch again, and what has become of its jobs meanwhile."""
        try:
            inbox = Inbox.from_record(json.loads(record.read_text(encoding="utf-8")), self._start_job, _log.info)
        except (OSError, ValueError, KeyError, TypeError) as error:
            _log.error("%s: is damaged (%s) and kept as .damaged; add the folder again", record, error)
            record.replace(record.with_suffix(".damaged"))
            return
        if inbox.folder.is_dir():
            try:
                readable_folder(str(inbox.folder), roots=self._settings.roots)
            except LoopError as error:
                _log.warning("%s", error)
                return
        for job in inbox.running:
            self._catch_up(inbox, job)
        self._inboxes[record.stem] = inbox

    def _catch_up(self, inbox: Inbox, name: str) -> None:
        try:
            job = self._jobs.get(name)
        except LoopError:
            inbox.lost(name)
            return
        if job.state in FINAL:
            inbox.ended(job.id, job.state, str(job.result or job.text))

    def _save(self, name: str, inbox: Inbox) -> None:
        with self._lock:
            if name not in self._inboxes:  # removed meanwhile
                return
            try:
                self._write(name, inbox)
            except LoopError as error:  # the job is known to the journal; the next change is written again
                _log.error("%s", error)

    def _write(self, name: str, inbox: Inbox) -> None:
        write_private(self._file(name), json.dumps(inbox.record()))

    def _file(self, name: str) -> Path:
        return self._records / f"{name}.json"

    # Last, because in a class body what follows would take `list` for this.
    def list(self) -> list[tuple[str, str]]:
        """(id, folder) of each watch."""
        with self._lock:
            return [(name, str(inbox.folder)) for name, inbox in self._inboxes.items()]


def _same(one: Path, other: Path) -> bool:
    """Whether two paths are one folder, however it is spelled."""
    try:
        return one == other or one.samefile(other)
    except OSError:  # one of them is away
        return False
