"""Documents over the wire: requests uploaded in chunks, results pulled in pieces."""

import json
from pathlib import Path

import pytest
from conftest import Clock
from talk import SOURCE, Talk, read_code

from bridge.jobs.job import Job
from bridge.jobs.registry import Jobs
from bridge.jobs.request import JobRequest
from bridge.jobs.state import State
from bridge.osc import messages
from bridge.osc.chunks import chunks_of, crc32
from bridge.server.uploads import MAX_UPLOAD
from core.base.errors import Code


def upload(talk: Talk, doc: str, text: str, *, order: int = 1) -> messages.PutReply:
    """Upload a document; the last answer."""
    chunks = list(enumerate(chunks_of(text)))[::order]
    replies = [talk("put", f"{doc}-{index}", doc, index, len(chunks), chunk) for index, chunk in chunks]
    assert isinstance(replies[-1], messages.PutReply)
    return replies[-1]


def start(talk: Talk, doc: str, text: str, *, rid: str = "start", fresh: int = 0) -> messages.Reply | messages.Error:
    return talk("job/start", rid, doc, len(text.encode()), crc32(text), fresh)


@pytest.fixture
def request_text(song: Path) -> str:
    return json.dumps({"v": 1, "path": str(song), "bars_frames": list(range(0, 500_000, 1_000))})


@pytest.mark.parametrize("order", [1, -1])
def test_a_request_in_chunks_becomes_a_job(talk: Talk, jobs: Jobs, request_text: str, order: int) -> None:
    last = upload(talk, "doc", request_text, order=order)
    assert last.received > 3
    assert last.first_missing == -1
    reply = start(talk, "doc", request_text)
    assert isinstance(reply, messages.JobStartReply)
    assert reply.state == "queued"
    bars = jobs.get(reply.job).request.bars_frames
    assert bars is not None
    assert bars[-1] == 499_000


def test_the_same_request_is_attached_to_and_a_fresh_one_is_not(talk: Talk, request_text: str) -> None:
    replies = []
    for number, fresh in enumerate([0, 0, 1]):
        upload(talk, f"d{number}", request_text)
        replies.append(start(talk, f"d{number}", request_text, rid=f"s{number}", fresh=fresh))
    first, same, again = replies
    assert isinstance(first, messages.JobStartReply)
    assert isinstance(same, messages.JobStartReply)
    assert isinstance(again, messages.JobStartReply)
    assert (same.job, again.job) == (first.job, f"{first.job}-2")


@pytest.mark.parametrize("size", [1, 1_000, 1_001, MAX_UPLOAD])
def test_documents_of_every_length_arrive(talk: Talk, size: int) -> None:
    text = "x" * size
    assert upload(talk, "doc", text).first_missing == -1
    assert read_code(start(talk, "doc", text)) is Code.ARGUMENTS  # it came whole, but is no JSON


def test_a_document_may_not_be_too_long(talk: Talk) -> None:
    upload(talk, "doc", "x" * MAX_UPLOAD)
    last = len(chunks_of("x" * MAX_UPLOAD))
    chunks = [talk("put", f"r{index}", "long", index, last + 1, "x" * 1_000) for index in range(last)]
    assert read_code(chunks[-1]) is Code.LIMIT


def test_what_does_not_fit_together_is_refused(talk: Talk) -> None:
    assert talk("put", "r1", "doc", 2, 3, "c") == messages.PutReply("r1", 1, 0)
    assert talk("put", "r2", "doc", 0, 3, "a") == messages.PutReply("r2", 2, 1)
    assert talk("put", "r3", "doc", 0, 3, "a") == messages.PutReply("r3", 2, 1)
    assert read_code(talk("put", "r4", "doc", 0, 3, "other")) is Code.INCOMPLETE
    assert read_code(talk("put", "r5", "doc", 1, 4, "b")) is Code.ID_CONFLICT
    assert read_code(start(talk, "doc", "abc", rid="r6")) is Code.INCOMPLETE
    assert talk("put", "r7", "doc", 1, 3, "b") == messages.PutReply("r7", 3, -1)
    assert read_code(start(talk, "doc", "abd", rid="r8")) is Code.INCOMPLETE
    assert read_code(start(talk, "doc", "abcd", rid="r9")) is Code.INCOMPLETE
    assert read_code(start(talk, "other", "abc", rid="r10")) is Code.NO_SUCH_JOB


def test_documents_of_refused_starts_are_in_nobodys_way(talk: Talk) -> None:
    text = json.dumps({"v": 1, "path": "/nothing.wav"})
    for number in range(10):
        upload(talk, f"d{number}", text)
        assert read_code(start(talk, f"d{number}", text, rid=f"s{number}")) is Code.NO_SUCH_FILE
    assert read_code(start(talk, "d0", text, rid="again")) is Code.NO_SUCH_JOB


def test_a_client_has_four_documents_open_and_all_together_a_megabyte(talk: Talk, clock: Clock) -> None:
    for number in range(4):
        upload(talk, f"d{number}", "x" * (MAX_UPLOAD - 1_000))
    assert read_code(talk("put", "r5", "d5", 0, 1, "x")) is Code.LIMIT
    other = Talk(talk.service, talk.token, SOURCE._replace(port=50_001))
    upload(other, "e1", "x" * 3_000)
    assert read_code(other("put", "r6", "e2", 0, 1, "x" * 1_001)) is Code.LIMIT
    clock.sleep(61.0)
    assert talk("put", "r7", "d5", 0, 1, "x") == messages.PutReply("r7", 1, -1)


