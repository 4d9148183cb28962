"""REAPER's scripts put where it looks for them, the action made known to it, and all of that taken away again.

What REAPER itself writes, reaper-kb.ini and reaper-menu.ini, is only changed while REAPER is closed, and is kept beside
it as it was.
"""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import psutil

from bridge.hosts.autostart import this_daemon
from bridge.hosts.reaper import ini as reaper_ini
from bridge.hosts.reaper.ini import Script
from bridge.system.running import VERSION
from core.base.errors import Code, LoopError

ACTION = Script("loopcube/loopcube_Extract loops from selected items.lua", "Extract loops...")
KEYS, MENU = "reaper-kb.ini", "reaper-menu.ini"
PROGRAMS = {"reaper", "reaper.exe"}
CLICKS = """\
To have it in the menu of an item, in REAPER:
  1. Options > Customize menus/toolbars
  2. choose "Media item context" at the top
  3. Add > Action
  4. type "Extract loops", choose the script, click OK"""


@dataclass(frozen=True)
class Reaper:
    """One REAPER: its folder for settings, and whether it runs now."""

    resources: Path
    is_running: Callable[[], bool]

    @property
    def scripts(self) -> Path:
        return self.resources / "Scripts" / "loopcube"

    @property
    def data(self) -> Path:
        """What the scripts read and write: config.json, loopcube.log, jobs. Also those that came by another way."""
        return self.resources / "loopcube"

    @property
    def config(self) -> Path:
        return self.data / "config.json"


def find_reaper(resources: Path | None = None) -> Reaper:
    """The REAPER of this user, or the one with that folder ("Show REAPER resource path" in its Options menu).

    Raises:
        LoopError: NO_SUCH_FILE when there is no such folder.
    """
    resources = resources or _usual_folder()
    if not resources.is_dir():
        rule = "no such folder; start REAPER once, or give --resource-path (Options > Show REAPER resource path)"
        raise LoopError(Code.NO_SUCH_FILE, f"{resources}: {rule}")
    return Reaper(resources.absolute(), runs_here)


def runs_here() -> bool:
    """Whether REAPER runs on this machine."""
    return any((process.info["name"] or "").lower() in PROGRAMS for process in psutil.process_iter(["name"]))


def install(reaper: Reaper, *, menu: bool = False, now: Callable[[], datetime] = datetime.now) -> Iterator[str]:
    """Install, and yield what was done and what is left to do; a second time changes nothing.

    Raises:
        LoopError: WRITE_FAILED.
    """
    with _told(reaper.resources):
        _copy_scripts(reaper.scripts)
        reaper.data.mkdir(exist_ok=True)
        _write(reaper.config, json.dumps(_config(), indent=2).encode())
        yield f"the scripts are in {reaper.scripts}"
        if reaper.is_running():
            yield "REAPER is running: close it and run this again, or load the script in its list of actions"
            yield CLICKS
            return
        _edit(reaper.resources / KEYS, lambda text: reaper_ini.with_action(text, ACTION), now)
        yield 'the action "loopcube_Extract loops from selected items" is in REAPER\'s list of actions'
        yield from _add_to_menu(reaper.resources / MENU, now) if menu else [CLICKS]


def _add_to_menu(path: Path, now: Callable[[], datetime]) -> Iterator[str]:
    if not reaper_ini.has_menu(_read(path)):
        yield "the menu of items is REAPER's own, to which nobody but you can add"
        yield CLICKS
        return
    _edit(path, lambda text: reaper_ini.with_entry(text, ACTION), now)
    yield f'"{ACTION.text}" is at the end of the menu of items'


def uninstall(reaper: Reaper, *, now: Callable[[], datetime] = datetime.now) -> Iterator[str]:
    """Take away what `install` put there, and yield what was done.

    Raises:
        LoopError: WRITE_FAILED; WRONG_STATE while REAPER runs, which would bring its entries back.
    """
    if reaper.is_running():
        raise LoopError(Code.WRONG_STATE, "REAPER is running; close it, then uninstall")
    with _told(reaper.resources):
        _edit(reaper.resources / MENU, lambda text: reaper_ini.without_entry(text, ACTION), now)
        _edit(reaper.resources / KEYS, lambda text: reaper_ini.without_action(text, ACTION), now)
        logs = [reaper.data / name for name in ("loopcube.log", "loopcube.log.old")]
        for path in [*_ours(reaper.scripts), reaper.config, *logs]:
            path.unlink(missing_ok=True)
        shutil.rmtree(reaper.data / "jobs", ignore_errors=True)
        for folder in (reaper.scripts / "lib", reaper.scripts, reaper.data):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
    yield f"{reaper.scripts} and its action are removed"


def scripts_folder() -> Path:
    """Where the scripts lie: inside the installed package, or beside it in a clone."""
    inside = Path(__file__).resolve().parents[1] / "reaper_scripts"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[3] / "reaper_scripts"


def helper_command() -> list[str]:
    """The command that the scripts start, without the job's folder."""
    python, *arguments = this_daemon().command
    home = arguments[arguments.index("daemon") + 1 :]  # --home of whoever asks
    return [python, "-P", "-m", "bridge.hosts.reaper", *home]


def _config() -> dict[str, object]:
    return {"version": VERSION, "command": helper_command()}


def _usual_folder() -> Path:
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home())) / "REAPER"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "REAPER"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "REAPER"


def _ours(folder: Path) -> list[Path]:
    """The scripts of ours in a folder."""
    return [*folder.glob("loopcube_*.lua"), *folder.glob("lib/*.lua")]


def _copy_scripts(target: Path) -> None:
    source = scripts_folder()
    wanted = {path.relative_to(source) for path in _ours(source)}
    for path in wanted:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        _write(target / path, (source / path).read_bytes())
    for path in _ours(target):
        if path.relative_to(target) not in wanted:
            path.unlink()  # of an older version


def _read(path: Path) -> str:
    """A settings file, byte for byte: REAPER writes UTF-8, but names in it may be anything."""
    return path.read_bytes().decode("utf-8", errors="surrogateescape") if path.exists() else ""


def _edit(path: Path, change: Callable[[str], str], now: Callable[[], datetime]) -> None:
    """Change a file whole or not at all; as it was, it is kept with the time at the end of its name."""
    before = _read(path)
    after = change(before)
    if after == before:
        return
    if path.exists():
        shutil.copy2(path, path.with_name(f"{path.name}.{now():%Y%m%d-%H%M%S}.loopcube-backup"))
    _write(path, after.encode("utf-8", errors="surrogateescape"))


def _write(path: Path, content: bytes) -> None:
    part = path.with_name(f"{path.name}.part")
    part.write_bytes(content)
    part.replace(path)


@contextmanager
def _told(folder: Path) -> Iterator[None]:
    """Failures of the file system as LoopErrors."""
    try:
        yield
    except OSError as error:
        what = error.filename or folder
        raise LoopError(Code.WRITE_FAILED, f"{what}: cannot be written ({error.strerror}); check its rights") from error
