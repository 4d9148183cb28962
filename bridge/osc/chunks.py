"""How a document longer than a packet is cut into chunks.

A document is JSON text. Its CRC-32 is over its UTF-8 bytes and travels as a signed number, because OSC has no other.
"""

import json
import zlib
from typing import Any

CHUNK = 1_000  # characters


def crc32(text: str) -> int:
    """CRC-32 of a text as a signed number of 32 bits.

    >>> crc32("{}")
    -1549353149
    """
    unsigned = zlib.crc32(text.encode())
    return unsigned - 2**32 if unsigned >= 2**31 else unsigned


def ascii_json(content: Any) -> str:
    """A document as it travels: short, ASCII, without control characters.

    >>> print(ascii_json({"path": "/Gr\\u00fc\\u00dfe"}))
    {"path":"/Gr\\u00fc\\u00dfe"}
    """
    return json.dumps(content, separators=(",", ":")).replace("\x7f", "\\u007f")


def chunks_of(text: str) -> list[str]:
    """The chunks of a text, at least one.

    >>> [len(chunk) for chunk in chunks_of("x" * 2_001)]
    [1000, 1000, 1]
    """
    return [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)] or [""]
