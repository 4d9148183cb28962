"""Install the Max for Live device into Live's User Library, with the daemon's token and port in a file beside it.

The device cannot read daemon.json, because a script in Max does not know the user's folders. But it finds files that
lie beside the device.

Reference for the place of the User Library: https://help.ableton.com/hc/en-us/articles/209774085.
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
    """The paths of the two files.

    Attributes:
        changed: False if the same device was already installed.
    """

    device: Path
    access: Path
    changed: bool


def user_library(chosen: Path | None = None, platform: str = sys.platform) -> Path:
    """Live's User Library: the chosen folder, else the folder that Live makes when it is installed.

    Raises:
        LoopError: NO_SUCH_FILE when the folder does not exist.
    """
    # Documents may have been moved, for example to a cloud drive; platformdirs gets their folder from Windows.
    usual = Path.home() / "Music" if platform == "darwin" else platformdirs.user_documents_path()
    folder = chosen or usual / "Ableton" / "User Library"
    if not folder.is_dir():
        hint = "Live shows its folder under Settings, Library; give that folder with --library"
        raise LoopError(Code.NO_SUCH_FILE, f"{folder}: Live's User Library is not there; {hint}")
    return folder


def install(library: Path, settings: BridgeSettings) -> Installed:
    """Write device, token and port to a User Library, each file completely or not at all.

    An existing device that differs, such as an older or an edited one, is renamed: `.old` is added to its name.

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
    """Remove device and token from a User Library, and their folder if it is then empty. Return whether any existed.

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
    """The frozen device in this installation."""
    return (resources.files("bridge.hosts") / "live_device" / DEVICE).read_bytes()
