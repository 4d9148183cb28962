"""The messages of the protocol, one frozen dataclass each, and the tables made from them.

A request is (address, token, rid, ...). Its one answer is /loopcube/reply (rid, the request's address, ...) or
/loopcube/error (rid, the request's address, code, text). Each request is defined next to its reply, in a module for
each subject.
"""

from bridge.osc.messages.base import *
from bridge.osc.messages.base import Error, Event, Reply, Request
from bridge.osc.messages.documents import *
from bridge.osc.messages.jobs import *
from bridge.osc.messages.session import *
from bridge.osc.messages.traffic import *
from bridge.osc.messages.watches import *
from bridge.osc.wire import Value
from core.base.errors import Code, LoopError

MAJOR, MINOR = 1, 0

REQUESTS: dict[str, type[Request]] = {
    request.address: request for request in sorted(Request.__subclasses__(), key=lambda request: request.address)
}
REPLIES: dict[str, type[Reply]] = {reply.answers: reply for reply in Reply.__subclasses__()}
EVENTS: dict[str, type[Event]] = {event.address: event for event in Event.__subclasses__()}


def request_from_osc(address: str, arguments: tuple[Value, ...]) -> Request:
    """The request in a packet.

    Raises:
        LoopError: UNKNOWN_ADDRESS; ARGUMENTS, with the argument, the rule and the value.
    """
    if address not in REQUESTS:
        raise LoopError(Code.UNKNOWN_ADDRESS, f"no address {address[:50]}; /loopcube/describe lists them")
    return REQUESTS[address].from_osc(arguments)


def answer_from_osc(address: str, arguments: tuple[Value, ...]) -> Reply | Error:
    """The answer in a packet.

    Raises:
        LoopError: UNKNOWN_ADDRESS when this version has no such answer; ARGUMENTS.
    """
    if address == Error.address:
        return Error.from_osc(arguments)
    if address == Reply.address and len(arguments) > 1 and arguments[1] in REPLIES:
        return REPLIES[str(arguments[1])].from_osc(arguments)
    raise LoopError(Code.UNKNOWN_ADDRESS, f"{address[:50]} is not an answer of this version")


def event_from_osc(address: str, arguments: tuple[Value, ...]) -> Event:
    """The event in a packet. Raises as `answer_from_osc`."""
    if address not in EVENTS:
        raise LoopError(Code.UNKNOWN_ADDRESS, f"{address[:50]} is not an event of this version")
    return EVENTS[address].from_osc(arguments)
