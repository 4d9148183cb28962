"""Endpoints on real sockets: odd packets over UDP and TCP, ports, and clients that are slow, greedy or gone."""

import errno
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest
from conftest import TOKEN, Clock
from odd_packets import ODD
from peers import Peer, TcpPeer, serving

from bridge.osc import wire
from bridge.server.service import Service
from bridge.server.sockets import Endpoint, Send, Source, bind_free_port
from bridge.server.tcp import MAX_UNSENT, PATIENCE, frame
from bridge.system.settings import LOOPBACK
from core.base.errors import Code, LoopError

PING = wire.encode("/loopcube/ping", (TOKEN, "r1"))


@pytest.fixture
def endpoint(service: Service) -> Iterator[Endpoint]:
    with serving(service.answer, admit=service.admits) as endpoint:
        yield endpoint


@pytest.fixture(params=[Peer, TcpPeer], ids=["udp", "tcp"])
def peer_kind(request: pytest.FixtureRequest) -> type[Peer]:
    kind: type[Peer] = request.param
    return kind


@pytest.fixture
def peer(peer_kind: type[Peer], endpoint: Endpoint) -> Iterator[Peer]:
    with peer_kind(endpoint.port) as peer:
        yield peer


def deaf(packet: bytes, source: Source, send: Send) -> bool:  # noqa: ARG001 - it hears nothing
    return False


def pong(peer: Peer, rid: str = "after") -> wire.Packet:
    """The answer to a ping; how fast it comes on an idle machine is in benchmarks/bridge/network.py."""
    peer.socket.settimeout(2.0)
    return peer.ask("/loopcube/ping", TOKEN, rid)


def test_a_ping_is_answered(peer: Peer) -> None:
    assert peer.ask("/loopcube/ping", TOKEN, "r1") == ("/loopcube/reply", ("r1", "/loopcube/ping", "b007", 0, 0, 0))


def test_hundreds_of_answers_come_back_in_order(peer: Peer) -> None:
    for number in range(300):
        assert peer.ask("/loopcube/ping", TOKEN, f"r{number}").arguments[0] == f"r{number}"


def test_answers_to_two_clients_are_never_crossed(endpoint: Endpoint) -> None:
    with Peer(endpoint.port) as one, TcpPeer(endpoint.port) as other:
        for batch in range(50):
            rids = {
                peer: [f"{name}{batch}-{number}" for number in range(20)] for name, peer in (("a", one), ("b", other))
            }
            for pair in zip(*rids.values(), strict=True):
                for peer, rid in zip(rids, pair, strict=True):
                    peer.send(wire.encode("/loopcube/ping", (TOKEN, rid)))
            for peer, expected in rids.items():
                assert [wire.decode(peer.receive()).arguments[0] for _ in expected] == expected


def test_nobody_waits_behind_the_burst_of_another() -> None:
    answered: list[int] = []
    may_answer = threading.Event()

    def slow(packet: bytes, source: Source, send: Send) -> bool:
        may_answer.wait(10.0)
        answered.append(source.port)
        send(packet, source)
        return True

    with serving(slow) as endpoint, Peer(endpoint.port) as one, Peer(endpoint.port) as other:
        for _ in range(100):
            one.send(PING)
        other.send(PING)
        may_answer.set()
        other.receive()
        assert answered.index(other.socket.getsockname()[1]) <= 2
        assert [one.receive() for _ in range(100)] == [PING] * 100


def test_what_is_not_admitted_is_not_answered(peer_kind: type[Peer], caplog: pytest.LogCaptureFixture) -> None:
    def guard(packet: bytes, source: Source, send: Send) -> bool:
        send(b"told", source)
        return packet == b"open" or 1 // len(packet.strip(b"\0")) > 1

    def echo(packet: bytes, source: Source, send: Send) -> bool:
        send(packet, source)
        return True

    with serving(echo, admit=guard) as endpoint, peer_kind(endpoint.port) as peer:
        peer.send(b"open")
        assert (peer.receive(), peer.receive()) == (b"told", b"open")
        peer.send(b"shut")
        assert peer.receive() == b"told"
        peer.send(bytes(4))
        peer.send(b"open")
        assert (peer.receive(), peer.receive(), peer.receive()) == (b"told", b"told", b"open")
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("name", ODD)
def test_after_an_odd_packet_a_ping_still_answers(endpoint: Endpoint, peer: Peer, name: str) -> None:
    peer.ask("/loopcube/ping", TOKEN, "before")
    with suppress(OSError):  # over TCP it may be refused while it is being sent
        peer.send(ODD[name])
    with Peer(endpoint.port) as other:
        assert pong(other).arguments[0] == "after"


