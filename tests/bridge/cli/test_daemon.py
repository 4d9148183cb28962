"""The daemon's life as a user sees it: start, status, stop, a second start, a port that is taken, what a kill left."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import fake_work
import pytest
import typer
from daemon_process import HERE, Process
from typer.testing import CliRunner, Result

from bridge.cli import daemon as cli_daemon
from bridge.cli import settings as cli_settings
from bridge.cli import watch as cli_watch
from bridge.client.client import Client
from bridge.osc import wire
from bridge.osc.messages import JobStatusReply
from bridge.server import sockets as endpoints
from bridge.server.daemon import AlreadyRunningError, serve
from bridge.system.private import load_token, write_private
from bridge.system.running import Running, find_daemon
from bridge.system.settings import BridgeSettings
from core.base.errors import Code, LoopError
from tests.conftest import ROOT

Eventually = Callable[..., None]

# The command line as users start it, but for the work.
COMMAND_LINE = """
import fake_work
import bridge.watch.drop_folder, bridge.jobs.workers.work
bridge.watch.drop_folder.STABLE_SECONDS = 0.2
bridge.jobs.workers.work.work_of, bridge.jobs.workers.work.warm_up = lambda settings: fake_work.by_name, fake_work.warm
import bridge.cli
bridge.cli.main()
"""


@pytest.fixture
def here(settings: BridgeSettings, free_port: int, monkeypatch: pytest.MonkeyPatch) -> BridgeSettings:
    """The settings of a daemon on a free port; the command line finds it, too."""
    monkeypatch.setenv("LOOPCUBE_HOME", str(settings.state))
    monkeypatch.setenv("LOOPCUBE_PORT", str(free_port))
    return replace(settings, port=free_port)


@contextmanager
def running(settings: BridgeSettings) -> Iterator[Running]:
    """A daemon on a thread."""
    stop, failed = threading.Event(), list[LoopError]()

    def run() -> None:
        try:
            serve(settings, fake_work.by_name, stop=stop)
        except LoopError as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while (found := find_daemon(settings)) is None and thread.is_alive():
        thread.join(0.02)
    try:
        if failed:
            raise failed[0]
        assert found is not None
        yield found
    finally:
        stop.set()
        thread.join(6.0)


def loopcube(*arguments: str) -> Result:
    """A command, in this process."""
    app = typer.Typer()
    for commands in (cli_daemon, cli_settings):
        commands.register(app)
    return CliRunner().invoke(app, arguments)


def said(*arguments: str) -> str:
    result = loopcube(*arguments)
    if isinstance(result.exception, LoopError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


@contextmanager
def taken(*ports: int) -> Iterator[None]:
    """Ports that somebody else uses."""
    sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in ports]
    try:
        for each, port in zip(sockets, ports, strict=True):
            each.bind(("127.0.0.1", port))
        yield
    finally:
        for each in sockets:
            each.close()


def test_of_many_starts_at_once_exactly_one_survives(here: BridgeSettings) -> None:
    stop, together = threading.Event(), threading.Barrier(50)
    outcomes: list[str] = []

    def start() -> None:
        together.wait()
        try:
            serve(here, fake_work.by_name, stop=stop)
            outcomes.append("served")
        except AlreadyRunningError:
            outcomes.append("second")
            if outcomes.count("second") == 49:
                stop.set()

    threads = [threading.Thread(target=start) for _ in range(50)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20.0)
    assert sorted(outcomes) == ["second"] * 49 + ["served"]
    assert find_daemon(here) is None


def test_a_port_that_another_program_uses_is_passed_over_and_the_next_published(here: BridgeSettings) -> None:
    with taken(here.port), running(here) as found:
        assert found.port == here.port + 1
        with Client.of_running_daemon(here) as client:
            assert client.ping().boot_id == found.boot_id


def test_without_a_free_port_the_start_fails_with_the_list(
    here: BridgeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(endpoints, "PORTS_TRIED", 2)
    with taken(here.port, here.port + 1):
        result = loopcube("daemon")
    assert result.exit_code == 3
    assert f"no free port from {here.port} to {here.port + 1}" in result.stderr
    assert not here.daemon_file.exists()


def test_what_a_killed_daemon_left_behind_is_no_daemon(here: BridgeSettings) -> None:
    ended = subprocess.run([sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, check=True)
    left = {"pid": int(ended.stdout), "port": here.port, "token": "0" * 32, "version": "0", "boot_id": "b"}
    here.runtime.mkdir(parents=True)
    for text in (json.dumps(left), json.dumps(left | {"pid": 10**30}), "{", "[]", '{"pid": 1}', ""):
        write_private(here.daemon_file, text)
        assert find_daemon(here) is None
    here.lock_file.touch()
    with running(here) as found:
        assert found.pid == os.getpid()


def test_a_daemon_does_not_remove_what_another_published(here: BridgeSettings) -> None:
    with running(here) as found:
        write_private(here.daemon_file, json.dumps({**found.__dict__, "boot_id": "another"}))
    assert "another" in here.daemon_file.read_text()


def test_status_log_and_stop(daemon: Process, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPCUBE_HOME", str(daemon.settings.state))
    published = daemon.published
    assert published is not None
    status = said("daemon", "--status")
    assert f"127.0.0.1:{published.port}, process {published.pid}" in status
    assert "0 running, 0 queued" in status
    assert str(daemon.settings.log_file) in status
    assert f"listening on 127.0.0.1:{published.port}" in said("daemon", "--log")
    assert said("daemon", "--stop") == "stopped\n"
    assert daemon.popen.wait(2.0) == 0
    assert "stopping" in said("daemon", "--log")
    assert said("daemon", "--stop") == "no daemon is running\n"
    with pytest.raises(LoopError, match="loopcube daemon"):
        said("daemon", "--status")
    with pytest.raises(LoopError, match="one of") as refused:
        said("daemon", "--status", "--stop")
    assert refused.value.code is Code.ARGUMENTS


def test_an_idle_daemon_with_a_watched_folder_stops_within_a_second(
    daemons: Callable[..., Process], settings: BridgeSettings, tmp_path: Path
) -> None:
    records = settings.state / "watches"
    records.mkdir(parents=True)
    (records / "00c0ffee.json").write_text(json.dumps({"folder": str(tmp_path), "handled": [], "running": {}}))
    assert daemons().stop(signal.SIGTERM) < 1.0


def ask(port: int, packet: bytes) -> wire.Packet | None:
    """What comes back for a packet within half a second."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(0.5)
        client.sendto(packet, ("127.0.0.1", port))
        try:
            return wire.decode(client.recv(4_096))
        except TimeoutError:
            return None


