"""The service: who is answered, with what, and how often, without sockets and without time passing."""

import json
import logging
from pathlib import Path

import pytest
from conftest import TOKEN, Clock
from talk import SOURCE, Talk, read, read_code

from bridge.jobs.registry import Jobs
from bridge.jobs.state import State
from bridge.osc import messages, wire
from bridge.osc.messages import Error
from bridge.server.clients import LEASE_SECONDS
from bridge.server.reply_cache import KEPT_SECONDS
from bridge.server.service import Service
from core.base.errors import Code


def test_ping_tells_how_busy_the_daemon_is(talk: Talk, clock: Clock) -> None:
    clock.sleep(61.5)
    assert talk("ping", "r1") == messages.PingReply("r1", "b007", 61, 0, 0)


def test_hello_agrees_on_a_version_and_a_port(talk: Talk, clock: Clock) -> None:
    reply = talk("hello", "r1", 1, 7, "max", 9_001)
    assert isinstance(reply, messages.HelloReply)
    assert (reply.major, reply.minor, reply.boot_id) == (1, 0, "b007")
    talk("ping", "r2")
    clock.sleep(LEASE_SECONDS)
    talk("ping", "r3")
    clock.sleep(LEASE_SECONDS + 1)
    talk("ping", "r4")
    assert [destination.port for _, destination in talk.sent] == [9_001, 9_001, 9_001, 50_000]


def test_a_newer_client_is_told_so(talk: Talk) -> None:
    reply = talk("hello", "r1", 2, 0, "max", 0)
    assert isinstance(reply, Error)
    assert (reply.code, reply.request) == (Code.VERSION, "/loopcube/hello")


def test_describe_lists_every_address(talk: Talk) -> None:
    rows = [talk("describe", f"r{i}", i) for i in range(len(messages.REQUESTS))]
    assert [row.described for row in rows if isinstance(row, messages.DescribeReply)] == list(messages.REQUESTS)
    assert read_code(talk("describe", "r", 99)) is Code.ARGUMENTS


def test_extract_starts_a_job_and_finds_it_again(talk: Talk, song: Path, jobs: Jobs) -> None:
    reply = talk("extract", "r1", str(song), '{"loops":3}')
    assert isinstance(reply, messages.ExtractReply)
    assert reply.state == "queued"
    job = jobs.take()
    assert job is not None
    assert (job.id, job.request.path, job.request.out, job.request.loops) == (reply.job, song, song.parent, 3)
    assert talk("extract", "r2", str(song), '{"loops":3}') == messages.ExtractReply("r2", reply.job, "running")


@pytest.mark.parametrize(
    ("path", "options", "code"),
    [
        ("song.wav", "", Code.PATH_NOT_ALLOWED),
        ("/nothing.wav", "", Code.NO_SUCH_FILE),
        ("{song}", "{", Code.ARGUMENTS),
        ("{song}", '{"speed":2}', Code.ARGUMENTS),
        ("{song}", '{"out":"/"}', Code.PATH_NOT_ALLOWED),
    ],
)
def test_extract_refuses_before_there_is_a_job(talk: Talk, song: Path, path: str, options: str, code: Code) -> None:
    assert read_code(talk("extract", "r1", path.replace("{song}", str(song)), options)) is code
    assert talk("job/list", "r2", 0) == messages.JobListReply("r2", 0, ())


def test_status_follows_a_job(talk: Talk, song: Path, jobs: Jobs, tmp_path: Path) -> None:
    started = talk("extract", "r1", str(song), "")
    assert isinstance(started, messages.ExtractReply)
    jobs.take()
    jobs.report(started.job, 0.5, "notes")
    assert talk("job/status", "r2", started.job) == messages.JobStatusReply("r2", "running", 0.5, "notes", 2, 0, "")
    result = tmp_path / "Gr\u00fc\u00dfe-loops"
    jobs.finish(started.job, State.DONE, result=result)
    status = talk("job/status", "r3", started.job)
    assert isinstance(status, messages.JobStatusReply)
    assert (status.state, status.progress, status.text) == ("done", 1.0, result.as_uri())


def test_cancel_and_unknown_jobs(talk: Talk, song: Path) -> None:
    started = talk("extract", "r1", str(song), "")
    assert isinstance(started, messages.ExtractReply)
    assert talk("job/cancel", "r2", started.job) == messages.JobCancelReply("r2", "cancelled")
    assert read_code(talk("job/cancel", "r3", "beef")) is Code.NO_SUCH_JOB
    assert read_code(talk("job/status", "r4", "beef")) is Code.NO_SUCH_JOB


def test_lists_are_paged(talk: Talk, service: Service, song: Path) -> None:
    service.jobs._limit = service.jobs._limit_per_client = 20
    for count in range(1, 15):
        talk("extract", f"r{count}", str(song), json.dumps({"loops": count}))
    first, second = talk("job/list", "a", 0), talk("job/list", "b", 12)
    assert isinstance(first, messages.JobListReply)
    assert isinstance(second, messages.JobListReply)
    assert (first.total, len(first.jobs), len(second.jobs)) == (14, 12, 2)
    assert len({row.job for row in first.jobs + second.jobs}) == 14


