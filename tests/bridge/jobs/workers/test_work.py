"""What a worker refuses before the long work begins: another file than was meant, too long a song, too full a disk."""

import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from bridge.jobs.paths import open_source
from bridge.jobs.request import JobRequest
from bridge.jobs.workers.work import extract_to_folder, work_of
from bridge.system.settings import BridgeSettings
from core.audio.clip import Clip
from core.audio.wav import write_wav
from core.base.errors import Code, LoopError
from core.base.progress import silent

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
