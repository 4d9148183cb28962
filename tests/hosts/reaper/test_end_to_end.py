"""All of it but REAPER: the real scripts, a real helper process, a real daemon, real OSC, a real separation."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from bridge.client.client import Client
from bridge.hosts.reaper import helper
from bridge.hosts.reaper.install import Reaper, install
from bridge.system.running import find_daemon
from bridge.system.settings_file import load_settings
from core.evaluation.songs.demo import demo_song
from tests.hosts.reaper.host import EXTRACT, SET_UP, Host, project_of
from tests.hosts.reaper.made_up import items_below, rendered

RATE, BARS, BAR = 16_000, 32, 2.0  # the demo's song, at 120 bpm: its loops of four bars need all of it
PATIENCE = 120.0


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home for a daemon of its own, which is stopped after the test."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("LOOPCUBE_HOME", str(home))
    monkeypatch.setenv("LOOPCUBE_PORT", "47600")
    monkeypatch.setenv("LOOPCUBE_WORKERS", "1")
    monkeypatch.setenv("OPENBLAS_NUM_THREADS", "1")
    yield home
    running = find_daemon(load_settings())
    if running is not None:
        with Client.of_running_daemon() as client:
            client.quit()
        psutil.Process(running.pid).wait(20)


@pytest.fixture
def host(tmp_path: Path, home: Path) -> Host:  # noqa: ARG001 - the scripts' configuration names it
    resources = tmp_path / "REAPER"
    resources.mkdir()
    reaper = Reaper(resources, lambda: False)
    list(install(reaper))
    song = demo_song(rate=RATE)
    samples = song.mixture.samples[:, : round(BARS * BAR * song.rate)].T
    project = project_of(tmp_path / "Grüße an 'alle' 🎛", samples, song.rate)
    return Host([project], tmp_path, scripts=reaper.scripts)


@pytest.fixture
def waiting(host: Host) -> Callable[[Callable[[], object]], None]:
    """Tick in real time until something holds."""

    def wait(met: Callable[[], object]) -> None:
        until = time.monotonic() + PATIENCE
        while not met():
            assert time.monotonic() < until, list(host.gfx.texts)
            host.tick_seconds = 0.02
            host.tick()
            time.sleep(0.02)

    return wait


def test_stems_on_tracks_null_against_the_item(host: Host, waiting: Callable[..., None]) -> None:
    host.run(EXTRACT)
    host.click("Extract")
    waiting(lambda: host.shows("Close"))
    assert host.shows("loops found"), list(host.gfx.texts)
    item = host.project.tracks[0].items[0]
    assert item.take.source is not None
    song, rate = item.take.source.samples, item.take.source.rate
    stems = items_below(host.project, "Stems")
    rest = next(track.items[0] for track in host.project.tracks if track.name == "Rest")
    assert len(stems) >= 3
    assert all(stem.span == item.span for stem in stems)
    heard = rendered(rate, [*stems, rest], frames=len(song))
    assert np.abs(heard - song).max() < 1e-5  # -100 dBFS
    clips = rendered(rate, [*items_below(host.project, "Loop clips"), rest], frames=len(song))
    assert np.mean((clips - song) ** 2) < 1e-4 * np.mean(song**2)  # the loops alone give the song to 40 dB
    assert item.values["B_MUTE"] == 1.0
    folder = next((host.project.path / "loopcube").iterdir())
    assert [path.name for path in folder.iterdir()] == ["song-loops"]  # what was exported for the daemon is gone
    host.click("Close")
    host.check_tidy()
    assert list((host.reaper.resources / "loopcube" / "jobs").iterdir()) == []


def test_cancelling_stops_the_daemons_work(host: Host, waiting: Callable[..., None]) -> None:
    host.run(EXTRACT)
    before = host.project.state()
    host.click("Extract")
    jobs: list[str] = []

    def is_running() -> bool:
        if find_daemon(load_settings()) is None:
            return False
        with Client.of_running_daemon() as client:
            jobs[:] = [row.job for row in client.jobs().jobs if row.state == "running"]
        return bool(jobs)

    waiting(is_running)
    host.click("Cancel")
    waiting(lambda: host.ended)
    with Client.of_running_daemon() as client:
        assert client.wait(jobs[0]).state == "cancelled"
    assert host.project.state() == before
    assert list((host.project.path / "loopcube").iterdir()) == []
    host.check_tidy()


def test_setting_up_starts_the_daemon_and_tells_the_clicks(host: Host) -> None:
    host.run(SET_UP)
    assert "is ready" in host.reaper.messages[0]
    assert "4. type" in host.reaper.messages[0]
    assert host.reaper.scripts == [str(host.scripts / EXTRACT)]


def test_what_the_daemon_refuses_is_told(tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOOPCUBE_ROOTS", str(home))
    job = tmp_path / "job"
    job.mkdir()
    song = tmp_path / "song.wav"
    song.write_bytes(b"RIFF")
    (job / "request.json").write_text(json.dumps({"v": 1, "path": str(song), "out": str(tmp_path)}))
    assert helper.main([str(job)]) == 0
    result = json.loads((job / "result.json").read_text())
    assert (result["state"], result["code"]) == ("failed", -6)
    assert "allowed folders" in result["text"]


def test_what_nobody_thought_of_is_told_too(tmp_path: Path) -> None:
    job = tmp_path / "job"
    job.mkdir()
    (job / "request.json").write_text("no JSON")
    assert helper.main([str(job)]) == 0
    result = json.loads((job / "result.json").read_text())
    assert result["state"] == "failed"
    assert "JSONDecodeError" in (job / "helper.log").read_text()


def test_what_is_left_of_old_jobs_goes(tmp_path: Path) -> None:
    for name, days in (("old", 8), ("new", 6)):
        (tmp_path / name).mkdir()
        then = time.time() - days * 86_400
        os.utime(tmp_path / name, (then, then))
    helper.remove_old(tmp_path, time.time())
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


if sys.platform == "win32":
    pytestmark = pytest.mark.skip(reason="the fake splits commands as POSIX does")