@pytest.mark.parametrize("size", [0, 1, 3, 4, 4_092, 4_096, 4_097, 4_100, 8_192, 65_504])
def test_datagrams_without_sense_of_any_length_are_counted(service: Service, endpoint: Endpoint, size: int) -> None:
    with Peer(endpoint.port) as peer, Peer(endpoint.port) as other:
        peer.send(bytes(size))
        pong(other)
    assert (service.counters.packets, service.counters.bad) == (2, 1)


def test_the_longest_packet_is_read_whole(peer: Peer) -> None:
    packet = wire.encode("/loopcube/ping", (TOKEN, "r1", *["x" * 1_019] * 3, "y" * 971))
    assert len(packet) == wire.MAX_PACKET
    peer.send(packet)
    answer = wire.decode(peer.receive())
    assert answer.address == "/loopcube/error"
    assert "takes 2 arguments" in str(answer.arguments[3])


@pytest.mark.parametrize("length", [0, 3, -1, 4_097, 8_193, 2**31 - 1, -(2**31)])
@pytest.mark.parametrize("trusted", [True, False])
def test_a_frame_of_an_impossible_length_ends_the_connection(endpoint: Endpoint, length: int, trusted: bool) -> None:
    with TcpPeer(endpoint.port) as peer, TcpPeer(endpoint.port) as other:
        pong(other, "r0")
        if trusted:
            pong(peer, "r1")
        peer.socket.sendall(struct.pack(">i", length))
        assert peer.closed()
        pong(other, "r2")


def test_strangers_are_told_once_and_cut_off(endpoint: Endpoint) -> None:
    with TcpPeer(endpoint.port) as peer:
        answer = peer.ask("/loopcube/ping", "wrong", "r1")
        assert answer.arguments[2] == Code.AUTH
        assert peer.closed()
    with TcpPeer(endpoint.port) as browser:
        browser.socket.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert browser.closed()


def test_frames_come_together_from_pieces_of_any_size(endpoint: Endpoint) -> None:
    stream = b"".join(frame(wire.encode("/loopcube/ping", (TOKEN, f"r{number}"))) for number in range(5))
    for size in (1, 3, 7, len(stream)):
        with TcpPeer(endpoint.port) as peer:
            for at in range(0, len(stream), size):
                peer.socket.sendall(stream[at : at + size])
            assert [wire.decode(peer.receive()).arguments[0] for _ in range(5)] == [f"r{number}" for number in range(5)]


def test_eight_connections_are_held_and_a_ninth_is_not(endpoint: Endpoint) -> None:
    with ExitStack() as stack:
        peers = [stack.enter_context(TcpPeer(endpoint.port)) for _ in range(8)]
        for number, peer in enumerate(peers):
            pong(peer, f"r{number}")
        ninth = stack.enter_context(TcpPeer(endpoint.port))
        assert ninth.closed()
        peers[0].socket.close()
        time.sleep(0.1)
        pong(stack.enter_context(TcpPeer(endpoint.port)), "again")


@pytest.mark.parametrize(
    "sent",
    [b"", frame(PING)[:3], frame(PING)[:-1], frame(PING) + frame(PING)[:6]],
    ids=["nothing", "half a length", "all but one byte", "half a second one"],
)
def test_a_frame_that_does_not_come_ends_the_connection(service: Service, clock: Clock, sent: bytes) -> None:
    with (
        serving(service.answer, admit=service.admits, clock=clock) as endpoint,
        TcpPeer(endpoint.port) as slow,
        TcpPeer(endpoint.port) as idle,
    ):
        pong(idle, "r0")
        slow.socket.sendall(sent)
        time.sleep(0.1)  # so that it has come before the clock moves
        clock.sleep(PATIENCE + 0.1)
        assert slow.closed()
        pong(idle, "r2")