def test_a_resend_gets_the_same_bytes_and_runs_nothing(talk: Talk, song: Path, clock: Clock) -> None:
    packet = wire.encode("/loopcube/extract", (TOKEN, "r1", str(song), ""))
    first = talk.packet(packet, wait=10.0)
    song.write_bytes(b"another song")
    clock.sleep(KEPT_SECONDS - 1)
    assert [talk.packet(packet) for _ in range(100)] == [first] * 100
    assert talk("job/list", "r2", 0) == messages.JobListReply("r2", 1, (messages.JobRow(_job(first), "queued", 0.0),))


def _job(packet: bytes | None) -> str:
    reply = read(packet)
    assert isinstance(reply, messages.ExtractReply)
    return reply.job


def test_a_refusal_is_kept_too(talk: Talk, song: Path) -> None:
    packet = wire.encode("/loopcube/extract", (TOKEN, "r1", str(song.with_name("later.wav")), ""))
    first = talk.packet(packet, wait=10.0)
    song.rename(song.with_name("later.wav"))
    assert talk.packet(packet) == first


def test_a_rid_names_one_request(talk: Talk) -> None:
    first = talk("ping", "r1")
    assert read_code(talk("describe", "r1", 0)) is Code.ID_CONFLICT
    assert talk("ping", "r1") == first


def test_rids_are_forgotten_in_time_and_beyond_a_number(
    talk: Talk, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bridge.server.reply_cache.KEPT_REPLIES", 100)
    talk("ping", "old")
    clock.sleep(KEPT_SECONDS + 1)
    assert talk("ping", "old") == messages.PingReply("old", "b007", 121, 0, 0)
    for number in range(110):
        talk("ping", f"r{number}")
    assert len(talk.service._replies._entries) == 100


@pytest.mark.parametrize("arguments", [(), ("",), ("0123", "r1"), ("f" * 32, "r1"), (1, "r1"), ("\u00e4" * 32, "r1")])
def test_without_the_token_nothing_happens(talk: Talk, arguments: tuple[wire.Value, ...]) -> None:
    answer = read(talk.packet(wire.encode("/loopcube/ping", arguments)))
    assert read_code(answer) is Code.AUTH
    assert answer.rid == ""
    assert not talk.service._replies._entries


def test_a_wrong_token_is_answered_once_a_second_and_source(talk: Talk, clock: Clock) -> None:
    packet = wire.encode("/loopcube/ping", ("wrong", "r1"))
    assert talk.packet(packet) is not None
    assert talk.packet(packet) is None
    assert Talk(talk.service, TOKEN, SOURCE._replace(port=50_001)).packet(packet) is not None
    clock.sleep(1.0)
    assert talk.packet(packet) is not None


def test_bundles_are_answered_and_nonsense_is_not(talk: Talk) -> None:
    assert read_code(read(talk.packet(b"#bundle\0" + bytes(8)))) is Code.UNKNOWN_ADDRESS
    assert talk.packet(b"nonsense") is None


def test_unknown_addresses_and_wrong_arguments_are_answered(talk: Talk) -> None:
    assert read_code(talk("nothing", "r1")) is Code.UNKNOWN_ADDRESS
    assert read_code(talk("ping", "r2", "more")) is Code.ARGUMENTS
    assert read_code(talk("ping", "bad rid")) is Code.ARGUMENTS
    assert read_code(talk("ping")) is Code.ARGUMENTS


def test_a_mistake_of_ours_is_answered_and_logged(
    talk: Talk, jobs: Jobs, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(jobs, "count", lambda *states: 1 // len(states[:0]))
    assert read_code(talk("ping", "r1")) is Code.INTERNAL
    assert "ZeroDivisionError" in caplog.text


def test_a_daemon_that_stops_starts_nothing(talk: Talk, jobs: Jobs, song: Path) -> None:
    jobs.close()
    assert read_code(talk("extract", "r1", str(song), "")) is Code.SHUTTING_DOWN


def test_a_full_queue_says_so(talk: Talk, song: Path) -> None:
    codes = [talk("extract", f"r{count}", str(song), json.dumps({"loops": count})) for count in range(1, 5)]
    assert read_code(codes[-1]) is Code.LIMIT


def test_the_token_never_gets_into_the_log(talk: Talk, caplog: pytest.LogCaptureFixture, song: Path) -> None:
    caplog.set_level(logging.DEBUG)
    talk("nothing", "r1")
    talk("extract", "r2", str(song), "")
    talk.packet(wire.encode("/loopcube/ping", (TOKEN[:-1], "r1")))
    talk.packet(wire.encode(f"/{TOKEN}", ("x",))[:-1])
    assert TOKEN[:-1] not in caplog.text
