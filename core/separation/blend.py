"""Separation of songs in which some loops repeat to the sample and others are played by hand.

Neither model fits all of such a song. Least squares (`waveforms.separate`) return the repeating loops exactly, except
for what the played loops add to the mean of a few bars. Spectra and places (`spectra.wiener`) separate all loops, but
never better than a filter can. Each method estimates the power of its own error in each bin of each loop bar. For least
squares it is the unexplained power times the noise gain of the layout. For the Wiener filter it is the variance left of
its source, G (1 - G / T). The two estimates are weighted by the inverse of these errors. What is left over is the
difference between a player's repetitions; it is shared by spectra alone.
"""

from collections.abc import Callable
from functools import partial
from itertools import repeat

import numpy as np
import scipy.ndimage
from numpy.typing import NDArray

from core.audio.clip import Samples, rest_of
from core.audio.cube import Framing, analyse, bar_spectra, synthesise_bars
from core.base.progress import Progress, part_of, silent
from core.base.threads import in_order
from core.layout.layout import BarTypes, mixing_matrix
from core.separation.spectra.wiener import by_bars, each_stem, fit_templates, mean_power, shared
from core.separation.waveforms.separate import Coherent

LEAST_ERROR = 1e-6  # of a bin's mean power: no method has a smaller error
SMOOTHED = 3  # frequencies and frames over which the unexplained power is averaged
SINGULAR = 1e-6  # makes D^T D invertible, and the error of bar types that depend on others large
TINY = 1e-20
SWEEPS_LEFT = 4  # of expectation-maximisation for the left-over sound; 12 as for whole loops gain nothing (14 songs)

Array = NDArray[np.float32]
Complex = NDArray[np.complex64]


def blended(samples: Samples, found: Coherent, framing: Framing, *, progress: Progress = silent) -> Coherent:
    """Separate a clip's samples [channels, frames] again, along the layout that `waveforms.separate` used.

    Args:
        found: the result of `waveforms.separate`. Its stems and rest are overwritten, because they may be a gigabyte.
        progress: called between the steps; may raise `Cancelled`.
    """
    columns = mixing_matrix(found.layout)
    _correct(samples, found, framing, columns, part_of(progress, 0.0, 0.6))
    left = analyse(rest_of(samples, found.stems, out=found.rest), framing)
    sharing = each_stem(
        left, framing, found.layout, repeat(found.rest), sweeps=SWEEPS_LEFT, progress=part_of(progress, 0.6, 1.0)
    )
    for stem, more in zip(found.stems, sharing, strict=True):
        stem += more
    rest_of(samples, found.stems, out=found.rest)
    return found


def _correct(samples: Samples, found: Coherent, framing: Framing, columns: BarTypes, progress: Progress) -> None:
    """Replace the coherent stems by the blend of both estimates. Afterwards the rest is invalid."""
    cube = analyse(samples, framing)
    floor = LEAST_ERROR * mean_power(by_bars(cube)).T
    templates = fit_templates(cube, columns.matrix, columns.owners, progress=part_of(progress, 0.0, 0.7))
    doubts = _doubts(templates, columns.matrix, _unexplained(found.rest, framing, columns.matrix) + floor)
    sounding = shared(cube, templates, columns.matrix)
    change = found.rest
    for loop, stem in enumerate(found.stems):
        progress(0.7 + 0.3 * loop / len(found.stems), "separation")
        own = np.flatnonzero(columns.owners == loop)
        coherent = bar_spectra(stem, framing)
        synthesise_bars(partial(_missing, sounding, coherent, doubts, columns.matrix, own), framing, change)
        stem += change


def _missing(
    sounding: Callable[[NDArray[np.intp], int], Complex],
    coherent: Callable[[int], Complex],
    doubts: Array,
    matrix: Array,
    own: NDArray[np.intp],
    bar: int,
) -> Complex:
    """The blend minus a loop's coherent stem in a bar, [channels, frequencies, frames in a bar]; 0 if it is off."""
    missing = sounding(own, bar)
    active = own[matrix[bar, own] > 0]
    if len(active):
        missing -= coherent(bar).swapaxes(1, 2)
        missing *= doubts[active].max(axis=0)
    return missing


def _doubts(templates: Complex, matrix: Array, unexplained: Array) -> Array:
    """The weight of the Wiener filter's estimate of each bar type, 0 to 1, [bar types, frequencies, frames in a bar].

    Args:
        templates: from `spectra.wiener.fit_templates`.
        matrix: D [bars, bar types].
        unexplained: from `_unexplained`.
    """
    powers = np.einsum("rcc...->r...", templates).real / np.float32(templates.shape[1])
    of_filter = np.zeros_like(powers)
    rows, counts = np.unique(np.square(matrix), axis=0, return_counts=True)
    for row, count in zip(rows, counts, strict=True):
        on = np.flatnonzero(row)
        total = np.tensordot(row[on], powers[on], axes=1) + np.float32(TINY)
        of_filter[on] += np.float32(count) * powers[on] * (1 - row[on, None, None] * powers[on] / total)
    of_filter /= np.count_nonzero(matrix, axis=0).astype(np.float32)[:, None, None]
    gram = matrix.T.astype(np.float64) @ matrix
    gains = np.diag(np.linalg.inv(gram + SINGULAR * np.eye(len(gram)))).astype(np.float32)
    of_least_squares = gains[:, None, None] * unexplained
    doubts: Array = of_least_squares / (of_filter + of_least_squares + np.float32(TINY))
    return doubts


def _unexplained(rest: Samples, framing: Framing, matrix: Array) -> Array:
    """Mean power of the rest in the bars of each bar type, [bar types, frequencies, frames in a bar]."""
    active = matrix > 0
    total = np.zeros((matrix.shape[1], framing.frequencies, framing.frames_per_bar), dtype=np.float32)
    for bar, spectrum in enumerate(in_order(bar_spectra(rest, framing), range(framing.bars))):
        total[active[bar]] += np.square(np.abs(spectrum)).mean(axis=0).T
    total /= active.sum(axis=0).astype(np.float32)[:, None, None]
    smoothed: Array = scipy.ndimage.uniform_filter(total, (1, SMOOTHED, SMOOTHED))
    return smoothed
