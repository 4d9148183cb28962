"""Each error code of the protocol reaches a client, over the wire or as the end of its job."""

from collections.abc import Callable
from pathlib import Path

import pytest
from talk import Talk, read, read_code

from bridge import messages, wire
from bridge.job import State
from bridge.jobs import Jobs
from bridge.request import JobRequest
from core.errors import Code

ENDS = {Code.NOT_AUDIO, Code.MUSIC_NOT_USABLE, Code.WRITE_FAILED}  # found out by the worker, and told by the status


def ask(address: str, *arguments: wire.Value) -> Callable[[Talk], Code]:
    return lambda talk: read_code(talk(address, "r1", *arguments))


def internal(talk: Talk) -> Code:
    talk.service.jobs.count = lambda *states: 1 // len(states[:0])  # type: ignore[method-assign]
    return read_code(talk("ping", "r1"))


def with_a_wrong_token(talk: Talk) -> Code:
    return read_code(read(talk.packet(wire.encode("/loopcube/ping", ("wrong", "r1")))))


def while_it_runs(talk: Talk) -> Code:
    started = talk("extract", "r1", str(Path(__file__)), "")
    assert isinstance(started, messages.ExtractReply)
    return read_code(talk("get/info", "r2", started.job, "manifest"))


def with_a_used_rid(talk: Talk) -> Code:
    talk("ping", "r1")
    return read_code(talk("stats", "r1"))


def after_quit(talk: Talk) -> Code:
    talk("quit", "r0")
    return read_code(talk("extract", "r1", str(Path(__file__)), ""))


def with_half_a_document(talk: Talk) -> Code:
    talk("put", "r1", "doc", 0, 2, "{")
    return read_code(talk("job/start", "r2", "doc", 2, 0, 0))


BY_CODE: dict[Code, Callable[[Talk], Code]] = {
    Code.INTERNAL: internal,
    Code.VERSION: ask("hello", 2, 0, "newer", 0),
    Code.AUTH: with_a_wrong_token,
    Code.UNKNOWN_ADDRESS: ask("nothing"),
    Code.ARGUMENTS: ask("describe", -1),
    Code.PATH_NOT_ALLOWED: ask("extract", "relative.wav", ""),
    Code.NO_SUCH_FILE: ask("extract", "/nothing.wav", ""),
    Code.LIMIT: lambda talk: [ask_of_many(talk, number) for number in range(5)][-1],
    Code.NO_SUCH_JOB: ask("job/status", "beef"),
    Code.WRONG_STATE: while_it_runs,
    Code.ID_CONFLICT: with_a_used_rid,
    Code.SHUTTING_DOWN: after_quit,
    Code.INCOMPLETE: with_half_a_document,
}


def ask_of_many(talk: Talk, number: int) -> Code | None:
    """What comes back for the fifth document that a client opens."""
    answer = talk("put", f"r{number}", f"doc{number}", 0, 2, "{")
    return None if isinstance(answer, messages.PutReply) else read_code(answer)


def test_the_codes_are_all_here() -> None:
    assert ENDS | set(BY_CODE) == set(Code)


@pytest.mark.parametrize("code", BY_CODE, ids=lambda code: code.name)
def test_a_request_is_refused_with_it(talk: Talk, code: Code) -> None:
    assert BY_CODE[code](talk) is code


@pytest.mark.parametrize("code", ENDS, ids=lambda code: code.name)
def test_a_job_ends_with_it(talk: Talk, jobs: Jobs, song: Path, code: Code) -> None:
    job = jobs.start(JobRequest(song, song.parent), "content")
    jobs.take()
    jobs.finish(job.id, State.FAILED, code=code, text="of its own")
    assert talk("job/status", "r1", job.id) == messages.JobStatusReply("r1", "failed", 0.0, "", 2, code, "of its own")
