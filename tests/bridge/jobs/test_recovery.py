"""After the daemon was killed: no job is lost, none runs twice to the end, no half result lies about."""

import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_work
import pytest
from daemon_process import FAKE, Process

from bridge.client.client import Client
from bridge.jobs.job import ATTEMPTS, Job
from bridge.jobs.journal import Journal
from bridge.jobs.recovery import recover
from bridge.jobs.registry import Jobs, open_journal
from bridge.jobs.request import JobRequest
from bridge.jobs.staging import staging_folder, sweep
from bridge.jobs.state import FINAL, State
from bridge.jobs.workers import pool as workers_module
from bridge.jobs.workers.pool import Workers
from bridge.jobs.workers.process import Beat, Ended
from bridge.system.settings import BridgeSettings
from core.base.errors import Code, LoopError

Lives = Callable[[], Jobs]
Daemons = Callable[..., Process]


class Killed(BaseException):
    """Stands for a kill -9: nobody may catch it and go on."""


@pytest.fixture
def next_life(settings: BridgeSettings) -> Iterator[Lives]:
    """`next_life()` is the jobs of a daemon that starts where the one before was killed."""
    settings.job_logs.mkdir(parents=True)
    settings.runtime.mkdir()
    journals: list[Journal] = []

    def begin() -> Jobs:
        for journal in journals:
            journal.close()
        journals.append(open_journal(settings.journal_file))
        jobs = Jobs(clock=time.monotonic, journal=journals[-1], logs=settings.job_logs)
        recover(jobs, settings)
        return jobs

    yield begin
    journals[-1].close()


def request(song: Path, **options: object) -> JobRequest:
    return JobRequest(song, song.parent, **options)  # type: ignore[arg-type]


def left(song: Path) -> list[str]:
    return sorted(path.name for path in song.parent.iterdir() if path != song)


def run_next(jobs: Jobs) -> Job:
    """Run the next job in a worker process, on this thread."""
    workers = Workers(jobs, fake_work.by_name)
    job = jobs.take()
    assert job is not None
    try:
        workers._settle(job, workers._run(job))
    finally:
        workers._pool.close()
    return jobs.get(job.id)


STEPS = ["write", "write", "rename", "rename", "write", "write"]  # begins and ends of what placing a result takes


def kill_at(step: int, patch: pytest.MonkeyPatch) -> None:
    """Have the daemon killed at one of `STEPS`, with everything left as it was at that moment."""
    passed = 0

    def pass_step() -> None:
        nonlocal passed
        passed += 1
        if passed > step:
            raise Killed

    def dying(do: Callable[..., object]) -> Callable[..., object]:
        def wrapped(*arguments: object) -> object:
            pass_step()
            done = do(*arguments)
            pass_step()
            return done

        return wrapped

    patch.setattr(Journal, "write", dying(Journal.write))
    patch.setattr(Path, "rename", dying(Path.rename))
    patch.setattr(workers_module, "sweep", lambda job: passed > step or sweep(job))


