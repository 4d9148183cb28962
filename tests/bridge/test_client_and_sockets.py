"""The client and the UDP endpoint on real sockets: odd packets, loss, resends, and ports."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from conftest import TOKEN, Clock
from odd_packets import ODD

from bridge import client as client_module
from bridge import messages, wire
from bridge.client import RESEND_AFTER, Client, result_folder
from bridge.endpoints import LOOPBACK, Endpoint, bind_free_port
from bridge.jobs import Jobs, State
from bridge.service import Service
from core.errors import Code, LoopError


def serving(endpoint: Endpoint) -> Iterator[Endpoint]:
    reader = threading.Thread(target=endpoint.serve_forever, args=(0.02,), daemon=True)
    reader.start()
    yield endpoint
    endpoint.shutdown()
    reader.join()
    endpoint.close()


@pytest.fixture
def endpoint(service: Service) -> Iterator[Endpoint]:
    yield from serving(bind_free_port(48_100, service.answer))


@pytest.fixture
def client(endpoint: Endpoint) -> Iterator[Client]:
    with Client(endpoint.port, TOKEN) as client:
        yield client


@pytest.mark.parametrize("name", ODD)
def test_after_an_odd_packet_a_ping_still_answers(endpoint: Endpoint, client: Client, name: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(ODD[name], (LOOPBACK, endpoint.port))
    assert client.ping().boot_id == "b007"


def test_a_packet_of_4096_bytes_is_read_whole(endpoint: Endpoint) -> None:
    packet = wire.encode("/loopcube/ping", (TOKEN, "r1", *["x" * 1_019] * 3, "y" * 971))
    assert len(packet) == wire.MAX_PACKET
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
        plain.settimeout(5.0)
        plain.sendto(packet, (LOOPBACK, endpoint.port))
        answer = messages.answer_from_osc(*wire.decode(plain.recv(8_192)))
    assert isinstance(answer, messages.Error)
    assert "takes 2 arguments" in answer.text


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

    def third_time_lucky(packet: bytes, source: tuple[str, int], send: Callable[..., None]) -> None:
        seen.append(packet)
        send(wire.encode("/loopcube/event/job", ("x", 1)), source)  # no answer, to be skipped
        send(wire.encode(*messages.PingReply("of-another", "b007", 0, 0, 0).to_osc()), source)
        if len(seen) == 3:
            rid = str(wire.decode(packet).arguments[1])
            send(wire.encode(*messages.PingReply(rid, "b007", 0, 0, 0).to_osc()), source)

    for endpoint in serving(bind_free_port(48_200, third_time_lucky)):
        with Client(endpoint.port, TOKEN) as client:
            assert client.ping().boot_id == "b007"
    assert len(seen) == 3
    assert len(set(seen)) == 1


def test_a_daemon_that_is_not_there_is_told_in_the_end(free_port: int, clock: Clock) -> None:
    started = clock.now
    with Client(free_port, TOKEN, clock=clock, sleep=clock.sleep) as client:
        client._socket.close()
        client._socket = _Refusing()  # type: ignore[assignment]
        with pytest.raises(LoopError, match="start it with `loopcube daemon`"):
            client.ping()
    assert clock.now - started == pytest.approx(sum(RESEND_AFTER))


class _Refusing:
    """A socket to a port where nobody listens."""

    def send(self, packet: bytes) -> None:  # noqa: ARG002
        raise ConnectionRefusedError

    def close(self) -> None:
        pass


def test_a_port_is_never_shared_and_the_next_one_is_taken(endpoint: Endpoint) -> None:
    with bind_free_port(endpoint.port, lambda *packet: None) as other:  # noqa: ARG005
        assert other.port > endpoint.port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as intruder:
        intruder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            intruder.bind((LOOPBACK, endpoint.port))


def test_no_free_port_is_told(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.endpoints.PORTS_TRIED", 1)
    with pytest.raises(LoopError, match="no free port") as refused:
        bind_free_port(endpoint.port, lambda *packet: None)  # noqa: ARG005
    assert refused.value.code is Code.LIMIT


def test_a_fault_in_serving_is_logged_and_the_next_packet_served(caplog: pytest.LogCaptureFixture) -> None:
    def faulty(packet: bytes, source: tuple[str, int], send: Callable[..., None]) -> None:
        send(struct.pack(">i", 1 // len(packet.strip(b"\0"))), source)

    for endpoint in serving(bind_free_port(48_300, faulty)):
        assert endpoint.receive_buffer > 100_000
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as plain:
            plain.settimeout(5.0)
            plain.sendto(bytes(4), (LOOPBACK, endpoint.port))
            plain.sendto(b"/", (LOOPBACK, endpoint.port))
            assert plain.recv(16) == bytes((0, 0, 0, 1))
    assert "ZeroDivisionError" in caplog.text
