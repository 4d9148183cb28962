"""The Max for Live device, put into Live's User Library with the token and port that it needs to reach the daemon.

A device can be told neither by the other: Max knows no folder of the user's settings, but it looks beside the device.

Reference: where the User Library lies, https://help.ableton.com/hc/en-us/articles/209774085.
"""

import sys
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import platformdirs

from bridge.system.private import load_token, private_folder, write_private
from bridge.system.running import find_daemon
from bridge.system.settings import BridgeSettings
from core.base.errors import Code, LoopError

DEVICE = "LoopCube.amxd"
ACCESS = "loopcube_token.txt"  # two lines: token, port; max_for_live/src/main.js reads it
FOLDER = Path("Presets") / "Audio Effects" / "Max Audio Effect" / "loopcube"


@dataclass(frozen=True)
class Installed:
    """Where the two files lie.

    Attributes:
        changed: whether the device was not there already, just like that.
    """

    device: Path
    access: Path
    changed: bool


def user_library(chosen: Path | None = None, platform: str = sys.platform) -> Path:
    """Live's User Library: the chosen one, else where Live makes it when it is installed.

    Raises:
        LoopError: NO_SUCH_FILE when there is no such folder.
    """
    # Documents may have been moved, to a cloud drive say; platformdirs asks Windows where they are.
    usual = Path.home() / "Music" if platform == "darwin" else platformdirs.user_documents_path()
    folder = chosen or usual / "Ableton" / "User Library"
    if not folder.is_dir():
        hint = "Live shows where it is under Settings, Library; name it with --library"
        raise LoopError(Code.NO_SUCH_FILE, f"{folder}: no User Library of Live there; {hint}")
    return folder


def install(library: Path, settings: BridgeSettings) -> Installed:
    """Write device, token and port to a User Library, each whole or not at all.

    A device that differs, as an older or an edited one does, is kept beside it with `.old` at the end of its name.

    Raises:
        LoopError: WRITE_FAILED; AUTH when the token cannot be used.
    """
    private_folder(settings.state)
    token, running = load_token(settings.token_file), find_daemon(settings)
    port = running.port if running else settings.port
    folder = library / FOLDER
    device, access = folder / DEVICE, folder / ACCESS
    content = built_device()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        changed = not device.is_file() or device.read_bytes() != content
        if changed and device.is_file():
            device.replace(device.with_name(f"{DEVICE}.old"))
    except OSError as error:
        raise LoopError(
            Code.WRITE_FAILED, f"{folder}: cannot be written ({error.strerror}); check its rights"
        ) from error
    if changed:
        write_private(device, content)
    write_private(access, f"{token}\n{port}\n")
    return Installed(device, access, changed)


def uninstall(library: Path) -> bool:
    """Remove device and token from a User Library, and their folder if nothing else is in it; whether they were there.

    Raises:
        LoopError: WRITE_FAILED.
    """
    folder = library / FOLDER
    there = [path for path in (folder / DEVICE, folder / ACCESS) if path.is_file()]
    try:
        for path in there:
            path.unlink()
        if folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    except OSError as error:
        raise LoopError(
            Code.WRITE_FAILED, f"{folder}: cannot be removed ({error.strerror}); check its rights"
        ) from error
    return bool(there)


def built_device() -> bytes:
    """The frozen device that this installation brings."""
    return (resources.files("bridge.hosts") / "live_device" / DEVICE).read_bytes()
