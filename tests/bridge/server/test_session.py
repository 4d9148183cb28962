"""Clients, leases, events and rates: who is told what, for how long and how often."""

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import TOKEN, Clock
from talk import SOURCE, Talk, read, read_code

from bridge.jobs.job import Job
from bridge.jobs.registry import Jobs
from bridge.jobs.request import JobRequest
from bridge.jobs.state import State
from bridge.osc import messages, wire
from bridge.osc.messages import ByeEvent, JobEvent
from bridge.server.clients import LEASE_SECONDS, MAX_SUBSCRIPTIONS
from bridge.server.rate_limits import Bucket
from bridge.server.service import Service
from bridge.server.sockets import Source
from bridge.system.settings import BridgeSettings
from bridge.watch.watched_folders import Watches
from core.base.errors import Code

OTHER = SOURCE._replace(port=50_001)


@pytest.fixture
def other(service: Service) -> Talk:
    return Talk(service, TOKEN, OTHER)


def begun(jobs: Jobs, song: Path, number: int = 1) -> Job:
    """A running job."""
    jobs.start(JobRequest(song, song.parent, loops=number), "content")
    job = jobs.take()
    assert job is not None
    return job


def states(talk: Talk) -> list[tuple[str, int]]:
    return [(event.state, event.seq) for event in talk.events if isinstance(event, JobEvent)]


def test_subscribers_hear_of_each_state_and_of_progress_four_times_a_second(
    talk: Talk, other: Talk, jobs: Jobs, song: Path, clock: Clock
) -> None:
    assert talk("subscribe", "r1", "") == messages.SubscribeReply("r1", LEASE_SECONDS)
    job = begun(jobs, song)
    for step in range(100):  # ten seconds of ten reports each
        jobs.report(job.id, step / 100, "notes")
        clock.sleep(0.1)
        talk("ping", f"p{step}")
    jobs.report(job.id, 0.999, "notes")
    jobs.finish(job.id, State.FAILED, code=Code.INTERNAL)
    events = [event for event in talk.events if isinstance(event, JobEvent)]
    assert [event.state for event in events[:2]] == ["queued", "running"]
    assert events[-1].state == "failed"
    assert 30 <= len(events) <= 43
    assert [event.seq for event in events] == sorted({event.seq for event in events})
    assert other.events == []


def test_no_event_overtakes_another(talk: Talk, service: Service, jobs: Jobs, song: Path) -> None:
    talk("subscribe", "r1", "")
    job = begun(jobs, song)
    failed = jobs.finish(job.id, State.FAILED, code=Code.INTERNAL)
    for late in (job, failed):
        service._events.job_changed(late)
    assert states(talk) == [("queued", 0), ("running", 1), ("failed", 2)]


def test_a_job_that_was_forgotten_and_asked_for_again_is_told_of_anew(
    talk: Talk, jobs: Jobs, song: Path, clock: Clock
) -> None:
    talk("subscribe", "r1", "")
    for _ in range(2):
        job = begun(jobs, song)
        jobs.cancel(job.id)
        jobs.finish(job.id, State.FAILED)
        jobs.forget(job.id)
        clock.sleep(1.0)
    assert [state for state, _ in states(talk)] == ["queued", "running", "cancelling", "cancelled"] * 2


def test_a_subscription_to_one_job_is_about_that_job(talk: Talk, jobs: Jobs, song: Path) -> None:
    first, second = begun(jobs, song), begun(jobs, song, 2)
    talk("subscribe", "r1", second.id)
    jobs.finish(first.id, State.FAILED, code=Code.INTERNAL)
    jobs.finish(second.id, State.FAILED, code=Code.INTERNAL)
    assert {event.job for event in talk.events if isinstance(event, JobEvent)} == {second.id}
    assert read_code(talk("subscribe", "r2", "beef")) is Code.NO_SUCH_JOB


