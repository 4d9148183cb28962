"""Bars refined to the sample: what a tracker hears to 10 ms and a host counts in ticks becomes where the sound repeats.

The period comes from the sound (`period`), the first beat from which parts of a bar are switched together
(`first_beat`), the bar lines from what changes there (`bar_lines`). A tracker's bars are only a proposal: half,
double and other bars, and other phases, win where the sound clearly says so. A host's bars keep their number and move
by a few milliseconds at most. What does not repeat to the sample is left as it was given, but for a wrong first beat.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import MIN_BARS, BarGrid
from core.audio.clip import Samples
from core.base.progress import Progress, silent
from core.downbeats.refine.bar_similarity import BarSpectra, best_of
from core.downbeats.refine.first_beat import better_phase
from core.downbeats.refine.preemphasis import Starts, emphasised
from core.downbeats.refine.steady_bars import REACH, SAME_TEMPO, SteadyBars, steady_runs, steady_throughout

SAME_COHERENCE = 0.85  # bars cut elsewhere correlate a little less or more
CHANCE = 0.02  # of coherence, which unlike sounds have as well
DRIFT = 0.015  # seconds by which played bars are early or late
WON = 0.25  # of coherence that must be won by following a drift
PLAIN = 0.002  # of the correlation that shifts by fractions must win over whole frames
STRETCHES = sorted(np.linspace(-0.04, 0.04, 33), key=abs)  # frames by which the bar length may be wrong
PARTS = sorted(np.linspace(-1.0, 1.0, 21), key=abs)  # of a frame by which the first start may be off


@dataclass(frozen=True)
class Refined:
    """Bars to the sample, and how they were found.

    Attributes:
        grid: the bars, their starts on the nearest frame.
        shifts: float64 [bars], how many frames after its int start each bar truly starts, mostly within +-0.5; zero
            where the bars sound best on whole frames.
        bar_frames: the true length of a bar, or None where no single one is known.
        coherence_before, coherence_after: correlation of bars with those 1, 2, 4, 8 and 16 bars later, best of them:
            the share of the sound that repeats from bar to bar on the given grid and on this one.
        steadiness: the mean of these correlations on this grid, less where bars slowly drift away from the sound.
        changes: what was changed, in words; empty where the bars are as given.
    """

    grid: BarGrid
    shifts: Starts
    bar_frames: float | None
    coherence_before: float
    coherence_after: float
    steadiness: float
    changes: tuple[str, ...]


def refine(samples: Samples, grid: BarGrid, *, rate: int, progress: Progress = silent) -> Refined:
    """Move the bars of a grid to where the sound repeats.

    Args:
        samples: float32 [channels, frames].
        grid: bars good to some 20 ms; of origin "tracker" they may be half, double or other bars and off by beats.
        progress: told of the steps.

    Returns:
        The refined bars, or the given ones where refined bars do not repeat better.
    """
    progress(0.0, "bars to the sample")
    mono = emphasised(samples)
    given = _measured(mono, grid)
    proposal = steady_throughout(mono, grid, rate) if grid.origin == "tracker" else None
    progress(0.5, "bars to the sample")
    if proposal is None:
        given = _rephased(mono, given) if grid.origin == "tracker" else given
        proposal = steady_runs(mono, given.grid, rate)
    progress(0.8, "bars to the sample")
    refined = given
    if proposal is not None and len(proposal.starts) > MIN_BARS:
        refined = _better(given, _on_frames(mono, given.grid, proposal, given))
    if proposal is None or "evened" in proposal.changes:
        refined = _aligned(mono, refined, rate)
    progress(1.0, "bars to the sample")
    return refined


def _better(given: Refined, placed: Refined) -> Refined:
    """The placed bars, unless the given ones repeat better or, but for roundings, are the same and repeat as well."""
    if given.grid.bars == placed.grid.bars and np.abs(given.grid.starts - placed.grid.starts).max() <= 1:
        better = placed.steadiness >= given.steadiness + PLAIN
    else:
        better = placed.coherence_after >= SAME_COHERENCE * given.coherence_after - CHANCE
    return placed if better else replace(given, bar_frames=placed.bar_frames)


def _measured(mono: Samples, grid: BarGrid) -> Refined:
    returns = BarSpectra(mono, grid.starts).at_distances()
    coherence = best_of(returns)
    return Refined(grid, np.zeros(grid.bars), None, coherence, coherence, float(returns.mean()), ())


def _rephased(mono: Samples, given: Refined) -> Refined:
    """A tracker's bars, whatever their lengths, begun on another beat if that one is clearly the first."""
    starts = given.grid.starts.astype(np.float64)
    later = better_phase(mono, starts)
    if later == 0.0:
        return given
    numbers = np.arange(-1.0, len(starts) + 1)
    around = np.concatenate([[2 * starts[0] - starts[1]], starts, [2 * starts[-1] - starts[-2]]])
    moved = np.interp(numbers[:-1] + later % 1, numbers, around)
    moved = np.round(moved[(moved >= 0) & (moved <= len(mono))]).astype(np.int64)
    told = f"phase moved by {later * given.grid.beats_per_bar:+.2g} beats"
    placed = _measured(mono, replace(given.grid, starts=moved))
    return replace(placed, coherence_before=given.coherence_before, changes=(told,))


