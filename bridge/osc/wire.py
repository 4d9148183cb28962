"""Packets: bytes to (address, arguments) and back. Every bound is checked before a library parses the packet.

python-osc 1.10.2 hangs on a 24-byte bundle, reads past missing bytes and lets a `*` in an address match every handler
(python-osc #110 and our own fuzzing). Therefore `check` walks each packet first, and python-osc gets only valid ones.
A packet is one OSC 1.0 message with arguments of the types i, f and s.
"""

import math
import re
import struct
from typing import NamedTuple

from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import BuildError, OscMessageBuilder

from core.base.errors import Code, LoopError
from core.base.names import CONTROL, has_control

Value = int | float | str
MAX_PACKET = 4_096
MAX_REPLY = 1_200  # a safe size for Max's udpreceive and list objects
MAX_ARGUMENTS = 64
MAX_STRING = 1_024
MAX_TEXT = 120
TAG_OF: dict[type, str] = {int: "i", float: "f", str: "s"}
_PLAIN_ADDRESS = re.compile(rb"/[!\"$-)+.-Z\\^-z|~]*")  # printable ASCII without space # * , ? [ ] { }


class Packet(NamedTuple):
    """A decoded packet."""

    address: str
    arguments: tuple[Value, ...]


def tags(arguments: tuple[Value, ...]) -> str:
    """The OSC type tags of arguments.

    >>> tags((1, 0.5, "a"))
    'ifs'
    """
    return "".join(_tag(argument) for argument in arguments)


def decode(packet: bytes) -> Packet:
    """The address and arguments of a packet.

    >>> decode(encode("/loopcube/ping", ("token", "r1")))
    Packet(address='/loopcube/ping', arguments=('token', 'r1'))

    Raises:
        LoopError: as `check`.
    """
    check(packet)
    message = OscMessage(packet)
    return Packet(message.address, tuple(message.params))


def encode(address: str, arguments: tuple[Value, ...], *, limit: int = MAX_PACKET) -> bytes:
    """One OSC message with explicit types. It must pass the same `check` as received packets.

    Raises:
        LoopError: LIMIT when the packet is longer than `limit` bytes; ARGUMENTS for values that OSC cannot carry.
    """
    builder = OscMessageBuilder(address)
    try:
        for argument in arguments:
            builder.add_arg(argument, _tag(argument))
        packet: bytes = builder.build().dgram
    except (BuildError, UnicodeEncodeError, OverflowError) as error:
        raise LoopError(Code.ARGUMENTS, f"{address}: a value cannot be sent over OSC ({error})") from error
    if len(packet) > limit:
        raise LoopError(Code.LIMIT, f"{address}: a message of {len(packet)} bytes, at most {limit}")
    check(packet)
    return packet


def ascii_text(text: str, limit: int = MAX_TEXT) -> str:
    """Text for a reply: ASCII, one line, cut to `limit` characters.

    >>> ascii_text("caf\\u00e9\\n")
    'caf\\\\xe9 '
    """
    plain = CONTROL.sub(" ", text).encode("ascii", "backslashreplace").decode("ascii")
    return plain if len(plain) <= limit else plain[: limit - 3] + "..."


def check(packet: bytes) -> None:
    """Walk a packet from start to end, and refuse everything but one plain message.

    Raises:
        LoopError: LIMIT (length, number of arguments, string length), UNKNOWN_ADDRESS (bundle, pattern), ARGUMENTS.
    """
    if not 0 < len(packet) <= MAX_PACKET:
        raise LoopError(Code.LIMIT, f"a packet of {len(packet)} bytes, must be 1 to {MAX_PACKET}")
    if packet.startswith(b"#bundle"):
        raise LoopError(Code.UNKNOWN_ADDRESS, "bundles are not accepted; send one message in each packet")
    if len(packet) % 4:
        raise LoopError(Code.ARGUMENTS, f"a packet of {len(packet)} bytes, must be a multiple of 4")
    address, index = _string(packet, 0)
    if not _PLAIN_ADDRESS.fullmatch(address):
        raise LoopError(Code.UNKNOWN_ADDRESS, "address must begin with / and contain no pattern characters")
    type_tags, index = _string(packet, index)
    if not type_tags.startswith(b","):
        raise LoopError(Code.ARGUMENTS, "type tags missing after the address")
    if len(type_tags) - 1 > MAX_ARGUMENTS:
        raise LoopError(Code.LIMIT, f"{len(type_tags) - 1} arguments, at most {MAX_ARGUMENTS}")
    for tag in type_tags[1:]:
        index = _argument(packet, index, chr(tag))
    if index != len(packet):
        raise LoopError(Code.ARGUMENTS, f"{len(packet) - index} bytes follow the last argument")


def _tag(value: Value) -> str:
    return next(tag for kind, tag in TAG_OF.items() if isinstance(value, kind))  # also for enums of int and str


def _argument(packet: bytes, index: int, tag: str) -> int:
    """Check one argument, and return the index of the next."""
    if tag == "s":
        raw, following = _string(packet, index)
        _check_text(raw)
        return following
    if tag not in "if":
        raise LoopError(Code.ARGUMENTS, f"type {tag!a} is not accepted; use i, f and s")
    if index + 4 > len(packet):
        raise LoopError(Code.ARGUMENTS, "the packet ends inside a number")
    if tag == "f" and not math.isfinite(struct.unpack_from(">f", packet, index)[0]):
        raise LoopError(Code.ARGUMENTS, "a number is NaN or infinite")
    return index + 4


def _string(packet: bytes, index: int) -> tuple[bytes, int]:
    """The bytes of a string up to its NUL, and the index after its padding."""
    end = packet.find(b"\0", index)
    if end < 0:
        raise LoopError(Code.ARGUMENTS, "the packet ends inside a string")
    following = end + 4 - end % 4
    if packet[end:following].strip(b"\0"):
        raise LoopError(Code.ARGUMENTS, "a string is not padded with zeros")
    if end - index > MAX_STRING:
        raise LoopError(Code.LIMIT, f"a string of {end - index} bytes, at most {MAX_STRING}")
    return packet[index:end], following


def _check_text(raw: bytes) -> None:
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise LoopError(Code.ARGUMENTS, "a string is not UTF-8") from error
    if has_control(text):
        raise LoopError(Code.ARGUMENTS, "a string contains control characters")