@pytest.mark.parametrize("address", ["ping", "stats", "subscribe"])
def test_any_request_renews_a_lease_and_silence_ends_it(
    talk: Talk, jobs: Jobs, song: Path, clock: Clock, address: str
) -> None:
    talk("subscribe", "r1", "")
    clock.sleep(LEASE_SECONDS - 1)
    talk(address, "r2", *([""] if address == "subscribe" else []))
    clock.sleep(LEASE_SECONDS)
    job = begun(jobs, song)
    assert [state for state, _ in states(talk)] == ["queued", "running"]
    clock.sleep(1.0)
    jobs.finish(job.id, State.FAILED, code=Code.INTERNAL)
    assert [state for state, _ in states(talk)] == ["queued", "running"]


def test_bye_ends_subscription_and_reply_port(talk: Talk, jobs: Jobs, song: Path) -> None:
    talk("hello", "r1", 1, 0, "max", 9_001)
    talk("subscribe", "r2", "")
    assert talk("bye", "r3") == messages.ByeReply("r3")
    talk("ping", "r4")
    begun(jobs, song)
    assert talk.events == []
    assert [destination.port for _, destination in talk.sent] == [9_001, 9_001, 9_001, 50_000]


def test_events_go_to_the_reply_port(talk: Talk, jobs: Jobs, song: Path) -> None:
    talk("subscribe", "r1", "")
    talk("hello", "r2", 1, 0, "max", 9_001)
    begun(jobs, song)
    assert {destination.port for _, destination in talk.sent[2:]} == {9_001}


def test_a_reply_port_is_for_udp(service: Service) -> None:
    over_tcp = Talk(service, TOKEN, Source("127.0.0.1", 50_002, tcp=True))
    assert read_code(over_tcp("hello", "r1", 1, 0, "reaper", 9_001)) is Code.ARGUMENTS
    assert isinstance(over_tcp("hello", "r2", 1, 0, "reaper", 0), messages.HelloReply)
    assert over_tcp.sent[-1][1] == over_tcp.source


def test_eight_clients_may_subscribe_and_a_ninth_when_one_has_left(service: Service, clock: Clock) -> None:
    talks = [Talk(service, TOKEN, SOURCE._replace(port=50_000 + number)) for number in range(9)]
    for number, talk in enumerate(talks[:8]):
        talk("subscribe", f"r{number}", "")
    assert read_code(talks[8]("subscribe", "r8", "")) is Code.LIMIT
    assert isinstance(talks[7]("subscribe", "again", ""), messages.SubscribeReply)
    clock.sleep(LEASE_SECONDS)
    for number, talk in enumerate(talks[1:8]):
        talk("ping", f"p{number}")
    clock.sleep(1.0)
    assert isinstance(talks[8]("subscribe", "r9", ""), messages.SubscribeReply)


def test_one_client_may_name_so_many_jobs(talk: Talk, jobs: Jobs, song: Path) -> None:
    jobs._limit = jobs._limit_per_client = 100
    for number in range(1, MAX_SUBSCRIPTIONS + 1):
        job = jobs.start(JobRequest(song, song.parent, loops=number), "content")
        assert isinstance(talk("subscribe", f"r{number}", job.id), messages.SubscribeReply)
    assert read_code(talk("subscribe", "last", "")) is Code.LIMIT


def test_who_says_hello_is_known_by_name_where_jobs_are_counted(
    service: Service, talk: Talk, other: Talk, song: Path
) -> None:
    talk("hello", "r1", 1, 0, "reaper", 0)
    talk("extract", "r2", str(song), "")
    other("extract", "r3", str(song), '{"loops":2}')
    assert [job.client for job in service.jobs.newest_first()] == ["port 50001", "reaper"]


def test_the_daemon_says_bye_when_it_stops(service: Service, talk: Talk, jobs: Jobs, song: Path) -> None:
    talk("subscribe", "r1", "")
    assert talk("quit", "r2") == messages.QuitReply("r2")
    assert jobs.closed  # which is what `stop` does here
    service.close()
    assert talk.events == [ByeEvent("b007")]
    assert read_code(talk("extract", "r3", str(song), "")) is Code.SHUTTING_DOWN
    assert read_code(talk("get/info", "r4", "beef", "manifest")) is Code.NO_SUCH_JOB
    assert read_code(talk("watch/add", "r5", str(song.parent))) is Code.SHUTTING_DOWN


