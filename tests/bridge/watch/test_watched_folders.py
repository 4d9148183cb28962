"""Watched folders of a daemon: on its jobs, kept across restarts, with notifications of changes."""

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import fake_work
import pytest
from conftest import Clock

from bridge.jobs.registry import Jobs
from bridge.jobs.state import State
from bridge.jobs.workers.pool import Workers
from bridge.system.settings import BridgeSettings
from bridge.watch import notifier
from bridge.watch.drop_folder import SET_ASIDE
from bridge.watch.notifier import Notifier, keep_looking
from bridge.watch.watched_folders import CLIENT, Watches
from core.base.errors import Code, LoopError

Eventually = Callable[..., None]


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "inbox"
    folder.mkdir()
    return folder


@pytest.fixture
def make(settings: BridgeSettings, jobs: Jobs, clock: Clock) -> Iterator[Callable[..., Watches]]:
    """`make()` is what a daemon makes when it starts; nothing looks before it is told to."""
    made: list[Watches] = []

    def watches(**changed: object) -> Watches:
        made.append(Watches(jobs, replace(settings, **changed), clock=clock))  # type: ignore[arg-type]
        return made[-1]

    settings.state.mkdir()
    yield watches
    for each in made:
        each.close()


def settle(watches: Watches, clock: Clock) -> None:
    watches.look()
    clock.sleep(2.0)
    watches.look()


def refused(code: Code, call: Callable[..., object], *arguments: object) -> str:
    with pytest.raises(LoopError) as error:
        call(*arguments)
    assert error.value.code is code
    return error.value.message


def test_a_dropped_file_becomes_a_job_of_the_daemon(
    make: Callable[..., Watches], jobs: Jobs, clock: Clock, inbox: Path
) -> None:
    (inbox / "there already.wav").write_bytes(b"x")
    watches = make()
    name = watches.add(str(inbox))
    (inbox / "song.wav").write_bytes(b"y")
    settle(watches, clock)
    settle(watches, clock)
    [job] = jobs.newest_first()
    assert (job.request.path, job.request.out, job.client) == (inbox / "song.wav", inbox, CLIENT)
    assert watches.list() == [(name, str(inbox))]


def test_the_same_folder_is_watched_once_however_it_is_spelled(
    make: Callable[..., Watches], inbox: Path, tmp_path: Path
) -> None:
    (tmp_path / "alias").symlink_to(inbox)
    watches = make()
    assert watches.add(str(inbox)) == watches.add(str(tmp_path / "alias")) == watches.add(f"{inbox}/../inbox")
    assert len(watches.list()) == 1


