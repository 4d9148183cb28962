"""Bars of one steady length: over the whole clip, or over each stretch of constant tempo."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from core.audio.bars import BarGrid
from core.audio.clip import Samples
from core.downbeats.refine.bar_lines import Changes, first_hits
from core.downbeats.refine.first_beat import SLOTS, better_phase
from core.downbeats.refine.period import Period, autocorrelation, candidate_periods, fit_period
from core.downbeats.refine.preemphasis import PADDING, Starts, sounding

REACH = 0.005  # seconds by which a host's bars may be wrong
FILE_REACH = 0.03  # seconds by which bars that a person typed or tapped may be wrong
TRACKER_REACH = 0.05  # seconds by which a tracker's bars may move without a penalty
SURE, BETTER = 3.0, 0.5  # least cliff and least gain for a move of the bar lines (see `bar_lines.Move`)
FAR = 5.0  # penalty, in the same unit, for a move beyond `TRACKER_REACH`
COARSENESS = 0.015  # seconds: the largest standard deviation of a tracker's bars around a steady beat
SAME_TEMPO = 0.03  # of a bar: lengths that differ by no more are one tempo
# A bar length holds in a part of the clip if a period within so many frames reaches this share of the best correlation.
CLOSE_BY, NEARLY = 3.0, 0.7
PART = 0.2  # of the clip: shorter stretches of another tempo are errors of the tracker
STEADY_BARS = 8  # a stretch of fewer bars is no evidence of a tempo
USUAL_BAR, OCTAVES = 1.75, 1.0  # prior of bar lengths, a Gaussian in octaves: centre in seconds, standard deviation
TRUST = 1.5  # factor for the tracker's own bar against another bar of the same evidence


@dataclass(frozen=True)
class SteadyBars:
    """Bars at their true starts in frames, with fractions, float64 [bars + 1]."""

    starts: Starts
    bar_frames: float | None
    changes: tuple[str, ...]


def steady_throughout(mono: Samples, grid: BarGrid, rate: int) -> SteadyBars | None:
    """One steady grid over the whole clip, or None if the sound has no single period."""
    correlation = autocorrelation(mono, rate)
    own = float(np.median(grid.lengths))
    chosen = _likeliest([*candidate_periods(correlation, rate), fit_period(correlation, own)], own, rate)
    if chosen is None or not _holds_throughout(mono, grid, rate, chosen.frames):
        return None
    bar = chosen.frames
    times = max(round(bar / own), 1)
    given = round(_phase(grid.starts[:-1].astype(np.float64), bar / times))
    near = round((given + bar * better_phase(mono, _bars_through(given, bar, len(mono)))) % bar)
    same_bar = abs(np.log2(bar / own) - round(np.log2(bar / own))) < SAME_TEMPO
    trusted = same_bar or near != given  # a tracker's phase is no evidence for bars of another length
    reach = max(TRACKER_REACH * rate, bar / SLOTS) if near != given else TRACKER_REACH * rate
    bars = _bars_through(near, bar, len(mono))
    move = Changes(mono, bar, rate).best_move(bars, bar / 2, price=FAR * trusted, free=reach)
    moved = move.frames
    if move.cliff <= SURE:  # no evidence which half of a doubled bar comes first; keep the halves, they do no harm
        bar = bar / times if abs(bar / own / times - 1) < SAME_TEMPO else bar
        moved = first_hits(mono, _bars_through(near, bar, len(mono))[:-1], reach, rate)
    starts = _covering(mono, near + moved, bar, rate)
    shortest = (near - given + moved + bar / 2) % bar - bar / 2  # moves that differ by whole bars are the same
    return SteadyBars(starts, bar, _described(own, bar, shortest, own / grid.beats_per_bar, rate))


def _bars_through(start: float, bar: float, frames: int) -> Starts:
    """The given start of a bar and the starts of all later bars that fit in `frames`."""
    return start + bar * np.arange(int((frames - start) / bar) + 1, dtype=np.float64)


def _likeliest(periods: list[Period], own: float, rate: int) -> Period | None:
    """The likeliest bar: it explains much of the sound and is of usual length; the tracker's own bar is preferred."""

    def worth(period: Period) -> float:
        usual = np.exp(-0.5 * (np.log2(period.frames / (USUAL_BAR * rate)) / OCTAVES) ** 2)
        trust = TRUST if abs(period.frames / own - 1) < 0.015 else 1.0
        return float(period.share**2 * usual * trust)

    return max((period for period in periods if period.significant), key=worth, default=None)


def _holds_throughout(mono: Samples, grid: BarGrid, rate: int, bar: float) -> bool:
    """Whether the sound repeats at this length also in long stretches where the tracker found another tempo."""
    runs = [(start, end) for start, end in _runs(median_filter(grid.lengths, 5, mode="nearest"))]
    long = [(start, end) for start, end in runs if end - start >= max(STEADY_BARS, PART * grid.bars)]
    return len(long) < 2 or all(_holds_in(mono, grid.starts[start : end + 1], rate, bar) for start, end in long)


