"""The way in for Python: a client of the running daemon.

with Client.of_running_daemon() as client:
    job = client.start({"path": "/music/song.wav", "loops": 4}).job
    print(result_folder(client.wait(job)))

docs/python-client.md shows more. A client belongs to one thread; take one for each.
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

POLL_EVERY = 2.0  # seconds without an event after which a job's status is asked for
POLL_UNTOLD = 0.5  # the same where no events come
RENEW_EVERY = 5.0  # seconds: a third of a lease
PATIENCE = 30.0  # seconds that a daemon may take to come back while a job is waited for
ALL_JOBS = ""

AnyReply = TypeVar("AnyReply", bound=Reply)


class Client:
    """Talks to a daemon on this machine. Every method raises the daemon's LoopError, or `NotAnsweringError`.

    Args:
        find: where the daemon is now, for a client that outlives it; None for one that ends with it.
        clock, sleep: seconds; tests bring their own.
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
        """A client of the daemon that published itself; when that is started again, the client finds the new one.

        Raises:
            NotAnsweringError: there is none.
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
        """Leave; jobs go on."""
        if self._subscribed:
            self._exchange.tell(messages.Bye(self._token, _new_name()))
        self._exchange.close()

    # The daemon

    def hello(self, name: str) -> messages.HelloReply:
        """Say who this is, for the daemon's log and limits, and learn which version answers."""
        hello = messages.Hello(self._token, _new_name(), messages.MAJOR, messages.MINOR, name, 0)
        return self.ask(hello, messages.HelloReply)

    def ping(self) -> messages.PingReply:
        """How busy the daemon is."""
        return self.ask(messages.Ping(self._token, _new_name()), messages.PingReply)

    def stats(self) -> messages.StatsReply:
        """What came in and went out."""
        return self.ask(messages.Stats(self._token, _new_name()), messages.StatsReply)

    def quit(self) -> None:
        """Stop the daemon; running jobs go on when it is started again."""
        self.ask(messages.Quit(self._token, _new_name()), messages.QuitReply)

    # Jobs

    def start(self, request: Mapping[str, Any], *, fresh: bool = False) -> messages.JobStartReply:
        """Start a job, or find the one that does the same already.

        Args:
            request: `path`, and any of region_frames, bars_frames, beats_per_bar, beat_unit, rate, loops, method,
                max_loop_bars, out, host, as in the wire protocol.
            fresh: do it again even so.
        """
        text = ascii_json({"v": 1, **request})
        try:
            return self._start(text, fresh)
        except LoopError as error:
            if error.code is not Code.NO_SUCH_JOB:  # started again in the middle of the upload
                raise
        return self._start(text, fresh)

    def extract(self, path: Path, options: Mapping[str, Any] | None = None) -> messages.JobStartReply:
        """Start a job for a file, or find the one that does the same already."""
        return self.start({"path": str(path.absolute()), **(options or {})})

    def status(self, job: str) -> messages.JobStatusReply:
        """How far a job is; `result_folder` tells where its result lies."""
        return self.ask(messages.JobStatus(self._token, _new_name(), job), messages.JobStatusReply)

    def cancel(self, job: str) -> messages.JobCancelReply:
        """Stop a job."""
        return self.ask(messages.JobCancel(self._token, _new_name(), job), messages.JobCancelReply)

    def forget(self, job: str) -> None:
        """Drop the record of a job that has ended; its result stays."""
        self.ask(messages.JobForget(self._token, _new_name(), job), messages.JobForgetReply)

    def jobs(self, offset: int = 0) -> messages.JobListReply:
        """Twelve jobs from an offset on, the newest first."""
        return self.ask(messages.JobList(self._token, _new_name(), offset), messages.JobListReply)

    def traffic(self, first: int) -> messages.TrafficReply:
        """The packets of others from that number on."""
        return self.ask(messages.Traffic(self._token, _new_name(), first), messages.TrafficReply)

    def wait(
        self, job: str, on_progress: Callable[[messages.JobStatusReply], None] | None = None
    ) -> messages.JobStatusReply:
        """The last status of a job, once it is done, cancelled or failed.

        A daemon that is started again meanwhile goes on with the job, and so does this.

        Args:
            on_progress: called with the status whenever something has changed.
        """
        heard, quiet, pause, seq = self._clock(), True, POLL_EVERY, -1
        while True:
            try:
                if quiet:  # at first, and where the daemon may have forgotten
                    pause = self._follow(job)
                self._exchange.forget_events()
                status = self.status(job)
            except NotAnsweringError:
                if self._clock() - heard > PATIENCE:
                    raise
                continue
            if on_progress is not None and status.seq != seq:
                on_progress(status)
            if status.state in FINAL:
                return status
            seq = status.seq
            heard = self._clock()
            quiet = self._exchange.event(heard + pause) is None

    # What a job is about

    def manifest(self, job: str) -> dict[str, Any]:
        """The manifest of a job that is done; its paths are relative to the result folder."""
        return cast("dict[str, Any]", self.document(job, "manifest"))

    def activations(self, job: str) -> dict[str, Any]:
        """How strongly each loop of a job that is done plays in each bar."""
        return cast("dict[str, Any]", self.document(job, "activations"))

    def log(self, job: str) -> list[str]:
        """The last lines of a job's log."""
        return cast("list[str]", self.document(job, "log"))

    def document(self, job: str, name: str) -> Any:
        """One of a job's documents, from its JSON; pulled once more if it changes on the way."""
        for _ in range(2):
            info = self.ask(messages.GetInfo(self._token, _new_name(), job, name), messages.GetInfoReply)
            gets = [messages.Get(self._token, _new_name(), job, name, index) for index in range(info.count)]
            text = "".join(reply.chunk for reply in self._ask_all(gets, messages.GetReply))
            if crc32(text) == info.crc32:
                return json.loads(text)
        raise LoopError(Code.INCOMPLETE, f"{name} of job {job} changes while it is read; try again")

    # What is told unasked

    def subscribe(self, job: str = ALL_JOBS) -> messages.SubscribeReply:
        """Be told of a job's changes, or of all jobs', for as long as something is asked now and then; see `listen`."""
        reply = self.ask(messages.Subscribe(self._token, _new_name(), job), messages.SubscribeReply)
        self._subscribed = True
        return reply

    def listen(self, seconds: float, job: str = ALL_JOBS) -> Iterator[Event]:
        """The events of so many seconds, as they come: `messages.JobEvent` and `messages.ByeEvent`."""
        until = self._clock() + seconds
        while self._clock() < until:
            self.subscribe(job)
            renew = min(until, self._clock() + RENEW_EVERY)
            while (event := self._exchange.event(renew)) is not None:
                yield event

    # Watched folders

    def watch(self, folder: Path) -> str:
        """Have every audio file extracted that is put into a folder; the id of the watch."""
        request = messages.WatchAdd(self._token, _new_name(), str(folder.absolute()))
        return self.ask(request, messages.WatchAddReply).id

    def unwatch(self, name: str) -> None:
        """Watch a folder no longer."""
        self.ask(messages.WatchRemove(self._token, _new_name(), name), messages.WatchRemoveReply)

    def watches(self) -> dict[str, Path]:
        """The watched folders by their ids."""
        found: dict[str, Path] = {}
        while True:
            request = messages.WatchList(self._token, _new_name(), len(found))
            page = self.ask(request, messages.WatchListReply)
            found |= {row.id: path_of(row.folder) for row in page.watches}
            if not page.watches or len(found) >= page.total:
                return found

    def ask(self, request: Request, kind: type[AnyReply]) -> AnyReply:
        """The answer to any request, which is sent until it comes."""
        return self._ask_all([request], kind, RESEND_AFTER)[0]

    def _ask_all(
        self, requests: list[Any], kind: type[AnyReply], resend_after: tuple[float, ...] = RESEND_AFTER
    ) -> list[AnyReply]:
        try:
            replies = self._exchange.ask(requests, resend_after=resend_after)
        except LoopError as error:
            silent = isinstance(error, NotAnsweringError) or error.code is Code.AUTH
            if not (silent and self._moved_on()):
                raise
            again = [replace(request, token=self._token) for request in requests]
            replies = self._exchange.ask(again, resend_after=resend_after)
        return [reply for reply in replies if isinstance(reply, kind)]

    def _moved_on(self) -> bool:
        """Turn to the daemon that is there now; whether it is another one."""
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
        """Subscribe to a job; seconds after which to ask for its status all the same."""
        try:
            self.subscribe(job)
        except LoopError as error:
            if error.code is not Code.LIMIT:  # so many are subscribed that this one has to ask
                raise
            return POLL_UNTOLD
        return POLL_EVERY


def result_folder(status: messages.JobStatusReply) -> Path | None:
    """The result folder that the status of a done job names."""
    return path_of(status.text) if status.text.startswith("file:") else None


def path_of(uri: str) -> Path:
    """The path that a file: URI names; replies are ASCII, and paths need not be."""
    return Path(url2pathname(urlsplit(uri).path))


def _new_name() -> str:
    return secrets.token_hex(8)
