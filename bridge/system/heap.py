"""Keep the C library's heap small in a process that runs for weeks.

At first, glibc maps each block of some 100 kB separately, and returns it to the system when it is freed. After the
first free of such a block, glibc keeps all blocks up to that size in its heaps, and each thread has a heap of its own.
The tables of a daemon grow and shrink in turn. They leave holes in these heaps, and the holes are never returned.
"""

import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # of mallopt, from malloc.h
LARGE = 64 * 1024  # bytes; a freed block of this size or more is returned to the system


def keep_heap_small() -> None:
    """Make glibc return freed memory to the system. Other C libraries do so already, or have no such option."""
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    for parameter, value in ((MMAP_THRESHOLD, LARGE), (TRIM_THRESHOLD, LARGE), (ARENA_MAX, 1)):
        mallopt(parameter, value)
