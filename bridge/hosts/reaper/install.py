"""Install and uninstall the scripts for REAPER and their action.

REAPER's own files, reaper-kb.ini and reaper-menu.ini, are changed only while REAPER is closed. A backup of each is kept
beside it.
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
To add it to the item menu, in REAPER:
  1. Options > Customize menus/toolbars
  2. choose "Media item context" at the top
  3. Add > Action
  4. type "Extract loops", choose the script, click OK"""


@dataclass(frozen=True)
class Reaper:
    """An installed REAPER: its settings folder, and a function that returns whether REAPER is running."""

    resources: Path
    is_running: Callable[[], bool]

    @property
    def scripts(self) -> Path:
        return self.resources / "Scripts" / "loopcube"

    @property
    def data(self) -> Path:
        """The folder for the scripts' files: config.json, loopcube.log, jobs. Scripts from ReaPack use it, too."""
        return self.resources / "loopcube"

    @property
    def config(self) -> Path:
        return self.data / "config.json"


def find_reaper(resources: Path | None = None) -> Reaper:
    """The REAPER of this user, or the one with the given folder ("Show REAPER resource path" in the Options menu).

    Raises:
        LoopError: NO_SUCH_FILE when the folder does not exist.
    """
    resources = resources or _usual_folder()
    if not resources.is_dir():
        rule = "no such folder; start REAPER once, or give --resource-path (Options > Show REAPER resource path)"
        raise LoopError(Code.NO_SUCH_FILE, f"{resources}: {rule}")
    return Reaper(resources.absolute(), runs_here)


def runs_here() -> bool:
    """Whether REAPER is running on this machine."""
    return any((process.info["name"] or "").lower() in PROGRAMS for process in psutil.process_iter(["name"]))


def install(reaper: Reaper, *, menu: bool = False, now: Callable[[], datetime] = datetime.now) -> Iterator[str]:
    """Install, and yield lines about what was done and what is left to do. A second call changes nothing.

    Raises:
        LoopError: WRITE_FAILED.
    """
    with _write_errors(reaper.resources):
        _copy_scripts(reaper.scripts)
        reaper.data.mkdir(exist_ok=True)
        _write(reaper.config, json.dumps(_config(), indent=2).encode())
        yield f"the scripts are in {reaper.scripts}"
        if reaper.is_running():
            yield "REAPER is running: close it and run this command again, or load the script in REAPER's action list"
            yield CLICKS
            return
        _edit(reaper.resources / KEYS, lambda text: reaper_ini.with_action(text, ACTION), now)
        yield 'the action "loopcube_Extract loops from selected items" is in REAPER\'s action list'
        yield from _add_to_menu(reaper.resources / MENU, now) if menu else [CLICKS]


def _add_to_menu(path: Path, now: Callable[[], datetime]) -> Iterator[str]:
    if not reaper_ini.has_menu(_read(path)):
        yield "the item menu is REAPER's built-in one; only you can add entries to it"
        yield CLICKS
        return
    _edit(path, lambda text: reaper_ini.with_entry(text, ACTION), now)
    yield f'"{ACTION.text}" is at the end of the item menu'


def uninstall(reaper: Reaper, *, now: Callable[[], datetime] = datetime.now) -> Iterator[str]:
    """Remove everything that `install` added, and yield a line about it.

    Raises:
        LoopError: WRITE_FAILED; WRONG_STATE while REAPER is running, because it would write its entries again.
    """
    if reaper.is_running():
        raise LoopError(Code.WRONG_STATE, "REAPER is running; close it, then uninstall")
    with _write_errors(reaper.resources):
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
    """The folder of the scripts: inside the installed package, or beside it in a clone."""
    inside = Path(__file__).resolve().parents[1] / "reaper_scripts"
    return inside if inside.is_dir() else Path(__file__).resolve().parents[3] / "reaper_scripts"


def helper_command() -> list[str]:
    """The command that the scripts start, without the job's folder."""
    python, *arguments = this_daemon().command
    home = arguments[arguments.index("daemon") + 1 :]  # --home, if LOOPCUBE_HOME is set
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
    """Our scripts in a folder."""
    return [*folder.glob("loopcube_*.lua"), *folder.glob("lib/*.lua")]


def _copy_scripts(target: Path) -> None:
    source = scripts_folder()
    wanted = {path.relative_to(source) for path in _ours(source)}
    for path in wanted:
        (target / path).parent.mkdir(parents=True, exist_ok=True)
        _write(target / path, (source / path).read_bytes())
    for path in _ours(target):
        if path.relative_to(target) not in wanted:
            path.unlink()  # a script of an older version


def _read(path: Path) -> str:
    """The content of a settings file, without loss: REAPER writes UTF-8, but names in it may have any bytes."""
    return path.read_bytes().decode("utf-8", errors="surrogateescape") if path.exists() else ""


def _edit(path: Path, change: Callable[[str], str], now: Callable[[], datetime]) -> None:
    """Change a file, completely or not at all. A backup with the time in its name is kept."""
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
def _write_errors(folder: Path) -> Iterator[None]:
    """Turn an OSError of the block into a LoopError."""
    try:
        yield
    except OSError as error:
        what = error.filename or folder
        raise LoopError(Code.WRITE_FAILED, f"{what}: cannot be written ({error.strerror}); check its rights") from error
