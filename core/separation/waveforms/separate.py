"""Coherent separation: from samples, a grid and a layout to stems of loops that repeat as waveforms, phase and all.

The bars are cut at the grid (`core.audio.bar_cuts`, `clip_delays`). Least squares solve for the bar types
(`least_squares`), with gains if these explain much more (`gains`, `gain_leaks`). If something else sounds, or if the
layout alone does not separate the loops, `robust` solves again. What no loop explains is the rest.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.audio.bar_cuts import Bars, bar_shifts, cut_bars, lay_bars
from core.audio.bars import BarGrid
from core.audio.clip import Samples, rest_of
from core.base.errors import Code, LoopError
from core.base.progress import Progress, part_of, silent
from core.base.threads import in_order
from core.layout.layout import BarTypes, Layout, mixing_matrix
from core.separation.waveforms.clip_delays import (
    Delays,
    clip_delays,
    loudness,
    on_the_grid,
    placed_types,
    sounded,
    sounded_bar,
)
from core.separation.waveforms.gain_leaks import untangled
from core.separation.waveforms.gains import refined, unexplained
from core.separation.waveforms.least_squares import (
    Matrix,
    band_grams,
    coherence,
    coherence_bands,
    noise_gains,
    repeated,
    whitened,
)
from core.separation.waveforms.robust import resolved

EXACT = 1e-5  # share of the whitened energy left unexplained by least squares, below which nothing else sounds
FARTHEST = 4  # frames of delay: a larger one comes from unequal bars, not from rounding
TOO_LOUD = 1.0  # energy of all types where they play, by that of the bars: louder types cancel each other
COSTS = (0.05, 1.0)  # prior of `resolved` if nothing else sounds, and if something does


@dataclass(frozen=True)
class Coherent:
    """A clip separated into loops.

    Attributes:
        stems: float32 [loops, channels, frames].
        rest: float32 [channels, frames], the clip minus the sum of the stems.
        layout: the layout, with the gains as activations.
        noise_gain: the factor by which the power of non-repeating sound reaches each loop, [loops]: 1/n for a loop
            that plays n times alone; above 1 where loops are entangled.
        bands: edges of the bands in Hz, [bands + 1].
        coherence: the share of the energy in each band that repetition explains, 0 to 1, [bands].
    """

    stems: Samples
    rest: Samples
    layout: Layout
    noise_gain: NDArray[np.float64]
    bands: NDArray[np.float64]
    coherence: NDArray[np.float64]


def separate(
    samples: Samples,
    grid: BarGrid,
    layout: Layout,
    *,
    rate: int,
    shifts: ArrayLike | None = None,
    progress: Progress = silent,
) -> Coherent:
    """Separate a clip's samples [channels, frames] along a layout.

    Args:
        rate: frames per second.
        shifts: the fraction of a frame by which each bar truly starts later than in the grid, [bars].
        progress: called between the steps; may raise `Cancelled`.

    Raises:
        LoopError: ARGUMENTS if layout or shifts do not have the grid's number of bars.
    """
    late = bar_shifts(grid, shifts)
    if layout.bars != grid.bars or late.shape != (grid.bars,):
        raise LoopError(Code.ARGUMENTS, f"layout and shifts need {grid.bars} bars, got {layout.bars} and {late.size}")
    progress(0.0, "separation")
    columns = mixing_matrix(replace(layout, activations=(layout.loop_bars >= 0).astype(np.float32)))
    owners = columns.owners
    placed = _on_the_grid(cut_bars(samples, grid, late), grid, layout, columns, rate)
    grams = band_grams(placed.bars, rate)
    progress(0.1, "separation")
    mixing, bar_types = _solved(placed, whitened(grams), owners, rate, part_of(progress, 0.1, 0.6))

    stems = np.zeros((layout.loops, *samples.shape), dtype=np.float32)

    def lay(loop: int) -> None:
        own = np.flatnonzero(owners == loop)
        bars, gains, delays = bar_types[own], mixing[:, own], placed.delays[:, own]
        lay_bars(lambda bar: sounded_bar(bars, gains[bar], delays[bar]), grid, late, stems[loop])

    for loop, _ in enumerate(in_order(lay, range(layout.loops))):
        progress(0.6 + 0.4 * loop / layout.loops, "separation")
    own, owners = mixing[:, ~columns.late], owners[~columns.late]
    trust = noise_gains(own)
    return Coherent(
        stems,
        rest_of(samples, stems),
        replace(layout, activations=_gains(own, owners, layout.loops)),
        np.array([trust[owners == loop].max(initial=0.0) for loop in range(layout.loops)]),
        coherence_bands(rate, placed.bars.shape[2])[0],
        coherence(grams, mixing),
    )


@dataclass(frozen=True)
class _Placed:
    """Bars of full length without delays, their binary mixing matrix, and the delays [bars, bar types]."""

    bars: Bars
    mixing: Matrix
    delays: Delays


def _on_the_grid(bars: Bars, grid: BarGrid, layout: Layout, columns: BarTypes, rate: int) -> _Placed:
    """The bars [bars, channels, frames], without the delays of long clips if these delays explain the music better."""
    mixing = columns.matrix.astype(np.float64)
    bar_types = repeated(bars, mixing, grid.lengths)
    for bar, length in enumerate(grid.lengths):  # shorter bars are continued by their loops
        bars[bar, :, length:] = np.tensordot(mixing[bar].astype(np.float32), bar_types[..., length:], axes=1)
    delays = np.where(mixing > 0, _type_delays(clip_delays(layout, grid), columns), 0)
    none = np.zeros_like(delays)
    if delays.any() and np.abs(delays).max() <= FARTHEST:
        better = placed_types(bars, mixing, delays)
        left = (bars - sounded(bar_types, mixing, none), bars - sounded(better, mixing, delays))
        if loudness(left[1], rate) < loudness(left[0], rate):
            return _Placed(on_the_grid(bars, better, mixing, delays), mixing, delays)
    return _Placed(bars, mixing, none)


def _type_delays(delays: Delays, columns: BarTypes) -> Delays:
    """Delays [bars, bar types] from those of the loops [bars, loops]. A tail is as late as its loop bar."""
    before = np.concatenate([delays[:1], delays[:-1]])
    return np.where(columns.late, before[:, columns.owners], delays[:, columns.owners])


def _solved(
    placed: _Placed, gram: Matrix, owners: NDArray[np.intp], rate: int, progress: Progress
) -> tuple[Matrix, Bars]:
    """The mixing matrix with gains, and the bar types."""
    lengths = np.full(len(placed.bars), placed.bars.shape[2])
    mixing = refined(gram, placed.mixing, owners)
    bar_types = repeated(placed.bars, mixing, lengths)
    if mixing is not placed.mixing:
        mixing = untangled(bar_types, mixing, owners, rate)
        bar_types = repeated(placed.bars, mixing, lengths)
    rank, bars = int(np.linalg.matrix_rank(mixing)), len(mixing)
    share = unexplained(gram, mixing) / max(float(np.trace(gram)), 1e-30)
    inexact = rank == bars or share > EXACT * (1 - rank / bars)  # as many bar types as bars explain all
    if inexact or rank < mixing.shape[1]:
        prior = COSTS[int(inexact)]
        bar_types = resolved(placed.bars, mixing, owners, rate=rate, prior=prior, progress=part_of(progress, 0.0, 0.6))
        if _energy(bar_types, mixing) > TOO_LOUD * float(np.vdot(placed.bars, placed.bars)):
            again = part_of(progress, 0.6, 1.0)
            bar_types = resolved(placed.bars, mixing, owners, rate=rate, prior=prior, bounded=True, progress=again)
    return mixing, bar_types


def _gains(mixing: Matrix, owners: NDArray[np.intp], loops: int) -> NDArray[np.float32]:
    """Activations [bars, loops]: the gain of the loop bar that sounds."""
    return np.stack([mixing[:, owners == loop].max(axis=1, initial=0.0) for loop in range(loops)], axis=1).astype(
        np.float32
    )


def _energy(bar_types: Bars, mixing: Matrix) -> float:
    """The energy of all bar types in all bars where they play."""
    return float(np.square(mixing).sum(axis=0) @ np.array([np.vdot(bar, bar) for bar in bar_types]))
