"""The client on real sockets: what it asks, what it is told, and what it does when packets or the daemon get lost."""

import json
import re
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from conftest import TOKEN, Clock
from daemon_process import Process
from peers import serving

from benchmarks.bridge.lossy import LossyProxy
from bridge.client import client as client_module
from bridge.client.client import PATIENCE, Client, result_folder
from bridge.client.exchange import RESEND_AFTER, NotAnsweringError
from bridge.jobs.registry import Jobs
from bridge.jobs.state import State
from bridge.osc import messages, wire
from bridge.server.service import Service
from bridge.server.sockets import Endpoint, Send, Source
from bridge.system.running import Running
from core.base.errors import Code, LoopError
from tests.conftest import ROOT


@pytest.fixture
def endpoint(service: Service) -> Iterator[Endpoint]:
    with serving(service.answer, admit=service.admits) as endpoint:
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

    def send(self, packet: bytes) -> None:  # noqa: ARG002 - refused unseen
        raise ConnectionRefusedError

    def recv(self, size: int) -> bytes:  # noqa: ARG002 - there is nothing
        raise ConnectionRefusedError

    def close(self) -> None:
        pass


def done(jobs: Jobs, result: Path, manifest: object) -> None:
    """Bring the job that runs to its end, with a result of a manifest and activations."""
    job = jobs.take()
    assert job is not None
    result.mkdir()
    (result / "manifest.json").write_text(json.dumps(manifest))
    (result / "activations.json").write_text(json.dumps({"loops": [{"activations": [0.5, 1.0]}]}))
    jobs.finish(job.id, State.DONE, result=result)


def test_a_long_request_goes_up_and_long_documents_come_down(client: Client, jobs: Jobs, song: Path) -> None:
    bars = list(range(0, 44_100 * 2_000, 44_100))
    started = client.start({"path": str(song), "bars_frames": bars, "host": {"name": "test"}})
    assert jobs.get(started.job).request.bars_frames == tuple(bars)
    manifest = {"loops": [{"label": f"loop {number}", "of": "\u00e9" * 40} for number in range(400)]}
    done(jobs, song.parent / "song-loops", manifest)
    assert client.manifest(started.job) == manifest
    assert client.activations(started.job) == {"loops": [{"activations": [0.5, 1.0]}]}
    assert client.log(started.job) == []
    assert client.start({"path": str(song), "bars_frames": bars}).state == "done"
    assert client.start({"path": str(song), "bars_frames": bars}, fresh=True).job == f"{started.job}-2"


def test_the_daemon_and_its_folders(client: Client, tmp_path: Path) -> None:
    assert client.hello("tests").boot_id == "b007"
    name = client.watch(tmp_path)
    assert client.watches() == {name: tmp_path}
    client.unwatch(name)
    assert client.watches() == {}
    assert client.stats().packets == 6
    client.quit()
    with pytest.raises(LoopError, match="shutting down"):
        client.extract(tmp_path / "song.wav")


def test_a_job_is_forgotten(client: Client, song: Path) -> None:
    job = client.extract(song).job
    with pytest.raises(LoopError, match="cancel it first"):
        client.forget(job)
    assert client.cancel(job).state == "cancelled"
    client.forget(job)
    assert client.jobs().total == 0


def test_events_are_heard(client: Client, jobs: Jobs, song: Path) -> None:
    heard = client.listen(5.0)
    client.subscribe()
    started = client.extract(song)
    first = next(heard)
    jobs.cancel(started.job)
    second = next(heard)
    assert [first, second] == [
        messages.JobEvent(started.job, 0, "queued", 0.0, ""),
        messages.JobEvent(started.job, 1, "cancelled", 0.0, ""),
    ]
    assert list(client.listen(0.01)) == []


def test_leaving_frees_the_place_of_a_subscriber(endpoint: Endpoint, eventually: Callable[..., None]) -> None:
    clients = [Client(endpoint.port, TOKEN) for _ in range(9)]
    for client in clients[:8]:
        client.subscribe()
    with pytest.raises(LoopError, match="8 subscribers"):
        clients[8].subscribe()
    clients[0].close()
    eventually(lambda: clients[8].ping() and clients[8].subscribe())
    for client in clients[1:]:
        client.close()


def test_a_job_can_be_waited_for_without_events(endpoint: Endpoint, jobs: Jobs, song: Path) -> None:
    others = [Client(endpoint.port, TOKEN) for _ in range(8)]
    for other in others:
        other.subscribe()
    with Client(endpoint.port, TOKEN) as client:
        job = client.extract(song).job
        threading.Timer(0.1, jobs.cancel, [job]).start()
        assert client.wait(job).state == "cancelled"
    for other in others:
        other.close()


