"""The daemon as a process of its own, with our client, liblo's oscsend and the command line on the other side."""

import json
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import fake_work
import numpy as np
import pytest
import typer
from daemon_process import Process
from typer.testing import CliRunner

from bridge.cli import daemon as cli_daemon
from bridge.cli import send as cli_bridge
from bridge.client.client import Client, result_folder
from bridge.server.daemon import AlreadyRunningError, serve
from bridge.system.running import find_daemon
from bridge.system.settings import BridgeSettings, default_home, default_runtime
from core.audio.wav import write_wav
from core.base.errors import LoopError

Eventually = Callable[..., None]
Daemons = Callable[..., Process]


REAL = """
import os
from bridge.cli import daemon
from bridge.jobs.workers import work
from bridge.jobs.workers.pool import nothing
work.warm_up = nothing  # the one job that comes would only wait for it
daemon.daemon(port=int(os.environ["LOOPCUBE_TEST_PORT"]), workers=1)
"""


@pytest.fixture
def client(daemon: Process) -> Iterator[Client]:
    with Client.of_running_daemon(daemon.settings) as client:
        yield client


def test_a_job_from_request_to_files(client: Client, song: Path) -> None:
    final = client.wait(client.extract(song, {"loops": 3}).job)
    folder = result_folder(final)
    assert folder == song.parent / "song-loops"
    assert (folder / "manifest.json").is_file()
    again = client.extract(song, {"loops": 3})
    assert again.state == "done"


def test_a_running_job_is_followed_and_cancelled(client: Client, song: Path, eventually: Eventually) -> None:
    endless = song.rename(song.with_name("endless.wav"))
    job = client.extract(endless).job
    eventually(lambda: client.status(job).stage == "polite")
    assert client.ping().running == 1
    asked = time.monotonic()
    client.cancel(job)
    eventually(lambda: client.status(job).state == "cancelled")
    assert time.monotonic() - asked < 2.0
    assert list(song.parent.iterdir()) == [endless]


def test_what_the_daemon_publishes_is_for_its_user_alone(daemon: Process) -> None:
    published = daemon.published
    assert published is not None
    assert published.pid == daemon.popen.pid
    for path, mode in [(daemon.settings.daemon_file, 0o600), (daemon.settings.token_file, 0o600)]:
        assert path.stat().st_mode & 0o777 == mode
    assert daemon.settings.runtime.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, "quit"])
def test_a_busy_daemon_stops_cleanly(
    daemon: Process, client: Client, song: Path, how: signal.Signals | str, eventually: Eventually
) -> None:
    deaf = song.rename(song.with_name("deaf.wav"))
    job = client.extract(deaf).job
    eventually(lambda: client.status(job).progress > 0)
    asked = time.monotonic()
    client.quit() if isinstance(how, str) else daemon.popen.send_signal(how)
    daemon.popen.wait(10.0)
    assert time.monotonic() - asked < 6.0
    assert daemon.popen.returncode == 0
    assert daemon.published is None
    assert list(song.parent.iterdir()) == [deaf]
    with pytest.raises(LoopError, match="loopcube daemon"):
        Client.of_running_daemon(daemon.settings)


def test_an_idle_daemon_stops_within_a_second_and_keeps_its_token(daemon: Process, daemons: Daemons) -> None:
    before = daemon.published
    assert daemon.stop() < 1.0
    after = daemons().published
    assert before is not None
    assert after is not None
    assert (after.token, after.boot_id != before.boot_id) == (before.token, True)
    assert before.token not in daemon.log.read_text()


def test_a_second_daemon_finds_the_first(daemon: Process) -> None:
    published = daemon.published
    assert published is not None
    with pytest.raises(AlreadyRunningError, match=f"already running on port {published.port}"):
        serve(daemon.settings, fake_work.quick)
    assert daemon.published == published


def test_a_daemon_runs_on_a_thread_too(settings: BridgeSettings, free_port: int, eventually: Eventually) -> None:
    stop = threading.Event()
    here = replace(settings, port=free_port)
    thread = threading.Thread(target=serve, args=(here, fake_work.quick), kwargs={"stop": stop})
    thread.start()
    eventually(lambda: find_daemon(here) is not None)
    with Client.of_running_daemon(here) as client:
        assert client.ping().queued == 0
    stop.set()
    thread.join(6.0)
    assert not thread.is_alive()


