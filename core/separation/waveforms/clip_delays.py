"""Delays of loops of several bars, in songs whose bars are no whole number of frames.

A DAW puts a clip on the nearest frame once per run, and plays it through. So the later bars of the clip start up to a
frame before or after the bars of the grid, by other amounts in other runs. With these delays the model is
x_b = sum over bar types of D[b, t] (s_t delayed by n[b, t]). It is solved by conjugate gradients on the normal
equations, preconditioned by (D^T D)^-1 (Saad, "Iterative Methods for Sparse Linear Systems", 2003, section 9.5). The
delays are then removed from the bars, so that in all further steps the loops keep to the grid.
"""

from itertools import pairwise

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from core.audio.bar_cuts import Bars
from core.audio.bars import BarGrid
from core.audio.clip import Samples
from core.layout.layout import Layout
from core.separation.waveforms.least_squares import CUTOFF, Matrix, coherence_bands

ROUNDS = 12  # of conjugate gradients: -70 dB and better
QUIET = 1e-9  # of a band's mean power: less counts as silence

Delays = NDArray[np.int64]
"""Whole frames by which a loop is later than the grid, [bars, loops], or [bars] of one loop."""


def clip_delays(layout: Layout, grid: BarGrid) -> Delays:
    """The delays of clips that start on a frame of the grid in each run and are played through, [bars, loops]."""
    period = float(grid.starts[-1] - grid.starts[0]) / grid.bars
    loop_bars = layout.loop_bars.astype(np.int64)
    delays = np.zeros(loop_bars.shape, dtype=np.int64)
    for loop in range(layout.loops):
        first = 0
        for bar in map(int, np.flatnonzero(loop_bars[:, loop] >= 0)):
            if bar == 0 or loop_bars[bar - 1, loop] < 0 or loop_bars[bar, loop] != loop_bars[bar - 1, loop] + 1:
                first = bar
            since = round(period * loop_bars[bar, loop]) - round(period * loop_bars[first, loop])
            delays[bar, loop] = grid.starts[first] + since - grid.starts[bar]
    return delays


def sounded(bar_types: Bars, mixing: Matrix, delays: Delays) -> Bars:
    """The bars [bars, channels, frames] of bar types S [bar types, channels, frames], mixed by D with these delays.

    Args:
        mixing, delays: D and the delays, [bars, bar types].
    """
    bars = np.zeros((len(mixing), *bar_types.shape[1:]), dtype=np.float32)
    for bar in range(len(mixing)):
        mixed = sounded_bar(bar_types, mixing[bar], delays[bar])
        if mixed is not None:
            bars[bar] = mixed
    return bars


def sounded_bar(bar_types: Bars, gains: NDArray[np.float64], delays: Delays) -> Samples | None:
    """One bar [channels, frames] of bar types mixed by gains, with delays, [bar types]; None if all are off."""
    mixed: Samples | None = None
    for kind in np.flatnonzero(gains):
        wave = np.float32(gains[kind]) * _moved(bar_types[kind], int(delays[kind]))
        mixed = wave if mixed is None else mixed + wave
    return mixed


def placed_types(bars: Bars, mixing: Matrix, delays: Delays) -> Bars:
    """The bar types S of bars X that are mixed by D with delays [bars, bar types], by least squares."""
    inverse = np.linalg.pinv(mixing.T @ mixing, rcond=CUTOFF).astype(np.float32)
    bar_types = np.tensordot(inverse, _gathered(bars, mixing, delays), axes=1)
    left = _gathered(bars - sounded(bar_types, mixing, delays), mixing, delays)
    step = better = np.tensordot(inverse, left, axes=1)
    size = float(np.vdot(left, better))
    for _ in range(ROUNDS):
        seen = _gathered(sounded(step, mixing, delays), mixing, delays)
        length = np.float32(size / max(float(np.vdot(step, seen)), 1e-30))
        bar_types += length * step
        left -= length * seen
        better = np.tensordot(inverse, left, axes=1)
        last, size = size, float(np.vdot(left, better))
        step = better + np.float32(size / max(last, 1e-30)) * step
    return bar_types


def on_the_grid(bars: Bars, bar_types: Bars, mixing: Matrix, delays: Delays) -> Bars:
    """The bars without the delays of the bar types. The bar types are known well enough for that."""
    return bars - sounded(bar_types, mixing, delays) + sounded(bar_types, mixing, np.zeros_like(delays))


def loudness(bars: Bars, rate: int) -> float:
    """The mean log power of all bands of all bars. Of two residuals the lower one is better, whatever else sounds."""
    frames = scipy.fft.next_fast_len(bars.shape[2], real=True)
    _, bins = coherence_bands(rate, frames)
    power = np.zeros((len(bins) - 1, len(bars)))
    for channel in range(bars.shape[1]):
        spectrum = np.square(np.abs(scipy.fft.rfft(bars[:, channel], n=frames, axis=-1)))
        power += [spectrum[:, low:high].sum(axis=1) for low, high in pairwise(bins)]
    return float(np.mean(np.log(power + QUIET * power.mean(axis=1, keepdims=True) + 1e-20)))


def _gathered(bars: Bars, mixing: Matrix, delays: Delays) -> Bars:
    """The transpose of `sounded`."""
    bar_types = np.zeros((mixing.shape[1], *bars.shape[1:]), dtype=np.float32)
    for bar, kind in zip(*np.nonzero(mixing), strict=True):
        bar_types[kind] += np.float32(mixing[bar, kind]) * _moved(bars[bar], -int(delays[bar, kind]))
    return bar_types


def _moved(piece: Bars, by: int) -> Bars:
    """A piece [channels, frames] moved later by whole frames. Frames that leave the piece are lost."""
    if by == 0:
        return piece
    result = np.zeros_like(piece)
    if by > 0:
        result[:, by:] = piece[:, :-by]
    else:
        result[:, :by] = piece[:, -by:]
    return result