def test_a_document_that_changes_is_read_again(client: Client, jobs: Jobs, song: Path) -> None:
    job = client.extract(song).job
    result = song.parent / "song-loops"
    done(jobs, result, {"x" * 2_000: 1})
    asked, rids = client._exchange.ask, count()
    changes = iter([{"y" * 2_000: 1}, {"z" * 2_000: 1}])

    def ask(requests: Sequence[messages.Request], **options: Any) -> list[messages.Reply]:
        replies = asked(requests, **options)
        if isinstance(requests[0], messages.GetInfo) and (change := next(changes, None)):
            (result / "manifest.json").write_text(json.dumps(change))
            reread = messages.GetInfo(TOKEN, str(next(rids)), job, "manifest")  # makes the daemon read it anew
            asked([reread])
        return replies

    client._exchange.ask = ask  # type: ignore[method-assign]
    with pytest.raises(LoopError, match="changes while it is read") as refused:
        client.manifest(job)
    assert refused.value.code is Code.INCOMPLETE
    assert client.manifest(job) == {"z" * 2_000: 1}


def test_a_daemon_that_moved_is_found(
    service: Service, jobs: Jobs, song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "RESEND_AFTER", (0.1, 0.1))
    where: list[Running] = []
    with serving(service.answer, admit=service.admits) as first:
        client = Client(first.port, "old", find=lambda: where[-1])
        where.append(Running(0, first.port, TOKEN, "", ""))
        assert client.ping().boot_id == "b007"  # with the token that is valid now
        job = client.extract(song).job
        moved = threading.Timer(0.3, where.append, [Running(0, first.port + 1, TOKEN, "", "")])
    with serving(service.answer, first.port + 1), client:
        moved.start()
        threading.Timer(1.0, jobs.cancel, [job]).start()
        assert client.wait(job).state == "cancelled"


def test_patience_has_an_end(free_port: int, clock: Clock) -> None:
    began = clock.now
    with Client(free_port, TOKEN, clock=clock, sleep=clock.sleep) as client:
        client._exchange._socket.close()
        client._exchange._socket = _Refusing()  # type: ignore[assignment]
        with pytest.raises(NotAnsweringError):
            client.wait("beef")
    assert PATIENCE < clock.now - began < PATIENCE + 10.0


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_whatever_the_network_does_each_job_is_started_once(
    service: Service, jobs: Jobs, song: Path, monkeypatch: pytest.MonkeyPatch, loss: float
) -> None:
    for schedule in ("RESEND_AFTER", "START_AFTER"):
        monkeypatch.setattr(client_module, schedule, (0.02,) * 200)
    jobs._limit = jobs._limit_per_client = 1_000
    told: list[str] = []
    jobs.listen(lambda job: told.append(job.id) if job.seq == 0 else None)
    with (
        serving(service.answer, admit=service.admits) as endpoint,
        LossyProxy(endpoint.port, loss=loss, doubled=0.2, delay=0.01, seed=1) as proxy,
        Client(proxy.port, TOKEN) as client,
    ):
        started = [client.start({"path": str(song)}, fresh=True).job for _ in range(20)]
    assert len(set(started)) == 20
    assert sorted(told) == sorted(started)
    assert (proxy.lost > 0) == (loss > 0)


def test_the_page_about_the_client_is_true(
    endpoint: Endpoint, jobs: Jobs, song: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (ROOT / "docs" / "python-client.md").read_text(encoding="utf-8")
    examples = [part.partition("```")[0] for part in page.split("```python\n")[1:]]
    result = song.parent / "song-loops"
    monkeypatch.chdir(song.parent)
    monkeypatch.setattr("bridge.client.client.load_settings", lambda: None)
    monkeypatch.setattr("bridge.client.client.find_daemon", lambda _: Running(0, endpoint.port, TOKEN, "", ""))
    manifest = {"loops": [{"label": "bass", "stem": "stems/01.wav"}]}
    threading.Thread(target=done, args=(jobs, result, manifest)).start()
    assert len(examples) == 3
    names: dict[str, object] = {}
    for example in examples:
        exec(compile(example, "docs/python-client.md", "exec"), names)  # noqa: S102 - our own page
    assert f"done {result}" in capsys.readouterr().out
    described = {name for line in page.splitlines() if line.startswith("| `") for name in re.findall(r"`(\w+)`", line)}
    others = {"close", "ask", "of_running_daemon", "traffic"}
    assert described == {name for name in vars(Client) if not name.startswith("_")} - others


def test_waiting_goes_on_through_a_daemon_that_is_killed(
    daemons: Callable[..., Process], song: Path, eventually: Callable[..., None]
) -> None:
    first = daemons()
    seen: list[messages.JobStatusReply] = []
    with Client.of_running_daemon(first.settings) as client, ThreadPoolExecutor(1) as pool:
        job = client.extract(song.rename(song.with_name("endless.wav"))).job
        waiting = pool.submit(client.wait, job, seen.append)
        eventually(lambda: seen and seen[-1].stage == "polite")
        first.stop(signal.SIGKILL)
        daemons()
        with Client.of_running_daemon(first.settings) as other:
            eventually(lambda: other.status(job).stage == "polite")
            assert not waiting.done()
            other.cancel(job)
        assert waiting.result(30.0).state == "cancelled"
