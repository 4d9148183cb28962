"""The traffic log and the monitor: all packets of others, how they were answered, and no token."""

import dataclasses
import io
from pathlib import Path

import pytest
from rich.console import Console
from talk import SOURCE, Talk

from bridge.client.client import Client
from bridge.client.monitor import Monitor, as_line
from bridge.osc import messages, wire
from bridge.osc.messages import PingReply, TrafficReply, TrafficRow
from bridge.server import traffic_log
from bridge.server.service import Service
from bridge.server.sockets import Source
from bridge.server.traffic_log import TrafficLog, shown

OTHER = Source("127.0.0.1", 50_001, tcp=True)


@pytest.fixture
def talk(service: Service, token: str) -> Talk:
    return Talk(service, token)


@pytest.fixture
def other(service: Service, token: str) -> Talk:
    return Talk(service, token, OTHER)


def traffic(talk: Talk, first: int, rid: str = "t1") -> TrafficReply:
    answer = talk("traffic", rid, first)
    assert isinstance(answer, TrafficReply)
    return answer


def test_others_packets_are_told_with_their_answers_and_without_tokens(talk: Talk, other: Talk, token: str) -> None:
    other("ping", "r1")
    other("job/status", "r2", "00c0ffee00c0ffee")
    other.packet(wire.encode("/loopcube/ping", ("wrong token", "r3")))
    other.packet(b"#bundle\0" + token.encode())
    talk("ping", "mine")
    answer = traffic(talk, 1)
    assert [(row.number, row.source, row.code) for row in answer.packets] == [
        (1, "tcp 50001", 0),
        (2, "tcp 50001", -10),
        (3, "tcp 50001", -3),
        (4, "tcp 50001", -4),
    ]
    texts = [row.text for row in answer.packets]
    assert texts[:3] == ["/loopcube/ping 'r1'", "/loopcube/job/status 'r2' '00c0ffee00c0ffee'", "/loopcube/ping 'r3'"]
    assert "wrong" not in "".join(texts)
    assert token not in "".join(texts)
    assert traffic(talk, answer.following, "t2").packets == ()


def test_traffic_comes_in_pages_that_fit_and_goes_on_after_a_gap(talk: Talk, other: Talk) -> None:
    path = "/\u00e9" * 300  # as long as it gets once it is ASCII
    for number in range(traffic_log.KEPT + 20):
        other("extract", f"r{number}" + "x" * 30, path, "")
    numbers: list[int] = []
    following, pages = 1, 0
    while rows := (answer := traffic(talk, following, f"t{pages}")).packets:
        assert len(talk.sent[-1][0]) <= wire.MAX_REPLY
        numbers += [row.number for row in rows]
        following, pages = answer.following, pages + 1
    assert numbers == sorted(set(numbers))
    assert len(numbers) >= traffic_log.KEPT - pages - 1  # our own questions take places, too


def test_the_tap_keeps_a_bounded_number_of_packets_of_bounded_length() -> None:
    kept = TrafficLog()
    for _ in range(2 * traffic_log.KEPT):
        kept.note(b"x" * 65_000, SOURCE, -9)
    following, entries = kept.since(0, lambda _: True, 10_000)
    assert (following, len(entries)) == (2 * traffic_log.KEPT + 1, traffic_log.KEPT)
    assert max(len(entry.packet) for entry in entries) == wire.MAX_PACKET


@pytest.mark.parametrize("packet", [b"", b"\xff" * 100, b"/a\0\0", b"#bundle\0" * 9, b"/a\0\0,s\0\0\x1b[2J\0\0\0\0"])
def test_whatever_comes_is_shown_as_a_short_line_of_ascii(packet: bytes) -> None:
    text = shown(packet)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) <= traffic_log.SHOWN


class ToService(Client):
    """A client that hands its requests to a service."""

    def __init__(self, talk: Talk) -> None:
        self._talk = talk
        self._token = talk.token

    def ask(self, request: messages.Request, kind: type) -> messages.Reply:
        address, arguments = request.to_osc()
        answer = self._talk(address.removeprefix("/loopcube/"), *arguments[1:])
        assert isinstance(answer, kind)
        return answer


@pytest.fixture
def monitor(talk: Talk) -> Monitor:
    return Monitor(ToService(talk))


def picture(monitor: Monitor, height: int = 30) -> str:
    console = Console(width=120, height=height, record=True, file=io.StringIO())
    console.print(monitor.view(height))
    return console.export_text()


def test_the_monitor_shows_jobs_counters_and_packets(monitor: Monitor, other: Talk, song: Path, token: str) -> None:
    assert "waiting" in picture(monitor)
    other("extract", "r1", str(song), "")
    other("extract", "r2", "/[red]none[/]", "")
    assert [row.code for row in monitor.look()] == [0, -7]
    assert monitor.look() == []
    shown = picture(monitor)
    [job] = monitor.jobs
    for wanted in (job.job, "queued", "0 running, 1 queued", "/loopcube/extract 'r1'", "tcp 50001", "ok", "-7"):
        assert wanted in shown
    assert "[red]none[/]" in shown
    assert token not in shown


@pytest.mark.parametrize("height", [1, 5, 12, 24, 60])
def test_the_picture_fits_the_screen(monitor: Monitor, other: Talk, height: int) -> None:
    for number in range(100):
        other("ping", f"r{number}")
    monitor.look()
    assert len(picture(monitor, height).splitlines()) <= max(height, 12)


def test_a_daemon_that_was_started_again_is_read_from_the_beginning(monitor: Monitor, other: Talk) -> None:
    other("ping", "r1")
    assert len(monitor.look()) == 1
    assert isinstance(monitor.ping, PingReply)
    monitor.ping = dataclasses.replace(monitor.ping, boot_id="another")
    assert len(monitor.look()) == 1


def test_a_line_for_pipes() -> None:
    assert as_line(TrafficRow(7, "udp 50000", "/loopcube/ping 'r1'", -9)) == "7 udp 50000 -9 /loopcube/ping 'r1'"
