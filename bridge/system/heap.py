"""The C library's heap kept small in a process that runs for weeks.

glibc takes blocks of some 100 kB from the system one by one and gives them back at once, but after the first that is
freed it keeps all up to its size, and gives each thread a heap of its own. Between the tables of a daemon, which grow
and shrink by turns, such heaps fill with holes that no one gets back.
"""

import ctypes
import platform

TRIM_THRESHOLD, MMAP_THRESHOLD, ARENA_MAX = -1, -3, -8  # of mallopt, from malloc.h
LARGE = 64 * 1024  # bytes from which a block goes back to the system when it is freed


def keep_heap_small() -> None:
    """Have this process return what it frees, where its C library is glibc; others do so, or cannot be told."""
    if platform.libc_ver()[0] != "glibc":
        return
    mallopt = ctypes.CDLL(None).mallopt
    for parameter, value in ((MMAP_THRESHOLD, LARGE), (TRIM_THRESHOLD, LARGE), (ARENA_MAX, 1)):
        mallopt(parameter, value)
