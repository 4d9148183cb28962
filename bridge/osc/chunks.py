"""Documents that are longer than a packet, cut into chunks.

A document is JSON text. Its CRC-32 is computed over its UTF-8 bytes and sent as a signed number, because OSC has no
unsigned integers.
"""

import json
import zlib
from typing import Any

CHUNK = 1_000  # characters


def crc32(text: str) -> int:
    """CRC-32 of a text as a signed 32-bit number.

    >>> crc32("{}")
    -1549353149
    """
    unsigned = zlib.crc32(text.encode())
    return unsigned - 2**32 if unsigned >= 2**31 else unsigned


def ascii_json(content: Any) -> str:
    """A document as compact JSON in ASCII, without control characters.

    >>> print(ascii_json({"path": "/Gr\\u00fc\\u00dfe"}))
    {"path":"/Gr\\u00fc\\u00dfe"}
    """
    return json.dumps(content, separators=(",", ":")).replace("\x7f", "\\u007f")


def chunks_of(text: str) -> list[str]:
    """The chunks of a text. An empty text has one empty chunk.

    >>> [len(chunk) for chunk in chunks_of("x" * 2_001)]
    [1000, 1000, 1]
    """
    return [text[at : at + CHUNK] for at in range(0, len(text), CHUNK)] or [""]
