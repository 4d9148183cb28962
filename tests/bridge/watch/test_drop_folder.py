"""The drop folder: what is taken, when, and once, as decisions on a clock that is turned by hand."""

import json
import os
from pathlib import Path

import pytest

from bridge.watch import drop_folder
from bridge.watch.drop_folder import (
    SET_ASIDE,
    Inbox,
    NotNow,
    Settling,
    Stamp,
    Started,
    is_candidate,
    listing,
    set_aside,
)
from core.base.errors import Code, LoopError

A, B = Stamp(1, 100, 0), Stamp(1, 200, 5)


def test_a_file_is_ready_once_it_kept_still_for_two_seconds() -> None:
    settling = Settling()
    growing = [Stamp(1, size, size) for size in range(10)]
    assert [settling.ready({"a.wav": stamp}, now=float(i)) for i, stamp in enumerate(growing)] == [[]] * 10
    assert settling.waiting
    assert settling.ready({"a.wav": growing[-1]}, now=10.9) == []
    assert settling.ready({"a.wav": growing[-1]}, now=11.0) == [("a.wav", growing[-1])]
    assert not settling.waiting
    assert settling.ready({"a.wav": growing[-1]}, now=99.0) == []


def test_a_file_that_is_replaced_is_ready_again_but_not_one_that_is_renamed_or_comes_back() -> None:
    settling = Settling({A: None})
    assert settling.ready({"a.wav": A}, now=0.0) == []
    assert settling.ready({"a.wav": B}, now=1.0) == []
    assert settling.ready({"a.wav": B}, now=3.0) == [("a.wav", B)]
    assert settling.ready({"b.wav": B}, now=9.0) == []
    assert settling.ready({}, now=10.0) == []  # as when a drive is unplugged
    assert settling.ready({"A.WAV": B, "a.wav": A}, now=19.0) == []


def test_a_file_that_goes_away_while_it_settles_is_forgotten() -> None:
    settling = Settling()
    other = Stamp(2, 200, 5)
    settling.ready({"a.wav": A, "b.wav": other}, now=0.0)
    assert settling.ready({"b.wav": other}, now=2.0) == [("b.wav", other)]
    assert not settling.waiting


