"""The way in for Python: one UDP socket, requests that are sent again until they are answered.

with Client.of_running_daemon(settings) as client:
    job = client.extract(Path("song.wav"), {"loops": 4}).job
    print(client.wait(job).text)
"""

import json
import secrets
import socket
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import urlsplit
from urllib.request import url2pathname

from bridge import messages, wire
from bridge.daemon import find_daemon
from bridge.endpoints import LOOPBACK
from bridge.jobs import FINAL
from bridge.messages import Error, Reply, Request
from bridge.settings import BridgeSettings
from core.errors import Code, LoopError

RESEND_AFTER = (0.25, 0.5, 1.0, 2.0, 2.0)  # seconds; after the last one the daemon is taken to be gone
POLL_EVERY = 0.5

AnyReply = TypeVar("AnyReply", bound=Reply)


class Client:
    """Talks to a daemon on this machine.

    Args:
        clock, sleep: seconds; tests bring their own.
    """

    def __init__(
        self,
        port: int,
        token: str,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._token = token
        self._clock = clock
        self._sleep = sleep
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect((LOOPBACK, port))  # nobody else's packets come in

    @classmethod
    def of_running_daemon(cls, settings: BridgeSettings) -> Self:
        """A client of the daemon that published itself.

        Raises:
            LoopError: INTERNAL when there is none.
        """
        running = find_daemon(settings)
        if running is None:
            raise _not_answering()
        return cls(running.port, running.token)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._socket.close()

    def ping(self) -> messages.PingReply:
        return self.ask(messages.Ping(self._token, _new_rid()), messages.PingReply)

    def extract(self, path: Path, options: Mapping[str, Any] | None = None) -> messages.ExtractReply:
        """Start a job, or find the one that already does the same; options as in the wire protocol."""
        text = json.dumps(dict(options), separators=(",", ":")) if options else ""
        request = messages.Extract(self._token, _new_rid(), str(path.absolute()), text)
        return self.ask(request, messages.ExtractReply)

    def status(self, job: str) -> messages.JobStatusReply:
        return self.ask(messages.JobStatus(self._token, _new_rid(), job), messages.JobStatusReply)

    def cancel(self, job: str) -> messages.JobCancelReply:
        return self.ask(messages.JobCancel(self._token, _new_rid(), job), messages.JobCancelReply)

    def jobs(self, offset: int = 0) -> messages.JobListReply:
        return self.ask(messages.JobList(self._token, _new_rid(), offset), messages.JobListReply)

    def stats(self) -> messages.StatsReply:
        return self.ask(messages.Stats(self._token, _new_rid()), messages.StatsReply)

    def traffic(self, first: int) -> messages.TrafficReply:
        """The packets of others from that number on."""
        return self.ask(messages.Traffic(self._token, _new_rid(), first), messages.TrafficReply)

    def quit(self) -> None:
        """Stop the daemon; running jobs go on when it is started again."""
        self.ask(messages.Quit(self._token, _new_rid()), messages.QuitReply)

    def wait(
        self, job: str, on_progress: Callable[[messages.JobStatusReply], None] | None = None
    ) -> messages.JobStatusReply:
        """The last status of a job, once it is done, cancelled or failed."""
        while True:
            status = self.status(job)
            if on_progress is not None:
                on_progress(status)
            if status.state in FINAL:
                return status
            self._sleep(POLL_EVERY)

    def ask(self, request: Request, kind: type[AnyReply]) -> AnyReply:
        """Send a request until it is answered.

        Raises:
            LoopError: the daemon's, or INTERNAL when no answer came.
        """
        packet = wire.encode(*request.to_osc())
        for seconds in RESEND_AFTER:
            answer = self._answer_to(packet, request.rid, self._clock() + seconds)
            if isinstance(answer, Error):
                raise LoopError(_code(answer.code), answer.text)
            if isinstance(answer, kind):
                return answer
        raise _not_answering()

    def _answer_to(self, packet: bytes, rid: str, until: float) -> Reply | Error | None:
        """Send once and listen until an answer to this rid came or the time is over."""
        try:
            self._socket.send(packet)
            while (left := until - self._clock()) > 0:
                self._socket.settimeout(left)
                answer = _decoded(self._socket.recv(wire.MAX_PACKET + 1))
                if answer is not None and answer.rid in (rid, ""):
                    return answer
        except TimeoutError:
            pass
        except ConnectionError:  # nobody listens on that port, yet
            self._sleep(max(0.0, until - self._clock()))
        return None


def result_folder(status: messages.JobStatusReply) -> Path | None:
    """The result folder that the status of a done job names."""
    return Path(url2pathname(urlsplit(status.text).path)) if status.text.startswith("file:") else None


def _decoded(packet: bytes) -> Reply | Error | None:
    """An answer, or None for a packet that is none: an event, or something of a newer daemon."""
    try:
        return messages.answer_from_osc(*wire.decode(packet))
    except LoopError:
        return None


def _code(code: int) -> Code:
    return Code(code) if code in list(Code) else Code.INTERNAL


def _new_rid() -> str:
    return secrets.token_hex(8)


def _not_answering() -> LoopError:
    return LoopError(Code.INTERNAL, "daemon not answering: start it with `loopcube daemon`")
