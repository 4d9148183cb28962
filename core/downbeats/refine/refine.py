"""Bars refined to the sample: a tracker is accurate to 10 ms, a host to a tick; here bars move to where sound repeats.

`period` estimates the length of a bar from the sound. `first_beat` finds the first beat: in all parts of a bar the same
loops play. `bar_lines` finds the bar lines from changes in the sound. A tracker's bars are only a proposal: half,
double or other bars, and other phases, replace them if the evidence in the sound is clear. A host's bars keep their
number and move by a few milliseconds at most. Where the sound does not repeat to the sample, the bars stay as they were
given; only a wrong first beat is corrected.
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

SAME_COHERENCE = 0.85  # share of the old coherence that new bars need: bars cut elsewhere correlate a bit differently
CHANCE = 0.02  # coherence that sounds have by chance
DRIFT = 0.015  # seconds by which bars played by hand are early or late
WON = 0.25  # least gain in coherence when each bar is moved on its own
PLAIN = 0.002  # least gain in correlation, as a share, of fractional shifts over whole frames
STRETCHES = sorted(np.linspace(-0.04, 0.04, 33), key=abs)  # possible errors of the bar length in frames; see `Period`
PARTS = sorted(np.linspace(-1.0, 1.0, 21), key=abs)  # possible errors of the first start in frames


@dataclass(frozen=True)
class Refined:
    """Bars to the sample, and how they were found.

    Attributes:
        grid: the bars, with starts on the nearest frame.
        shifts: float64 [bars], how many frames after its integer start each bar truly starts, mostly within +-0.5;
            zero where bars on whole frames repeat best.
        bar_frames: the true length of a bar, or None if there is no single length.
        coherence_before, coherence_after: the correlation of bars with those 1, 2, 4, 8 and 16 bars later, the best of
            these: the share of the sound that repeats from bar to bar, on the given grid and on this one.
        steadiness: the mean of these correlations on this grid; lower where bars slowly drift away from the sound.
        changes: the changes in words; empty if the bars are as given.
    """

    grid: BarGrid
    shifts: Starts
    bar_frames: float | None
    coherence_before: float
    coherence_after: float
    steadiness: float
    changes: tuple[str, ...]

    def report(self) -> dict[str, object]:
        """The diagnostics of a result."""
        length = self.bar_frames
        return {"bar_frames": None if length is None else round(length, 3), "bars_changed": list(self.changes)}


def refine(samples: Samples, grid: BarGrid, *, rate: int, progress: Progress = silent) -> Refined:
    """Move the bars of a grid to where the sound repeats.

    Args:
        samples: float32 [channels, frames].
        grid: bars accurate to about 20 ms. A tracker's bars may also be half, double or other bars, and off by beats.
        progress: called at each step.

    Returns:
        The refined bars, or the given ones if refined bars do not repeat better.
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
    """The placed bars, or the given ones if those repeat better, or repeat as well and differ by rounding alone."""
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
    """A tracker's bars of any lengths, moved to another first beat if the evidence for it is clear."""
    starts = given.grid.starts.astype(np.float64)
    later = better_phase(mono, starts)
    if later == 0.0:
        return given
    numbers = np.arange(-1.0, len(starts) + 1)
    around = np.concatenate([[2 * starts[0] - starts[1]], starts, [2 * starts[-1] - starts[-2]]])
    moved = np.interp(numbers[:-1] + later % 1, numbers, around)
    moved = np.round(moved[(moved >= 0) & (moved <= len(mono))]).astype(np.int64)
    change = f"phase moved by {later * given.grid.beats_per_bar:+.2g} beats"
    placed = _measured(mono, replace(given.grid, starts=moved))
    return replace(placed, coherence_before=given.coherence_before, changes=(change,))


def _beats(grid: BarGrid, bar: float | None) -> int:
    """Beats of a bar of another length. If the bar is doubled or halved, the tempo was wrong and the metre stays."""
    ratio = 1.0 if bar is None else bar / float(np.median(grid.lengths))
    octaves = np.log2(ratio)
    same_metre = abs(octaves - round(octaves)) < SAME_TEMPO
    return grid.beats_per_bar if same_metre else max(round(grid.beats_per_bar * ratio), 1)


def _on_frames(mono: Samples, grid: BarGrid, proposal: SteadyBars, given: Refined) -> Refined:
    """The true starts as whole frames with shifts, or rounded without shifts, whichever repeats better."""
    true = proposal.starts + max(-float(proposal.starts[0]), 0.0)  # no bar starts before the clip
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
        bar = float(np.polyfit(np.arange(len(starts)), starts, 1)[0])  # the rounded starts fix the length best
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
    """Each bar aligned with the others, if the bars then repeat clearly better; for bars of no single length."""
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
    """True starts [bars + 1], rounded as when the song was made, given the spectra of bars at the nearest frames.

    The fraction of the first start and the last hundredths of the bar length decide which bars were rounded up. Neither
    is known. Both are searched, first coarsely, then to a hundredth of a frame, which decides one bar in a hundred.
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