def _holds_in(mono: Samples, starts: NDArray[np.int64], rate: int, bar: float) -> bool:
    correlation = autocorrelation(mono[starts[0] : starts[-1]], rate)
    local = fit_period(correlation, float(np.median(np.diff(starts))))
    here = fit_period(correlation, bar, CLOSE_BY / bar)
    return here.significant and here.share > NEARLY * local.share


def _covering(mono: Samples, phase: float, bar: float, rate: int) -> Starts:
    """Starts of all bars of this length and phase in the clip, without silent bars at its beginning and end."""
    first = int(np.ceil((-phase - PADDING * rate) / bar))
    count = int((len(mono) + PADDING * rate - phase - first * bar) / bar)
    starts: Starts = phase + bar * (first + np.arange(count + 1.0))
    return starts[sounding(mono, starts)]


def steady_runs(mono: Samples, grid: BarGrid, rate: int) -> SteadyBars | None:
    """The given bars, with each stretch of steady tempo fitted separately; None if nothing changes."""
    starts = grid.starts.astype(np.float64)
    runs = [run for run in _runs(grid.lengths) if run[1] - run[0] >= min(STEADY_BARS, grid.bars)]
    fitted = [(run, _steady(mono, starts[run[0] : run[1] + 1], grid.origin, rate)) for run in runs]
    if runs == [(0, grid.bars)]:
        return fitted[0][1] or (_evened(starts, rate) if grid.origin == "tracker" else None)
    changes: list[str] = []
    for (start, end), proposal in fitted:
        if proposal is not None:
            starts[start : end + 1] = proposal.starts
            changes += [change for change in proposal.changes if change not in changes]
    return SteadyBars(starts, None, tuple(changes)) if changes else None


def _runs(lengths: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The first bar, and one past the last bar, of each stretch of bars of similar length."""
    runs = [(0, 1)]
    for bar in range(1, len(lengths)):
        start = runs[-1][0]
        if abs(lengths[bar] / np.median(lengths[start:bar]) - 1) <= SAME_TEMPO:
            runs[-1] = (start, bar + 1)
        else:
            runs.append((bar, bar + 1))
    return runs


def _steady(mono: Samples, starts: Starts, origin: str, rate: int) -> SteadyBars | None:
    """The same number of bars, at one length and moved a little; None if the sound has no period there."""
    numbers = np.arange(len(starts), dtype=np.float64)
    own = float(np.polyfit(numbers, starts, 1)[0])
    period = fit_period(autocorrelation(mono[int(starts[0]) : int(starts[-1])], rate), own)
    if not period.significant:
        return None
    bar = period.frames
    fitted = float(np.median(starts - bar * numbers)) + bar * numbers
    reach = {"host": REACH, "tracker": TRACKER_REACH}.get(origin, FILE_REACH) * rate
    move = Changes(mono[: int(starts[-1])], bar, rate).best_move(np.round(fitted[0]) - fitted[0] + fitted, reach)
    moved = 0.0
    if move.cliff > SURE and move.gain > BETTER:
        moved = float(np.round(fitted[0])) - fitted[0] + move.frames  # sounds start on whole frames
    return SteadyBars(fitted + moved, bar, _described(own, bar, moved, bar, rate))


def _evened(starts: Starts, rate: int) -> SteadyBars | None:
    """A straight line through a tracker's bars; None if they deviate from it by more than `COARSENESS`."""
    numbers = np.arange(len(starts), dtype=np.float64)
    bar, first = np.polyfit(numbers, starts, 1)
    line = np.maximum(first + bar * numbers, 0.0)
    if np.std(starts - line) > COARSENESS * rate:
        return None
    return SteadyBars(line, float(bar), ("evened",))


def _phase(starts: Starts, bar: float) -> float:
    """The phase of bars of this length that fits the starts best: the circular mean of the starts' phases."""
    angle = float(np.angle(np.exp(2j * np.pi * starts / bar).sum()))
    return angle / (2 * np.pi) * bar % bar


def _described(own: float, bar: float, moved: float, beat: float, rate: int) -> tuple[str, ...]:
    """The changes in words."""
    ratio = bar / own
    names = {2.0: "bar doubled", 0.5: "bar halved"}
    changes = []
    if abs(ratio - 1) > SAME_TEMPO:
        name = next((name for factor, name in names.items() if abs(ratio / factor - 1) < SAME_TEMPO), None)
        changes.append(name or f"bar of {ratio:.2f} times the length")
    elif abs(bar - own) > 0.01:
        changes.append(f"bar length {bar - own:+.2f} frames")
    beats = moved / beat
    if abs(beats) > 0.4 and abs(beats - round(beats)) < 0.1:
        changes.append(f"phase moved by {round(beats):+d} beats")
    elif abs(moved) > 0.5:
        changes.append(f"offset {1000 * moved / rate:+.2f} ms")
    return tuple(changes)
