"""What a worker refuses before the long work begins, and that whatever is asked for reaches the extraction."""

import json
import pickle
import shutil
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pytest

from bridge.jobs.paths import open_source
from bridge.jobs.request import JobRequest, parse_options
from bridge.jobs.workers.work import extract_to_folder, work_of
from bridge.system.settings import BridgeSettings
from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.audio.wav import write_wav
from core.base.errors import Code, LoopError
from core.base.progress import Progress, silent
from core.base.settings import Settings

Noise = Callable[..., Clip]


@pytest.fixture
def request_for(song: Path, noise: Noise) -> JobRequest:
    """A request for two seconds of noise."""
    write_wav(song, noise(seconds=2.0).samples, 8_000)
    with open_source(str(song)) as source:
        return JobRequest(source.path, song.parent, content=source.content_hash())


def refused(code: Code, request: JobRequest, *, minutes: int = 30) -> str:
    with pytest.raises(LoopError) as error:
        extract_to_folder(request, request.out, silent, minutes=minutes)
    assert error.value.code is code, error.value.message
    assert [path.name for path in request.out.iterdir()] == ["song.wav"]
    return error.value.message


def test_a_file_that_took_the_place_of_the_one_that_was_sent_is_refused(
    request_for: JobRequest, noise: Noise, tmp_path: Path
) -> None:
    write_wav(tmp_path / "other.wav", 2 * noise(seconds=2.0).samples, 8_000)
    (tmp_path / "other.wav").replace(request_for.path)
    assert "send it again" in refused(Code.INCOMPLETE, request_for)


def test_a_link_that_took_the_place_of_the_file_is_refused_though_it_holds_the_same(
    request_for: JobRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.wav"
    request_for.path.rename(secret)
    request_for.path.symlink_to(secret)
    monkeypatch.setattr("bridge.jobs.paths._resolved", Path)  # swapped just after the path was resolved
    refused(Code.PATH_NOT_ALLOWED, request_for)


def test_a_file_that_changes_while_it_is_decoded_is_refused(
    request_for: JobRequest, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapping(path: Path) -> Clip:
        path.write_bytes(path.read_bytes())
        return noise()

    monkeypatch.setattr("bridge.jobs.workers.work.read_clip", swapping)
    refused(Code.INCOMPLETE, request_for)


def test_a_song_that_is_too_long_is_refused(request_for: JobRequest, noise: Noise) -> None:
    write_wav(request_for.path, noise(seconds=61.0).samples, 8_000)
    unsealed = JobRequest(request_for.path, request_for.out)
    assert "1.0 minutes long, at most 1;" in refused(Code.LIMIT, unsealed, minutes=1)


def test_a_daemon_s_limits_reach_its_workers(settings: BridgeSettings) -> None:
    limits = {"minutes": 1, "cache_mib": 5}
    assert pickle.loads(pickle.dumps(work_of(replace(settings, **limits)))).keywords == limits  # noqa: S301 - our own


def test_a_disk_without_room_for_the_results_is_told_before_the_work(
    request_for: JobRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    stems = 2 * 8_000 * 4 * (6 + 1)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 0, int(1.5 * stems) - 1))
    assert "make room" in refused(Code.WRITE_FAILED, request_for)


class Stop(Exception):  # noqa: N818 - no error: extract was reached
    pass


BARS = list(range(0, 16_001, 2_000))
# Of each option: how it is asked for, and what of extract's clip, settings and grid shows that it arrived there.
REACHES: dict[str, tuple[dict[str, object], Callable[..., object], object]] = {
    "bars_frames": ({"bars_frames": BARS}, lambda _clip, _settings, grid: grid.starts.tolist(), BARS),
    "beats_per_bar": ({"beats_per_bar": 3}, lambda _clip, settings, _grid: settings.beats_per_bar, (3,)),
    "beat_unit": ({"bars_frames": BARS, "beat_unit": 8}, lambda _clip, _settings, grid: grid.beat_unit, 8),
    "rate": ({"region_frames": [0, 22_050], "rate": 44_100}, lambda clip, _settings, _grid: clip.frames, 4_000),
    "region_frames": ({"region_frames": [10, 9_000]}, lambda clip, _settings, _grid: clip.frames, 8_990),
    "loops": ({"loops": 7}, lambda _clip, settings, _grid: settings.loops, 7),
    "method": ({"method": "tucker"}, lambda _clip, settings, _grid: settings.method, "tucker"),
    "max_loop_bars": ({"max_loop_bars": 2}, lambda _clip, settings, _grid: settings.max_loop_bars, 2),
}
OF_FILES = {"path", "out", "content"}


def test_every_option_is_looked_at() -> None:
    assert {field.name for field in fields(JobRequest)} == {*REACHES, *OF_FILES}


def reached(request: JobRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[Clip, Settings, BarGrid | None]:
    arrived: list[tuple[Clip, Settings, BarGrid | None]] = []

    def record(clip: Clip, settings: Settings, _progress: Progress, grid: BarGrid | None, _cache: object) -> None:
        arrived.append((clip, settings, grid))
        raise Stop

    monkeypatch.setattr("core.extraction.ladder.extract", record)
    with pytest.raises(Stop):
        extract_to_folder(request, request.out, silent)
    return arrived[0]


@pytest.mark.parametrize("name", REACHES)
def test_an_option_reaches_the_extraction(request_for: JobRequest, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    asked, seen, wanted = REACHES[name]
    options, _ = parse_options(json.dumps(asked))
    assert name in options
    assert seen(*reached(replace(request_for, **options), monkeypatch)) == wanted


def test_what_is_not_asked_for_is_left_to_the_core(request_for: JobRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    clip, settings, grid = reached(request_for, monkeypatch)
    assert (clip.frames, settings, grid) == (16_000, Settings(), None)


def test_the_metre_of_given_bars_is_theirs_and_not_the_tracker_s(
    request_for: JobRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, settings, grid = reached(replace(request_for, bars_frames=tuple(BARS), beats_per_bar=7), monkeypatch)
    assert grid is not None
    assert grid.beats_per_bar == 7
    assert settings == Settings()