def test_a_foreign_client_starts_a_job(
    daemon: Process, client: Client, song: Path, eventually: Eventually, needs_program: Callable[[str], str]
) -> None:
    oscsend = needs_program("oscsend")
    published = daemon.published
    assert published is not None
    arguments = ["127.0.0.1", str(published.port), "/loopcube/extract", "ssss", published.token, "lo-1", str(song), ""]
    subprocess.run([oscsend, *arguments], check=True, timeout=10)  # noqa: S603 - liblo's own program
    eventually(lambda: client.jobs().total == 1)
    [row] = client.jobs().jobs
    assert result_folder(client.wait(row.job)) == song.parent / "song-loops"


def loop_song(path: Path, rate: int = 8_000, bars: int = 8) -> list[int]:
    """Eight bars of 0.75 s in which a tone and a pulse take turns; the bar starts."""
    length = int(0.75 * rate)
    time_axis = np.arange(length) / rate
    tone = 0.3 * np.sin(2 * np.pi * 440 * time_axis) * np.exp(-4 * time_axis)
    pulse = 0.3 * np.random.default_rng(0).standard_normal(length) * np.exp(-30 * (time_axis % 0.1875))
    samples = np.concatenate([tone * (bar % 4 != 3) + pulse * (bar >= 2) for bar in range(bars)])
    write_wav(path, samples[None, :].astype(np.float32), rate)
    return [bar * length for bar in range(bars + 1)]


def test_the_real_core_over_real_sockets(daemons: Daemons, song: Path) -> None:
    bars = loop_song(song)
    process = daemons(REAL)
    doubled = [2 * frame for frame in bars[1:]]  # bars 2 to 8, at twice the file's rate
    options = {"bars_frames": doubled, "rate": 16_000, "region_frames": [doubled[0], doubled[-1]], "loops": 2}
    options |= {"beats_per_bar": 6, "beat_unit": 8}
    with Client.of_running_daemon(process.settings) as client:
        final = client.wait(client.extract(song, options).job)
    assert final.state == "done", final.text
    folder = result_folder(final)
    assert folder == song.parent / "song-loops"
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["source"]["frames"] == bars[-1] - bars[1]
    assert (manifest["bars"]["beats_per_bar"], manifest["bars"]["beat_unit"]) == (6, 8)
    assert len(list((folder / "stems").glob("*.wav"))) >= 2
    assert sorted(path.name for path in song.parent.iterdir()) == ["song-loops", "song.wav"]


@pytest.fixture
def command_line() -> Callable[..., str]:
    """`command_line("send", "ping")` is what the command prints."""
    app = typer.Typer()
    for commands in (cli_bridge, cli_daemon):
        commands.register(app)

    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, arguments)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_the_command_line_asks_the_daemon(
    daemon: Process, command_line: Callable[..., str], song: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOOPCUBE_HOME", str(daemon.settings.state))
    assert "0 running" in command_line("send", "ping")
    assert json.loads(command_line("send", "ping", "--json"))["queued"] == 0
    done = json.loads(command_line("send", "extract", str(song), "--options", '{"loops": 2}', "--json"))
    assert done["state"] == "done"
    assert Path(done["folder"]).is_dir()
    assert str(song.parent / "song-loops") in command_line("send", "status", done["job"])
    assert "is done" in command_line("send", "cancel", done["job"])
    refusing = song.rename(song.with_name("refusing.wav"))
    started = json.loads(command_line("send", "extract", str(refusing), "--no-wait", "--json"))
    assert started["state"] == "queued"
    with pytest.raises(LoopError, match="at least 4 are needed"):
        command_line("send", "extract", str(refusing))
    with pytest.raises(LoopError, match="no key 'speed'"):
        command_line("send", "extract", str(song), "--options", '{"speed": 2}')
    assert "already running" in command_line("daemon")


def test_folders_follow_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("LOOPCUBE_HOME", str(tmp_path))
    assert (default_home(), default_runtime()) == (tmp_path, tmp_path / "run")
    monkeypatch.delenv("LOOPCUBE_HOME")
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    assert default_runtime() == default_home() / "run"
