"""The bar types by least squares: bars x_b = sum over bar types of D[b, t] s_t + noise, solved for all frames at once.

`core.layout.layout.mixing_matrix` gives D. Sequenced loops repeat as waveforms, so the solution has their phases in
every channel, without masks. Sound that does not repeat reaches bar type t with v_t = [(D^T D)^-1]_tt of its power. The
solution is the same in the time domain as in any linear transform of bars that are cut alike.
"""

from itertools import pairwise

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from core.audio.bar_cuts import Bars

CUTOFF = 1e-5  # singular values below this share of the largest count as zero
BANDS_PER_OCTAVE = 3
LOWEST_BAND = 40.0  # Hz

Matrix = NDArray[np.float64]


def repeated(bars: Bars, mixing: Matrix, lengths: NDArray[np.int64]) -> Bars:
    """The bar types S = pinv(D) X, float32 [bar types, channels, frames].

    Args:
        bars: X [bars, channels, frames].
        mixing: D [bars, bar types].
        lengths: the frames of each bar. Frames that only some bars have are solved from those bars.
    """
    bar_types = np.zeros((mixing.shape[1], *bars.shape[1:]), dtype=np.float32)
    for start, end in pairwise([0, *np.unique(lengths)]):
        there = lengths >= end
        solver = np.linalg.pinv(mixing[there], rcond=CUTOFF).astype(np.float32)
        bar_types[..., start:end] = np.tensordot(solver, bars[there, :, start:end], axes=1)
    return bar_types


def noise_gains(mixing: Matrix) -> NDArray[np.float64]:
    """v_t, the power with which noise of power 1 in every bar reaches each bar type, [bar types]."""
    gains: NDArray[np.float64] = np.square(np.linalg.pinv(mixing, rcond=CUTOFF)).sum(axis=1)
    return gains


def coherence_bands(rate: int, frames: int) -> tuple[Matrix, NDArray[np.intp]]:
    """Bands of a third of an octave: edges in Hz [bands + 1], and in bins of a spectrum of `frames` frames."""
    octaves = np.log2(rate / 2 / LOWEST_BAND)
    hertz = LOWEST_BAND * 2 ** (np.arange(int(octaves * BANDS_PER_OCTAVE) + 1) / BANDS_PER_OCTAVE)
    hertz = np.concatenate([[0.0], hertz, [rate / 2]])
    bins = np.round(hertz * frames / rate).astype(np.intp)
    bins[-1] = frames // 2 + 1
    return hertz, bins


def band_grams(bars: Bars, rate: int) -> NDArray[np.float64]:
    """Inner products of all pairs of bars in each band, float64 [bands, bars, bars]."""
    frames = scipy.fft.next_fast_len(bars.shape[2], real=True)
    _, bins = coherence_bands(rate, frames)
    grams = np.zeros((len(bins) - 1, len(bars), len(bars)))
    for channel in range(bars.shape[1]):  # a channel at a time bounds the memory
        spectrum = scipy.fft.rfft(bars[:, channel], n=frames, axis=-1)
        for band, (low, high) in enumerate(pairwise(bins)):
            part = spectrum[:, low:high].view(np.float32)  # real and imaginary parts side by side
            grams[band] += part @ part.T
    return grams


def coherence(grams: NDArray[np.float64], mixing: Matrix) -> NDArray[np.float64]:
    """The share of the energy of each band that repetition explains, 0 to 1, [bands].

    What would be explained by chance is subtracted: of noise, as many bars as there are independent bar types.
    """
    bars, bar_types = len(mixing), int(np.linalg.matrix_rank(mixing))
    left = np.eye(bars) - mixing @ np.linalg.pinv(mixing, rcond=CUTOFF)
    total = np.einsum("fbb->f", grams)
    noise = np.einsum("fab,ab->f", grams, left) * bars / max(bars - bar_types, 1)
    share: NDArray[np.float64] = 1 - np.divide(noise, total, out=np.ones_like(total), where=total > 0)
    return np.clip(share, 0.0, 1.0)


def whitened(grams: NDArray[np.float64], power: float = 0.75) -> Matrix:
    """One Gram matrix [bars, bars] of all bands, weighted so that the loudest bands do not decide alone."""
    total = np.einsum("fbb->f", grams)
    weights = np.divide(1.0, total**power, out=np.zeros_like(total), where=total > 1e-9 * total.max())
    result: Matrix = np.einsum("f,fab->ab", weights, grams)
    return result