def _beats(grid: BarGrid, bar: float | None) -> int:
    """Beats of a bar of another length; in double or half the bar the tempo was wrong, and not the metre."""
    ratio = 1.0 if bar is None else bar / float(np.median(grid.lengths))
    octaves = np.log2(ratio)
    same_metre = abs(octaves - round(octaves)) < SAME_TEMPO
    return grid.beats_per_bar if same_metre else max(round(grid.beats_per_bar * ratio), 1)


def _on_frames(mono: Samples, grid: BarGrid, proposal: SteadyBars, given: Refined) -> Refined:
    """The true starts as whole frames and shifts, or rounded, whichever repeats better."""
    true = proposal.starts + max(-float(proposal.starts[0]), 0.0)  # before the clip there is none
    starts, fractions = _whole_and_part(true, len(mono))
    spectra = BarSpectra(mono, starts)
    between = spectra.at_distances(fractions)
    bar = proposal.bar_frames
    if bar is not None and bar % 1.0:
        starts = np.clip(_rounded(spectra, true, starts), 0, len(mono))
        spectra = BarSpectra(mono, starts)
    whole = spectra.at_distances()
    shifted = bool(between.sum() > (1 + PLAIN) * whole.sum())
    if shifted:
        starts, fractions = _whole_and_part(true, len(mono))
    elif bar is not None and bar % 0.5:
        bar = float(np.polyfit(np.arange(len(starts)), starts, 1)[0])  # the roundings know it best
    returns = between if shifted else whole
    return Refined(
        replace(grid, starts=starts, beats_per_bar=_beats(grid, bar)),
        fractions * shifted,
        bar,
        given.coherence_before,
        best_of(returns),
        float(returns.mean()),
        (*given.changes, *proposal.changes),
    )


def _whole_and_part(true: Starts, frames: int) -> tuple[NDArray[np.int64], Starts]:
    """True starts [bars + 1] as whole frames within the clip, and as fractions [bars] of at most a half."""
    starts = np.clip(np.round(true), 0, frames).astype(np.int64)
    return starts, np.clip(true[:-1] - starts[:-1], -0.5, 0.5)


def _aligned(mono: Samples, bars: Refined, rate: int) -> Refined:
    """Each bar laid over the others, where no single length explains them and they repeat better so."""
    late = BarSpectra(mono, bars.grid.starts).lateness(round((REACH if bars.grid.origin == "host" else DRIFT) * rate))
    true = bars.grid.starts + np.append(late, late[-1])
    starts, shifts = _whole_and_part(true, len(mono))
    if np.diff(starts).min() <= 0:
        return bars
    returns = BarSpectra(mono, starts).at_distances(shifts)
    if best_of(returns) < bars.coherence_after + WON:
        return bars
    grid, changes = replace(bars.grid, starts=starts), (*bars.changes, "drift followed")
    return Refined(grid, shifts, None, bars.coherence_before, best_of(returns), float(returns.mean()), changes)


def _rounded(spectra: BarSpectra, true: Starts, nearest: NDArray[np.int64]) -> NDArray[np.int64]:
    """True starts [bars + 1] rounded as the clips of the song were, given the spectra of bars at the nearest frames.

    The fraction of the first start, unknown to the ear, and the last hundredths of the bar length decide which bars
    were rounded up: first roughly, then to the hundredth of a frame that tells one bar in a hundred from the others.
    """
    numbers = np.arange(len(true)) - len(true) / 2

    def rounded(part: float, stretch: float) -> NDArray[np.int64]:
        return np.asarray(np.round(true + part + stretch * numbers), dtype=np.int64)

    def agreement(rounding: tuple[float, float]) -> float:
        return spectra.agreement((rounded(*rounding) - nearest)[:-1])

    part, stretch = 0.0, 0.0
    for scale in (1.0, 0.1):
        part, stretch = max(
            ((part + scale * more, stretch + scale * longer) for longer in STRETCHES for more in PARTS), key=agreement
        )
    plain = spectra.agreement(np.zeros(len(true) - 1, dtype=np.int64))
    return rounded(part, stretch) if agreement((part, stretch)) > (1 + PLAIN) * plain else nearest
