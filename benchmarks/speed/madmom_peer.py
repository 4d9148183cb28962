"""madmom 0.16.1 made to run on today's Python and NumPy: the peer of our tracker, and its oracle in the tests.

madmom's one release dates from 2018. What it misses is lent to it while it is imported and taken back afterwards, so
that no other code of the process ever sees a changed `numpy`, `collections` or `doctest`.
"""

import collections
import collections.abc
import doctest
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

_MISSING = object()
_OLD_TYPES = {"float": float, "int": int}  # NumPy 1.24 dropped these aliases; madmom uses them on import and in calls


def features(mono: NDArray[np.float32]) -> NDArray[np.float32]:
    """What the networks hear of a mix at 44.1 kHz, [frames, 314]."""
    spectrogram, _, _ = _processor().processors
    return np.asarray(spectrogram(mono))


def activations(heard: NDArray[np.float32]) -> NDArray[np.float32]:
    """How much each frame sounds like a beat and like a downbeat, [frames, 2], the mean of the networks."""
    _, ensemble, pick = _processor().processors
    return np.asarray(pick(ensemble(heard)))


def beats(probabilities: NDArray[np.float32], beats_per_bar: tuple[int, ...]) -> NDArray[np.float64]:
    """Beats as [seconds, number in the bar from 1], [beats, 2]."""
    decoder = _module().DBNDownBeatTrackingProcessor(beats_per_bar=list(beats_per_bar), fps=100)
    decoder.map = _map_ragged
    return np.asarray(decoder(probabilities), dtype=np.float64).reshape(-1, 2)


class _OldNumpy(ModuleType):
    """numpy plus the aliases it used to have: the `np` of madmom's modules, and of no others."""

    def __getattr__(self, name: str) -> Any:
        return _OLD_TYPES.get(name) or getattr(np, name)


@contextmanager
def _lent(owner: ModuleType, name: str, value: object) -> Iterator[None]:
    """Sets an attribute of a module for a while."""
    before = vars(owner).get(name, _MISSING)
    setattr(owner, name, value)
    try:
        yield
    finally:
        if before is _MISSING:
            delattr(owner, name)
        else:
            setattr(owner, name, before)


@cache
def _module() -> Any:
    """The module `madmom.features.downbeats`, ready to use."""
    with ExitStack() as stack:
        stack.enter_context(warnings.catch_warnings())
        warnings.simplefilter("ignore")  # pkg_resources and madmom's own escapes are deprecated: not our concern
        # Python 3.10 moved this to collections.abc.
        stack.enter_context(_lent(collections, "MutableSequence", collections.abc.MutableSequence))
        # madmom replaces this class for the whole process as it is imported.
        stack.enter_context(_lent(doctest, "OutputChecker", doctest.OutputChecker))
        for name, value in _OLD_TYPES.items():
            stack.enter_context(_lent(np, name, value))
        import madmom.features.downbeats as module
    _give_old_numpy()
    return module


@cache
def _processor() -> Any:
    return _module().RNNDownBeatProcessor()


def _give_old_numpy() -> None:
    """Madmom's functions look up `np.float` when they are called: their modules keep an `np` that has it."""
    old = _OldNumpy("numpy")
    for name, module in list(sys.modules.items()):
        if name.startswith("madmom.") and getattr(module, "np", None) is np:
            module.np = old  # type: ignore[attr-defined]


def _map_ragged(decode: Callable[[Any], tuple[Any, float]], pairs: Iterable[Any]) -> list[NDArray[Any]]:
    """`map` for madmom's decoder, which makes one array of its (path, log probability) pairs.

    NumPy 1.24 and later refuse to do that to pairs of an array and a number, but not to arrays of two objects.
    """
    return [_pair(*decode(pair)) for pair in pairs]


def _pair(path: Any, log_probability: float) -> NDArray[Any]:
    pair = np.empty(2, dtype=object)
    pair[0], pair[1] = path, log_probability
    return pair
