"""The clients: their names, the ports for their answers, and their subscriptions. All numbers of entries are bounded.

A client is identified by its source address. It is stored from its hello or first subscription until its bye, or until
it has sent nothing for the length of a lease.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.server.sockets import Send, Source
from core.base.errors import Code, LoopError

LEASE_SECONDS = 15
KEPT_CLIENTS = 1_024
MAX_SUBSCRIPTIONS = 64  # subscriptions of one client to single jobs
ALL_JOBS = ""


@dataclass
class _Client:
    last_seen: float
    name: str = ""
    reply_port: int = 0
    send: Send | None = None  # set by the first subscription
    jobs: set[str] = field(default_factory=set)


class Clients:
    """The clients of a daemon. It may be used from any thread.

    Args:
        clock: seconds, monotonic.
        subscribers: the most clients that may be subscribed at the same time.
    """

    def __init__(self, *, clock: Callable[[], float], subscribers: int = 8) -> None:
        self._clock = clock
        self._limit = subscribers
        self._clients: OrderedDict[Source, _Client] = OrderedDict()  # the client with the latest packet is last
        self._lock = threading.Lock()

    def heard(self, source: Source) -> None:
        """Renew a client's lease."""
        with self._lock:
            if (client := self._living(source)) is not None:
                client.last_seen = self._clock()
                self._clients.move_to_end(source)

    def destination(self, source: Source) -> Source:
        """The destination of answers to this source."""
        with self._lock:
            client = self._living(source)
            return _destination(source, client) if client else source

    def greet(self, source: Source, name: str, reply_port: int) -> None:
        """Store a client's name, and the port for its answers: 0 is the port that it sends from.

        Raises:
            LoopError: ARGUMENTS for a port other than 0 over TCP, where answers use the connection.
        """
        if source.tcp and reply_port:
            raise LoopError(Code.ARGUMENTS, f"reply_port must be 0 over TCP, got {reply_port}")
        with self._lock:
            client = self._known(source)
            client.name, client.reply_port = name, reply_port

    def leave(self, source: Source) -> None:
        """Remove a client."""
        with self._lock:
            self._clients.pop(source, None)

    def name(self, source: Source) -> str:
        """The client's name; without a name, the port that it sends from."""
        with self._lock:
            client = self._living(source)
            return (client.name if client else "") or f"port {source.port}"

    def subscribe(self, source: Source, job: str, send: Send) -> None:
        """Subscribe this client to a job, or to all jobs.

        Raises:
            LoopError: LIMIT when too many other clients are subscribed, or this client to too many jobs.
        """
        with self._lock:
            subscribed = [other for other, client in self._listeners() if other != source]
            if len(subscribed) >= self._limit:
                raise LoopError(Code.LIMIT, f"{len(subscribed)} subscribers, at most {self._limit}; request the status")
            client = self._known(source)
            if len(client.jobs | {job}) > MAX_SUBSCRIPTIONS:
                raise LoopError(Code.LIMIT, f'{len(client.jobs)} subscriptions; subscribe to "", which means all jobs')
            client.send = send
            client.jobs.add(job)

    def tell(self, packet: bytes, job: str | None = None) -> None:
        """Send a packet to the subscribers of a job, or to every subscriber."""
        with self._lock:
            wanted = [
                (client.send, _destination(source, client))
                for source, client in self._listeners()
                if client.send and (job is None or not client.jobs.isdisjoint((job, ALL_JOBS)))
            ]
        for send, destination in wanted:
            send(packet, destination)

    def _living(self, source: Source) -> _Client | None:
        """The client with this source, or None. A client whose lease has expired is removed."""
        client = self._clients.get(source)
        if client is not None and self._clock() - client.last_seen > LEASE_SECONDS:
            del self._clients[source]
            return None
        return client

    def _known(self, source: Source) -> _Client:
        """The client with this source. It is added if necessary."""
        client = self._living(source)
        if client is None:
            client = self._clients[source] = _Client(self._clock())
            while len(self._clients) > KEPT_CLIENTS:
                self._clients.popitem(last=False)
        return client

    def _listeners(self) -> list[tuple[Source, _Client]]:
        """The clients with subscriptions whose lease has not expired."""
        found = [(source, client) for source, client in self._clients.items() if client.jobs]
        return [(source, client) for source, client in found if self._living(source)]


def _destination(source: Source, client: _Client) -> Source:
    return source._replace(port=client.reply_port) if client.reply_port else source
