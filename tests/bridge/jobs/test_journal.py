"""The journal: what it keeps, and what becomes of it when it is damaged, too new, or when the disk is full."""

import logging
import sqlite3
from pathlib import Path

import numpy as np
import pytest

from bridge.jobs import journal as module
from bridge.jobs.job import Job
from bridge.jobs.journal import Journal
from bridge.jobs.registry import Jobs, open_journal
from bridge.jobs.request import JobRequest
from bridge.jobs.state import State
from core.base.errors import Code, LoopError

REQUEST = JobRequest(Path("/music/song.wav"), Path("/music"), bars_frames=(0, 10, 20), region_frames=(0, 20), loops=2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.sqlite"


@pytest.fixture
def full(path: Path) -> Path:
    """A journal of 40 records."""
    journal = Journal.open(path)
    for number in range(40):
        journal.write({f"job-{number}": {"number": number, "text": "x" * 1_000}})
    journal.close()
    return path


def records(path: Path) -> dict[str, dict[str, object]]:
    journal = Journal.open(path)
    try:
        return journal.load()
    finally:
        journal.close()


def test_records_keep_the_order_in_which_they_arrived(path: Path) -> None:
    journal = Journal.open(path)
    journal.write({"b": {"n": 1}, "a": {"n": 2}})
    journal.write({"c": {"n": 3}, "b": {"n": 4}})
    journal.drop(["a", "never there"])
    journal.close()
    assert list(records(path).items()) == [("b", {"n": 4}), ("c", {"n": 3})]


def test_every_field_of_a_job_comes_back(path: Path) -> None:
    odd = Path("/music/M\u00fcller \udcff.wav")  # not UTF-8 on the disk
    request = JobRequest(odd, Path("/music"), bars_frames=(0, 10), region_frames=(3, 4), loops=2)
    job = Job("id-2", request, 5.0, State.DONE, 1.0, "", 7, -1, "why", odd, odd, "id", "max", "r1", 2, {"a/b": 3})
    journal = Journal.open(path)
    journal.write({job.id: job.record()})
    journal.close()
    assert Job.from_record(job.id, records(path)[job.id], 5.0) == job


def test_garbage_is_kept_aside_and_told(path: Path, caplog: pytest.LogCaptureFixture) -> None:
    for number in (1, 2):
        path.write_bytes(b"garbage %d" % number * 1_000)
        with caplog.at_level(logging.ERROR):
            assert records(path) == {}
        aside = path.with_name(f"jobs-damaged-{number}.sqlite")
        assert aside.read_bytes().startswith(b"garbage %d" % number)
        assert aside.name in caplog.text


@pytest.mark.parametrize(
    "damage",
    [
        "DROP TABLE jobs",
        "UPDATE jobs SET record = '{' WHERE id = 'job-3'",
        "UPDATE jobs SET record = '[]' WHERE id = 'job-3'",
        "ALTER TABLE jobs RENAME COLUMN record TO other",
    ],
)
def test_a_file_that_holds_something_else_is_damaged_too(full: Path, damage: str) -> None:
    connection = sqlite3.connect(full)
    connection.execute(damage)
    connection.commit()
    connection.close()
    assert open_journal(full).load() == {}
    assert len(list(full.parent.glob("jobs-damaged-1.sqlite"))) == 1


def test_no_damage_keeps_the_daemon_from_starting(full: Path) -> None:
    whole, before = full.read_bytes(), records(full)
    random = np.random.default_rng(4)
    for trial in range(30):
        damaged = bytearray(whole)
        if trial % 2:
            del damaged[int(random.integers(len(whole))) :]
        else:
            start = int(random.integers(len(whole) - 500))
            damaged[start : start + 500] = random.bytes(500)
        full.write_bytes(damaged)
        found = records(full)
        assert found == {} or set(found) == set(before)
        assert found or list(full.parent.glob("jobs-damaged-*.sqlite")) or not damaged
        for file in full.parent.glob("jobs*"):
            file.unlink()


def test_a_newer_journal_is_refused_and_left_as_it_is(full: Path) -> None:
    connection = sqlite3.connect(full)
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = full.read_bytes()
    with pytest.raises(LoopError, match="has version 99, this loopcube reads 1; update it") as refused:
        Journal.open(full)
    assert refused.value.code is Code.VERSION
    assert full.read_bytes() == before
    assert list(full.parent.glob("jobs-damaged*")) == []


def test_an_older_journal_is_brought_up_to_date(full: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = records(full)
    fails = "CREATE UNIQUE INDEX one_of_a_size ON jobs (length(record) > 9)"  # on 40 records, not on none
    monkeypatch.setattr(module, "MIGRATIONS", (*module.MIGRATIONS, "ALTER TABLE jobs ADD COLUMN more TEXT", fails))
    assert records(full) == {}
    [aside] = full.parent.glob("jobs-damaged-1.sqlite")
    monkeypatch.setattr(module, "MIGRATIONS", module.MIGRATIONS[:2])
    aside.rename(full)
    assert records(full) == before
    connection = sqlite3.connect(full)
    assert connection.execute("PRAGMA user_version").fetchone() == (2,)
    assert connection.execute("SELECT more FROM jobs LIMIT 1").fetchone() == (None,)
    connection.close()


def test_a_journal_that_another_process_holds_is_not_damaged(full: Path) -> None:
    holder = Journal.open(full)
    holder.write({"mine": {}})
    with pytest.raises(LoopError, match="cannot be used") as refused:
        Journal.open(full)
    assert refused.value.code is Code.WRITE_FAILED
    assert "mine" in holder.load()
    holder.close()


def fill_disk(journal: Journal) -> None:
    """Let the file grow no further, as on a full disk."""
    journal._connection.execute("PRAGMA max_page_count = 1")  # SQLite raises it to what is in use


def test_a_full_disk_leaves_the_journal_as_it_was(full: Path) -> None:
    journal = Journal.open(full)
    before = journal.load()
    fill_disk(journal)
    with pytest.raises(LoopError, match="full") as refused:
        journal.write({f"new-{number}": {"text": "x" * 1_000} for number in range(100)})
    assert refused.value.code is Code.WRITE_FAILED
    assert journal.load() == before
    journal.close()
    assert records(full) == before


def test_on_a_full_disk_no_job_starts_and_those_there_go_on(path: Path) -> None:
    journal = open_journal(path)
    jobs = Jobs(clock=lambda: 0.0, journal=journal, queue=1_000)
    first = jobs.start(REQUEST, "first")
    fill_disk(journal)
    started = [first]

    def start_many() -> None:
        for number in range(1_000):
            started.append(jobs.start(REQUEST, str(number)))  # noqa: PERF401 - those before the error count

    with pytest.raises(LoopError) as refused:
        start_many()
    assert refused.value.code is Code.WRITE_FAILED
    assert sorted(job.id for job in jobs.newest_first()) == sorted(job.id for job in started)
    assert list(journal.load()) == [job.id for job in started]
    jobs.take()
    jobs.finish(first.id, State.FAILED, code=Code.INTERNAL, text="x" * 10_000)  # more than there is room for
    assert jobs.get(first.id).state is State.FAILED
    journal._connection.execute("PRAGMA max_page_count = 1000000")
    jobs.cancel(started[1].id)  # with this change the one before is written, too
    journal.close()
    kept = Jobs(clock=lambda: 0.0, journal=open_journal(path))
    assert [kept.get(job.id).state for job in started[:2]] == [State.FAILED, State.CANCELLED]
