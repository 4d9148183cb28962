"""Packets: odd ones are refused before a parser sees them, and what passes means the same to two decoders."""

import random
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odd_packets import ODD

from bridge import wire
from bridge.messages import Extract, Hello, Ping
from core.errors import Code, LoopError

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


def mutant(rng: random.Random) -> bytes:
    """A valid packet with a few bytes changed, removed, doubled or grafted from another one."""
    packet = bytearray(rng.choice(VALID))
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(packet) + 1)
        match rng.randrange(5):
            case 0 if packet:
                packet[at % len(packet)] = rng.randrange(256)
            case 1:
                del packet[at : at + rng.choice((1, 4, 8))]
            case 2:
                packet[at:at] = rng.choice(
                    (b"\0\0\0\0", b",sss", b"#bundle\0", b"\xff\xff\xff\xfc", b"*" * 4, b"[\0\0\0")
                )
            case 3:
                packet[at : at + 4] = rng.choice(VALID)[at : at + 4]
            case _ if packet:
                packet[at % len(packet)] ^= 1 << rng.randrange(8)
    return bytes(packet)


def test_mutants_are_refused_or_read_alike() -> None:
    rng = random.Random(1)
    accepted = 0
    for _ in range(20_000):
        packet = mutant(rng)
        try:
            decoded = wire.decode(packet)
        except LoopError:
            continue
        accepted += 1
        assert decoded == our_own_decoding(packet)
    assert 500 < accepted < 15_000  # else the mutants are all alike


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
