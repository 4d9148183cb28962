"""How often: token buckets for what clients send, and once a second for what they are told of it."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

Clock = Callable[[], float]

KEPT_KEYS = 1_024


class Bucket:
    """Lets `rate` things a second pass, and `burst` at once after a rest."""

    def __init__(self, rate: float, burst: float, *, clock: Clock) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._since = burst, clock()

    def take(self) -> bool:
        """Whether one more may pass now."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Buckets:
    """A bucket for each key; those unused for the longest time are forgotten, so that their number is bounded."""

    def __init__(self, rate: float, burst: float, *, clock: Clock) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """Whether one more of this key may pass now."""
        bucket = self._buckets.pop(key, None) or Bucket(self._rate, self._burst, clock=self._clock)
        self._buckets[key] = bucket
        if len(self._buckets) > KEPT_KEYS:
            self._buckets.popitem(last=False)
        return bucket.take()


class Sparingly:
    """Allows each key once a second: refusals must not flood the log, nor a port that somebody forged."""

    def __init__(self, *, clock: Clock, seconds: float = 1.0) -> None:
        self._buckets = Buckets(1.0 / seconds, 1.0, clock=clock)

    def allows(self, key: Hashable) -> bool:
        return self._buckets.take(key)