def test_only_the_token_opens_and_no_token_is_ever_logged(here: BridgeSettings, song: Path) -> None:
    wrong = ["", "x", "0" * 32]
    with running(here) as found:
        right, port = found.token, found.port
        wrong += [right[:-1], right + "0", right.upper(), right[::-1]]
        for number, token in enumerate(wrong):
            answer = ask(port, wire.encode("/loopcube/extract", (token, f"r{number}", str(song), "")))
            assert answer is not None
            assert answer.arguments[2] == Code.AUTH
        assert ask(port, wire.encode("/loopcube/ping", ())) is not None
        good = wire.encode("/loopcube/ping", (right, "good"))
        for broken in (good[:-4], good + b"\0\0\0\1", good.replace(b",ss", b",sX"), good * 200):
            ask(port, broken)
        answer = ask(port, good)
        assert answer is not None
        assert answer.address == "/loopcube/reply"
        with Client.of_running_daemon(here) as client:
            assert client.jobs().total == 0
    logs = "".join(path.read_text() for path in here.state.rglob("*.log*"))
    assert f"[{b'/loopcube/ping'.hex()}" in logs, "a refused packet is shown"
    for token in (right, right[:20], right[12:], *wrong[3:]):
        assert token not in logs
        assert token.encode().hex() not in logs


def test_a_new_token_replaces_the_old_one_at_the_next_start(here: BridgeSettings) -> None:
    with running(here) as found:
        old = found.token
    assert said("token") == f"{here.token_file}\n"
    assert load_token(here.token_file) == old
    assert said("token", "--new") == f"{here.token_file}\n"
    new = load_token(here.token_file)
    assert new != old
    assert here.token_file.stat().st_mode & 0o777 == 0o600
    with running(here) as found:
        answer = ask(found.port, wire.encode("/loopcube/ping", (old, "r1")))
        assert answer is not None
        assert answer.arguments[2] == Code.AUTH
        assert found.token == new


