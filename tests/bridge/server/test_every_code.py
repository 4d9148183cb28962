"""Each error code of the protocol reaches a client, over the wire or as the end of its job."""

import multiprocessing
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from talk import Talk, read, read_code

from bridge.jobs.registry import Jobs
from bridge.jobs.request import JobRequest
from bridge.jobs.workers.process import Task, _Daemon, _run
from bridge.jobs.workers.work import extract_to_folder
from bridge.osc import messages, wire
from core.audio.clip import Clip
from core.audio.wav import write_wav
from core.base.errors import Code

Noise = Callable[..., Clip]


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


def three_bars_of_noise(song: Path, noise: Noise, patch: pytest.MonkeyPatch) -> dict[str, Any]:  # noqa: ARG001
    write_wav(song, noise().samples, 8_000)
    return {"bars_frames": (0, 2_000, 4_000, 6_000)}


def no_audio(song: Path, noise: Noise, patch: pytest.MonkeyPatch) -> dict[str, Any]:  # noqa: ARG001
    return {}


def a_full_disk(song: Path, noise: Noise, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    patch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(10**9, 10**9, 0))
    return three_bars_of_noise(song, noise, patch)


# Found out by the worker, and told by the status.
ENDS = {
    Code.NOT_AUDIO: no_audio,
    Code.MUSIC_NOT_USABLE: three_bars_of_noise,
    Code.WRITE_FAILED: a_full_disk,
}


def ask_of_many(talk: Talk, number: int) -> Code | None:
    """What comes back for the fifth document that a client opens."""
    answer = talk("put", f"r{number}", f"doc{number}", 0, 2, "{")
    return None if isinstance(answer, messages.PutReply) else read_code(answer)


def test_the_codes_are_all_here() -> None:
    assert set(ENDS) | set(BY_CODE) == set(Code)


@pytest.mark.parametrize("code", BY_CODE, ids=lambda code: code.name)
def test_a_request_is_refused_with_it(talk: Talk, code: Code) -> None:
    assert BY_CODE[code](talk) is code


@pytest.mark.parametrize("code", ENDS, ids=lambda code: code.name)
def test_a_job_ends_with_it(
    talk: Talk, jobs: Jobs, song: Path, noise: Noise, monkeypatch: pytest.MonkeyPatch, code: Code
) -> None:
    options = ENDS[code](song, noise, monkeypatch)
    job = jobs.start(JobRequest(song, song.parent, **options), "content")
    jobs.take()
    here, _ = multiprocessing.Pipe()
    ended = _run(extract_to_folder, Task(job.request, song.parent / "staging", None), _Daemon(here))
    jobs.finish(job.id, ended.state, code=ended.code, text=ended.text)
    status = talk("job/status", "r1", job.id)
    assert isinstance(status, messages.JobStatusReply)
    assert (status.state, status.code) == ("failed", code)
    assert status.text == wire.ascii_text(ended.text)
