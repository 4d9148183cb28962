"""The .amxd container: chunks of a four-letter name, a length and content, lengths in little-endian order.

    ampf 4 aaaa          an audio effect
    meta 4 flags         0 as it is edited, 7 frozen: with the files that it depends on inside
    ptch n content       the patcher as JSON, ended by a newline and a NUL; or, frozen, an mx@c block

An mx@c block counts in big-endian order, from its own first byte: 16, the place of the footer (64 bits), the files end
to end, and the footer: a `dlst` with a `dire` for each file, the device's own first.
"""

import struct
from collections.abc import Mapping

AUDIO_EFFECT = b"aaaa"
UNFROZEN, FROZEN = 0, 7
MODIFIED = 2_082_844_800 + 1_767_225_600  # 1 January 2026 in seconds since 1904: the same input gives the same bytes

_HEAD = 16  # bytes of an mx@c block before its first file
_OF_DEVICE, _OF_DEPENDENCY = 0x11, 0


def unfrozen(patcher: str) -> bytes:
    """A device whose script lies beside it, from its patcher as JSON."""
    return _device(UNFROZEN, _terminated(patcher))


def frozen(name: str, patcher: str, files: Mapping[str, str]) -> bytes:
    """A device with its text files inside; `name` is its own file name."""
    contents = {name: _terminated(patcher), **{file: text.encode() for file, text in files.items()}}
    body, footer = b"", b""
    for file, content in contents.items():
        device = file == name
        kind, flag = (b"JSON", _OF_DEVICE) if device else (b"TEXT", _OF_DEPENDENCY)
        footer += _entry(kind, file, flag, len(content), _HEAD + len(body))
        body += content
    head = b"mx@c" + struct.pack(">IQ", _HEAD, _HEAD + len(body))
    return _device(FROZEN, head + body + _block(b"dlst", footer))


def _device(flags: int, patcher: bytes) -> bytes:
    chunks = ((b"ampf", AUDIO_EFFECT), (b"meta", struct.pack("<I", flags)), (b"ptch", patcher))
    return b"".join(name + struct.pack("<I", len(content)) + content for name, content in chunks)


def _terminated(patcher: str) -> bytes:
    return patcher.encode() + b"\n\0"


def _entry(kind: bytes, name: str, flag: int, size: int, offset: int) -> bytes:
    named = name.encode() + b"\0"
    numbers = ((b"sz32", size), (b"of32", offset), (b"vers", 0), (b"flag", flag), (b"mdat", MODIFIED))
    fields = _block(b"type", kind) + _block(b"fnam", named + b"\0" * (-len(named) % 4))
    return _block(b"dire", fields + b"".join(_block(key, struct.pack(">I", value)) for key, value in numbers))


def _block(name: bytes, content: bytes) -> bytes:
    return name + struct.pack(">I", 8 + len(content)) + content
