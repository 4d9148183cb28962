"""madmom 0.16.1 on current versions of Python and NumPy: the peer of our tracker, and its reference in the tests.

madmom's only release is from 2018. The names that it needs are added to modules while it is imported, and removed
afterwards. So no other code of the process sees a changed `numpy`, `collections` or `doctest`.
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
_OLD_TYPES = {"float": float, "int": int}  # aliases removed in NumPy 1.24; madmom uses them at import and in calls


def features(mono: NDArray[np.float32]) -> NDArray[np.float32]:
    """The networks' input for a mix at 44.1 kHz, [frames, 314]."""
    spectrogram, _, _ = _processor().processors
    return np.asarray(spectrogram(mono))


def activations(inputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """The probability of a beat and of a downbeat in each frame, [frames, 2], the mean of the networks."""
    _, ensemble, pick = _processor().processors
    return np.asarray(pick(ensemble(inputs)))


def beats(probabilities: NDArray[np.float32], beats_per_bar: tuple[int, ...]) -> NDArray[np.float64]:
    """Beats as [seconds, number in the bar from 1], [beats, 2]."""
    decoder = _module().DBNDownBeatTrackingProcessor(beats_per_bar=list(beats_per_bar), fps=100)
    decoder.map = _map_ragged
    return np.asarray(decoder(probabilities), dtype=np.float64).reshape(-1, 2)


class _OldNumpy(ModuleType):
    """numpy with its old aliases: the `np` of madmom's modules, and of no others."""

    def __getattr__(self, name: str) -> Any:
        return _OLD_TYPES.get(name) or getattr(np, name)


@contextmanager
def _lent(owner: ModuleType, name: str, value: object) -> Iterator[None]:
    """Set an attribute of a module inside the `with` block."""
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
        warnings.simplefilter("ignore")  # pkg_resources and escapes in madmom are deprecated; we cannot change that
        # Python 3.10 moved this to collections.abc.
        stack.enter_context(_lent(collections, "MutableSequence", collections.abc.MutableSequence))
        # madmom's import replaces this class for the whole process.
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
    """Madmom's functions look up `np.float` when they are called, so their modules get an `np` that has it."""
    old = _OldNumpy("numpy")
    for name, module in list(sys.modules.items()):
        if name.startswith("madmom.") and getattr(module, "np", None) is np:
            module.np = old  # type: ignore[attr-defined]


def _map_ragged(decode: Callable[[Any], tuple[Any, float]], pairs: Iterable[Any]) -> list[NDArray[Any]]:
    """`map` for madmom's decoder, which makes one array of the (path, log probability) pairs.

    NumPy 1.24 and later refuse this for pairs of an array and a number, but not for arrays of two objects.
    """
    return [_pair(*decode(pair)) for pair in pairs]


def _pair(path: Any, log_probability: float) -> NDArray[Any]:
    pair = np.empty(2, dtype=object)
    pair[0], pair[1] = path, log_probability
    return pair
