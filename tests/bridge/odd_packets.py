"""Packets that no honest client sends; each broke, hung or misled some OSC library."""

import struct


def string(text: bytes) -> bytes:
    return text + b"\0" * (4 - len(text) % 4)


def message(address: bytes, tags: bytes, *values: bytes) -> bytes:
    return string(address) + string(tags) + b"".join(values)


def nested_bundles(depth: int) -> bytes:
    packet = message(b"/loopcube/ping", b",")
    for _ in range(depth):
        packet = b"#bundle\0" + struct.pack(">Qi", 1, len(packet)) + packet
    return packet


PING = message(b"/loopcube/ping", b",ss", string(b"token"), string(b"r1"))
NOW, LATER = struct.pack(">Q", 1), struct.pack(">Q", 2**63)

ODD: dict[str, bytes] = {
    "empty": b"",
    "one byte": b"/",
    "three bytes": b"/a\0",
    "zeros": bytes(16),
    "no slash": message(b"loopcube", b","),
    "bundle with size -4": b"#bundle\0" + NOW + struct.pack(">i", -4) + bytes(4),
    "bundle with size 2**31-1": b"#bundle\0" + NOW + struct.pack(">i", 2**31 - 1) + bytes(4),
    "empty bundle": b"#bundle\0" + NOW,
    "bundle for later": b"#bundle\0" + LATER + struct.pack(">i", len(PING)) + PING,
    "bundles 100 deep": nested_bundles(100),
    "bundles 400 deep": nested_bundles(400),
    "bundles 3000 deep": nested_bundles(3000),
    "24 stars": message(b"/" + b"*" * 24, b","),
    "1000 stars": message(b"/" + b"*" * 1000, b","),
    "pattern for all": message(b"/*/*", b",ss", string(b"token"), string(b"r1")),
    "alternatives": message(b"/{loopcube,x}/ping", b","),
    "range": message(b"/[a-z]", b","),
    "bad UTF-8 in address": message(b"/\xff\xfe", b","),
    "bad UTF-8 in string": message(b"/a", b",s", string(b"\xc3\x28")),
    "surrogate in string": message(b"/a", b",s", string(b"\xed\xa0\x80")),
    "control character in string": message(b"/a", b",s", string(b"a\nb")),
    "NUL in string": message(b"/a", b",s", b"a\0b\0"),
    "no type tags": string(b"/loopcube/ping"),
    "tags without comma": message(b"/a", b"ss", string(b"a"), string(b"b")),
    "more tags than values": message(b"/a", b",iiii", struct.pack(">i", 1)),
    "more values than tags": message(b"/a", b",i", struct.pack(">ii", 1, 2)),
    "half a number": message(b"/a", b",i") + b"\0\0",
    "string without end": message(b"/a", b",s") + b"abcd",
    "open array": message(b"/a", b",[", struct.pack(">i", 1)),
    "closed array": message(b"/a", b",]"),
    "blob of size -4": message(b"/a", b",b", struct.pack(">i", -4)),
    "unknown tag before int": message(b"/a", b",Si", string(b"abc"), struct.pack(">i", 1)),
    "true, false, nil": message(b"/a", b",TFN"),
    "int64": message(b"/a", b",h", bytes(8)),
    "NaN": message(b"/a", b",f", struct.pack(">f", float("nan"))),
    "infinity": message(b"/a", b",f", struct.pack(">f", float("inf"))),
    "65 arguments": message(b"/a", b"," + b"i" * 65, bytes(4 * 65)),
    "string of 1025 bytes": message(b"/a", b",s", string(b"x" * 1025)),
    "4112 bytes": message(b"/a", b"," + b"s" * 5, *[string(b"x" * 816)] * 5),
    "8192 bytes": bytes(8192),
    "65507 bytes": b"/" * 65507,
    "HTTP": b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
}
