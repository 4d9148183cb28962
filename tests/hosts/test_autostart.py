"""Files for log-in: each read back by what knows its format, written once, taken away again."""

import getpass
import plistlib
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest
import typer
from typer.testing import CliRunner

from bridge.cli import install as cli_install
from bridge.hosts import autostart
from bridge.hosts.autostart import Program, System, as_text, install, installed, this_daemon, uninstall

AWKWARD = Program(
    (sys.executable, "-P", "-m", "bridge", "daemon", "--home", '/mu sic/100%/$HOME/"é"\\&<x>'), "STUDIO\\Ann"
)
NAMESPACE = {"t": "http://schemas.microsoft.com/windows/2004/02/mit/task"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home of the test's own, wherever each system looks for it."""
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("LOOPCUBE_HOME", str(tmp_path / "state"))
    return tmp_path


def test_the_daemon_of_this_installation_is_what_is_started(home: Path) -> None:
    command = this_daemon().command
    assert command[1:] == ("-P", "-m", "bridge", "daemon", "--home", str(home / "state"))
    shown = subprocess.run([*command[:-2], "--help"], capture_output=True, text=True, check=True, cwd=home)  # noqa: S603
    assert "serves hosts" in shown.stdout
    assert this_daemon().user.endswith(getpass.getuser())


def test_systemd_takes_the_unit(
    tmp_path: Path, needs_program: Callable[[str], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    unit = tmp_path / "loopcube.service"
    unit.write_text(as_text(System.SYSTEMD, AWKWARD))
    command = [needs_program("systemd-analyze"), "verify", "--user", "--man=no", str(unit)]
    verified = subprocess.run(command, capture_output=True, text=True, timeout=20)  # noqa: S603
    assert verified.stderr == ""
    assert verified.returncode == 0


def test_the_unit_runs_the_command_as_it_is() -> None:
    [line] = [line for line in as_text(System.SYSTEMD, AWKWARD).splitlines() if line.startswith("ExecStart=:")]
    # In double quotes systemd and a POSIX shell agree, but for the % that systemd doubles.
    assert tuple(shlex.split(line.removeprefix("ExecStart=:").replace("%%", "%"))) == AWKWARD.command


def test_launchd_reads_the_agent() -> None:
    agent = plistlib.loads(as_text(System.LAUNCHD, AWKWARD).encode())
    assert agent["Label"] == "org.loopcube.daemon"
    assert tuple(agent["ProgramArguments"]) == AWKWARD.command
    assert agent["RunAtLoad"] is True
    assert agent["KeepAlive"] == {"SuccessfulExit": False}, "a daemon that was stopped stays stopped"
    assert agent["ExitTimeOut"] > 6


def test_windows_reads_the_task() -> None:
    task = ElementTree.fromstring(as_text(System.WINDOWS, AWKWARD))  # noqa: S314 - our own text
    assert task.tag == f"{{{NAMESPACE['t']}}}Task"
    assert task.get("version") == "1.2"
    # The schema: Actions is the one required child; each principal has an id, which Actions name as their Context.
    [actions] = task.findall("t:Actions", NAMESPACE)
    [principal] = task.findall("t:Principals/t:Principal", NAMESPACE)
    assert actions.get("Context") == principal.get("id")
    assert task.findtext("t:Actions/t:Exec/t:Command", namespaces=NAMESPACE) == AWKWARD.command[0]
    arguments = task.findtext("t:Actions/t:Exec/t:Arguments", namespaces=NAMESPACE)
    assert arguments == '-P -m bridge daemon --home "/mu sic/100%/$HOME/\\"é\\"\\&<x>"'
    assert task.findtext("t:Triggers/t:LogonTrigger/t:UserId", namespaces=NAMESPACE) == "STUDIO\\Ann"
    assert task.findtext("t:Settings/t:ExecutionTimeLimit", namespaces=NAMESPACE) == "PT0S"
    assert task.findtext("t:Settings/t:MultipleInstancesPolicy", namespaces=NAMESPACE) == "IgnoreNew"


@pytest.mark.parametrize("system", System)
def test_a_file_is_written_once_and_removed_once(system: System) -> None:
    path = installed(system).path
    assert [install(system, AWKWARD), install(system, AWKWARD)] == [True, False]
    written = path.read_bytes()
    assert written.decode("utf-16" if system is System.WINDOWS else "utf-8") == as_text(system, AWKWARD)
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]
    assert [uninstall(system), uninstall(system)] == [True, False]
    assert list(path.parent.iterdir()) == []


def test_a_file_that_the_user_edited_is_kept() -> None:
    path = installed(System.SYSTEMD).path
    path.parent.mkdir(parents=True)
    path.write_text("[Service]\nNice=5\n")
    assert install(System.SYSTEMD, AWKWARD)
    assert path.with_name("loopcube.service.old").read_text() == "[Service]\nNice=5\n"


def test_what_systemctl_enable_made_goes_too() -> None:
    there = installed(System.SYSTEMD)
    install(System.SYSTEMD, AWKWARD)
    assert there.link is not None
    there.link.parent.mkdir()
    there.link.symlink_to(there.path)
    uninstall(System.SYSTEMD)
    assert not there.link.is_symlink()


@pytest.mark.parametrize("system", System)
def test_the_command_line_says_in_one_line_what_to_do_next(
    system: System, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    monkeypatch.setattr(autostart, "this_system", lambda: system)
    app = typer.Typer()
    cli_install.register(app)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        return result.stdout

    assert run("install", "service", "--print") == as_text(system, this_daemon())
    assert run("install", "service", "--print", "--system", "launchd") == as_text(System.LAUNCHD, this_daemon())
    assert list(home.iterdir()) == [], "printing writes nothing"
    there = installed(system)
    assert run("install", "service") == f"{there.path} is written; start it with: {there.start}\n"
    assert "was there already; start it with" in run("install", "service")
    assert run("uninstall", "service") == f"{there.path} is removed; then run: {there.forget}\n"
    assert "was not there" in run("uninstall", "service")
