"""Work distributed over the processor's cores. NumPy and SciPy release Python's lock while they compute.

Results come in the order of the items, not in the order of completion, so sums over them are the same every time.
"""

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from threadpoolctl import threadpool_limits

Item = TypeVar("Item")
Result = TypeVar("Result")

MOST = 8  # threads: each needs memory for its piece of the song, and memory bandwidth limits them as much as cores do


def cores() -> int:
    """The number of threads that may run at once."""
    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return min(usable or 1, MOST)


def one_blas_thread() -> threadpool_limits:
    """While the block runs, BLAS computes each product in the calling thread.

    BLAS threads would wait for each other in every one of many small products, and rounding depends on their number.
    """
    return threadpool_limits(1, user_api="blas")


def in_order(work: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`work` of each item, computed in threads, a few items ahead of the one that the caller reads.

    An error in the work or in the caller stops the remaining items.
    """
    count = cores()
    pool = ThreadPoolExecutor(count)
    ahead: deque[Future[Result]] = deque()
    try:
        for item in items:
            ahead.append(pool.submit(work, item))
            if len(ahead) > count:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def each(work: Callable[[Item], None], items: Iterable[Item]) -> None:
    """Run `work` on each item in threads, and return when all are done."""
    for _ in in_order(work, items):
        pass
