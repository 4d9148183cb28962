"""Bar lines moved to where the loops of a layout are switched.

What sounds before a bar line belongs to the loops of the one bar, what sounds after it to those of the next. Once a
layout is known this tells the line to a few frames, under sounds that drown every attack, too: bars that begin early or
late, even by a beat, still show which loops play in most of them, and only beyond the true line sounds what belongs to
their neighbours.
"""

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import MIN_BARS
from core.audio.clip import Samples
from core.downbeats.refine.preemphasis import PADDING, emphasised, sounding
from core.downbeats.refine.refine import Refined
from core.layout.layout import Layout, mixing_matrix

SLOT, STRIDE, FINE = 8, 32, 4  # frames whose loudness is taken together, from one such slot to the next, and at last
NEAR, ATTACK, SHARP = 0.1, 0.01, 0.5  # seconds around the likeliest line, and after any; weight of a fall in these
SILENCE = 1e-3  # of the mean power: less than that is as good as nothing
TURNS = 8  # of a fit to lines of unknown loudness
SURE = 600.0  # natural logarithm of how many times likelier other lines must be: with true bars of sequenced songs it
USUAL_RATE = 44_100  # stayed under 300 at this rate, and above grows with the frames, which then say the same twice


def moved_to_switches(samples: Samples, refined: Refined, layout: Layout, *, rate: int) -> Refined:
    """The bars, all begun by the same time earlier or later where that clearly fits the layout better.

    Args:
        samples: float32 [channels, frames].
        layout: of these bars.

    Returns:
        All such bars of the clip, also one more or less at its ends, or the very ones that were given.
    """
    mono, starts = emphasised(samples), refined.grid.starts
    later = switches_later(mono, starts, layout, rate=rate)
    if later == 0:
        return refined
    around = np.concatenate([[2 * starts[0] - starts[1]], starts, [2 * starts[-1] - starts[-2]]])
    first = around[np.argmin(np.abs(around + later))]
    if abs(first + later) <= 2 * FINE:  # a clip that begins near a line begins on it
        later = -first
    around = around + later
    kept = np.flatnonzero((around >= -PADDING * rate) & (around <= len(mono) + PADDING * rate))
    kept = kept[sounding(mono, around[kept].astype(np.float64))]
    if len(kept) <= MIN_BARS:
        return refined
    told = f"bar lines moved by {1000 * later / rate:+.1f} ms, to where loops begin and end"
    return replace(
        refined,
        grid=replace(refined.grid, starts=np.clip(around[kept], 0, len(mono))),
        shifts=np.pad(refined.shifts, 1)[kept[:-1]],
        changes=(*refined.changes, told),
    )


def switches_later(mono: Samples, starts: NDArray[np.int64], layout: Layout, *, rate: int) -> int:
    """By how many frames, at most half a bar, loops are switched after these starts; 0 where nothing clearly says so.

    A change point of the likeliest ratio: around each line, sound is what the layout of the bar before it, or of the
    one after it, mixes of the same loops, and something else, as loud as it happens to be at this line and moment.
    """
    lines, span = starts[1:-1], round(NEAR * rate / FINE)
    reach = STRIDE * (int(np.diff(starts).min()) // (2 * STRIDE))
    inside = (lines >= reach + span * FINE) & (lines + reach + span * FINE <= len(mono))
    if layout.loops == 0 or np.count_nonzero(inside) < MIN_BARS:
        return 0
    columns = mixing_matrix(layout).matrix.astype(np.float64)
    switched = (columns[:-1] != columns[1:]).any(axis=1)[inside]  # at other lines nothing tells where they are

    def likelihoods(places: NDArray[np.int64], frames: int) -> NDArray[np.float64]:
        """Of lines moved to each of these places, and to behind the last, of which each is so many frames long."""
        around = mono[lines[inside, None, None] + places[:, None] + np.arange(frames)]
        before, after = (_surprise(around, rows[inside])[switched] for rows in (columns[:-1], columns[1:]))
        return np.concatenate([[0.0], np.cumsum((after - before).sum(axis=0))])

    later = np.arange(-reach, reach + 1, STRIDE)
    likelihood = STRIDE / SLOT * likelihoods(later[:-1], SLOT)
    best = int(np.argmax(likelihood))
    if likelihood[best] - likelihood[later == 0] < SURE * max(rate / USUAL_RATE, 1.0):
        return 0
    near = later[best] + FINE * np.arange(-span, span + 1)
    likelihood, attack = likelihoods(near[:-1], FINE), round(ATTACK * rate / FINE)
    # Loops die away towards their ends, so that a line a little early is as likely; but they begin all of a sudden, and
    # what is cut from their beginning is missed most.
    sharp = likelihood[:-attack] + SHARP * (likelihood[:-attack] - likelihood[attack:])
    return int(near[np.argmax(sharp)]) - FINE


def _surprise(around: NDArray[np.float32], rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """Negative log likelihood of each slot of `around` [lines, slots, frames], as a mixture of the columns of `rows`.

    What no mixture explains is Gaussian, of the variance that makes it likeliest at each line: a fit by reweighted
    least squares, in which a line that something else sounds at, or that the layout is wrong about, hardly counts.
    """
    basis, values, _ = np.linalg.svd(rows, full_matrices=False)
    basis = basis[:, values > 1e-6 * values[0]]
    frames, loudness = around.shape[2], np.square(around, dtype=np.float64).mean()
    floor, left = SILENCE * frames * loudness + 1e-30, np.ones(around.shape[:2])
    for _ in range(TURNS):
        gram = np.einsum("lr,ls,lq->srq", basis, 1 / left, basis, optimize=True)
        gram += 1e-6 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(basis.shape[1])
        mixed = np.linalg.solve(gram, np.einsum("lr,ls,lsf->srf", basis, 1 / left, around, optimize=True))
        missed = around - np.einsum("lr,srf->lsf", basis, mixed, optimize=True)
        left = np.square(missed).sum(axis=2) + floor
    return np.asarray(0.5 * frames * np.log(left))
