"""The watched folders of a daemon. They survive restarts, and their jobs go through the same registry as all others.

Each watch has its own file in the state folder. The file is rewritten whenever one of the watch's jobs starts or ends.
One thread looks at all folders. Folders may be added and removed from any thread.
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
from bridge.watch.notifier import Notifier, keep_looking
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
        self._lock = threading.Lock()  # for the dict and the files; the content of an inbox belongs to the one thread
        self._ended: queue.SimpleQueue[Job] = queue.SimpleQueue()
        self._notifier = Notifier()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watches", daemon=True)
        for record in sorted(self._records.glob("*.json")):
            self._load(record)
        jobs.listen(self._job_changed)

    def start(self) -> None:
        """Start looking, on a separate thread."""
        self._thread.start()

    def close(self) -> None:
        """Stop looking. A file that is being hashed delays this by one second at most."""
        self._stop.set()
        self._notifier.notify()
        if self._thread.is_alive():
            self._thread.join(1.0)
        self._notifier.close()

    def add(self, folder: str) -> str:
        """Watch a folder, also after restarts. Return the id of the watch; a watched folder keeps its id.

        Files that are already in the folder are ignored.

        Raises:
            LoopError: PATH_NOT_ALLOWED, NO_SUCH_FILE, LIMIT, WRITE_FAILED.
        """
        path = readable_folder(folder, roots=self._settings.roots)
        if self._settings.out is None and not os.access(path, os.W_OK):
            raise LoopError(Code.WRITE_FAILED, f"{path.name}: cannot be written to; choose another, or set `out`")
        inbox = Inbox(path, self._start_job, _log.info, handled=listing(path).values())
        with self._lock:
            for name, other in self._inboxes.items():
                if _same(other.folder, path):
                    return name
            if len(self._inboxes) >= self._settings.watches:
                raise LoopError(Code.LIMIT, f"{len(self._inboxes)} folders are watched, which is the limit; remove one")
            name = hashlib.sha256(os.fsencode(path)).hexdigest()[:8]
            self._write(name, inbox)
            self._inboxes[name] = inbox
        self._notifier.listen_to(path)
        self._notifier.notify()
        return name

    def remove(self, name: str) -> None:
        """Stop watching a folder. Its jobs go on.

        Raises:
            LoopError: NO_SUCH_JOB when there is no watch with this id.
        """
        with self._lock:
            inbox = self._inboxes.pop(name, None)
            if inbox is None:
                raise LoopError(Code.NO_SUCH_JOB, f"no watch {name[:40]!r}; /loopcube/watch/list lists them")
            self._file(name).unlink(missing_ok=True)
        self._notifier.stop_listening_to(inbox.folder)

    def look(self) -> bool:
        """Look at every folder once, and process the jobs that have ended. Return whether to look again soon."""
        ended = self._drain()
        with self._lock:
            inboxes = dict(self._inboxes)
        for name, inbox in inboxes.items():
            before, was_away = inbox.record(), inbox.away
            for job in ended:
                inbox.ended(job.id, job.state, str(job.result or job.text))
            inbox.look(self._clock())
            if was_away and not inbox.away:
                self._notifier.listen_to(inbox.folder)
            if inbox.record() != before:
                self._save(name, inbox)
        return any(inbox.busy for inbox in inboxes.values())

    def _run(self) -> None:
        for inbox in list(self._inboxes.values()):
            self._notifier.listen_to(inbox.folder)
        keep_looking(self.look, self._notifier, self._stop)

    def _job_changed(self, job: Job) -> None:
        if job.state in FINAL:
            self._ended.put(job)
            self._notifier.notify()

    def _drain(self) -> tuple[Job, ...]:
        return tuple(self._ended.get_nowait() for _ in range(self._ended.qsize()))

    def _start_job(self, path: Path) -> Started:
        """Start a job for a file, as `drop_folder.Start`."""
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
        """Load a watch from its file, with the outcome of its jobs that ended meanwhile."""
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
            except LoopError as error:  # the job is in the journal, and the next change writes the file again
                _log.error("%s", error)

    def _write(self, name: str, inbox: Inbox) -> None:
        write_private(self._file(name), json.dumps(inbox.record()))

    def _file(self, name: str) -> Path:
        return self._records / f"{name}.json"

    # Last in the class: below it, the name `list` would mean this method.
    def list(self) -> list[tuple[str, str]]:
        """Id and folder of each watch."""
        with self._lock:
            return [(name, str(inbox.folder)) for name, inbox in self._inboxes.items()]


def _same(one: Path, other: Path) -> bool:
    """Whether two paths lead to the same folder."""
    try:
        return one == other or one.samefile(other)
    except OSError:  # one of them does not exist now
        return False
