"""Private files: modes, links, and the token."""

import os
from pathlib import Path

import pytest

from bridge.system.private import load_token, private_folder, same_token, write_private
from core.base.errors import Code, LoopError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_the_token_is_made_once_and_for_its_user_alone(tmp_path: Path) -> None:
    path = private_folder(tmp_path / "a" / "b") / "token"
    token = load_token(path)
    assert len(bytes.fromhex(token)) == 16
    assert load_token(path) == token
    assert (mode(path), mode(path.parent)) == (0o600, 0o700)
    assert [entry.name for entry in path.parent.iterdir()] == ["token"]


def test_a_token_that_others_may_read_or_that_is_none_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "token"
    load_token(path)
    path.chmod(0o644)
    with pytest.raises(LoopError, match="others may read"):
        load_token(path)
    write_private(path, "secret")
    with pytest.raises(LoopError, match="holds no token") as refused:
        load_token(path)
    assert refused.value.code is Code.AUTH


def test_a_folder_that_is_a_link_or_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "file").touch()
    for name in ("link", "file"):
        with pytest.raises(LoopError):
            private_folder(tmp_path / name)


def test_an_open_folder_is_closed(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir(mode=0o755)
    assert mode(private_folder(tmp_path / "open")) == 0o700


def test_what_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "daemon.json").mkdir()
    with pytest.raises(LoopError) as refused:
        write_private(tmp_path / "daemon.json", "{}")
    assert refused.value.code is Code.WRITE_FAILED
    assert len(list(tmp_path.iterdir())) == 1


def test_tokens_are_compared() -> None:
    assert same_token("a", "a")
    assert not same_token("a", "b")
    assert not same_token("a", "\u00e4")
