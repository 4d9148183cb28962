"""Packets that are nearly valid: every kind of request, with a few bytes changed, removed, doubled or inserted."""

import random
from collections.abc import Iterator
from pathlib import Path

from bridge.osc import messages, wire
from bridge.osc.messages.base import Request, value_order_of

RID = b"rid00000"
GRAFTS = (
    *(b"\0\0\0\0", b",sss", b",ssii\0\0\0", b"#bundle\0", b"\xff\xff\xff\xfc", b"\x7f\xff\xff\xff"),
    *(b"****", b"[\0\0\0", b"{\0\0\0", b"{}\0\0", b"[[[[", b"NaN\0", b"/*/*\0\0\0\0", b"../..\0\0\0"),
    *(b"\xc3\x28\0\0", b"\xed\xa0\x80\0"),
)


def valid_packets(token: str, song: Path, job: str) -> list[bytes]:
    """One packet of each kind of request, with the rid `RID`. Requests that read files name the song and the job."""
    values: dict[str, wire.Value] = {
        "token": token,
        "rid": RID.decode(),
        "major": 1,
        "minor": 0,
        "client": "mutants",
        "reply_port": 0,
        "job": job,
        "path": str(song),
        "folder": str(song.parent),
        "options": '{"loops":4,"method":"auto","bars_frames":[0,88200,176400]}',
        "doc": "manifest",
        "count": 2,
        "index": 0,
        "chunk": '{"v":1,"path":"/a"}',
        "bytes": 19,
        "crc32": 0,
        "fresh": 0,
        "id": "w1",
    }
    return [
        wire.encode(*kind(*(values.get(column.name, 0) for column in value_order_of(kind).single)).to_osc())
        for kind in _kinds()
    ]


def mutants(valid: list[bytes], count: int, seed: int) -> Iterator[bytes]:
    """`count` packets. Each gets its own rid and is then spoilt; one in sixteen stays valid."""
    rng = random.Random(seed)
    for number in range(count):
        packet = bytearray(rng.choice(valid).replace(RID, b"%08x" % number))
        for _ in range(rng.choice((0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4))):
            _spoil(packet, rng, valid)
        yield bytes(packet)


def _spoil(packet: bytearray, rng: random.Random, valid: list[bytes]) -> None:
    at = rng.randrange(len(packet) + 1)
    match rng.randrange(6):
        case 0 if packet:
            packet[at % len(packet)] = rng.randrange(256)
        case 1:
            del packet[at : at + rng.choice((1, 4, 8))]
        case 2:
            packet[at:at] = rng.choice(GRAFTS)
        case 3:
            packet[at : at + 4] = rng.choice(valid)[at : at + 4]
        case 4:
            aligned = at - at % 4
            packet[aligned : aligned + 4] = rng.choice(GRAFTS)[:4]
        case _ if packet:
            packet[at % len(packet)] ^= 1 << rng.randrange(8)


def _kinds() -> list[type[Request]]:
    return list(messages.REQUESTS.values())
