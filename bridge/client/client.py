"""The Python client of the running daemon.

with Client.of_running_daemon() as client:
    job = client.start({"path": "/music/song.wav", "loops": 4}).job
    print(result_folder(client.wait(job)))

docs/python-client.md shows more. A client belongs to one thread: use one client for each thread.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar, cast
from urllib.parse import urlsplit
from urllib.request import url2pathname

from bridge.client.exchange import RESEND_AFTER, START_AFTER, Exchange, NotAnsweringError
from bridge.jobs.state import FINAL
from bridge.osc import messages
from bridge.osc.chunks import ascii_json, chunks_of, crc32
from bridge.osc.messages import Event, Reply, Request
from bridge.system.running import Running, find_daemon
from bridge.system.settings import BridgeSettings
from bridge.system.settings_file import load_settings
from core.base.errors import Code, LoopError

POLL_EVERY = 2.0  # seconds without an event after which `wait` requests a job's status
POLL_WITHOUT_EVENTS = 0.5  # seconds between requests for the status when this client gets no events
RENEW_EVERY = 5.0  # seconds: a third of a lease
PATIENCE = 30.0  # seconds that `wait` allows a daemon to restart
ALL_JOBS = ""

AnyReply = TypeVar("AnyReply", bound=Reply)


class Client:
    """A client of a daemon on this machine. Every method raises the daemon's LoopError, or `NotAnsweringError`.

    Args:
        find: returns the daemon that runs now, or None. By default the client never changes to another daemon.
        clock, sleep: in seconds; tests replace them.
    """

    def __init__(
        self,
        port: int,
        token: str,
        *,
        find: Callable[[], Running | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._token = token
        self._find = find
        self._clock = clock
        self._sleep = sleep
        self._exchange = Exchange(port, clock, sleep)
        self._subscribed = False

    @classmethod
    def of_running_daemon(cls, settings: BridgeSettings | None = None) -> Self:
        """A client of the daemon in daemon.json. After a restart of the daemon, the client finds the new one.

        Raises:
            NotAnsweringError: no daemon runs.
        """
        settings = settings or load_settings()
        running = find_daemon(settings)
        if running is None:
            raise NotAnsweringError
        return cls(running.port, running.token, find=lambda: find_daemon(settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the subscriptions and close the socket. Jobs go on."""
        if self._subscribed:
            self._exchange.tell(messages.Bye(self._token, _new_name()))
        self._exchange.close()

    # The daemon

    def hello(self, name: str) -> messages.HelloReply:
        """Send this client's name, for the daemon's log and limits. The reply has the daemon's version."""
        hello = messages.Hello(self._token, _new_name(), messages.MAJOR, messages.MINOR, name, 0)
        return self.ask(hello, messages.HelloReply)

    def ping(self) -> messages.PingReply:
        """The daemon's uptime and numbers of jobs."""
        return self.ask(messages.Ping(self._token, _new_name()), messages.PingReply)

    def stats(self) -> messages.StatsReply:
        """The daemon's packet counters."""
        return self.ask(messages.Stats(self._token, _new_name()), messages.StatsReply)

    def quit(self) -> None:
        """Stop the daemon. Running jobs go on after its next start."""
        self.ask(messages.Quit(self._token, _new_name()), messages.QuitReply)

    # Jobs

    def start(self, request: Mapping[str, Any], *, fresh: bool = False) -> messages.JobStartReply:
        """Start a job, or find an equal one that exists already.

        Args:
            request: `path`, and any of region_frames, bars_frames, beats_per_bar, beat_unit, rate, loops, method,
                max_loop_bars, out, host, as in the OSC protocol.
            fresh: start a new job even if an equal one exists.
        """
        text = ascii_json({"v": 1, **request})
        try:
            return self._start(text, fresh)
        except LoopError as error:
            if error.code is not Code.NO_SUCH_JOB:  # the daemon was restarted during the upload
                raise
        return self._start(text, fresh)

    def extract(self, path: Path, options: Mapping[str, Any] | None = None) -> messages.JobStartReply:
        """Start a job for a file, or find an equal one that exists already."""
        return self.start({"path": str(path.absolute()), **(options or {})})

    def status(self, job: str) -> messages.JobStatusReply:
        """A job's state and progress. `result_folder` returns the path of its result."""
        return self.ask(messages.JobStatus(self._token, _new_name(), job), messages.JobStatusReply)

    def cancel(self, job: str) -> messages.JobCancelReply:
        """Cancel a job."""
        return self.ask(messages.JobCancel(self._token, _new_name(), job), messages.JobCancelReply)

    def forget(self, job: str) -> None:
        """Delete the record of a job that has ended. Its result stays."""
        self.ask(messages.JobForget(self._token, _new_name(), job), messages.JobForgetReply)

    def jobs(self, offset: int = 0) -> messages.JobListReply:
        """Twelve jobs from an offset on, the newest first."""
        return self.ask(messages.JobList(self._token, _new_name(), offset), messages.JobListReply)

    def traffic(self, first: int) -> messages.TrafficReply:
        """The packets of other clients, from number `first` on."""
        return self.ask(messages.Traffic(self._token, _new_name(), first), messages.TrafficReply)

    def wait(
        self, job: str, on_progress: Callable[[messages.JobStatusReply], None] | None = None
    ) -> messages.JobStatusReply:
        """Wait until a job is done, cancelled or failed, and return its last status.

        If the daemon is restarted meanwhile, the job goes on and `wait` continues.

        Args:
            on_progress: called with the status after each change.
        """
        answered_at, quiet, pause, seq = self._clock(), True, POLL_EVERY, -1
        while True:
            try:
                if quiet:  # at the start, and when the subscription may have been lost
                    pause = self._follow(job)
                self._exchange.forget_events()
                status = self.status(job)
            except NotAnsweringError:
                if self._clock() - answered_at > PATIENCE:
                    raise
                continue
            if on_progress is not None and status.seq != seq:
                on_progress(status)
            if status.state in FINAL:
                return status
            seq = status.seq
            answered_at = self._clock()
            quiet = self._exchange.event(answered_at + pause) is None

    # The documents of a job

    def manifest(self, job: str) -> dict[str, Any]:
        """The manifest of a done job. Its paths are relative to the result folder."""
        return cast("dict[str, Any]", self.document(job, "manifest"))

    def activations(self, job: str) -> dict[str, Any]:
        """How strongly each loop of a done job plays in each bar."""
        return cast("dict[str, Any]", self.document(job, "activations"))

    def log(self, job: str) -> list[str]:
        """The last lines of a job's log."""
        return cast("list[str]", self.document(job, "log"))

    def document(self, job: str, name: str) -> Any:
        """One of a job's documents, parsed from JSON. It is read a second time if it changes during the first."""
        for _ in range(2):
            info = self.ask(messages.GetInfo(self._token, _new_name(), job, name), messages.GetInfoReply)
            gets = [messages.Get(self._token, _new_name(), job, name, index) for index in range(info.count)]
            text = "".join(reply.chunk for reply in self._ask_all(gets, messages.GetReply))
            if crc32(text) == info.crc32:
                return json.loads(text)
        raise LoopError(Code.INCOMPLETE, f"{name} of job {job} changes while it is read; try again")

    # Events

    def subscribe(self, job: str = ALL_JOBS) -> messages.SubscribeReply:
        """Subscribe to the events of a job, or of all jobs. Any request renews the subscription; see `listen`."""
        reply = self.ask(messages.Subscribe(self._token, _new_name(), job), messages.SubscribeReply)
        self._subscribed = True
        return reply

    def listen(self, seconds: float, job: str = ALL_JOBS) -> Iterator[Event]:
        """Yield events for some seconds, as they arrive: `messages.JobEvent` and `messages.ByeEvent`."""
        until = self._clock() + seconds
        while self._clock() < until:
            self.subscribe(job)
            renew = min(until, self._clock() + RENEW_EVERY)
            while (event := self._exchange.event(renew)) is not None:
                yield event

    # Watched folders

    def watch(self, folder: Path) -> str:
        """Watch a folder: each audio file that is put into it becomes a job. Returns the id of the watch."""
        request = messages.WatchAdd(self._token, _new_name(), str(folder.absolute()))
        return self.ask(request, messages.WatchAddReply).id

    def unwatch(self, name: str) -> None:
        """Stop watching a folder."""
        self.ask(messages.WatchRemove(self._token, _new_name(), name), messages.WatchRemoveReply)

    def watches(self) -> dict[str, Path]:
        """The watched folders, by id."""
        found: dict[str, Path] = {}
        while True:
            request = messages.WatchList(self._token, _new_name(), len(found))
            page = self.ask(request, messages.WatchListReply)
            found |= {row.id: path_of(row.folder) for row in page.watches}
            if not page.watches or len(found) >= page.total:
                return found

    def ask(self, request: Request, kind: type[AnyReply]) -> AnyReply:
        """Send any request, again until it is answered, and return the answer."""
        return self._ask_all([request], kind, RESEND_AFTER)[0]

    def _ask_all(
        self, requests: list[Any], kind: type[AnyReply], resend_after: tuple[float, ...] = RESEND_AFTER
    ) -> list[AnyReply]:
        try:
            replies = self._exchange.ask(requests, resend_after=resend_after)
        except LoopError as error:
            silent = isinstance(error, NotAnsweringError) or error.code is Code.AUTH
            if not (silent and self._changed_daemon()):
                raise
            again = [replace(request, token=self._token) for request in requests]
            replies = self._exchange.ask(again, resend_after=resend_after)
        return [reply for reply in replies if isinstance(reply, kind)]

    def _changed_daemon(self) -> bool:
        """Connect to the daemon that runs now. Return whether it is another one than before."""
        running = self._find()
        if running is None or (running.port, running.token) == (self._exchange.port, self._token):
            return False
        self._exchange.close()
        self._exchange = Exchange(running.port, self._clock, self._sleep)
        self._token, self._subscribed = running.token, False
        return True

    def _start(self, text: str, fresh: bool) -> messages.JobStartReply:
        doc, chunks = _new_name(), chunks_of(text)
        puts = [
            messages.Put(self._token, _new_name(), doc, index, len(chunks), chunk) for index, chunk in enumerate(chunks)
        ]
        self._ask_all(puts, messages.PutReply)
        start = messages.JobStart(self._token, _new_name(), doc, len(text), crc32(text), int(fresh))
        return self._ask_all([start], messages.JobStartReply, START_AFTER)[0]

    def _follow(self, job: str) -> float:
        """Subscribe to a job. Return the seconds without an event after which to request its status."""
        try:
            self.subscribe(job)
        except LoopError as error:
            if error.code is not Code.LIMIT:  # LIMIT: too many subscribers, so this client polls the status
                raise
            return POLL_WITHOUT_EVENTS
        return POLL_EVERY


def result_folder(status: messages.JobStatusReply) -> Path | None:
    """The result folder in the status of a done job, else None."""
    return path_of(status.text) if status.text.startswith("file:") else None


def path_of(uri: str) -> Path:
    """The path in a file: URI. Replies are ASCII, so paths are sent as URIs."""
    return Path(url2pathname(urlsplit(uri).path))


def _new_name() -> str:
    return secrets.token_hex(8)
