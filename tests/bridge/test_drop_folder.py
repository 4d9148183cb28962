"""The drop folder: what is taken, when, and once; first as plain decisions, then with a real observer."""

import threading
import time
from collections.abc import Callable
from pathlib import Path

import fake_work
import pytest

from bridge import cli_bridge
from bridge.drop_folder import Settling, Stamp, is_candidate, listing, watch
from bridge.jobs import Jobs
from bridge.workers import Workers
from core.errors import Code, LoopError

A, B = Stamp(1, 100, 0), Stamp(1, 200, 5)


def test_a_file_is_ready_once_it_kept_still_for_two_seconds() -> None:
    settling = Settling()
    growing = [Stamp(1, size, size) for size in range(10)]
    assert [settling.ready({"a.wav": stamp}, now=float(i)) for i, stamp in enumerate(growing)] == [[]] * 10
    assert settling.waiting
    assert settling.ready({"a.wav": growing[-1]}, now=10.9) == []
    assert settling.ready({"a.wav": growing[-1]}, now=11.0) == ["a.wav"]
    assert not settling.waiting
    assert settling.ready({"a.wav": growing[-1]}, now=99.0) == []


def test_a_file_that_is_replaced_or_comes_back_is_ready_again() -> None:
    settling = Settling({"a.wav": A})
    assert settling.ready({"a.wav": A}, now=0.0) == []
    assert settling.ready({"a.wav": B}, now=1.0) == []
    assert settling.ready({"a.wav": B}, now=3.0) == ["a.wav"]
    assert settling.ready({}, now=4.0) == []
    assert settling.ready({"a.wav": B}, now=5.0) == []
    assert settling.ready({"a.wav": B}, now=7.0) == ["a.wav"]


def test_a_file_that_goes_away_while_it_settles_is_forgotten() -> None:
    settling = Settling()
    settling.ready({"a.wav": A, "b.wav": B}, now=0.0)
    assert settling.ready({"b.wav": B}, now=2.0) == ["b.wav"]
    assert not settling.waiting


@pytest.mark.parametrize("name", ["song.wav", "Song.FLAC", "a b.mp3", "x.aiff", "x.ogg"])
def test_audio_is_taken(name: str) -> None:
    assert is_candidate(name)


@pytest.mark.parametrize("name", [".song.wav", "song.wav.part", "song.part", "song.crdownload", "song", "a.txt"])
def test_what_is_no_finished_audio_is_left(name: str) -> None:
    assert not is_candidate(name)


def test_a_listing_leaves_folders_links_and_empty_files_alone(tmp_path: Path) -> None:
    (tmp_path / "song.wav").write_bytes(b"x")
    (tmp_path / "empty.wav").touch()
    (tmp_path / "link.wav").symlink_to(tmp_path / "song.wav")
    (tmp_path / "folder.wav").mkdir()
    (tmp_path / "song-loops").mkdir()
    (tmp_path / "song-loops" / "stem.wav").write_bytes(b"x")
    assert list(listing(tmp_path)) == ["song.wav"]


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoopError, match="cannot be listed") as refused:
        watch(tmp_path / "nothing", [].append)
    assert refused.value.code is Code.NO_SUCH_FILE


class Watched:
    """A watch on a thread of its own; each look at its clock is a second later."""

    def __init__(self, folder: Path, handle: Callable[[Path], None], *, existing: bool = False) -> None:
        self._stop = threading.Event()
        self._looks = 0
        self._thread = threading.Thread(
            target=watch,
            args=(folder, handle),
            kwargs={"existing": existing, "stop": self._stop, "clock": self._clock},
        )

    def _clock(self) -> float:
        self._looks += 1
        return float(self._looks)

    @property
    def looks(self) -> int:
        return self._looks

    def __enter__(self) -> "Watched":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()


@pytest.fixture(autouse=True)
def _hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.drop_folder.LOOK_EVERY", 0.02)
    monkeypatch.setattr("bridge.drop_folder.LOOK_ANYWAY", 0.1)


def test_files_that_come_are_handled_and_those_that_were_there_are_not(
    tmp_path: Path, eventually: Callable[..., None]
) -> None:
    inbox, seen = tmp_path / "inbox", list[str]()
    inbox.mkdir()
    (inbox / "old.wav").write_bytes(b"x")
    with Watched(inbox, lambda path: seen.append(path.name)) as watched:
        eventually(lambda: watched.looks > 1)
        (inbox / "copied.wav").write_bytes(b"x")
        (tmp_path / "moved.wav").write_bytes(b"x")
        (tmp_path / "moved.wav").rename(inbox / "moved.wav")
        eventually(lambda: sorted(seen) == ["copied.wav", "moved.wav"])


def test_existing_files_are_handled_on_request_and_failures_do_not_stop_the_watch(
    tmp_path: Path, eventually: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []

    def handle(path: Path) -> None:
        seen.append(path.name)
        if path.name == "bad.wav":
            raise LoopError(Code.NOT_AUDIO, "is not audio")

    (tmp_path / "bad.wav").write_bytes(b"x")
    with Watched(tmp_path, handle, existing=True):
        eventually(lambda: seen == ["bad.wav"])
        (tmp_path / "good.wav").write_bytes(b"x")
        eventually(lambda: seen == ["bad.wav", "good.wav"])
    assert "bad.wav: is not audio" in caplog.text


def test_a_folder_may_go_away_for_a_while(
    tmp_path: Path, eventually: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    inbox, away, seen = tmp_path / "inbox", tmp_path / "away", list[str]()
    inbox.mkdir()
    with Watched(inbox, lambda path: seen.append(path.name)) as watched:
        eventually(lambda: watched.looks > 1)
        inbox.rename(away)
        eventually(lambda: "cannot be listed" in caplog.text)
        away.rename(inbox)
        (inbox / "new.wav").write_bytes(b"x")
        eventually(lambda: seen == ["new.wav"])


def test_a_dropped_file_becomes_a_job_and_its_end_is_told(
    tmp_path: Path, eventually: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "refusing.wav").write_bytes(b"x")
    (tmp_path / "song.wav").write_bytes(b"y")
    jobs = Jobs(clock=time.monotonic)
    workers = Workers(jobs, fake_work.by_name)
    workers.start()
    start = cli_bridge._starter(jobs, tmp_path / "out")
    said = ""

    def told() -> bool:
        nonlocal said
        said += capsys.readouterr().out
        return "refusing.wav: failed: 3 bars" in said and f"song.wav: done: {tmp_path / 'out' / 'song-loops'}" in said

    for name in ("refusing.wav", "song.wav"):
        start(tmp_path / name)
    eventually(told)
    jobs.close()
    assert workers.join(5.0)
