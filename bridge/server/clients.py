"""Who is there: the clients' names, where their answers go, and what they want to be told. All of it is bounded.

A client is known by where it sends from, from its hello or its first subscription on, until it says bye or nothing was
heard of it for the length of a lease.
"""

import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.server.sockets import Send, Source
from core.base.errors import Code, LoopError

LEASE_SECONDS = 15
KEPT_CLIENTS = 1_024
MAX_SUBSCRIPTIONS = 64  # of one client, to single jobs
ALL_JOBS = ""


@dataclass
class _Client:
    heard: float
    name: str = ""
    reply_port: int = 0
    send: Send | None = None  # set by the first subscription
    jobs: set[str] = field(default_factory=set)


class Clients:
    """The clients of a daemon, safe to use from any thread.

    Args:
        clock: seconds, monotonic.
        subscribers: clients that may be subscribed at the same time.
    """

    def __init__(self, *, clock: Callable[[], float], subscribers: int = 8) -> None:
        self._clock = clock
        self._limit = subscribers
        self._clients: OrderedDict[Source, _Client] = OrderedDict()  # the one heard of last is last
        self._lock = threading.Lock()

    def heard(self, source: Source) -> None:
        """Renew a client's lease."""
        with self._lock:
            if (client := self._living(source)) is not None:
                client.heard = self._clock()
                self._clients.move_to_end(source)

    def destination(self, source: Source) -> Source:
        """Where answers to this source go."""
        with self._lock:
            client = self._living(source)
            return _destination(source, client) if client else source

    def greet(self, source: Source, name: str, reply_port: int) -> None:
        """Note a client's name, and the port of the same host for its answers: 0 is the one that it sends from.

        Raises:
            LoopError: ARGUMENTS when a port is asked for over TCP, where answers come on the connection.
        """
        if source.tcp and reply_port:
            raise LoopError(Code.ARGUMENTS, f"reply_port must be 0 over TCP, got {reply_port}")
        with self._lock:
            client = self._known(source)
            client.name, client.reply_port = name, reply_port

    def leave(self, source: Source) -> None:
        """Forget a client."""
        with self._lock:
            self._clients.pop(source, None)

    def name(self, source: Source) -> str:
        """What the client calls itself; where it said nothing, the port it sends from."""
        with self._lock:
            client = self._living(source)
            return (client.name if client else "") or f"port {source.port}"

    def subscribe(self, source: Source, job: str, send: Send) -> None:
        """Tell this client of a job, or of all.

        Raises:
            LoopError: LIMIT when too many others are subscribed, or this client to too many jobs.
        """
        with self._lock:
            subscribed = [other for other, client in self._listeners() if other != source]
            if len(subscribed) >= self._limit:
                raise LoopError(Code.LIMIT, f"{len(subscribed)} subscribers, at most {self._limit}; ask for the status")
            client = self._known(source)
            if len(client.jobs | {job}) > MAX_SUBSCRIPTIONS:
                raise LoopError(Code.LIMIT, f'{len(client.jobs)} subscriptions; subscribe to "", which is all jobs')
            client.send = send
            client.jobs.add(job)

    def tell(self, packet: bytes, job: str | None = None) -> None:
        """Send a packet to those who subscribed to a job, or to every subscriber."""
        with self._lock:
            wanted = [
                (client.send, _destination(source, client))
                for source, client in self._listeners()
                if client.send and (job is None or not client.jobs.isdisjoint((job, ALL_JOBS)))
            ]
        for send, destination in wanted:
            send(packet, destination)

    def _living(self, source: Source) -> _Client | None:
        """The client with that source, unless its lease has lapsed."""
        client = self._clients.get(source)
        if client is not None and self._clock() - client.heard > LEASE_SECONDS:
            del self._clients[source]
            return None
        return client

    def _known(self, source: Source) -> _Client:
        """The client with that source, new if need be."""
        client = self._living(source)
        if client is None:
            client = self._clients[source] = _Client(self._clock())
            while len(self._clients) > KEPT_CLIENTS:
                self._clients.popitem(last=False)
        return client

    def _listeners(self) -> list[tuple[Source, _Client]]:
        """Those who are subscribed and alive."""
        found = [(source, client) for source, client in self._clients.items() if client.jobs]
        return [(source, client) for source, client in found if self._living(source)]


def _destination(source: Source, client: _Client) -> Source:
    return source._replace(port=client.reply_port) if client.reply_port else source
