"""Pure Data in place of Max's udpsend and udpreceive: packets through another program's OSC come out as they went in.

What the fake of udpsend encodes, the project's own decoder and Pure Data's have to read alike.
"""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from bridge.osc import wire
from bridge.system.settings import LOOPBACK

HERE = Path(__file__).parent
TOKEN = "0123456789abcdef" * 2
AWKWARD = '{"path":"/music/S\\u00f6ng, one; $1 \\\\ two.wav","bars_frames":[0,88200]}  '
MESSAGES = {
    "/loopcube/put": (TOKEN, "live.x1.2", "live.x1.1", 0, 7, AWKWARD),
    "/loopcube/hello": (TOKEN, "live.x1.3", 1, 0, "live", 9310),
    "/loopcube/reply": ("live.x1.4", "/loopcube/get", 0, 12, AWKWARD),
    "/loopcube/error": ("live.x1.5", "/loopcube/job/start", -14, "song.wav: silence, from 0 to 3 s"),
}

Node = Callable[..., subprocess.CompletedProcess[str]]


@contextmanager
def relay(program: str, patch: Path, name: str, types: str) -> Iterator[tuple[socket.socket, int]]:
    """Pure Data between a port to send to and a socket to receive from."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as receiver, socket.socket(type=socket.SOCK_DGRAM) as probe:
        for each in (receiver, probe):
            each.bind((LOOPBACK, 0))
        out, port = receiver.getsockname()[1], probe.getsockname()[1]
        probe.close()
        text = (HERE / "relay.pd").read_text()
        for word, value in (("IN;", f"{port};"), ("OUT;", f"{out};"), ("TYPES", types), ("NAME", name)):
            text = text.replace(word, value)
        patch.write_text(text)
        command = [program, "-nogui", "-stderr", "-noaudio", "-nomidi", "-open", str(patch)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603
        try:
            yield receiver, port
        finally:
            process.kill()
            process.wait(10.0)


@pytest.mark.parametrize("address", MESSAGES)
def test_packets_come_out_as_they_went_in(
    address: str, node: Node, needs_program: Callable[[str], str], tmp_path: Path
) -> None:
    values = MESSAGES[address]
    packet = bytes.fromhex(node(HERE / "encode.js", address, json.dumps(values)).stdout)
    assert packet == wire.encode(address, values)
    name, types = address.removeprefix("/loopcube/"), wire.tags(values)
    with relay(needs_program("pd"), tmp_path / "relay.pd", name, types) as (receiver, port):
        assert _through(receiver, port, packet) == packet


def _through(receiver: socket.socket, port: int, packet: bytes) -> bytes:
    """What comes out; sent again until Pure Data is there."""
    receiver.settimeout(0.2)
    until = time.monotonic() + 20.0
    with socket.socket(type=socket.SOCK_DGRAM) as sender:
        while time.monotonic() < until:
            sender.sendto(packet, (LOOPBACK, port))
            try:
                return receiver.recv(4_096)
            except TimeoutError:
                continue
    raise AssertionError("nothing came out")
