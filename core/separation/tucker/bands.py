"""Frequency bands for cheaper models: single bins at low frequencies, bands of a 24th of an octave above."""

import numpy as np
from array_api_compat import array_namespace, device
from numpy.typing import NDArray

from core.separation.tucker.model import Array

SINGLE_BINS = 96  # the lowest bins (2 kHz at the cube's usual 21.5 Hz a bin) are not pooled, because notes differ there
BANDS_PER_OCTAVE = 24


def band_edges(frequencies: int) -> NDArray[np.int64]:
    """The first bin of each pooled band, and then the number of bins: int64 [bands + 1]."""
    single = np.arange(min(SINGLE_BINS, frequencies))
    octaves = max(np.log2(frequencies / SINGLE_BINS), 0.0)
    wide = SINGLE_BINS * 2.0 ** (np.arange(int(octaves * BANDS_PER_OCTAVE) + 1) / BANDS_PER_OCTAVE)
    return np.unique(np.concatenate([single, np.round(wide[wide < frequencies]), [frequencies]]).astype(np.int64))


def pool(cube: NDArray[np.float32]) -> NDArray[np.float32]:
    """The cube with its first axis pooled into bands, as roots of energies, so that bands keep their energy."""
    edges = band_edges(cube.shape[0])
    return np.sqrt(np.add.reduceat(np.square(cube), edges[:-1], axis=0))


def summed(array: Array, axis: int, edges: NDArray[np.int64]) -> Array:
    """Sums of an array's slices along an axis, from each edge to the next, in any array library."""
    xp = array_namespace(array)
    return xp.moveaxis(xp.tensordot(_membership(edges, array), array, axes=([1], [axis])), 0, axis)


def spread(notes: Array, edges: NDArray[np.int64], order: int) -> Array:
    """Rows [notes, bands] spread over all bins [notes, frequencies]: each band keeps its norm of this order."""
    widths = np.diff(edges).astype(np.float32) ** (1 / order)
    xp = array_namespace(notes)
    return (notes / xp.asarray(widths, device=device(notes))) @ _membership(edges, notes)


def _membership(edges: NDArray[np.int64], like: Array) -> Array:
    """A matrix of ones and zeros [bands, slices]: which slice belongs to which band."""
    member = np.zeros((len(edges) - 1, edges[-1]), dtype=np.float32)
    member[np.repeat(np.arange(len(member)), np.diff(edges)), np.arange(edges[-1])] = 1
    return array_namespace(like).asarray(member, device=device(like))
