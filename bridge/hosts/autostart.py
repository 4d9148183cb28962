"""Start of the daemon at log-in: a systemd user unit, a launchd agent or a task of Windows' Task Scheduler.

Writing the file does not start the daemon; `Installed.start` is the command for that. The system runs
`python -m bridge daemon` with the interpreter that loopcube is installed for. It restarts the daemon after a failure,
but not after a stop.

References: systemd.service(5) and systemd.syntax(7); launchd.plist(5); Task Scheduler schema 1.2 (MS-TSCH 2.5).
"""

import getpass
import os
import plistlib
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from xml.etree import ElementTree

from bridge.system.private import write_private
from bridge.system.settings import default_home
from core.base.errors import Code, LoopError

LABEL = "org.loopcube.daemon"
STOP_SECONDS = 10  # the system kills the daemon after this time; the daemon needs at most 6
RESTART_SECONDS = 5

_TASK_NAMESPACE = "http://schemas.microsoft.com/windows/2004/02/mit/task"


class System(StrEnum):
    """The service that starts programs at log-in."""

    SYSTEMD = "systemd"
    LAUNCHD = "launchd"
    WINDOWS = "windows"


@dataclass(frozen=True)
class Program:
    """The program to start, with its arguments, and the user for whom it starts (only Windows needs the user)."""

    command: tuple[str, ...]
    user: str


@dataclass(frozen=True)
class Installed:
    """The file for a system, and the commands that start and remove the service.

    Attributes:
        link: a link that the start command makes and that the other command leaves behind.
    """

    path: Path
    start: str
    forget: str
    link: Path | None = None


def this_system() -> System:
    """The system that this machine most likely uses."""
    return {"darwin": System.LAUNCHD, "win32": System.WINDOWS}.get(sys.platform, System.SYSTEMD)


def this_daemon() -> Program:
    """The daemon of this installation, with the current LOOPCUBE_HOME.

    With -P, so that Python does not import another folder named `bridge` from the working directory.
    """
    python = Path(sys.executable)
    if python.name.lower() == "python.exe":
        python = python.with_name("pythonw.exe")  # does not open a console window
    home = os.environ.get("LOOPCUBE_HOME")
    domain = os.environ.get("USERDOMAIN")
    user = f"{domain}\\{getpass.getuser()}" if domain else getpass.getuser()
    where = ("--home", str(Path(home).absolute())) if home else ()
    return Program((str(python), "-P", "-m", "bridge", "daemon", *where), user)


def as_text(system: System, program: Program) -> str:
    """The content of the file for a system."""
    return _WRITERS[system](program)


def installed(system: System) -> Installed:
    """The path of a system's file, and the commands for it."""
    if system is System.SYSTEMD:
        units = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "systemd" / "user"
        return Installed(
            units / "loopcube.service",
            "systemctl --user daemon-reload && systemctl --user enable --now loopcube",
            "systemctl --user stop loopcube; systemctl --user daemon-reload",
            units / "default.target.wants" / "loopcube.service",  # made by `enable`
        )
    if system is System.LAUNCHD:
        path = Path.home() / "Library" / "LaunchAgents" / f"{LABEL}.plist"
        return Installed(path, f"launchctl bootstrap gui/$(id -u) '{path}'", f"launchctl bootout gui/$(id -u)/{LABEL}")
    path = default_home() / "loopcube-task.xml"
    return Installed(
        path,
        f'schtasks /Create /TN loopcube /XML "{path}" /F && schtasks /Run /TN loopcube',
        "schtasks /End /TN loopcube & schtasks /Delete /TN loopcube /F",
    )


def install(system: System, program: Program) -> bool:
    """Write a system's file, completely or not at all. Return False if the same file exists already.

    An existing file that differs, for example because the user edited it, is renamed: `.old` is added to its name.

    Raises:
        LoopError: WRITE_FAILED.
    """
    path, content = installed(system).path, _encoded(system, as_text(system, program))
    try:
        if path.is_file():
            if path.read_bytes() == content:
                return False
            path.replace(path.with_name(f"{path.name}.old"))
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LoopError(Code.WRITE_FAILED, f"{path}: cannot be written ({error.strerror}); check its folder") from error
    write_private(path, content)
    return True


def uninstall(system: System) -> bool:
    """Remove a system's file. Return whether it existed.

    Raises:
        LoopError: WRITE_FAILED.
    """
    there = installed(system)
    path = there.path
    try:
        if there.link is not None:
            there.link.unlink(missing_ok=True)
        path.unlink()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise LoopError(Code.WRITE_FAILED, f"{path}: cannot be removed ({error.strerror}); check its rights") from error
    return True


def _encoded(system: System, text: str) -> bytes:
    return text.encode("utf-16" if system is System.WINDOWS else "utf-8")  # schtasks accepts only UTF-16


def _systemd(program: Program) -> str:
    command = " ".join(_quoted(part) for part in program.command)
    return f"""\
[Unit]
Description=loopcube: takes songs apart into their loops

[Service]
# The colon: no variables are put into the command.
ExecStart=:{command}
Restart=on-failure
RestartSec={RESTART_SECONDS}
TimeoutStopSec={STOP_SECONDS}
KillMode=mixed

[Install]
WantedBy=default.target
"""


def _quoted(text: str) -> str:
    """One word of a unit file, with quotes, backslashes and % escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


def _launchd(program: Program) -> str:
    agent = {
        "Label": LABEL,
        "ProgramArguments": list(program.command),
        "RunAtLoad": True,
        "KeepAlive": {"SuccessfulExit": False},
        "ThrottleInterval": RESTART_SECONDS,
        "ExitTimeOut": STOP_SECONDS,
    }
    return plistlib.dumps(agent, sort_keys=False).decode()


def _windows(program: Program) -> str:
    command, *arguments = program.command
    line = subprocess.list2cmdline(arguments)
    task = _element(
        "Task",
        _element("RegistrationInfo", _element("Description", "loopcube: takes songs apart into their loops")),
        _element("Triggers", _element("LogonTrigger", _element("Enabled", "true"), _element("UserId", program.user))),
        _element(
            "Principals",
            _element(
                "Principal",
                _element("UserId", program.user),
                _element("LogonType", "InteractiveToken"),
                _element("RunLevel", "LeastPrivilege"),
                id="user",
            ),
        ),
        _element(
            "Settings",
            _element("MultipleInstancesPolicy", "IgnoreNew"),
            _element("DisallowStartIfOnBatteries", "false"),
            _element("StopIfGoingOnBatteries", "false"),
            _element("ExecutionTimeLimit", "PT0S"),  # no limit; the default would stop the daemon after three days
            _element("RestartOnFailure", _element("Interval", "PT1M"), _element("Count", "3")),
        ),
        _element(
            "Actions", _element("Exec", _element("Command", command), _element("Arguments", line)), Context="user"
        ),
        version="1.2",
        xmlns=_TASK_NAMESPACE,
    )
    ElementTree.indent(task)
    return f'<?xml version="1.0" encoding="UTF-16"?>\n{ElementTree.tostring(task, encoding="unicode")}\n'


def _element(tag: str, *children: ElementTree.Element | str, **attributes: str) -> ElementTree.Element:
    element = ElementTree.Element(tag, attributes)
    for child in children:
        if isinstance(child, str):
            element.text = child
        else:
            element.append(child)
    return element


_WRITERS: dict[System, Callable[[Program], str]] = {
    System.SYSTEMD: _systemd,
    System.LAUNCHD: _launchd,
    System.WINDOWS: _windows,
}
