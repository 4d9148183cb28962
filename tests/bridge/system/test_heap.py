"""What the daemon frees goes back to the system."""

import platform
import subprocess
import sys

import pytest

from bridge.system.heap import keep_heap_small

HOLES = """
import psutil
from bridge.system.heap import keep_heap_small
{first}
size = 8_000_000
block = b"x" * size
del block  # from now on glibc by itself keeps blocks of up to that size
size = 500_000
blocks = [b"x" * size for _ in range(100)]
full = psutil.Process().memory_info().rss
del blocks[:-1]
print(full - psutil.Process().memory_info().rss)
"""


def returned(first: str) -> int:
    """How many of 50,000,000 bytes a process gives back when it frees them but for the last."""
    command = [sys.executable, "-c", HOLES.format(first=first)]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603 - our own text


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc can be told")
def test_freed_memory_goes_back_to_the_system() -> None:
    assert returned("keep_heap_small()") > 45_000_000
    assert returned("") < 25_000_000  # else there is nothing to be told


@pytest.mark.parametrize("library", [("", ""), ("musl", "1.2")])
def test_other_c_libraries_are_left_alone(library: tuple[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "libc_ver", lambda: library)
    monkeypatch.setattr("ctypes.CDLL", lambda _: pytest.fail("asked for the C library"))
    keep_heap_small()
