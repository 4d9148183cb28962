"""Jobs: the state machine, attaching by content, the queue and its limit."""

from itertools import product
from pathlib import Path

import pytest

from bridge.jobs.job import Job
from bridge.jobs.registry import Jobs
from bridge.jobs.request import JobRequest
from bridge.jobs.state import ALLOWED, FINAL, State
from core.base.errors import Code, LoopError

REQUEST = JobRequest(Path("/music/song.wav"), Path("/music"))


def request(name: str) -> JobRequest:
    return JobRequest(Path(f"/music/{name}.wav"), Path("/music"))


@pytest.mark.parametrize(("before", "after"), list(product(State, State)))
def test_only_the_allowed_steps_are_taken(before: State, after: State) -> None:
    job = Job("00", REQUEST, 0.0, state=before)
    if after in ALLOWED[before]:
        moved = job.moved(after, now=5.0)
        assert (moved.state, moved.seq, moved.changed) == (after, 1, 5.0)
    else:
        with pytest.raises(LoopError, match=f"is {before} and cannot become {after}") as refused:
            job.moved(after, now=5.0)
        assert refused.value.code is Code.WRONG_STATE


def test_final_states_lead_nowhere_and_the_others_lead_to_one() -> None:
    assert {state for state in State if not ALLOWED[state]} == FINAL


def test_the_same_request_and_content_is_the_same_job(jobs: Jobs) -> None:
    first = jobs.start(REQUEST, "content")
    assert jobs.start(REQUEST, "content") == first
    assert len(first.id) == 16
    assert int(first.id, 16) >= 0
    assert jobs.start(REQUEST, "other content").id != first.id
    assert jobs.start(request("other"), "content").id != first.id


def test_a_job_that_ended_badly_runs_again_under_the_next_name(jobs: Jobs, tmp_path: Path) -> None:
    first = jobs.start(REQUEST, "content")
    jobs.cancel(first.id)
    second = jobs.start(REQUEST, "content")
    assert second.id == f"{first.id}-2"
    jobs.take()
    jobs.finish(second.id, State.FAILED, code=Code.INTERNAL)
    third = jobs.start(REQUEST, "content")
    jobs.take()
    jobs.finish(third.id, State.DONE, result=tmp_path / "gone")
    fourth = jobs.start(REQUEST, "content")
    assert (third.id, fourth.id) == (f"{first.id}-3", f"{first.id}-4")
    jobs.take()
    done = jobs.finish(fourth.id, State.DONE, result=tmp_path)
    assert jobs.start(REQUEST, "content") == done


def test_jobs_are_taken_in_order_and_at_most_three_wait(jobs: Jobs) -> None:
    names = [jobs.start(request(name), "").id for name in "abc"]
    with pytest.raises(LoopError, match="at most 3") as refused:
        jobs.start(request("d"), "")
    assert refused.value.code is Code.LIMIT
    taken = [job.id for _ in names if (job := jobs.take())]
    assert taken == names
    assert jobs.count(State.RUNNING) == 3


def test_cancel_answers_in_every_state(jobs: Jobs) -> None:
    waiting, running = jobs.start(request("a"), ""), jobs.start(request("b"), "")
    assert jobs.cancel(waiting.id).state is State.CANCELLED
    assert jobs.cancel(waiting.id).state is State.CANCELLED
    jobs.take()
    assert jobs.cancel(running.id).state is State.CANCELLING
    assert jobs.cancel(running.id).state is State.CANCELLING
    assert jobs.finish(running.id, State.FAILED, code=-1, text="too late to matter").state is State.CANCELLED
    with pytest.raises(LoopError, match="no job 'x'") as refused:
        jobs.cancel("x")
    assert refused.value.code is Code.NO_SUCH_JOB


def test_a_job_that_got_done_before_it_could_be_cancelled_is_done(jobs: Jobs, tmp_path: Path) -> None:
    job = jobs.start(REQUEST, "")
    jobs.take()
    jobs.cancel(job.id)
    assert jobs.finish(job.id, State.DONE, result=tmp_path).state is State.DONE


def test_progress_never_goes_back_and_each_report_has_a_higher_number(jobs: Jobs) -> None:
    job = jobs.start(REQUEST, "")
    jobs.take()
    seen = []
    for fraction in (0.2, 0.1, 7.0):
        jobs.report(job.id, fraction, "notes")
        seen.append(jobs.get(job.id))
    assert [job.progress for job in seen] == [0.2, 0.2, 1.0]
    assert [job.seq for job in seen] == [2, 3, 4]


