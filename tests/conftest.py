"""What the tests share: the example song, foreign programs, small signals, and one thread for BLAS."""

import functools
import importlib.util
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

import hypothesis
import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from core.audio.clip import Clip

ROOT = Path(__file__).resolve().parent.parent
SHARED_SONG = ROOT.parent / "shared" / "data" / "example_song.mp3"
IN_CI = os.environ.get("CI", "").lower() == "true"

# Few, repeatable examples: a run of the whole suite stays short, and a red run can be had again.
hypothesis.settings.register_profile("loopcube", deadline=None, max_examples=15, derandomize=True)
hypothesis.settings.load_profile("loopcube")
# By hand, with --hypothesis-profile=thorough: as many examples of each message as the protocol's targets ask for.
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=10_000)


def needs(condition: bool, what: str) -> None:
    """Skip the test where something is missing, but fail in CI, so that CI can never skip in silence."""
    if not condition:
        (pytest.fail if IN_CI else pytest.skip)(f"needs {what}")


@pytest.fixture(scope="session")
def needs_program() -> Callable[[str], str]:
    """`needs_program("oscsend")` is the program's path; without it the test is skipped, or fails in CI."""

    def find(name: str) -> str:
        path = shutil.which(name)
        needs(path is not None, f"the program {name}")
        return str(path)

    return find


@pytest.fixture(scope="session")
def shared_song() -> Path:
    """The example song that is kept beside the project."""
    needs(SHARED_SONG.is_file(), f"the file {SHARED_SONG}")
    return SHARED_SONG


@pytest.fixture(scope="session")
def needs_tracker() -> None:
    """The downbeat tracker of the extra `tracking`."""
    needs(importlib.util.find_spec("madmom") is not None, "madmom, the extra `tracking`")


@pytest.fixture(scope="session")
def torch() -> ModuleType:
    """PyTorch, whose tensors on the CPU stand in for those on a GPU."""
    needs(importlib.util.find_spec("torch") is not None, "PyTorch, the extra `gpu`")
    return importlib.import_module("torch")  # slow, hence not at the top


@pytest.fixture(scope="session", autouse=True)
def _one_blas_thread() -> Iterator[None]:
    """The tests' matrices are small: threads cost more than they give, and rounding depends on their number."""
    with threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def odd_result(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """`odd_result("no loops")` is the folder of that case of `ODD`, the same for all tests: nobody may write to it."""
    from tests.core.results.odd_results import ODD, write_odd_result  # slow to import, and most tests do without

    @functools.cache
    def write(case: str) -> Path:
        return write_odd_result(ODD[case], tmp_path_factory.mktemp("odd"))

    return write


@pytest.fixture
def noise() -> Callable[..., Clip]:
    """`noise(rate, seconds, channels)` is a clip of quiet noise, the same on every run."""

    def make(rate: int = 8_000, seconds: float = 1.0, channels: int = 1) -> Clip:
        samples = 0.1 * np.random.default_rng(0).standard_normal((channels, round(rate * seconds)))
        return Clip(samples.astype(np.float32), rate)

    return make
