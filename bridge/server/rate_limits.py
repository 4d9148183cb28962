"""Rate limits: token buckets for received packets, and once a second for refusals."""

from collections import OrderedDict
from collections.abc import Callable, Hashable

Clock = Callable[[], float]

KEPT_KEYS = 1_024


class Bucket:
    """A token bucket: `rate` tokens a second, and at most `burst` at once after a pause."""

    def __init__(self, rate: float, burst: float, *, clock: Clock) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._since = burst, clock()

    def take(self) -> bool:
        """Take a token. Return whether there was one."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._since) * self._rate)
        self._since = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True


class Buckets:
    """A bucket for each key. Only the `KEPT_KEYS` buckets that were used last are kept."""

    def __init__(self, rate: float, burst: float, *, clock: Clock) -> None:
        self._rate, self._burst, self._clock = rate, burst, clock
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def take(self, key: Hashable) -> bool:
        """Take a token of this key. Return whether there was one."""
        bucket = self._buckets.pop(key, None) or Bucket(self._rate, self._burst, clock=self._clock)
        self._buckets[key] = bucket
        if len(self._buckets) > KEPT_KEYS:
            self._buckets.popitem(last=False)
        return bucket.take()


class Throttle:
    """Allows each key once a second. So refusals can flood neither the log nor the port of a forged source address."""

    def __init__(self, *, clock: Clock, seconds: float = 1.0) -> None:
        self._buckets = Buckets(1.0 / seconds, 1.0, clock=clock)

    def allows(self, key: Hashable) -> bool:
        return self._buckets.take(key)
