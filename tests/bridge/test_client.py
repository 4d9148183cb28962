"""The client and the UDP endpoint on real sockets: odd packets, loss, resends, and ports."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import TOKEN, Clock
from peers import serving

from bridge import client as client_module
from bridge import messages, wire
from bridge.client import Client, result_folder
from bridge.endpoints import Endpoint, Send, Source
from bridge.exchange import RESEND_AFTER
from bridge.job import State
from bridge.jobs import Jobs
from bridge.service import Service
from core.errors import Code, LoopError


@pytest.fixture
def endpoint(service: Service) -> Iterator[Endpoint]:
    with serving(service.answer) as endpoint:
        yield endpoint


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[Client]:
    with Client(endpoint.port, TOKEN) as client:
        yield client


def test_a_job_from_request_to_end(client: Client, jobs: Jobs, song: Path, tmp_path: Path) -> None:
    result = tmp_path / "Gr\u00fc\u00dfe 100%-loops"
    result.mkdir()
    started = client.extract(song, {"loops": 2})
    assert client.jobs().jobs == (messages.JobRow(started.job, "queued", 0.0),)
    jobs.take()
    jobs.report(started.job, 0.5, "notes")
    seen: list[str] = []

    def finish(status: messages.JobStatusReply) -> None:
        seen.append(status.state)
        if status.state == "running":
            jobs.finish(started.job, State.DONE, result=result)

    final = client.wait(started.job, finish)
    assert seen == ["running", "done"]
    assert result_folder(final) == result
    assert client.cancel(started.job).state == "done"


def test_errors_come_back_as_they_were_raised(client: Client, endpoint: Endpoint) -> None:
    with pytest.raises(LoopError, match="no job 'beef'") as refused:
        client.status("beef")
    assert refused.value.code is Code.NO_SUCH_JOB
    with Client(endpoint.port, "wrong") as stranger, pytest.raises(LoopError) as refused:
        stranger.ping()
    assert refused.value.code is Code.AUTH


def test_a_lost_packet_is_sent_again_with_the_same_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client_module, "RESEND_AFTER", (0.02,) * 100)
    seen: list[bytes] = []

    def third_time_lucky(packet: bytes, source: Source, send: Send) -> bool:
        seen.append(packet)
        send(wire.encode("/loopcube/event/job", ("x", 1)), source)  # no answer, to be skipped
        send(wire.encode(*messages.PingReply("of-another", "b007", 0, 0, 0).to_osc()), source)
        if len(seen) == 3:
            rid = str(wire.decode(packet).arguments[1])
            send(wire.encode(*messages.PingReply(rid, "b007", 0, 0, 0).to_osc()), source)
        return True

    with serving(third_time_lucky) as endpoint, Client(endpoint.port, TOKEN) as client:
        assert client.ping().boot_id == "b007"
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_a_daemon_that_is_not_there_is_told_in_the_end(free_port: int, clock: Clock) -> None:
    started = clock.now
    with Client(free_port, TOKEN, clock=clock, sleep=clock.sleep) as client:
        client._exchange._socket.close()
        client._exchange._socket = _Refusing()  # type: ignore[assignment]
        with pytest.raises(LoopError, match="start it with `loopcube daemon`"):
            client.ping()
    assert clock.now - started == pytest.approx(sum(RESEND_AFTER))


class _Refusing:
    """A socket to a port where nobody listens."""

    def settimeout(self, seconds: float) -> None:
        assert seconds > 0

    def send(self, packet: bytes) -> None:  # noqa: ARG002
        raise ConnectionRefusedError

    def recv(self, size: int) -> bytes:  # noqa: ARG002
        raise ConnectionRefusedError

    def close(self) -> None:
        pass