@pytest.fixture
def done(talk: Talk, jobs: Jobs, song: Path) -> Job:
    """A job that is done: 60 bars, 50 loops."""
    started = talk("extract", "started", str(song), "")
    assert isinstance(started, messages.ExtractReply)
    jobs.take()
    result = song.parent / "song-loops"
    result.mkdir()
    loops = [{"label": "b\u00e4ss", "activations": [bar + loop / 64 for bar in range(60)]} for loop in range(50)]
    (result / "manifest.json").write_text(json.dumps({"name": "Gr\u00fc\u00dfe\n"}, indent=2, ensure_ascii=False))
    (result / "activations.json").write_text(json.dumps({"loops": loops}, indent=2), encoding="utf-8")
    return jobs.finish(started.job, State.DONE, result=result)


def pull(talk: Talk, job: str, doc: str) -> str:
    info = talk("get/info", f"{doc}-info", job, doc)
    assert isinstance(info, messages.GetInfoReply)
    replies = [talk("get", f"{doc}-{index}", job, doc, index) for index in reversed(range(info.count))]
    text = "".join(reply.chunk for reply in reversed(replies) if isinstance(reply, messages.GetReply))
    assert (len(text), crc32(text)) == (info.bytes, info.crc32)
    return text


def test_documents_come_back_whole_in_ascii(talk: Talk, done: Job) -> None:
    assert json.loads(pull(talk, done.id, "manifest")) == {"name": "Gr\u00fc\u00dfe\n"}
    text = pull(talk, done.id, "activations")
    assert text.isascii()
    assert len(text) > 10_000
    assert json.loads(text)["loops"][49]["label"] == "b\u00e4ss"
    assert pull(talk, done.id, "log") == "[]"


def test_a_log_comes_as_its_last_lines(talk: Talk, jobs: Jobs, song: Path, tmp_path: Path) -> None:
    jobs._logs = tmp_path
    job = jobs.start(JobRequest(song, song.parent), "content")
    assert job.log is not None
    assert json.loads(pull(talk, job.id, "log")) == []
    job.log.write_text("".join(f"{number} gr\u00fc\u00dft\n" for number in range(10_000)), encoding="utf-8")
    talk("ping", "between")
    info = talk("get/info", "again", job.id, "log")
    assert isinstance(info, messages.GetInfoReply)
    chunks = [talk("get", f"c{index}", job.id, "log", index) for index in range(info.count)]
    lines = json.loads("".join(chunk.chunk for chunk in chunks if isinstance(chunk, messages.GetReply)))
    assert lines[-1] == "9999 gr\u00fc\u00dft"
    assert 4_000 < len(lines) < 10_000


def test_a_document_may_be_too_long_to_be_pulled(talk: Talk, done: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.server.documents.MAX_BYTES", 1_000)
    assert read_code(talk("get/info", "r1", done.id, "activations")) is Code.LIMIT


def test_of_many_documents_the_last_are_kept(talk: Talk, done: Job, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bridge.server.documents.KEPT", 1)
    for name in ("manifest", "activations", "manifest"):
        assert isinstance(talk("get", f"{name}-{len(talk.sent)}", done.id, name, 0), messages.GetReply)


def test_chunks_are_read_again_when_they_were_forgotten(talk: Talk, done: Job) -> None:
    reply = talk("get", "r1", done.id, "manifest", 0)
    assert isinstance(reply, messages.GetReply)
    assert read_code(talk("get", "r2", done.id, "manifest", 1)) is Code.ARGUMENTS
    assert read_code(talk("get", "r3", done.id, "manifest", -1)) is Code.ARGUMENTS


def test_what_is_not_there_is_told(talk: Talk, done: Job, song: Path) -> None:
    assert read_code(talk("get/info", "r1", done.id, "../manifest")) is Code.NO_SUCH_JOB
    assert read_code(talk("get/info", "r2", "beef", "manifest")) is Code.NO_SUCH_JOB
    waiting = talk("extract", "r3", str(song), '{"loops":3}')
    assert isinstance(waiting, messages.ExtractReply)
    assert read_code(talk("get/info", "r4", waiting.job, "manifest")) is Code.WRONG_STATE
    assert done.result is not None
    (done.result / "manifest.json").unlink()
    assert read_code(talk("get/info", "r5", done.id, "manifest")) is Code.NO_SUCH_JOB


def test_activations_come_page_by_page(talk: Talk, done: Job) -> None:
    seen = {}
    loop = 0
    while loop < 50:
        bar = 0
        while bar < 60:
            page = talk("activations", f"a{bar}-{loop}", done.id, bar, loop)
            assert isinstance(page, messages.ActivationsReply)
            assert (page.bars_total, page.loops_total) == (60, 50)
            cells = [(bar + row, loop + column) for row in range(page.bars) for column in range(page.loops)]
            seen |= dict(zip(cells, page.values, strict=True))
            bar += page.bars
        loop += page.loops
    assert seen == {(bar, loop): bar + loop / 64 for bar in range(60) for loop in range(50)}


@pytest.mark.parametrize(("bar", "loop"), [(60, 0), (0, 50), (-1, 0), (0, -1)])
def test_beyond_the_edges_there_are_no_activations(talk: Talk, done: Job, bar: int, loop: int) -> None:
    assert read_code(talk("activations", "r1", done.id, bar, loop)) is Code.ARGUMENTS


def test_a_result_without_loops_has_no_activations(talk: Talk, done: Job) -> None:
    assert done.result is not None
    (done.result / "activations.json").write_text('{"loops": []}')
    assert talk("activations", "r1", done.id, 0, 0) == messages.ActivationsReply("r1", 0, 0, 0, 0, 0, 0, ())
