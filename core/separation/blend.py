"""Separation of songs in which some loops repeat to the sample and others are played by hand.

Neither model holds for all of such a song. Least squares (`waveforms.separate`) give back exactly the loops that
repeat, but for what the players add to the mean of a few bars. Spectra and places (`spectra.wiener`) separate all
loops, but never better than a filter can. Each method estimates its own error as a power, in each bin of each bar of
a loop: least squares by the unexplained power times the noise gain of the layout; the Wiener filter by the variance
left of its source, G (1 - G / T). The estimates are weighted by the inverse of these errors. The remainder is shared
by spectra alone: it is how players differ from one time to the next.
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

LEAST_ERROR = 1e-6  # of a bin's mean power: nobody is wrong by less
SMOOTHED = 3  # frequencies and frames over which what is unexplained is averaged
SINGULAR = 1e-6  # types that only differences of others tell apart are not to be trusted, nor is the matrix inverted
TINY = 1e-20
SWEEPS_LEFT = 4  # of expectation-maximisation for what is left over; 12 as for whole loops gain nothing (14 songs)

Array = NDArray[np.float32]
Complex = NDArray[np.complex64]


def blended(samples: Samples, found: Coherent, framing: Framing, *, progress: Progress = silent) -> Coherent:
    """A clip's samples [channels, frames] taken apart anew, along the layout by which `waveforms.separate` did.

    Args:
        found: its stems and its rest are overwritten, as together they may be a gigabyte.
        progress: told between the steps; may raise `Cancelled`.
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
    """Put the blend of both estimates in the place of the coherent stems; the rest is then worth nothing."""
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
    """What a loop's coherent stem lacks in a bar, [channels, frequencies, frames in a bar]; nothing where it is off."""
    missing = sounding(own, bar)
    heard = own[matrix[bar, own] > 0]
    if len(heard):
        missing -= coherent(bar).swapaxes(1, 2)
        missing *= doubts[heard].max(axis=0)
    return missing


def _doubts(templates: Complex, matrix: Array, unexplained: Array) -> Array:
    """The weight of the Wiener filter's estimate of each type, 0 to 1, [types, frequencies, frames in a bar].

    Args:
        templates: as from `spectra.wiener.fit_templates`.
        matrix: D [bars, types].
        unexplained: [types, frequencies, frames in a bar].
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
    """Mean power of the rest in the bars of each type, [types, frequencies, frames in a bar]."""
    heard = matrix > 0
    total = np.zeros((matrix.shape[1], framing.frequencies, framing.frames_per_bar), dtype=np.float32)
    for bar, spectrum in enumerate(in_order(bar_spectra(rest, framing), range(framing.bars))):
        total[heard[bar]] += np.square(np.abs(spectrum)).mean(axis=0).T
    total /= heard.sum(axis=0).astype(np.float32)[:, None, None]
    smoothed: Array = scipy.ndimage.uniform_filter(total, (1, SMOOTHED, SMOOTHED))
    return smoothed