@pytest.mark.parametrize("step", range(len(STEPS)))
def test_killed_at_any_step_of_placing_a_result(
    next_life: Lives, song: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    jobs = next_life()
    name = jobs.start(request(song), "content").id
    workers = Workers(jobs, fake_work.quick)
    job = jobs.take()
    assert job is not None
    with monkeypatch.context() as patch:
        kill_at(step, patch)
        with pytest.raises(Killed):
            workers._settle(job, workers._run(job))
    workers._pool.close()
    assert left(song) != []
    jobs = next_life()
    assert jobs.get(name).state is (State.QUEUED if step < 3 else State.DONE)
    final = jobs.get(name) if step >= 3 else run_next(jobs)
    assert (final.state, final.result) == (State.DONE, song.parent / "song-loops")
    assert left(song) == ["song-loops"]
    assert next_life().start(request(song), "content").id == name


def test_jobs_come_back_in_order_and_run_twice_at_most(next_life: Lives, song: Path) -> None:
    jobs = next_life()
    names = [jobs.start(request(song, loops=loops), "").id for loops in (1, 2, 3, 4)]
    jobs.take()
    jobs.take()
    jobs.cancel(names[1])
    jobs = next_life()
    assert [jobs.get(name).state for name in names] == ["queued", "cancelled", "queued", "queued"]
    again = jobs.take()
    assert again is not None
    assert (again.id, again.attempt) == (names[0], 2)
    failed = next_life().get(names[0])
    assert (failed.state, failed.code) == (State.FAILED, Code.INTERNAL)
    assert failed.text == "the daemon was killed twice while this job ran; start the job again"


def test_stopping_the_daemon_uses_up_no_attempt(next_life: Lives, song: Path) -> None:
    name = next_life().start(request(song), "").id
    for _ in range(3):
        jobs = next_life()
        jobs.take()
        jobs.close()
        assert jobs.interrupt(name).state is State.INTERRUPTED
    assert next_life().get(name).state is State.QUEUED


def test_only_what_is_ours_is_removed(next_life: Lives, song: Path, settings: BridgeSettings) -> None:
    jobs = next_life()
    job = jobs.start(request(song), "")
    begun = jobs.take()
    assert begun is not None
    for name in (staging_folder(begun).name, f".{job.id}.{ATTEMPTS}.part", ".0123456789abcdef.1.part", "song.part"):
        (song.parent / name / "stems").mkdir(parents=True)
    (settings.runtime / "daemon.json.abcd.part").touch()
    (settings.job_logs / "gone.log").touch()
    assert job.log is not None
    job.log.touch()
    next_life()
    assert left(song) == [".0123456789abcdef.1.part", "song.part"]
    assert list(settings.runtime.glob("*.part")) == []
    assert list(settings.job_logs.iterdir()) == [job.log]


def test_a_done_job_counts_only_while_its_files_are_whole(next_life: Lives, song: Path) -> None:
    jobs = next_life()
    first = jobs.start(request(song.with_name("stems.wav")), "")
    done = run_next(jobs)
    assert done.result is not None
    assert set(done.files) == {"manifest.json", "stems/one.wav"}
    jobs = next_life()
    assert jobs.start(first.request, "") == jobs.get(first.id)
    (done.result / "notes.txt").write_text("the user's own")
    assert jobs.start(first.request, "").id == first.id
    (done.result / "stems" / "one.wav").write_bytes(b"")
    assert jobs.start(first.request, "").id == f"{first.id}-2"


def test_a_fresh_start_is_not_repeated_by_its_resend(next_life: Lives, song: Path) -> None:
    first = next_life().start(request(song), "", rid="r1")
    second = next_life().start(request(song), "", fresh=True, rid="r2")
    assert second.id == f"{first.id}-2"
    assert next_life().start(request(song), "", fresh=True, rid="r2").id == second.id
    assert next_life().start(request(song), "", fresh=True, rid="r3").id == f"{first.id}-3"


class Asleep:
    """A worker that is heard of only after the daemon slept for hours."""

    def __init__(self, turn: Callable[[float], None]) -> None:
        self.turn = turn
        self.told = iter([None, Beat(), None, None, Ended(State.DONE)])

    def receive(self, seconds: float) -> object:
        self.turn(3_600.0 + seconds)
        return next(self.told)

    def memory(self) -> int:
        return 0


def test_a_daemon_that_slept_does_not_take_its_workers_for_dead(clock: object, song: Path) -> None:
    jobs = Jobs(clock=clock)  # type: ignore[arg-type]
    name = jobs.start(request(song), "").id
    jobs.take()
    workers = Workers(jobs, fake_work.quick, clock=clock)  # type: ignore[arg-type]
    asleep = Asleep(clock.sleep)  # type: ignore[attr-defined]
    assert workers._relay(name, asleep) == Ended(State.DONE)  # type: ignore[arg-type]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_goes_on_where_the_last_one_ended(
    daemons: Daemons, song: Path, number: int, eventually: Callable[..., None]
) -> None:
    waiting, quick = song.with_name("waiting.wav"), song.with_name("quick.wav")
    for path in (waiting, quick):
        shutil.copy(song, path)
    daemon = daemons()
    with Client.of_running_daemon(daemon.settings) as client:
        job = client.extract(waiting).job
        eventually(lambda: client.status(job).stage == "waiting")
        other = client.extract(quick).job
    daemon.stop(number)
    eventually(lambda: not list(song.parent.glob(f".{job}.*.part")))  # the worker has noticed
    waiting.with_suffix(".go").touch()
    daemon = daemons()
    with Client.of_running_daemon(daemon.settings) as client:
        assert client.wait(job).state == "done"
        assert client.wait(other).state == "done"
        assert client.extract(waiting).state == "done"
        assert client.extract(waiting).job == job
    assert [name for name in left(song) if name.endswith("loops")] == ["quick-loops", "waiting-loops"]


def test_of_many_starts_at_once_one_survives(settings: BridgeSettings, free_port: int) -> None:
    daemons = [Process(settings, FAKE, free_port) for _ in range(4)]
    try:
        until = time.monotonic() + 30.0
        while sum(daemon.popen.poll() is None for daemon in daemons) > 1 or not any(d.is_ready for d in daemons):
            assert time.monotonic() < until
            time.sleep(0.05)
        [survivor] = [daemon for daemon in daemons if daemon.popen.poll() is None]
        assert survivor.is_ready
    finally:
        for daemon in daemons:
            daemon.popen.kill()
            daemon.popen.wait(10.0)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 300 kB of its own, where the tests' user may mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(folder)]
    try:
        subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - a fixed command
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs the right to mount")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)  # noqa: S603, S607 - likewise


def test_a_full_disk_fails_the_job_with_words(small_disk: Path) -> None:
    song = small_disk / "large.wav"
    song.touch()
    jobs = Jobs(clock=time.monotonic)
    jobs.start(request(song), "")
    job = run_next(jobs)
    assert (job.state, job.code) == (State.FAILED, Code.WRITE_FAILED)
    assert "No space left on device" in job.text
    assert left(song) == []


def test_a_daemon_on_a_full_disk_says_so_and_works_again_when_there_is_space(small_disk: Path, song: Path) -> None:
    path = small_disk / "jobs.sqlite"
    jobs = Jobs(clock=time.monotonic, journal=open_journal(path), queue=10_000, logs=small_disk)
    first = jobs.start(request(song), "")
    filler = small_disk / "filler"
    with filler.open("wb") as file:
        while space_left(small_disk):
            file.write(bytes(space_left(small_disk)))
            file.flush()
    codes = {start_or_code(jobs, request(song, max_loop_bars=number)) for number in range(100)}
    assert codes - {0} == {Code.WRITE_FAILED}
    assert run_next(jobs).state is State.DONE
    filler.unlink()
    assert start_or_code(jobs, request(song, loops=2)) == 0
    assert jobs.get(first.id).state is State.DONE
    assert {job.id for job in jobs.newest_first()} == set(jobs._journal.load())
    assert sum(job.state in FINAL for job in jobs.newest_first()) == 1
    jobs._journal.close()


def space_left(folder: Path) -> int:
    return shutil.disk_usage(folder).free


def start_or_code(jobs: Jobs, asked: JobRequest) -> int:
    try:
        jobs.start(asked, "")
    except LoopError as error:
        return error.code
    return 0
