"""The wire's messages, one frozen dataclass each, and the tables made from them.

A request is (address, token, rid, ...); its one answer is /loopcube/reply (rid, the request's address, ...) or
/loopcube/error (rid, the request's address, code, text). Each request stands next to its reply, in the module of what
it is about.
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
    """The request that a packet holds.

    Raises:
        LoopError: UNKNOWN_ADDRESS; ARGUMENTS, naming the argument, the rule and the value.
    """
    if address not in REQUESTS:
        raise LoopError(Code.UNKNOWN_ADDRESS, f"no address {address[:50]}; /loopcube/describe lists them")
    return REQUESTS[address].from_osc(arguments)


def answer_from_osc(address: str, arguments: tuple[Value, ...]) -> Reply | Error:
    """The answer that a packet holds.

    Raises:
        LoopError: UNKNOWN_ADDRESS when it is no answer that this version knows; ARGUMENTS.
    """
    if address == Error.address:
        return Error.from_osc(arguments)
    if address == Reply.address and len(arguments) > 1 and arguments[1] in REPLIES:
        return REPLIES[str(arguments[1])].from_osc(arguments)
    raise LoopError(Code.UNKNOWN_ADDRESS, f"{address[:50]} is no answer that this version knows")


def event_from_osc(address: str, arguments: tuple[Value, ...]) -> Event:
    """The event that a packet holds; raises as `answer_from_osc`."""
    if address not in EVENTS:
        raise LoopError(Code.UNKNOWN_ADDRESS, f"{address[:50]} is no event that this version knows")
    return EVENTS[address].from_osc(arguments)