def test_who_does_not_read_is_cut_off_and_the_others_are_not() -> None:
    def generous(packet: bytes, source: Source, send: Send) -> bool:
        for _ in range(MAX_UNSENT // 1_000 if packet == b"more" else 1):
            send(bytes(1_000), source)
        return True

    with serving(generous) as endpoint, TcpPeer(endpoint.port) as greedy, TcpPeer(endpoint.port) as other:
        greedy.socket.settimeout(0.2)
        with suppress(OSError):  # closed, while it goes on asking
            for _ in range(100):
                greedy.send(b"more")
                time.sleep(0.01)
        assert greedy.closed()
        other.send(b"once")
        assert other.receive() == bytes(1_000)


def test_a_slow_reader_gets_everything_in_the_end() -> None:
    def counting(packet: bytes, source: Source, send: Send) -> bool:
        for number in range(200):
            send(packet + bytes((number,)) * 1_000, source)
        return True

    with serving(counting) as endpoint, TcpPeer(endpoint.port) as slow:
        slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 32_768)
        slow.send(b"many")
        time.sleep(0.3)
        assert [slow.receive()[4] for _ in range(200)] == list(range(200))


def test_a_reset_in_the_middle_harms_nobody_else(endpoint: Endpoint) -> None:
    with TcpPeer(endpoint.port) as other:
        for number in range(20):
            with TcpPeer(endpoint.port) as peer:
                peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                peer.send(wire.encode("/loopcube/ping", (TOKEN, f"reset{number}")))
            pong(other, f"r{number}")


def test_a_client_that_is_gone_is_no_fault_of_the_daemon(endpoint: Endpoint) -> None:
    with Peer(endpoint.port) as peer:
        with Peer(endpoint.port) as unheard:
            dead = unheard.socket.getsockname()[1]
        peer.send(wire.encode("/loopcube/hello", (TOKEN, "h1", 1, 0, "x", dead)))  # answers go to a closed port
        for number in range(100):
            peer.send(wire.encode("/loopcube/ping", (TOKEN, f"dead{number}")))
    with Peer(endpoint.port) as other:
        pong(other)


def test_a_port_is_never_shared_and_the_next_one_is_taken(endpoint: Endpoint) -> None:
    with bind_free_port(endpoint.port, deaf) as other:
        assert other.port > endpoint.port
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as intruder:
        intruder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        with pytest.raises(OSError, match="in use"):
            intruder.bind((LOOPBACK, endpoint.port))


@pytest.mark.parametrize("kind", [socket.SOCK_DGRAM, socket.SOCK_STREAM], ids=["udp", "tcp"])
def test_a_port_that_is_half_taken_is_passed_over(free_port: int, kind: socket.SocketKind) -> None:
    with socket.socket(socket.AF_INET, kind) as foreign:
        foreign.bind((LOOPBACK, free_port))
        if kind == socket.SOCK_STREAM:
            foreign.listen()
        with bind_free_port(free_port, deaf) as endpoint:
            assert endpoint.port > free_port


def test_no_free_port_is_told(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.server.sockets.PORTS_TRIED", 1)
    with pytest.raises(LoopError, match="no free port") as refused:
        bind_free_port(endpoint.port, deaf)
    assert refused.value.code is Code.LIMIT


def test_what_is_wrong_with_a_socket_itself_is_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_descriptor(*arguments: object) -> None:
        raise OSError(errno.EMFILE, "too many open files", *arguments[:0])

    monkeypatch.setattr("bridge.server.sockets._udp_socket", no_descriptor)
    with pytest.raises(OSError, match="too many open files"):
        bind_free_port(48_000, deaf)


def test_a_fault_in_serving_is_logged_and_the_next_packet_served(caplog: pytest.LogCaptureFixture) -> None:
    def faulty(packet: bytes, source: Source, send: Send) -> bool:
        send(struct.pack(">i", 1 // len(packet.strip(b"\0"))), source)
        return True

    with serving(faulty) as endpoint, Peer(endpoint.port) as peer:
        assert endpoint.receive_buffer > 100_000
        peer.send(bytes(4))
        peer.send(b"/")
        assert peer.receive() == bytes((0, 0, 0, 1))
    assert "ZeroDivisionError" in caplog.text
