"""Messages: every one comes back from the wire as it went, and wrong ones are refused by name."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.osc import messages, wire
from bridge.osc.messages import Error, Event, JobListReply, JobRow, Message, Request
from bridge.osc.messages.base import value_order_of
from core.base.errors import Code, LoopError

PLAIN = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=120)
RID = st.from_regex(r"\A[A-Za-z0-9._-]{1,40}\Z")
INT = st.integers(-(2**31), 2**31 - 1)
FLOAT = st.floats(width=32, allow_nan=False, allow_infinity=False)
BY_TAG = {"s": PLAIN, "i": INT, "f": FLOAT}
BY_NAME = {
    "rid": RID,
    "doc": RID,
    "client": PLAIN.map(lambda text: text[:64]),
    "reply_port": st.sampled_from([0, 1024, 65535]),
    "offset": st.integers(0, 2**31 - 1),
    "fresh": st.integers(0, 1),
    "count": st.integers(900, 1_024),
    "index": st.integers(0, 899),
}
KINDS = [*messages.REQUESTS.values(), *messages.REPLIES.values(), *messages.EVENTS.values(), Error]


def any_of(kind: type[Message]) -> st.SearchStrategy[Message]:
    layout = value_order_of(kind)
    values = {column.name: BY_NAME.get(column.name, BY_TAG[column.tag]) for column in layout.single}
    if layout.repeated:
        cells = [BY_TAG[column.tag] for column in layout.row]
        values[layout.repeated] = st.lists(st.builds(layout.make, *cells), max_size=12).map(tuple)
    return st.builds(kind, **values)


def read(kind: type[Message]) -> Callable[..., Message]:
    if issubclass(kind, Request):
        return messages.request_from_osc
    return messages.event_from_osc if issubclass(kind, Event) else messages.answer_from_osc


@settings(max_examples=max(60, settings().max_examples))
@given(data=st.data())
@pytest.mark.parametrize("kind", KINDS)
def test_every_message_survives_the_wire(kind: type[Message], data: st.DataObject) -> None:
    message = data.draw(any_of(kind))
    assert read(kind)(*wire.decode(wire.encode(*message.to_osc()))) == message


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