def test_closed_jobs_give_and_take_nothing(jobs: Jobs) -> None:
    jobs.start(REQUEST, "")
    jobs.close()
    assert jobs.take() is None
    with pytest.raises(LoopError) as refused:
        jobs.start(request("b"), "")
    assert refused.value.code is Code.SHUTTING_DOWN


def test_old_finished_jobs_are_forgotten(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.jobs.registry.KEPT", 2)
    for name in "abcde":
        jobs.cancel(jobs.start(request(name), "").id)
    jobs.start(request("f"), "")
    assert len(jobs.newest_first()) == 3


def test_a_fresh_start_runs_the_same_again(jobs: Jobs) -> None:
    first = jobs.start(REQUEST, "content", client="max")
    assert first.client == "max"
    second = jobs.start(REQUEST, "content", fresh=True)
    assert second.id == f"{first.id}-2"
    assert jobs.start(REQUEST, "content") == second


def test_only_ended_jobs_are_forgotten(jobs: Jobs) -> None:
    job = jobs.start(REQUEST, "")
    with pytest.raises(LoopError, match="is queued; cancel it first") as refused:
        jobs.forget(job.id)
    assert refused.value.code is Code.WRONG_STATE
    jobs.cancel(job.id)
    jobs.forget(job.id)
    assert jobs.newest_first() == []


def test_every_change_is_told(jobs: Jobs) -> None:
    told: list[Job] = []
    jobs.listen(told.append)
    job = jobs.start(REQUEST, "")
    jobs.take()
    jobs.report(job.id, 0.5, "notes")
    jobs.finish(job.id, State.FAILED, code=Code.INTERNAL)
    assert [(job.seq, job.state) for job in told] == [(0, "queued"), (1, "running"), (2, "running"), (3, "failed")]


def test_no_client_takes_the_whole_queue() -> None:
    jobs = Jobs(clock=lambda: 0.0, queue=4, per_client=2)
    for name in "ab":
        jobs.start(request(name), "", client="greedy")
    with pytest.raises(LoopError, match="2 of your jobs are waiting, at most 2 a client") as refused:
        jobs.start(request("c"), "", client="greedy")
    assert refused.value.code is Code.LIMIT
    assert jobs.start(request("a"), "", client="greedy").id == jobs.newest_first()[-1].id  # attaching is free
    jobs.start(request("c"), "", client="modest")
    jobs.take()
    jobs.start(request("d"), "", client="greedy")
    jobs.start(request("d"), "", client="modest", fresh=True)
    with pytest.raises(LoopError, match="4 jobs are waiting, at most 4") as refused:
        jobs.start(request("e"), "", client="other")
    assert refused.value.code is Code.LIMIT


def test_a_job_that_is_being_cancelled_is_not_attached_to(jobs: Jobs) -> None:
    first = jobs.start(REQUEST, "")
    jobs.take()
    jobs.cancel(first.id)
    assert jobs.start(REQUEST, "").id == f"{first.id}-2"


def test_the_same_request_again_is_the_same_job_even_if_fresh(jobs: Jobs) -> None:
    jobs.start(REQUEST, "", rid="r1")
    second = jobs.start(REQUEST, "", fresh=True, rid="r2")
    assert jobs.start(REQUEST, "", fresh=True, rid="r2") == second


def test_a_run_that_was_cut_off_is_repeated_once(jobs: Jobs) -> None:
    first, second = jobs.start(request("a"), ""), jobs.start(request("b"), "")
    jobs.take()
    jobs.report(first.id, 0.7, "notes")
    again = jobs.again(first.id, "its worker died")
    assert (again.state, again.progress, again.stage, again.attempt) == (State.QUEUED, 0.0, "", 1)
    taken = jobs.take()
    assert taken is not None
    assert (taken.id, taken.attempt) == (first.id, 2)  # before the second, which came later
    failed = jobs.again(first.id, "its worker died")
    assert (failed.state, failed.code, failed.text) == (State.FAILED, Code.INTERNAL, "its worker died")
    jobs.take()
    jobs.cancel(second.id)
    assert jobs.again(second.id, "its worker died").state is State.CANCELLED


def test_a_listener_may_ask_and_may_fail(jobs: Jobs, caplog: pytest.LogCaptureFixture) -> None:
    seen: list[State] = []

    def curious(job: Job) -> None:
        seen.append(jobs.get(job.id).state)

    def clumsy(job: Job) -> None:
        raise ValueError(job.id)

    jobs.listen(clumsy)
    jobs.listen(curious)
    jobs.cancel(jobs.start(REQUEST, "").id)
    assert seen == [State.QUEUED, State.CANCELLED]
    assert "a listener failed" in caplog.text
