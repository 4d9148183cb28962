"""Packets: odd ones are refused before a parser sees them, and what passes means the same to two decoders."""

import socket
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_packets import ODD

from benchmarks.bridge.mutants import mutants, valid_packets
from bridge.osc import wire
from bridge.osc.messages import Extract, Hello, Ping
from core.base.errors import Code, LoopError

VALID = [
    wire.encode(*Ping("t" * 32, "r1").to_osc()),
    wire.encode(*Hello("t" * 32, "r2", 1, 0, "max", 9000).to_osc()),
    wire.encode(*Extract("t" * 32, "r3", "/music/Gr\u00fc\u00dfe \U0001f3b5.wav", '{"loops":4}').to_osc()),
    wire.encode("/loopcube/event", ("a", 1, 0.5, "", -1)),
]


def our_own_decoding(packet: bytes) -> tuple[str, tuple[wire.Value, ...]]:
    """A second decoder, to hold python-osc's against."""

    def string(at: int) -> tuple[str, int]:
        end = packet.index(b"\0", at)
        return packet[at:end].decode(), (end // 4 + 1) * 4

    address, at = string(0)
    tags, at = string(at)
    values: list[wire.Value] = []
    for tag in tags[1:]:
        if tag == "s":
            text, at = string(at)
            values.append(text)
        else:
            values.append(struct.unpack_from(f">{tag}", packet, at)[0])
            at += 4
    return address, tuple(values)


@pytest.mark.parametrize("name", ODD)
def test_odd_packets_are_refused(name: str) -> None:
    with pytest.raises(LoopError):
        wire.decode(ODD[name])


@pytest.mark.parametrize("packet", VALID)
def test_valid_packets_are_read(packet: bytes) -> None:
    assert wire.decode(packet) == our_own_decoding(packet)


@pytest.fixture(scope="module")
def accepted() -> list[bytes]:
    """The mutants that are well-formed all the same."""
    valid = [*VALID, *valid_packets("t" * 32, Path("/music/song.wav"), "00c0ffee00c0ffee")]
    return [packet for packet in mutants(valid, 20_000, seed=1) if not refused(packet)]


def refused(packet: bytes) -> bool:
    try:
        wire.check(packet)
    except LoopError:
        return True
    return False


def test_two_decoders_agree_on_mutants(accepted: list[bytes]) -> None:
    assert 3_000 < len(accepted) < 17_000  # else the mutants are all alike
    for packet in accepted:
        assert wire.decode(packet) == our_own_decoding(packet)


@pytest.mark.skipif(sys.platform != "linux", reason="pyliblo3 is for Linux alone")
def test_liblo_reads_what_we_read(accepted: list[bytes]) -> None:
    import pyliblo3 as liblo

    server = liblo.Server(proto=liblo.UDP)
    heard: list[tuple[str, tuple[wire.Value, ...]]] = []
    server.add_method(None, None, lambda path, arguments: heard.append((path, tuple(arguments))))
    chosen = accepted[:: len(accepted) // 500]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        for packet in chosen:
            sender.sendto(packet, ("127.0.0.1", server.port))
            server.recv(2_000)
    assert heard == [wire.decode(packet) for packet in chosen]


VALUES = st.one_of(
    st.integers(-(2**31), 2**31 - 1),
    st.floats(width=32, allow_nan=False, allow_infinity=False),
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=200),
)


@settings(max_examples=300)
@given(arguments=st.lists(VALUES, max_size=4).map(tuple))
def test_what_is_encoded_comes_back(arguments: tuple[wire.Value, ...]) -> None:
    assert wire.decode(wire.encode("/loopcube/any", arguments)) == ("/loopcube/any", arguments)


@pytest.mark.parametrize("value", [2**31, -(2**31) - 1, "a\0b", "a\nb", "\ud800", float("nan"), float("inf"), 1e39])
def test_what_osc_cannot_carry_is_not_sent(value: wire.Value) -> None:
    with pytest.raises(LoopError) as refused:
        wire.encode("/loopcube/any", (value,))
    assert refused.value.code is Code.ARGUMENTS


def test_lengths_are_held_at_their_limits() -> None:
    wire.encode("/a", ("x" * 1_024,))
    wire.encode("/a", (1,) * 64)
    longest = wire.encode("/a", ("x" * 1_019,) * 3 + ("x" * 1_023,))
    assert len(longest) == wire.MAX_PACKET
    for arguments in [("x" * 1_025,), (1,) * 65, ("x" * 1_019,) * 3 + ("x" * 1_024,)]:
        with pytest.raises(LoopError) as refused:
            wire.encode("/a", arguments)
        assert refused.value.code is Code.LIMIT


def test_texts_are_ascii_of_one_line_and_120_characters() -> None:
    text = wire.ascii_text("caf\u00e9\n" * 100)
    assert text.isascii()
    assert text.isprintable()
    assert len(text) == wire.MAX_TEXT