def test_stats_count_what_happened(talk: Talk, service: Service) -> None:
    packet = wire.encode("/loopcube/ping", (TOKEN, "r1"))
    for each in (packet, packet, b"nonsense", wire.encode("/loopcube/ping", ("wrong", "r1"))):
        talk.packet(each)
    service.counters.receive_buffer = 4_096
    assert talk("stats", "r2") == messages.StatsReply("r2", 5, 1, 1, 0, 1, 3, 4_096)


@pytest.fixture
def limited(settings: BridgeSettings, jobs: Jobs, watches: Watches, clock: Clock) -> Service:
    """A service with low rates."""
    rates = replace(settings, rate=50, burst=100, total_rate=5_000, starts_per_second=10)
    return Service(rates, jobs, watches, TOKEN, "b007", clock, jobs.close)


def flood(talk: Talk, count: int, name: str) -> int:
    """Pings that were answered, of so many sent at once."""
    before = len(talk.sent)
    for number in range(count):
        talk.packet(wire.encode("/loopcube/ping", (TOKEN, f"{name}{number}")))
    return sum(packet.find(b"/reply") >= 0 for packet, _ in talk.sent[before:])


def test_one_client_is_held_to_its_rate_and_told_once(limited: Service, clock: Clock) -> None:
    talk, other = Talk(limited, TOKEN), Talk(limited, TOKEN, OTHER)
    assert flood(talk, 150, "a") == 100
    assert [read_code(read(packet)) for packet, _ in talk.sent[100:]] == [Code.LIMIT]
    assert flood(other, 1, "b") == 1
    clock.sleep(1.0)
    assert flood(talk, 100, "c") == 50
    assert limited.counters.limited == 100
    clock.sleep(10.0)
    assert flood(talk, 200, "d") == 100


def test_the_rates_are_those_of_the_protocol(tmp_path: Path) -> None:
    plain = BridgeSettings(tmp_path, tmp_path)
    assert (plain.rate, plain.burst, plain.total_rate, plain.starts_per_second) == (500, 1_000, 5_000, 10)
    assert (plain.subscribers, plain.connections, plain.queue, plain.queue_per_client) == (8, 8, 16, 8)


def test_all_clients_together_are_held_to_theirs(limited: Service, clock: Clock) -> None:
    limited._from_all = Bucket(500, 500, clock=clock)
    talks = [Talk(limited, TOKEN, SOURCE._replace(port=51_000 + number)) for number in range(10)]
    assert sum(flood(talk, 90, f"{number}-") for number, talk in enumerate(talks)) == 500


def test_ten_jobs_a_second_may_be_started(limited: Service, clock: Clock) -> None:
    talk = Talk(limited, TOKEN)
    codes = [read_code(talk("extract", f"r{number}", "/nothing.wav", "")) for number in range(11)]
    assert codes == [Code.NO_SUCH_FILE] * 10 + [Code.LIMIT]
    clock.sleep(0.2)
    assert read_code(talk("extract", "later", "/nothing.wav", "")) is Code.NO_SUCH_FILE


def test_senders_without_end_take_no_memory(limited: Service) -> None:
    for port in range(10_000, 13_000):
        Talk(limited, TOKEN, SOURCE._replace(port=port)).packet(b"nonsense")
    assert len(limited._from_one._buckets) <= 1_024
    assert len(limited._refusals._buckets._buckets) <= 1_024


def test_hellos_without_end_take_no_memory(service: Service) -> None:
    for port in range(10_000, 11_100):
        Talk(service, TOKEN, SOURCE._replace(port=port))("hello", f"r{port}", 1, 0, "x", 0)
    assert len(service._clients._clients) <= 1_024
