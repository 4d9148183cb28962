"""Workers: real processes that end well, badly, late or not at all; none is left, and no half result."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import fake_work
import numpy as np
import psutil
import pytest

from bridge.jobs.job import ATTEMPTS, Job
from bridge.jobs.registry import Jobs
from bridge.jobs.request import JobRequest
from bridge.jobs.state import FINAL, State
from bridge.jobs.workers.pool import Workers
from bridge.jobs.workers.process import LOG_BYTES, Work
from bridge.jobs.workers.work import extract_to_folder, warm_up
from core.audio.wav import write_wav
from core.base.errors import Code
from core.evaluation.songs import build

Start = Callable[..., Jobs]


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Start]:
    """Jobs served by one worker that does the given work; closed and joined after the test."""
    started: list[tuple[Jobs, Workers]] = []

    def start(work: Work, **options: Any) -> Jobs:
        jobs = Jobs(clock=time.monotonic, logs=tmp_path)
        workers = Workers(jobs, work, **options)
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


def test_a_result_is_moved_into_place_and_never_replaces_another(running: Start, song: Path) -> None:
    jobs = running(fake_work.quick)
    (song.parent / "song-loops-2").symlink_to("nowhere")
    first, second = add(jobs, song), add(jobs, song, loops=2)
    assert ended(jobs, first).result == song.parent / "song-loops"
    assert ended(jobs, second).result == song.parent / "song-loops-3"
    assert (song.parent / "song-loops" / "manifest.json").is_file()
    assert left(song) == ["song-loops", "song-loops-2", "song-loops-3"]


@pytest.mark.parametrize(
    ("work", "code", "text"),
    [
        (fake_work.refusing, Code.MUSIC_NOT_USABLE, "3 bars, at least 4 are needed"),
        (fake_work.buggy, Code.INTERNAL, "ZeroDivisionError: by nought"),
        (fake_work.dying, Code.INTERNAL, "its worker died (status 9)"),
        (fake_work.aimless, Code.INTERNAL, "the work stopped by itself"),
    ],
)
def test_a_failure_has_its_code_and_leaves_nothing(
    running: Start, song: Path, work: Work, code: Code, text: str
) -> None:
    jobs = running(work)
    job = ended(jobs, add(jobs, song))
    assert (job.state, job.code, job.result) == (State.FAILED, code, None)
    assert text in job.text
    assert left(song) == []


@pytest.mark.parametrize("work", [fake_work.endless, fake_work.deaf, fake_work.stubborn])
def test_a_running_job_is_cancelled_within_two_seconds(running: Start, song: Path, work: Work) -> None:
    jobs = running(work)
    job = at_work(jobs, add(jobs, song))
    assert left(song) == [f".{job.id}.1.part"]
    asked = time.monotonic()
    assert jobs.cancel(job.id).state is State.CANCELLING
    assert ended(jobs, job.id).state is State.CANCELLED
    assert time.monotonic() - asked < 2.0
    assert left(song) == []


def test_a_job_is_cancelled_while_its_worker_starts(running: Start, song: Path) -> None:
    jobs = running(fake_work.endless)
    name = add(jobs, song)
    jobs.wait_until(lambda job: job.state is State.RUNNING, name, timeout=20.0)
    jobs.cancel(name)
    assert ended(jobs, name, 2.0).state is State.CANCELLED
    assert left(song) == []


def test_a_waiting_job_is_cancelled_at_once_and_the_next_one_runs(running: Start, song: Path) -> None:
    jobs = running(fake_work.endless)
    first, second = add(jobs, song), add(jobs, song, loops=2)
    at_work(jobs, first)
    assert jobs.cancel(second).state is State.CANCELLED
    third = add(jobs, song, loops=3)
    jobs.cancel(first)
    at_work(jobs, third)


def kill_worker(jobs: Jobs, name: str) -> None:
    at_work(jobs, name)
    [process] = multiprocessing.active_children()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)


def test_a_killed_worker_is_replaced_once(running: Start, song: Path) -> None:
    jobs = running(fake_work.by_name)
    name = add(jobs, song.with_name("endless.wav"))
    kill_worker(jobs, name)
    jobs.wait_until(lambda job: job.attempt == 2, name, timeout=20.0)
    kill_worker(jobs, name)
    job = ended(jobs, name)
    assert (job.state, job.code, job.attempt) == (State.FAILED, Code.INTERNAL, 2)
    assert "its worker died (signal 9)" in job.text
    assert ended(jobs, add(jobs, song.with_name("quick.wav"))).state is State.DONE
    assert left(song) == ["quick-loops"]


@pytest.mark.parametrize("work", [fake_work.dying_once, fake_work.frozen])
def test_what_does_not_go_wrong_again_gets_done(running: Start, song: Path, work: Work) -> None:
    jobs = running(work, silent_for=2.0)
    told: list[Job] = []
    jobs.listen(told.append)
    job = ended(jobs, add(jobs, song))
    assert (job.state, job.attempt, job.progress) == (State.DONE, 2, 1.0)
    assert list(dict.fromkeys(job.state for job in told)) == ["queued", "running", "interrupted", "done"]
    assert [job.seq for job in told] == sorted({job.seq for job in told})
    assert left(song) == ["song-loops", "song.seen"]


def test_a_job_that_takes_too_much_memory_fails(running: Start, song: Path) -> None:
    jobs = running(fake_work.hungry, memory=300 * 1024**2)
    job = ended(jobs, add(jobs, song))
    assert (job.state, job.code, job.attempt) == (State.FAILED, Code.LIMIT, 1)
    assert job.text.startswith("the job needs more than 0.293 GiB of memory")
    assert len(job.text) <= 120
    assert left(song) == []


def worker_of(jobs: Jobs, name: str) -> int:
    result = ended(jobs, name).result
    assert result is not None
    return int((result / "process").read_text())


def test_a_worker_serves_again_unless_it_had_to_be_killed(running: Start, song: Path) -> None:
    jobs = running(fake_work.by_name)
    identified, polite, deaf = (song.with_name(f"{name}.wav") for name in ("identified", "endless", "deaf"))
    first = worker_of(jobs, add(jobs, identified))
    jobs.cancel(at_work(jobs, add(jobs, polite)).id)
    assert worker_of(jobs, add(jobs, identified, loops=2)) == first
    jobs.cancel(at_work(jobs, add(jobs, deaf)).id)
    assert worker_of(jobs, add(jobs, identified, loops=3)) != first


def test_one_worker_is_kept_warm(running: Start, song: Path, eventually: Callable[..., None]) -> None:
    jobs = running(fake_work.by_name, warm=fake_work.warm, processes=3)
    eventually(lambda: len(multiprocessing.active_children()) == 1)
    names = [add(jobs, song.with_name("endless.wav"), loops=loops) for loops in (1, 2)]
    for name in names:
        jobs.wait_until(lambda job: job.progress > 0, name, timeout=20.0)
    eventually(lambda: len(multiprocessing.active_children()) == 3)  # two at work and one for the next job
    for name in names:
        jobs.cancel(name)
    eventually(lambda: len(multiprocessing.active_children()) == 1)
    assert "warm: True" in read_log(ended(jobs, add(jobs, song.with_name("witness.wav"))))


def read_log(job: Job) -> str:
    assert job.log is not None
    return job.log.read_text(encoding="utf-8")


def test_each_job_has_a_log_of_bounded_size(running: Start, song: Path) -> None:
    jobs = running(fake_work.by_name)
    buggy = ended(jobs, add(jobs, song.with_name("buggy.wav")))
    assert "50 % half" in read_log(buggy)
    assert "ZeroDivisionError" in read_log(buggy)
    talkative = ended(jobs, add(jobs, song.with_name("talkative.wav")))
    assert talkative.state is State.DONE
    assert LOG_BYTES / 2 < len(read_log(talkative)) <= LOG_BYTES
    assert "ZeroDivisionError" not in read_log(talkative)
    jobs.forget(buggy.id)
    assert buggy.log is not None
    assert not buggy.log.exists()


def test_a_log_that_cannot_be_written_does_no_harm(running: Start, song: Path, tmp_path: Path) -> None:
    jobs = running(fake_work.quick)
    (tmp_path / f"{JobRequest(song, song.parent).identity('content')}.log").mkdir()
    assert ended(jobs, add(jobs, song)).state is State.DONE


def test_a_hundred_starts_and_cancels_leave_nothing(
    running: Start, song: Path, eventually: Callable[..., None]
) -> None:
    jobs = running(fake_work.endless, processes=2)
    moments = np.random.default_rng(5)
    eventually(lambda: len(multiprocessing.active_children()) == 1)
    base = descriptors(), threading.active_count()
    for number in range(100):
        name = add(jobs, song, max_loop_bars=number)
        jobs.wait_until(lambda job: job.progress > 0, name, timeout=float(moments.choice([0.0, 0.01, 0.2])))
        jobs.cancel(name)
    assert all(ended(jobs, job.id).state is State.CANCELLED for job in jobs.newest_first())
    eventually(lambda: len(multiprocessing.active_children()) == 1)
    eventually(lambda: abs(descriptors() - base[0]) <= 2)
    assert threading.active_count() == base[1]
    assert [child for child in psutil.Process().children() if child.status() == psutil.STATUS_ZOMBIE] == []
    assert left(song) == []


def descriptors() -> int:
    process = psutil.Process()
    return int(process.num_fds() if hasattr(process, "num_fds") else process.num_handles())


def test_a_clock_that_steps_changes_nothing(running: Start, song: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = count(1)
    monkeypatch.setattr(time, "time", lambda: 1e9 + 3_600.0 * (-1) ** next(steps))
    jobs = running(fake_work.by_name, silent_for=5.0)
    assert ended(jobs, add(jobs, song)).state is State.DONE
    job = at_work(jobs, add(jobs, song.with_name("deaf.wav")))
    asked = time.monotonic()
    jobs.cancel(job.id)
    assert ended(jobs, job.id).state is State.CANCELLED
    assert 1.0 < time.monotonic() - asked < 2.0


def test_what_a_killed_daemon_left_is_cleared(running: Start, song: Path) -> None:
    jobs = running(fake_work.quick)
    name = JobRequest(song, song.parent).identity("content")
    (song.parent / f".{name}.{ATTEMPTS}.part" / "song-loops" / "stems").mkdir(parents=True)
    assert ended(jobs, add(jobs, song)).state is State.DONE
    assert left(song) == ["song-loops"]


def test_a_folder_that_is_gone_fails_the_job(running: Start, song: Path) -> None:
    jobs = running(fake_work.quick)
    job = ended(jobs, jobs.start(JobRequest(song, song.parent / "gone"), "").id)
    assert (job.state, job.code) == (State.FAILED, Code.WRITE_FAILED)


def test_closing_stops_what_runs(running: Start, song: Path) -> None:
    jobs = running(fake_work.deaf)
    name = add(jobs, song)
    at_work(jobs, name)
    jobs.close()
    assert jobs.wait_until(lambda job: job.state is State.INTERRUPTED, name, timeout=2.5).state is State.INTERRUPTED
    assert left(song) == []


@pytest.mark.skipif(not hasattr(signal, "pthread_sigmask"), reason="Windows has no masks")
def test_ctrl_c_in_the_terminal_is_not_heard_by_workers(running: Start, song: Path) -> None:
    jobs = running(fake_work.masked)
    job = ended(jobs, add(jobs, song))
    assert job.state is State.DONE, job.text


def test_a_worker_that_pauses_for_a_moment_goes_on(running: Start, song: Path) -> None:
    jobs = running(fake_work.by_name, silent_for=10.0)
    job = at_work(jobs, add(jobs, song.with_name("waiting.wav")))
    [process] = multiprocessing.active_children()
    assert process.pid is not None
    os.kill(process.pid, signal.SIGSTOP)
    song.with_name("waiting.go").touch()
    assert jobs.wait_until(lambda job: job.state in FINAL, job.id, timeout=1.0).state is State.RUNNING
    os.kill(process.pid, signal.SIGCONT)
    assert ended(jobs, job.id).attempt == 1


def test_real_work_is_cancelled_within_two_seconds_at_any_moment(running: Start, song: Path) -> None:
    known = build("exact", 3, short=True)
    write_wav(song, known.mixture.samples, known.mixture.rate)
    bars = tuple(known.grid.starts.tolist())
    jobs = running(extract_to_folder, warm=warm_up)
    for moment in (0.0, 1.5):
        name = jobs.start(JobRequest(song, song.parent, bars_frames=bars), "", fresh=True).id
        jobs.wait_until(lambda job: job.progress > 0, name, timeout=60.0)
        jobs.wait_until(lambda job: job.state in FINAL, name, timeout=moment)
        asked = time.monotonic()
        jobs.cancel(name)
        assert ended(jobs, name).state in (State.CANCELLED, State.DONE)
        assert time.monotonic() - asked < 2.0
    assert [name for name in left(song) if name.endswith(".part")] == []
