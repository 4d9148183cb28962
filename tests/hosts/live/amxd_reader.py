"""Reads .amxd files by what is known of their format, written apart from what writes them here."""

import io
from typing import NamedTuple


class Entry(NamedTuple):
    """One file inside a frozen device."""

    name: str
    kind: str
    flag: int
    content: bytes


class Device(NamedTuple):
    """A device: its type, its flags and its files; the first is its patcher."""

    kind: str
    flags: int
    files: list[Entry]


def read_device(data: bytes) -> Device:
    """The device that these bytes hold; every byte is accounted for."""
    stream = io.BytesIO(data)
    chunks = {}
    while name := stream.read(4):
        size = int.from_bytes(stream.read(4), "little")
        chunks[name.decode()] = stream.read(size)
        assert len(chunks[name.decode()]) == size
    assert list(chunks) == ["ampf", "meta", "ptch"]
    flags = int.from_bytes(chunks["meta"], "little")
    patcher = chunks["ptch"]
    kind = chunks["ampf"].decode()
    return Device(kind, flags, _files(patcher) if patcher[:4] == b"mx@c" else [Entry("", "JSON", 0, patcher)])


def _files(block: bytes) -> list[Entry]:
    assert int.from_bytes(block[4:8], "big") == 16
    footer = int.from_bytes(block[8:16], "big")
    assert block[footer : footer + 4] == b"dlst"
    assert int.from_bytes(block[footer + 4 : footer + 8], "big") == len(block) - footer
    entries, expected = [], 16
    for name, fields in _blocks(block[footer + 8 :]):
        assert name == "dire"
        found = dict(_blocks(fields))
        assert list(found) == ["type", "fnam", "sz32", "of32", "vers", "flag", "mdat"]
        number = {key: int.from_bytes(found[key], "big") for key in ("sz32", "of32", "vers", "flag", "mdat")}
        assert len(found["fnam"]) % 4 == 0
        assert number["vers"] == 0
        assert number["of32"] == expected, "files lie end to end"
        expected += number["sz32"]
        content = block[number["of32"] : expected]
        entries.append(Entry(found["fnam"].split(b"\0")[0].decode(), found["type"].decode(), number["flag"], content))
    assert expected == footer
    return entries


def _blocks(data: bytes) -> list[tuple[str, bytes]]:
    found, at = [], 0
    while at < len(data):
        size = int.from_bytes(data[at + 4 : at + 8], "big")
        assert size >= 8
        found.append((data[at : at + 4].decode(), data[at + 8 : at + size]))
        at += size
    assert at == len(data)
    return found
