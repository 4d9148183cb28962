"""Workers: real processes that end well, badly, late or not at all; none is left, and no half result."""

import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import fake_work
import pytest

from bridge.jobs import FINAL, Job, Jobs, State
from bridge.request import JobRequest
from bridge.workers import Work, Workers
from core.errors import Code

Run = Callable[..., Job]


@pytest.fixture
def running() -> Iterator[Callable[[Work], Jobs]]:
    """Jobs served by one worker that does the given work; closed and joined after the test."""
    started: list[tuple[Jobs, Workers]] = []

    def start(work: Work) -> Jobs:
        jobs = Jobs(clock=time.monotonic)
        workers = Workers(jobs, work)
        workers.start()
        started.append((jobs, workers))
        return jobs

    yield start
    for jobs, workers in started:
        jobs.close()
        assert workers.join(5.0)
    assert multiprocessing.active_children() == []


def add(jobs: Jobs, song: Path, **options: object) -> str:
    return jobs.start(JobRequest(song, song.parent, **options), "content").id  # type: ignore[arg-type]


def ended(jobs: Jobs, name: str, seconds: float = 20.0) -> Job:
    job = jobs.wait_until(lambda job: job.state in FINAL, name, timeout=seconds)
    assert job.state in FINAL
    return job


def at_work(jobs: Jobs, name: str) -> Job:
    """The job once its worker has told something."""
    job = jobs.wait_until(lambda job: job.progress > 0, name, timeout=20.0)
    assert job.state is State.RUNNING
    return job


def left(song: Path) -> list[str]:
    return sorted(path.name for path in song.parent.iterdir() if path != song)


def test_a_result_is_moved_into_place_and_never_replaces_another(running: Callable[[Work], Jobs], song: Path) -> None:
    jobs = running(fake_work.quick)
    first, second = add(jobs, song), add(jobs, song, loops=2)
    assert ended(jobs, first).result == song.parent / "song-loops"
    assert ended(jobs, second).result == song.parent / "song-loops-2"
    assert (song.parent / "song-loops" / "manifest.json").is_file()
    assert left(song) == ["song-loops", "song-loops-2"]


@pytest.mark.parametrize(
    ("work", "code", "text"),
    [
        (fake_work.refusing, Code.MUSIC_NOT_USABLE, "3 bars, at least 4 are needed"),
        (fake_work.buggy, Code.INTERNAL, "ZeroDivisionError: by nought"),
        (fake_work.dying, Code.INTERNAL, "the worker ended unexpectedly"),
    ],
)
def test_a_failure_has_its_code_and_leaves_nothing(
    running: Callable[[Work], Jobs], song: Path, work: Work, code: Code, text: str
) -> None:
    jobs = running(work)
    job = ended(jobs, add(jobs, song))
    assert (job.state, job.code, job.result) == (State.FAILED, code, None)
    assert text in job.text
    assert left(song) == []


@pytest.mark.parametrize("work", [fake_work.endless, fake_work.deaf, fake_work.stubborn])
def test_a_running_job_is_cancelled_within_two_seconds(running: Callable[[Work], Jobs], song: Path, work: Work) -> None:
    jobs = running(work)
    job = at_work(jobs, add(jobs, song))
    assert left(song) == [f".{job.id}.part"]
    asked = time.monotonic()
    assert jobs.cancel(job.id).state is State.CANCELLING
    assert ended(jobs, job.id).state is State.CANCELLED
    assert time.monotonic() - asked < 2.0
    assert left(song) == []


def test_a_job_is_cancelled_while_its_worker_starts(running: Callable[[Work], Jobs], song: Path) -> None:
    jobs = running(fake_work.endless)
    name = add(jobs, song)
    jobs.wait_until(lambda job: job.state is State.RUNNING, name, timeout=20.0)
    jobs.cancel(name)
    assert ended(jobs, name, 2.0).state is State.CANCELLED
    assert left(song) == []


def test_a_waiting_job_is_cancelled_at_once_and_the_next_one_runs(running: Callable[[Work], Jobs], song: Path) -> None:
    jobs = running(fake_work.endless)
    first, second = add(jobs, song), add(jobs, song, loops=2)
    at_work(jobs, first)
    assert jobs.cancel(second).state is State.CANCELLED
    third = add(jobs, song, loops=3)
    jobs.cancel(first)
    at_work(jobs, third)


def test_a_killed_worker_fails_its_job_and_the_next_one_runs(running: Callable[[Work], Jobs], song: Path) -> None:
    jobs = running(fake_work.by_name)
    endless, quick = song.with_name("endless.wav"), song.with_name("quick.wav")
    name = add(jobs, endless)
    at_work(jobs, name)
    [process] = multiprocessing.active_children()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    job = ended(jobs, name)
    assert (job.state, job.code) == (State.FAILED, Code.INTERNAL)
    assert ended(jobs, add(jobs, quick)).state is State.DONE
    assert left(song) == ["quick-loops"]


def test_what_a_killed_daemon_left_is_cleared(running: Callable[[Work], Jobs], song: Path) -> None:
    jobs = running(fake_work.quick)
    name = JobRequest(song, song.parent).identity("content")
    (song.parent / f".{name}.part" / "song-loops" / "stems").mkdir(parents=True)
    assert ended(jobs, add(jobs, song)).state is State.DONE
    assert left(song) == ["song-loops"]


def test_a_folder_that_is_gone_fails_the_job(running: Callable[[Work], Jobs], song: Path) -> None:
    jobs = running(fake_work.quick)
    job = ended(jobs, jobs.start(JobRequest(song, song.parent / "gone"), "").id)
    assert (job.state, job.code) == (State.FAILED, Code.WRITE_FAILED)


def test_closing_stops_what_runs(running: Callable[[Work], Jobs], song: Path) -> None:
    jobs = running(fake_work.deaf)
    name = add(jobs, song)
    at_work(jobs, name)
    jobs.close()
    assert jobs.wait_until(lambda job: job.state is State.INTERRUPTED, name, timeout=2.5).state is State.INTERRUPTED
    assert left(song) == []


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has no masks")
def test_ctrl_c_in_the_terminal_is_not_heard_by_workers(running: Callable[[Work], Jobs], song: Path) -> None:
    jobs = running(fake_work.masked)
    job = ended(jobs, add(jobs, song))
    assert job.state is State.DONE, job.text
