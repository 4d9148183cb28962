"""The address table as Markdown, made from the messages, so that docs/protocol.md always matches the daemon."""

from collections.abc import Iterable

from bridge.osc.messages import EVENTS, REPLIES, REQUESTS, Message
from bridge.osc.messages.base import value_order_of
from core.base.errors import Code

_OF_REQUESTS = 2  # token and rid come first in every request
_OF_REPLIES = 1  # rid


def address_table() -> str:
    """Requests with their replies, events and error codes."""
    requests = [
        (
            f"`{address}`",
            values_of(request, _OF_REQUESTS),
            values_of(REPLIES[address], _OF_REPLIES),
            _of(request),
        )
        for address, request in REQUESTS.items()
    ]
    events = [(f"`{address}`", values_of(event), _of(event)) for address, event in EVENTS.items()]
    codes = ", ".join(f"{code.value} {code.name.lower().replace('_', ' ')}" for code in Code)
    return "\n\n".join(
        [
            _markdown(("address", "arguments", "reply", "what it does"), requests),
            _markdown(("event", "values", "when"), events),
            f"Codes of errors: {codes}.",
        ]
    )


def values_of(kind: type[Message], skipped: int = 0) -> str:
    """The values of a message with their types; repeated values are in brackets.

    >>> from bridge.osc.messages import JobListReply
    >>> values_of(JobListReply, 1)
    'i:total (s:job s:state f:progress)*'
    """
    layout = value_order_of(kind)
    row = " ".join(map(str, layout.row))
    return " ".join([*map(str, layout.single[skipped:]), *([f"({row})*"] if row else [])])


def _of(kind: type[Message]) -> str:
    return kind.summary().removesuffix(".")


def _markdown(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell or '-' for cell in line)} |" for line in lines)
