"""`loopcube install live`: what is put where, and taken away again."""

import json
import os
import stat
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.hosts.live import install as live
from bridge.system.settings import PORT, BridgeSettings
from core.base.errors import Code, LoopError
from tests.hosts.live.amxd_reader import read_device


@pytest.fixture
def settings(tmp_path: Path) -> BridgeSettings:
    return BridgeSettings(tmp_path / "home", tmp_path / "home" / "run")


@pytest.fixture
def library(tmp_path: Path) -> Path:
    folder = tmp_path / "User Library"
    folder.mkdir()
    return folder


def test_device_and_token_lie_side_by_side(library: Path, settings: BridgeSettings) -> None:
    there = live.install(library, settings)
    assert there.device.parent == there.access.parent == library / "Presets/Audio Effects/Max Audio Effect/loopcube"
    assert read_device(there.device.read_bytes()).flags == 7
    token, port = there.access.read_text().splitlines()
    assert token == settings.token_file.read_text().strip()
    assert int(port) == PORT
    if os.name == "posix":
        assert stat.S_IMODE(there.access.stat().st_mode) == 0o600


def test_the_port_is_that_of_the_running_daemon(library: Path, settings: BridgeSettings) -> None:
    live.install(library, settings)
    settings.runtime.mkdir()
    running = {"pid": os.getpid(), "port": 47_313, "token": "", "version": "", "boot_id": ""}
    settings.daemon_file.write_text(json.dumps(running))
    assert live.install(library, settings).access.read_text().splitlines()[1] == "47313"


def test_installing_again_changes_nothing_and_loses_nothing(library: Path, settings: BridgeSettings) -> None:
    first = live.install(library, settings)
    assert first.changed
    assert not live.install(library, settings).changed
    first.device.write_bytes(b"edited")
    assert live.install(library, settings).changed
    assert first.device.with_name("LoopCube.amxd.old").read_bytes() == b"edited"
    assert first.device.read_bytes() == live.built_device()


def test_uninstall_takes_away_what_was_put_there_and_no_more(library: Path, settings: BridgeSettings) -> None:
    there = live.install(library, settings)
    other = there.device.with_name("mine.amxd")
    other.write_bytes(b"mine")
    assert live.uninstall(library)
    assert [path.name for path in there.device.parent.iterdir()] == ["mine.amxd"]
    other.unlink()
    assert not live.uninstall(library)
    assert not there.device.parent.exists()


@pytest.mark.parametrize(("platform", "usual"), [("darwin", "Music"), ("win32", "Documents")])
def test_the_user_library_is_where_live_makes_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, usual: str
) -> None:
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    monkeypatch.setattr("platformdirs.user_documents_path", lambda: tmp_path / "Documents")
    with pytest.raises(LoopError, match="--library") as caught:
        live.user_library(platform=platform)
    assert caught.value.code is Code.NO_SUCH_FILE
    (tmp_path / usual / "Ableton" / "User Library").mkdir(parents=True)
    assert live.user_library(platform=platform) == tmp_path / usual / "Ableton" / "User Library"


def test_a_file_in_the_way_is_said(library: Path, settings: BridgeSettings) -> None:
    (library / "Presets").write_text("in the way")
    with pytest.raises(LoopError, match="cannot be written") as caught:
        live.install(library, settings)
    assert caught.value.code is Code.WRITE_FAILED


def test_the_commands(library: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPCUBE_HOME", str(tmp_path / "home"))
    run = CliRunner()
    done = run.invoke(app, ["install", "live", "--library", str(library)])
    assert done.exit_code == 0
    assert str(library / live.FOLDER / live.DEVICE) in done.output
    assert "is removed" in run.invoke(app, ["uninstall", "live", "--library", str(library)]).output
    assert "was not there" in run.invoke(app, ["uninstall", "live", "--library", str(library)]).output
