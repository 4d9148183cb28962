"""Whether any bar returns. Music in which no bar returns has no loops, although every method would find some.

Any two bars resemble each other by chance. This chance is measured by rotating the bars against each other.
"""

import numpy as np
from numpy.typing import NDArray

from core.audio.cube import Cube
from core.base.errors import Code, LoopError
from core.separation.tucker.bands import band_edges

SLOTS = 32  # parts of a bar whose levels are compared
ALIKE = 0.3  # least likeness of music with loops: 0.00 to 0.27 where nothing returns, 0.6 to 0.95 in songs
BEST = 4  # only the best quarter of the bars counts: a song may be one loop among much that never returns
QUIET = 1e-12  # prevents a division by zero in silence


def likeness(cube: Cube) -> float:
    """How much more each bar resembles the most similar other bar than by chance, about 0 to 1.

    The levels of bands at moments of the bar are compared, relative to the mean of each band, over the quarter of the
    bars that return best. For the chance, the other bars are rotated by a part of a bar: sound that is only steady, or
    only has the same spectrum throughout, is as much alike then.

    Args:
        cube: complex [channels, frequencies, frames in a bar, bars].
    """
    bars = _levels(cube)
    bars /= np.maximum(np.linalg.norm(bars, axis=(1, 2), keepdims=True), QUIET)
    flat = bars.reshape(len(bars), -1)
    best = []
    for turn in range(bars.shape[2]):
        alike = flat @ np.roll(bars, turn, axis=2).reshape(len(bars), -1).T
        np.fill_diagonal(alike, -1.0)
        best.append(alike.max(axis=1))
    gains = np.sort(best[0] - np.median(best[1:], axis=0))[::-1]
    return float(gains[: max(len(gains) // BEST, 2)].mean())


def _levels(cube: Cube) -> NDArray[np.float32]:
    """Amplitudes of each bar in bands and moments, relative to the mean of the band, [bars, bands, moments]."""
    power = np.zeros(cube.shape[1:], dtype=np.float32)
    for channel in cube:
        power += np.square(channel.real) + np.square(channel.imag)
    frames = cube.shape[2]
    moments = np.unique(np.linspace(0, frames, min(SLOTS, frames) + 1).astype(np.intp))
    power = np.add.reduceat(power, band_edges(len(power))[:-1], axis=0)
    power = np.add.reduceat(power, moments[:-1], axis=1)
    levels = np.sqrt(power / np.diff(moments).astype(np.float32)[:, None])
    levels /= np.maximum(levels.mean(axis=(1, 2), keepdims=True), QUIET)
    levels -= levels.mean(axis=(1, 2), keepdims=True)
    return np.ascontiguousarray(levels.transpose(2, 0, 1), dtype=np.float32)


def require_likeness(cube: Cube, name: str) -> float:
    """The likeness of a cube's bars, if it is high enough for loops.

    Raises:
        LoopError: MUSIC_NOT_USABLE if no bar returns.
    """
    found = likeness(cube)
    if found < ALIKE:
        raise LoopError(
            Code.MUSIC_NOT_USABLE,
            f"{name}: no bar of it repeats, as in noise or in music without loops; choose a part that repeats, or give"
            " other bars",
        )
    return found