def test_folders_that_cannot_be_watched(make: Callable[..., Watches], inbox: Path, tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    watches = make(roots=(inbox,), watches=1)
    refused(Code.NO_SUCH_FILE, watches.add, str(tmp_path / "nothing"))
    refused(Code.PATH_NOT_ALLOWED, watches.add, str(tmp_path / "other"))
    refused(Code.PATH_NOT_ALLOWED, watches.add, "inbox")
    watches.add(str(inbox))
    (inbox / "deep").mkdir()
    assert "1 folders are watched" in refused(Code.LIMIT, watches.add, str(inbox / "deep"))
    watches.remove(watches.list()[0][0])
    watches.add(str(inbox / "deep"))
    refused(Code.NO_SUCH_JOB, watches.remove, "deadbeef")


def test_watches_and_what_they_handled_outlive_the_daemon(
    make: Callable[..., Watches], jobs: Jobs, clock: Clock, inbox: Path, settings: BridgeSettings
) -> None:
    first = make()
    name = first.add(str(inbox))
    (inbox / "song.wav").write_bytes(b"y")
    settle(first, clock)
    first.close()
    (inbox / "later.wav").write_bytes(b"z")
    second = make()
    assert second.list() == [(name, str(inbox))]
    settle(second, clock)
    assert [job.request.path.name for job in jobs.newest_first()] == ["later.wav", "song.wav"]
    assert (settings.state / "watches" / f"{name}.json").stat().st_mode & 0o777 == 0o600
    second.remove(name)
    assert make().list() == []
    (inbox / "last.wav").write_bytes(b"w")
    settle(second, clock)
    assert jobs.count(State.QUEUED) == 2


def test_a_failure_while_the_daemon_was_away_counts(
    make: Callable[..., Watches], jobs: Jobs, clock: Clock, inbox: Path
) -> None:
    first = make()
    first.add(str(inbox))
    (inbox / "song.wav").write_bytes(b"y")
    settle(first, clock)
    first.close()
    for following in (make(), make()):
        job = jobs.take()
        assert job is not None
        jobs.finish(job.id, State.FAILED, code=Code.NOT_AUDIO, text="is not audio")
        following.close()
        settle(make(), clock)
    assert (inbox / SET_ASIDE / "song.wav.txt").is_file()
    assert jobs.count(State.FAILED) == 2


def test_a_damaged_record_is_kept_aside_and_the_others_are_watched(
    make: Callable[..., Watches], inbox: Path, settings: BridgeSettings, caplog: pytest.LogCaptureFixture
) -> None:
    make().add(str(inbox))
    records = settings.state / "watches"
    for number, text in enumerate(["{", "[]", '{"folder": 3, "handled": [], "running": {}}', '{"handled": [1]}']):
        (records / f"bad{number}.json").write_text(text)
    assert len(make().list()) == 1
    assert caplog.text.count("is damaged") == 4
    assert len(list(records.glob("*.damaged"))) == 4


def test_a_folder_that_the_settings_no_longer_allow_is_not_watched(
    make: Callable[..., Watches], inbox: Path, tmp_path: Path
) -> None:
    make().add(str(inbox))
    assert make(roots=(tmp_path / "elsewhere",)).list() == []
    assert len(make().list()) == 1


def test_a_full_queue_makes_files_wait_and_loses_none(
    make: Callable[..., Watches], jobs: Jobs, clock: Clock, inbox: Path
) -> None:
    watches = make()
    watches.add(str(inbox))
    names = [f"{number}.wav" for number in range(7)]
    for name in names:
        (inbox / name).write_bytes(name.encode())
    settle(watches, clock)
    assert jobs.count(State.QUEUED) == 3  # as many as may wait
    done = []
    while (job := jobs.take() if jobs.count(State.QUEUED) else None) is not None:
        jobs.finish(job.id, State.DONE, result=inbox)
        done.append(job.request.path.name)
        watches.look()
    assert done == names


def test_several_folders_with_real_workers_and_results_inside(
    settings: BridgeSettings, tmp_path: Path, eventually: Eventually, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One folder gets the results of all, and is watched itself."""
    monkeypatch.setattr(notifier, "LOOK_EVERY", 0.02)
    monkeypatch.setattr("bridge.watch.drop_folder.STABLE_SECONDS", 0.05)
    folders = [tmp_path / name for name in ("one", "two", "results")]
    for folder in folders:
        folder.mkdir()
    settings.state.mkdir()
    jobs = Jobs(clock=Clock())
    watches = Watches(jobs, replace(settings, out=tmp_path / "results"))
    workers = Workers(jobs, fake_work.by_name)
    workers.start()
    watches.start()
    try:
        for folder in folders:
            watches.add(str(folder))
        for name in ("one/song.wav", "two/refusing.wav", "results/tune.wav"):
            (tmp_path / name).write_bytes(name.encode())
        eventually(lambda: jobs.count(State.DONE) == 2 and (tmp_path / "two" / SET_ASIDE / "refusing.wav").exists())
        watches.look()
        assert jobs.count(*State) == 4  # the one that refuses was tried twice
        assert sorted(path.name for path in (tmp_path / "results").iterdir()) == [
            "song-loops",
            "tune-loops",
            "tune.wav",
        ]
    finally:
        jobs.close()
        watches.close()
        assert workers.join(5.0)


def test_notifications_come_for_new_files_and_not_for_our_own_looks(inbox: Path) -> None:
    tested = Notifier()
    stop, looks = threading.Event(), list[set[str]]()

    def look() -> bool:
        looks.append({path.name for path in inbox.iterdir() if path.read_bytes()})
        if len(looks) > 1:
            stop.set()
            tested.notify()
        return False

    tested.listen_to(inbox)
    looking = threading.Thread(target=keep_looking, args=(look, tested, stop))
    looking.start()
    looking.join(0.3)
    assert looks == [set()], "a look is no reason for another one"
    (inbox / "song.wav").write_bytes(b"x")
    looking.join(notifier.LOOK_ANYWAY / 2)
    assert not looking.is_alive(), "the notification came long before the regular look"
    tested.close()


@pytest.mark.parametrize("scarce", ["bridge.watch.notifier.Observer", "watchdog.observers.api.BaseObserver.schedule"])
def test_a_folder_that_cannot_be_listened_to_is_looked_at_all_the_same(
    make: Callable[..., Watches], jobs: Jobs, clock: Clock, inbox: Path, monkeypatch: pytest.MonkeyPatch, scarce: str
) -> None:
    def no_more(*_: object, **__: object) -> None:
        raise OSError(24, "inotify limit reached")

    watches = make()
    monkeypatch.setattr(scarce, no_more)
    watches.add(str(inbox))
    (inbox / "song.wav").write_bytes(b"y")
    settle(watches, clock)
    assert jobs.count(State.QUEUED) == 1


def test_a_folder_that_comes_back_is_listened_to_again(
    make: Callable[..., Watches], inbox: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    listened: list[Path] = []
    monkeypatch.setattr(Notifier, "listen_to", lambda _, folder: listened.append(folder))
    watches = make()
    watches.add(str(inbox))
    watches.look()
    shutil.rmtree(inbox)
    watches.look()
    inbox.mkdir()
    watches.look()
    watches.look()
    assert listened == [inbox, inbox]


def test_a_record_that_cannot_be_written_adds_no_watch(
    make: Callable[..., Watches], inbox: Path, settings: BridgeSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    watches = make()

    def full(*_: object) -> None:
        raise LoopError(Code.WRITE_FAILED, "no space left")

    monkeypatch.setattr("bridge.watch.watched_folders.write_private", full)
    refused(Code.WRITE_FAILED, watches.add, str(inbox))
    assert watches.list() == []
    monkeypatch.undo()
    watches.add(str(inbox))
    [record] = (settings.state / "watches").iterdir()
    assert json.loads(record.read_text())["folder"] == str(inbox)
