"""The device's script over real sockets with the real daemon, whose workers take a song apart."""

import json
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from bridge.server.sockets import bind_free_port
from bridge.system.settings import BridgeSettings
from core.audio.wav import write_wav
from core.evaluation.songs import demo_song
from tests.bridge.daemon_process import Process

HERE = Path(__file__).parent
RATE = 8_000
REAL = """
import os
from bridge.cli import daemon
daemon.daemon(port=int(os.environ["LOOPCUBE_TEST_PORT"]), workers=1)
"""

Node = Callable[..., subprocess.CompletedProcess[str]]
Device = Callable[..., dict[str, Any]]


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    home = tmp_path_factory.mktemp("daemon") / "home"
    with bind_free_port(48_600, lambda *packet: None) as endpoint:  # noqa: ARG005 - nothing is answered
        port = endpoint.port
    process = Process(BridgeSettings(home, home / "run"), REAL, port)
    yield process
    process.popen.kill()
    process.popen.wait(10.0)


@pytest.fixture
def device(daemon: Process, node: Node) -> Device:
    """`device(clip, tempo=120)` presses the button once the daemon answers, and tells what became of the set."""

    def press(clip: dict[str, Any], **options: Any) -> dict[str, Any]:
        while not daemon.is_ready:
            assert daemon.popen.poll() is None, daemon.log.read_text()
        published = daemon.published
        assert published is not None
        told = {"port": published.port, "token": published.token, "seconds": 100, "clip": clip, **options}
        done = node(HERE / "real.js", json.dumps(told))
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout)
        assert result["posted"] == []
        assert result["status"].startswith("Placed"), result["status"]
        return result

    return press


def warped(path: Path, bpm: float, bars: range, start: float) -> dict[str, Any]:
    """A clip of the Arrangement that plays some bars of a file in a steady tempo."""
    seconds = soundfile.info(path).duration
    markers = [[0.0, 0.0], [seconds, seconds * bpm / 60]]
    region = {"startMarker": 4 * bars.start, "endMarker": 4 * bars.stop}
    return {"name": "Demo", "file_path": str(path), "markers": markers, "bpm": bpm, "start": start, **region}


def test_the_demo_song_lands_on_its_bars(tmp_path: Path, device: Device) -> None:
    song = demo_song(rate=RATE)
    path = tmp_path / "Dëmo söng.wav"
    write_wav(path, song.mixture.samples, RATE)
    result = device(warped(path, 120.0, range(4, 28), start=64.0), tempo=100.0)
    source, *made, other = result["tracks"]
    assert [track["name"] for track in (source, other)] == ["Track 1", "Track 2"]
    manifest = json.loads((tmp_path / "Dëmo söng-loops" / "manifest.json").read_text())
    assert manifest["source"]["frames"] == 24 * 2 * RATE
    assert len(made) == len(manifest["loops"]) + 1
    for track, loop in zip(made, [*manifest["loops"], {"stem": "stems/rest.wav"}], strict=True):
        [stem] = track["arrangement"]
        assert stem["file"] == str(tmp_path / "Dëmo söng-loops" / loop["stem"])
        assert (stem["start"], stem["end"], stem["looping"], stem["warping"]) == (64.0, 160.0, 0, 1)
        assert stem["markers"] == [[0, 0], [48, 96]]
        for single in track["session"]:
            beats = 4 * loop["bars"]
            assert (single["looping"], single["region"]) == (1, [0, beats])
            assert single["markers"] == [[0, 0], [pytest.approx(beats / 2, abs=1e-3), beats]]
            assert single["file"].endswith(loop["loop"])
    assert [len(track["session"]) for track in made] == [1] * len(manifest["loops"]) + [0]
    assert result["muted"] == [1]


def test_loops_land_on_their_bars_though_packets_are_lost_and_overtake_each_other(
    tmp_path: Path, device: Device
) -> None:
    path = tmp_path / "song.wav"
    write_wav(path, demo_song(rate=RATE).mixture.samples, RATE)
    clip = warped(path, 120.0, range(8, 24), start=16.0)
    result = device(clip, loss=0.2, late=60, controls={"place": 1, "as": 1})
    assert result["lost"] > 0
    manifest = json.loads((tmp_path / "song-loops" / "manifest.json").read_text())
    assert len(manifest["loops"]) > 1
    for track, loop in zip(result["tracks"][1:], manifest["loops"], strict=False):
        starts = [clip["start"] + 4 * step for clip in track["arrangement"] for step in range(_bars(clip))]
        assert starts == [16.0 + 4 * bar for bar, heard in enumerate(loop["heard"]) if heard >= 0]
        assert track["session"] == []


def _bars(clip: dict[str, Any]) -> int:
    return round((clip["end"] - clip["start"]) / 4)