def test_what_is_away_is_remembered_within_bounds_and_what_is_there_always(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(drop_folder, "KEPT_STAMPS", 3)
    stamps = [Stamp(inode, 1, 1) for inode in range(10)]
    settling = Settling(dict.fromkeys(stamps))
    there = {f"{stamp.inode}.wav": stamp for stamp in stamps[:4]}
    assert settling.ready(there, now=0.0) == []
    assert list(settling.handled) == [*stamps[:4], *stamps[7:]]


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


class Starts:
    """What an inbox starts, and how that goes: by the name of the file, all jobs are queued unless told otherwise."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.raises: dict[str, LoopError] = {}
        self.said: list[str] = []

    def __call__(self, path: Path) -> Started:
        self.names.append(path.name)
        if path.name in self.raises:
            raise self.raises[path.name]
        return Started(f"job-{len(self.names)}", "queued")


@pytest.fixture
def starts() -> Starts:
    return Starts()


@pytest.fixture
def inbox(tmp_path: Path, starts: Starts) -> Inbox:
    (tmp_path / "inbox").mkdir()
    return Inbox(tmp_path / "inbox", starts, starts.said.append)


def drop(inbox: Inbox, name: str, content: bytes = b"x") -> Path:
    path = inbox.folder / name
    path.write_bytes(content)
    return path


def settle(inbox: Inbox, now: float) -> None:
    inbox.look(now)
    inbox.look(now + 2.0)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(LoopError, match="cannot be listed") as refused:
        listing(tmp_path / "nothing")
    assert refused.value.code is Code.NO_SUCH_FILE


def test_what_is_dropped_is_started_once_and_its_end_is_told(inbox: Inbox, starts: Starts) -> None:
    drop(inbox, "song.wav")
    settle(inbox, 0.0)
    settle(inbox, 10.0)
    assert starts.names == ["song.wav"]
    inbox.ended("job-1", "done", "/results/song-loops")
    assert starts.said == ["song.wav: queued", "song.wav: done: /results/song-loops"]
    (inbox.folder / "song.wav").rename(inbox.folder / "better name.wav")
    settle(inbox, 20.0)
    assert starts.names == ["song.wav"]


def test_results_that_land_in_the_folder_start_nothing(inbox: Inbox, starts: Starts) -> None:
    result = inbox.folder / "song-loops" / "stems"
    result.mkdir(parents=True)
    (result / "01-drums-1-bar.wav").write_bytes(b"x")
    (inbox.folder / ".0123456789abcdef.part").mkdir()
    settle(inbox, 0.0)
    assert starts.names == []


def test_what_fails_twice_is_set_aside_with_the_reason(inbox: Inbox, starts: Starts) -> None:
    path = drop(inbox, "song.wav", b"no audio")
    settle(inbox, 0.0)
    inbox.ended("job-1", "failed", "is not audio")
    assert path.exists()
    inbox.look(10.0)
    assert starts.names == ["song.wav", "song.wav"]
    inbox.ended("job-2", "failed", "is not audio")
    assert not path.exists()
    aside = inbox.folder / SET_ASIDE / "song.wav"
    assert aside.read_bytes() == b"no audio"
    reason = aside.with_name("song.wav.txt").read_text()
    assert "is not audio" in reason
    assert str(inbox.folder) in reason
    settle(inbox, 20.0)
    assert len(starts.names) == 2
    aside.rename(path)
    settle(inbox, 30.0)
    assert len(starts.names) == 3, "put back, it gets another chance"


def test_a_cancelled_job_leaves_its_file_alone(inbox: Inbox, starts: Starts) -> None:
    path = drop(inbox, "song.wav")
    settle(inbox, 0.0)
    inbox.ended("job-1", "cancelled", "")
    settle(inbox, 40.0)
    assert (len(starts.names), path.exists()) == (1, True)


def test_nothing_that_was_set_aside_before_is_overwritten(inbox: Inbox) -> None:
    for number in range(3):
        set_aside(drop(inbox, "song.wav", b"%d" % number), "because")
    aside = inbox.folder / SET_ASIDE
    assert {path.name: path.read_bytes() for path in aside.glob("*.wav")} == {
        "song.wav": b"0",
        "song-2.wav": b"1",
        "song-3.wav": b"2",
    }
    assert len(list(aside.glob("*.txt"))) == 3


def test_a_file_that_cannot_be_set_aside_stays_and_is_left_alone(
    inbox: Inbox, starts: Starts, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = drop(inbox, "song.wav")
    (tmp_path / "elsewhere").mkdir()
    (inbox.folder / SET_ASIDE).symlink_to(tmp_path / "elsewhere")
    settle(inbox, 0.0)
    inbox.ended("job-1", "failed", "because")
    inbox.look(10.0)
    inbox.ended("job-2", "failed", "because")
    settle(inbox, 50.0)
    assert "cannot be set aside" in caplog.text
    assert path.exists()
    assert list((tmp_path / "elsewhere").iterdir()) == []
    assert len(starts.names) == 2


def test_a_file_that_was_replaced_after_it_failed_is_taken_for_what_it_is(inbox: Inbox, starts: Starts) -> None:
    path = drop(inbox, "song.wav")
    settle(inbox, 0.0)
    inbox.ended("job-1", "failed", "because")
    inbox.look(10.0)
    path.write_bytes(b"a better one")
    inbox.ended("job-2", "failed", "because")
    assert path.exists()
    settle(inbox, 20.0)
    assert len(starts.names) == 3


def test_what_cannot_be_started_now_waits_and_keeps_its_turn(inbox: Inbox, starts: Starts) -> None:
    for name in ("a.wav", "b.wav"):
        drop(inbox, name, name.encode())
    starts.raises = {"a.wav": NotNow(Code.LIMIT, "16 jobs are waiting")}
    settle(inbox, 0.0)
    inbox.look(31.0)
    assert starts.names == ["a.wav"], "a full queue is not asked again and again, nor is the next one hashed"
    assert inbox.record()["handled"] == [], "another daemon takes both"
    starts.raises = {}
    inbox.ended("somebody's", "done", "")
    inbox.look(31.5)
    assert starts.names == ["a.wav", "a.wav", "b.wav"]
    assert len(inbox.record()["handled"]) == 2


def test_what_is_refused_is_tried_again_later_and_then_set_aside(inbox: Inbox, starts: Starts) -> None:
    path = drop(inbox, "song.wav")
    starts.raises = {"song.wav": LoopError(Code.LIMIT, "2147483649 bytes, at most 2147483648")}
    settle(inbox, 0.0)
    inbox.look(30.0)
    assert path.exists()
    inbox.look(32.0)
    assert "error -9: 2147483649 bytes" in (inbox.folder / SET_ASIDE / "song.wav.txt").read_text()


def test_what_the_settings_do_not_allow_is_told_and_left(inbox: Inbox, starts: Starts) -> None:
    path = drop(inbox, "song.wav")
    starts.raises = {"song.wav": LoopError(Code.PATH_NOT_ALLOWED, "results go elsewhere")}
    settle(inbox, 0.0)
    settle(inbox, 50.0)
    assert starts.said == ["song.wav: not started: error -6: results go elsewhere"]
    assert path.exists()


def test_a_file_that_goes_away_before_its_job_starts_is_forgotten(inbox: Inbox, starts: Starts) -> None:
    path = drop(inbox, "song.wav")

    def gone(_: Path) -> Started:
        path.unlink()
        raise LoopError(Code.NO_SUCH_FILE, "no such file")

    vanishing = Inbox(inbox.folder, gone, starts.said.append)
    settle(vanishing, 0.0)
    settle(vanishing, 40.0)
    assert starts.said == []


def test_another_daemon_goes_on_where_one_stopped(inbox: Inbox, starts: Starts) -> None:
    for name in ("done.wav", "running.wav", "failing.wav", "lost.wav"):
        drop(inbox, name, name.encode())
    settle(inbox, 0.0)  # in the order of their names: done, failing, lost, running
    inbox.ended("job-1", "done", "")
    inbox.ended("job-2", "failed", "because")
    inbox.look(10.0)
    record = json.loads(json.dumps(inbox.record()))
    drop(inbox, "came while it was away.wav", b"new")
    following = Inbox.from_record(record, starts, starts.said.append)
    assert sorted(following.running) == ["job-3", "job-4", "job-5"]
    starts.names.clear()
    settle(following, 0.0)
    assert starts.names == ["came while it was away.wav"]
    following.ended("job-5", "failed", "because")
    assert (inbox.folder / SET_ASIDE / "failing.wav").exists(), "the first failure was remembered"
    following.lost("job-3")
    settle(following, 10.0)
    assert starts.names == ["came while it was away.wav", "lost.wav"]


def test_a_folder_may_go_away_and_come_back_without_work_being_done_twice(
    inbox: Inbox, starts: Starts, caplog: pytest.LogCaptureFixture
) -> None:
    drop(inbox, "song.wav")
    settle(inbox, 0.0)
    away = inbox.folder.rename(inbox.folder.with_name("away"))
    for now in (10.0, 20.0, 30.0):
        inbox.look(now)
    assert inbox.away
    assert caplog.text.count("cannot be listed") == 1
    inbox.folder.mkdir()  # the empty mount point of a drive that is unplugged
    settle(inbox, 40.0)
    inbox.folder.rmdir()
    away.rename(inbox.folder)
    drop(inbox, "new.wav", b"new")
    settle(inbox, 50.0)
    assert not inbox.away
    assert starts.names == ["song.wav", "new.wav"]


def test_a_file_that_never_stops_growing_is_never_taken(inbox: Inbox, starts: Starts) -> None:
    path = drop(inbox, "song.wav")
    for second in range(20):
        with path.open("ab") as file:
            file.write(b"x")
        inbox.look(float(second))
    assert starts.names == []
    assert inbox.busy


def test_a_write_that_keeps_the_size_is_seen(inbox: Inbox, starts: Starts) -> None:
    path = drop(inbox, "song.wav")
    for second in range(20):
        os.utime(path, (second, second))
        inbox.look(float(second))
    assert starts.names == []
    settle(inbox, 20.0)
    assert starts.names == ["song.wav"]