def test_settings_are_shown_with_where_they_come_from(here: BridgeSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPCUBE_OUT", "/r\u00e9sultats")
    shown = said("settings")
    assert re.search(rf"^port +{here.port}  \(environment\)$", shown, re.MULTILINE)
    assert re.search(r'^out +"/r\u00e9sultats"  \(environment\)$', shown, re.MULTILINE)
    assert re.search(r"^roots +\[\]  \(default\)$", shown, re.MULTILINE)
    as_json = json.loads(said("settings", "--json"))
    assert as_json["settings"]["queue"] == {"value": 16, "from": "default"}
    file = Path(said("settings", "--write").strip())
    assert str(file) == as_json["file"]
    assert "# port = 47310" in file.read_text()


@contextmanager
def started(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """A command, in a process of its own, that Ctrl-C ends."""
    path = os.pathsep.join([str(HERE), str(ROOT)])
    process = subprocess.Popen(  # noqa: S603 - our own code
        [sys.executable, "-c", COMMAND_LINE, *arguments],
        env=os.environ | {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def until(process: subprocess.Popen[str], wanted: str) -> str:
    """What a process says, up to a line that holds what is wanted."""
    lines = []
    assert process.stdout is not None
    for line in process.stdout:
        lines.append(line)
        if wanted in line:
            return "".join(lines)
    pytest.fail(f"{wanted!r} never came: {''.join(lines)}")


def test_a_folder_is_watched_until_ctrl_c_with_a_daemon_of_its_own(here: BridgeSettings, tmp_path: Path) -> None:
    inbox, results = tmp_path / "inbox", tmp_path / "results"
    inbox.mkdir()
    results.mkdir()
    (inbox / "there already.wav").write_bytes(b"x")
    with started("watch", str(inbox), "--existing", "--out", str(results)) as process:
        until(process, f"results go to {results}")
        until(process, f"there already.wav: done: {results / 'there already-loops'}")
        (inbox / "refusing.wav").write_bytes(b"y")
        until(process, "refusing.wav: set aside in")
        assert find_daemon(here) is not None
        process.send_signal(signal.SIGINT)
        until(process, "stopped")
        assert process.wait(6.0) == 0
    assert find_daemon(here) is None
    assert sorted(path.name for path in inbox.iterdir()) == ["loopcube-failed", "there already.wav"]
    assert [path.name for path in results.iterdir()] == ["there already-loops"]


def test_a_watch_asks_nothing_that_the_running_daemon_does_not_do(here: BridgeSettings, tmp_path: Path) -> None:
    inbox, results = tmp_path / "inbox", tmp_path / "results"
    inbox.mkdir()
    results.mkdir()
    with running(here):
        with pytest.raises(LoopError, match="with its own folder for results; stop it first") as refused:
            cli_watch.watch(inbox, out=results)
        assert refused.value.code is Code.WRONG_STATE
        with pytest.raises(LoopError, match="--workers"):
            cli_watch.watch(inbox, workers=here.workers + 20)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize("stream", [Terminal, io.StringIO])
def test_songs_are_seen_on_their_way_in_a_terminal(stream: type[io.StringIO], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", shown := stream())
    monkeypatch.setattr(sys, "stderr", shown)
    monkeypatch.setenv("TERM", "xterm")
    with cli_watch.Bars() as bars:
        for progress in (0.25, 0.75):
            status = JobStatusReply("r1", "running", progress, "voting", 1, 0, "")
            bars.show("job", "a [b].wav", status)
        bars.tell("b.wav: done")
        bars.remove("job")
        bars.remove("job")
    assert "b.wav: done\n" in shown.getvalue()
    assert "-:--b.wav" not in shown.getvalue()
    assert ("a [b].wav: voting" in shown.getvalue()) is (stream is Terminal)


def test_a_folder_is_watched_on_the_queue_of_the_running_daemon(here: BridgeSettings, song: Path) -> None:
    with running(here), started("watch", str(song.parent)) as process:
        until(process, "results go where the running daemon puts them")
        (song.parent / "new.wav").write_bytes(b"y")
        until(process, f"new.wav: done: {song.parent / 'new-loops'}")
        with Client.of_running_daemon(here) as client:
            assert client.jobs().total == 1
        process.send_signal(signal.SIGTERM)
        assert process.wait(6.0) == 0
        with Client.of_running_daemon(here) as client:
            assert client.ping().queued == 0
