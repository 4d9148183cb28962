"""`loopcube install reaper`: what it writes, leaves alone and says."""

import json
from datetime import datetime
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bridge.cli.app import app
from bridge.hosts.reaper import install as reaper_install
from bridge.hosts.reaper.ini import with_action
from bridge.hosts.reaper.install import ACTION, Reaper, helper_command, install, uninstall
from core.base.errors import Code, LoopError
from tests.hosts.reaper.host import SCRIPTS
from tests.hosts.reaper.test_ini import MENU, OTHERS


def now() -> datetime:
    return datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - a clock on the wall


@pytest.fixture
def reaper(tmp_path: Path) -> Reaper:
    (tmp_path / "reaper-kb.ini").write_bytes(OTHERS.encode())
    (tmp_path / "reaper-menu.ini").write_bytes(MENU.encode() + b"; caf\xe9\r\n")  # not UTF-8
    return Reaper(tmp_path, lambda: False)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_scripts_configuration_action_and_menu(reaper: Reaper) -> None:
    said = list(install(reaper, menu=True, now=now))
    assert "end of the item menu" in said[-1]
    there = contents(reaper.scripts)
    assert there == {name: text for name, text in contents(SCRIPTS).items() if name.endswith(".lua")}
    config = json.loads(reaper.config.read_text())
    assert config["command"] == helper_command()
    assert Path(config["command"][0]).is_absolute()
    assert (reaper.resources / "reaper-kb.ini").read_bytes() == with_action(OTHERS, ACTION).encode()
    assert f"item_5=_{ACTION.id} Extract loops...".encode() in (reaper.resources / "reaper-menu.ini").read_bytes()
    kept = reaper.resources / "reaper-kb.ini.20260102-030405.loopcube-backup"
    assert kept.read_bytes() == OTHERS.encode()


def test_a_second_time_changes_nothing_and_uninstalling_takes_all_away(reaper: Reaper) -> None:
    before = contents(reaper.resources)
    list(install(reaper, menu=True, now=now))
    once = contents(reaper.resources)
    list(install(reaper, menu=True))
    assert contents(reaper.resources) == once
    (reaper.scripts / "mine.lua").write_text("-- the user's")
    list(uninstall(reaper, now=now))
    after = {name: text for name, text in contents(reaper.resources).items() if not name.endswith("backup")}
    assert after.pop("Scripts/loopcube/mine.lua")
    assert after == before


def test_while_reaper_runs_its_files_are_left_alone(reaper: Reaper) -> None:
    running = Reaper(reaper.resources, lambda: True)
    before = contents(reaper.resources)
    said = "\n".join(install(running, menu=True))
    assert "close it" in said
    assert "4. type" in said
    assert running.config.exists()
    after = {name: text for name, text in contents(reaper.resources).items() if "loopcube/" not in name}
    assert after == before
    with pytest.raises(LoopError, match="close it") as refused:
        list(uninstall(running))
    assert refused.value.code is Code.WRONG_STATE


def test_a_menu_that_is_reapers_own_is_not_hidden(reaper: Reaper) -> None:
    (reaper.resources / "reaper-menu.ini").unlink()
    said = "\n".join(install(reaper, menu=True))
    assert "4. type" in said
    assert not (reaper.resources / "reaper-menu.ini").exists()


def test_scripts_of_an_older_version_go(reaper: Reaper) -> None:
    (reaper.scripts / "lib").mkdir(parents=True)
    (reaper.scripts / "lib" / "old.lua").touch()
    list(install(reaper))
    assert not (reaper.scripts / "lib" / "old.lua").exists()


def test_what_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "Scripts").touch()  # a file where the folder should be
    with pytest.raises(LoopError, match="cannot be written") as refused:
        list(install(Reaper(tmp_path, lambda: False)))
    assert refused.value.code is Code.WRITE_FAILED


def test_the_command_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reaper_install, "runs_here", lambda: False)
    runner = CliRunner()
    done = runner.invoke(app, ["install", "reaper", "--resource-path", str(tmp_path)])
    assert done.exit_code == 0, done.output
    assert "the scripts are in" in done.output
    assert runner.invoke(app, ["uninstall", "reaper", "--resource-path", str(tmp_path)]).exit_code == 0
    assert not (tmp_path / "Scripts" / "loopcube").exists()
    missing = runner.invoke(app, ["install", "reaper", "--resource-path", str(tmp_path / "none")])
    assert isinstance(missing.exception, LoopError)
