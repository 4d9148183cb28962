"""A network that loses, doubles, delays and reorders packets, between clients and a port of this machine."""

import heapq
import random
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import Self

from bridge.system.settings import LOOPBACK


class LossyProxy:
    """Forwards datagrams in both directions, on its own thread.

    Args:
        port: the target of the clients' packets.
        loss: the share of packets that are dropped, each way.
        doubled: the share of the other packets that arrive twice.
        delay: the longest delay of a packet in seconds; each packet has a random delay.
    """

    def __init__(self, port: int, *, loss: float, doubled: float = 0.0, delay: float = 0.0, seed: int = 0) -> None:
        self._target = (LOOPBACK, port)
        self._loss, self._doubled, self._delay = loss, doubled, delay
        self._rng = random.Random(seed)
        self._under_way: list[tuple[float, int, Callable[[], object]]] = []
        self._count = 0
        self._stop = threading.Event()
        self._front = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._front.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024**2)
        self._front.bind((LOOPBACK, 0))
        self._backs: dict[tuple[str, int], socket.socket] = {}
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._front, selectors.EVENT_READ, self._from_client)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.port = int(self._front.getsockname()[1])
        self.lost = self.passed = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        self._thread.join()
        self._selector.close()
        for each in (self._front, *self._backs.values()):
            each.close()

    def _run(self) -> None:
        while not self._stop.is_set():
            wait = min(0.05, max(0.0, self._under_way[0][0] - time.monotonic())) if self._under_way else 0.05
            for key, _ in self._selector.select(wait):
                key.data()
            while self._under_way and self._under_way[0][0] <= time.monotonic():
                heapq.heappop(self._under_way)[2]()

    def _from_client(self) -> None:
        packet, client = self._front.recvfrom(65_536)
        if client not in self._backs:
            back = self._backs[client] = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            back.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024**2)
            back.connect(self._target)
            self._selector.register(back, selectors.EVENT_READ, lambda: self._from_target(back, client))
        back = self._backs[client]
        self._pass(lambda: back.send(packet))

    def _from_target(self, back: socket.socket, client: tuple[str, int]) -> None:
        packet = back.recv(65_536)
        self._pass(lambda: self._front.sendto(packet, client))

    def _pass(self, deliver: Callable[[], object]) -> None:
        if self._rng.random() < self._loss:
            self.lost += 1
            return
        self.passed += 1
        for _ in range(1 + (self._rng.random() < self._doubled)):
            self._count += 1
            due = time.monotonic() + self._rng.random() * self._delay
            heapq.heappush(self._under_way, (due, self._count, deliver))
