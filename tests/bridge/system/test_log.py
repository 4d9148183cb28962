"""The log: bounded, private, and without tokens."""

import logging
import secrets
from pathlib import Path

import pytest

from bridge.system import log
from bridge.system.log import hex_start, last_lines, logged_to, masked
from core.base.errors import Code, LoopError

BRIDGE = logging.getLogger("bridge.test")


def test_five_files_of_a_megabyte_for_their_user_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (log.FILES, log.BYTES) == (5, 1_000_000)
    monkeypatch.setattr(log, "BYTES", 10_000)
    path = tmp_path / "daemon.log"
    with logged_to(path):
        for number in range(1_000):
            BRIDGE.info("%d %s", number, "x" * 100)
    files = sorted(tmp_path.iterdir())
    assert len(files) == 5
    assert all(file.stat().st_size <= 10_000 for file in files)
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert "999 xxx" in last_lines(path, 1)[0]
    assert len(last_lines(path, 7)) == 7


def test_the_log_goes_on_where_it_was_and_ends_with_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "daemon.log"
    level = logging.getLogger("bridge").level
    for text in ("first \ud800", "second"):
        with logged_to(path):
            BRIDGE.info(text)
            logging.getLogger("core").error("not ours")
    BRIDGE.error("too late")
    assert [line.split(": ")[-1] for line in last_lines(path, 9)] == ["first \\ud800", "second"]
    assert logging.getLogger("bridge").level == level


def test_a_log_that_cannot_be_written_or_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(LoopError, match="cannot be written") as refused, logged_to(tmp_path):
        pass
    assert refused.value.code is Code.WRITE_FAILED
    with pytest.raises(LoopError, match="no log yet"):
        last_lines(tmp_path / "nothing", 1)


def test_a_packet_is_shown_without_its_token() -> None:
    token = secrets.token_hex(16)
    packet = b"/loopcube/ping\0\0,ss\0" + token.encode() + b"\0\0\0\0r1\0\0"
    assert len(masked(packet)) == len(packet)
    assert token.encode() not in bytes.fromhex(hex_start(packet))
    for cut in range(20, len(packet)):
        shown = bytes.fromhex(hex_start(packet[:cut]))
        assert len(shown) <= 64
        assert shown.startswith(b"/loopcube/ping\0\0,ss\0"[:cut])
        assert token[:17].encode() not in shown
