"""Messages: every one comes back from the wire as it went, and wrong ones are refused by name."""

from dataclasses import fields

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge import messages, wire
from bridge.messages import Error, JobListReply, JobRow, Message, Request
from core.errors import Code, LoopError

PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=120)
RID = st.from_regex(r"\A[A-Za-z0-9._-]{1,40}\Z")
INT = st.integers(-(2**31), 2**31 - 1)
FLOAT = st.floats(width=32, allow_nan=False, allow_infinity=False)
BY_TYPE = {str: PLAIN, int: INT, float: FLOAT}
BY_NAME = {"rid": RID, "reply_port": st.sampled_from([0, 1024, 65535]), "offset": st.integers(0, 2**31 - 1)}
ROWS = st.lists(st.builds(JobRow, RID, RID, FLOAT), max_size=messages.ROWS_A_LIST).map(tuple)
KINDS = [*messages.REQUESTS.values(), *messages.REPLIES.values(), Error]


def any_of(kind: type[Message]) -> st.SearchStrategy[Message]:
    if kind is JobListReply:
        return st.builds(JobListReply, RID, INT, ROWS)
    values = {field.name: BY_NAME.get(field.name, BY_TYPE[field.type]) for field in fields(kind)}
    return st.builds(kind, **values)


@settings(max_examples=60)
@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_every_message_survives_the_wire(kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(any_of(kind))
    read = messages.request_from_osc if issubclass(kind, Request) else messages.answer_from_osc
    assert read(*wire.decode(wire.encode(*message.to_osc()))) == message


def test_the_longest_list_fits_in_a_reply() -> None:
    rows = (JobRow("0123456789abcdef-1000", "interrupted", 0.123),) * messages.ROWS_A_LIST
    wire.encode(*JobListReply("r" * 40, 2**31 - 1, rows).to_osc(), limit=wire.MAX_REPLY)


@pytest.mark.parametrize(
    ("address", "arguments", "code", "text"),
    [
        ("/loopcube/nothing", ("t", "r"), Code.UNKNOWN_ADDRESS, "/loopcube/nothing"),
        ("/loopcube/ping", ("t",), Code.ARGUMENTS, r"takes 2 arguments \(token, rid\), got 1"),
        ("/loopcube/ping", ("t", "r", 1), Code.ARGUMENTS, "got 3"),
        ("/loopcube/ping", ("t", 7), Code.ARGUMENTS, "rid must be of type s, got i"),
        ("/loopcube/ping", ("t", "a b"), Code.ARGUMENTS, "rid must be 1 to 40"),
        ("/loopcube/ping", ("t", "a" * 41), Code.ARGUMENTS, "rid must be 1 to 40"),
        ("/loopcube/ping", ("t", "r\n"), Code.ARGUMENTS, "rid must be 1 to 40"),
        ("/loopcube/describe", ("t", "r", 1.0), Code.ARGUMENTS, "index must be of type i, got f"),
        ("/loopcube/job/list", ("t", "r", -1), Code.ARGUMENTS, "offset must be 0 or more, got '-1'"),
        ("/loopcube/hello", ("t", "r", 1, 0, "x", 80), Code.ARGUMENTS, "reply_port must be 0 or 1024 to 65535"),
        ("/loopcube/hello", ("t", "r", 1, 0, "x", 70_000), Code.ARGUMENTS, "reply_port"),
    ],
)
def test_wrong_requests_are_refused_by_name(
    address: str, arguments: tuple[wire.Value, ...], code: Code, text: str
) -> None:
    with pytest.raises(LoopError, match=text) as refused:
        messages.request_from_osc(address, arguments)
    assert refused.value.code is code


@pytest.mark.parametrize(
    ("address", "arguments"),
    [
        ("/loopcube/ping", ("t", "r")),
        ("/loopcube/reply", ()),
        ("/loopcube/reply", ("r", "/loopcube/new", 1)),
        ("/loopcube/reply", ("r", "/loopcube/job/list")),
        ("/loopcube/reply", ("r", "/loopcube/job/list", 1, "a", "b")),
        ("/loopcube/reply", ("r", "/loopcube/ping", "b007")),
        ("/loopcube/error", ("r",)),
    ],
)
def test_what_is_no_answer_is_refused(address: str, arguments: tuple[wire.Value, ...]) -> None:
    with pytest.raises(LoopError):
        messages.answer_from_osc(address, arguments)


def test_the_address_table_is_complete() -> None:
    assert set(messages.REQUESTS) == set(messages.REPLIES)
    assert all(len(request.help()) <= wire.MAX_TEXT for request in messages.REQUESTS.values())
