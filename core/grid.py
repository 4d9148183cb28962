"""Bars refined to the sample: what a tracker hears to 10 ms and a host counts in ticks becomes where the sound repeats.

The period comes from the sound (`core.period`), the first beat from which parts of a bar are switched together
(`core.barphase`), the bar lines from what changes there (`core.barlines`). A tracker's bars are only a proposal: half,
double and other bars, and other phases, win where the sound clearly says so. A host's bars keep their number and move
by a few milliseconds at most. What does not repeat to the sample is left as it was given, but for a wrong first beat.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import median_filter

from core.audio import Samples
from core.barlines import Changes, first_hits
from core.barphase import SLOTS, better_phase
from core.bars import MIN_BARS, BarGrid
from core.period import Period, autocorrelation, candidate_periods, fit_period
from core.progress import Progress, silent
from core.repeats import BarSpectra, best_of

Starts = NDArray[np.float64]

EMPHASIS = 0.95  # one-pole whitening of music, causal so that attacks stay where they are
REACH = 0.005  # seconds by which a host's bars may be wrong
FILE_REACH = 0.03  # seconds for bars that somebody typed or tapped
TRACKER_REACH = 0.05  # seconds within which a tracker's phase costs nothing
SURE, BETTER = 3.0, 0.5  # least cliff and least gain of a bar line that is moved (see `core.barlines.BarLine`)
FAR = 5.0  # price of leaving a tracker's phase
COARSENESS = 0.015  # seconds by which a tracker scatters around a steady beat
SAME_TEMPO = 0.03  # by how much bars of one tempo may differ in length
CLOSE_BY, NEARLY = 3.0, 0.7  # frames, and share of the correlation, for a length to hold in a part of the clip
PART = 0.2  # of the clip: shorter stretches of another tempo are a tracker's slips
STEADY_BARS = 8  # fewer bars are no evidence of a tempo
USUAL_BAR, OCTAVES = 1.75, 1.0  # seconds of the likeliest bar, and the spread of a Gaussian around it
TRUST = 1.5  # how much likelier the tracker's own bar is than another of the same evidence
SAME_COHERENCE = 0.85  # bars cut elsewhere correlate a little less or more
CHANCE = 0.02  # of coherence, which unlike sounds have as well
DRIFT = 0.015  # seconds by which played bars are early or late
WON = 0.25  # of coherence that must be won by following a drift
PLAIN = 0.002  # of the correlation that shifts by fractions must win over whole frames
STRETCHES = sorted(np.linspace(-0.04, 0.04, 33), key=abs)  # frames by which the bar length may be wrong
PARTS = sorted(np.linspace(-1.0, 1.0, 21), key=abs)  # of a frame by which the first start may be off
PADDING = 0.005  # seconds that the first or last bar may lack


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


@dataclass(frozen=True)
class _Proposal:
    """Bars at true starts, fractions of frames included, float64 [bars + 1]."""

    starts: Starts
    bar_frames: float | None
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
    proposal = _tracked(mono, grid, rate) if grid.origin == "tracker" else None
    progress(0.5, "bars to the sample")
    if proposal is None:
        given = _rephased(mono, given) if grid.origin == "tracker" else given
        proposal = _run_by_run(mono, given.grid, rate)
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


def emphasised(samples: Samples) -> Samples:
    """One channel [frames] with its treble raised; uneven weights, so that opposite phases do not cancel."""
    mono = np.float32(0.8) * samples[0] + np.float32(0.6) * samples[-1]
    if len(samples) > 2:
        mono = mono + samples[1:-1].sum(axis=0)
    return np.asarray(np.diff(mono, prepend=mono[:1]) + np.float32(1 - EMPHASIS) * mono, dtype=np.float32)


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


def _tracked(mono: Samples, grid: BarGrid, rate: int) -> _Proposal | None:
    """One steady grid over the whole clip, if the sound has one."""
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
    trusted = same_bar or near != given  # a tracker's phase means nothing in another bar than its own
    reach = max(TRACKER_REACH * rate, bar / SLOTS) if near != given else TRACKER_REACH * rate
    bars = _bars_through(near, bar, len(mono))
    move = Changes(mono, bar, rate).best_move(bars, bar / 2, price=FAR * trusted, free=reach)
    moved = move.frames
    if move.cliff <= SURE:  # nothing says which half of a doubled bar comes first, and half a bar does no harm
        bar = bar / times if abs(bar / own / times - 1) < SAME_TEMPO else bar
        moved = first_hits(mono, _bars_through(near, bar, len(mono))[:-1], reach, rate)
    starts = _covering(mono, near + moved, bar, rate)
    told = (near - given + moved + bar / 2) % bar - bar / 2  # of the moves by whole bars the shortest
    return _Proposal(starts, bar, _told(own, bar, told, own / grid.beats_per_bar, rate))


def _bars_through(start: float, bar: float, frames: int) -> Starts:
    """The start of a bar and all later ones in so many frames."""
    return start + bar * np.arange(int((frames - start) / bar) + 1, dtype=np.float64)


def _likeliest(periods: list[Period], own: float, rate: int) -> Period | None:
    """The period that explains most, is the tracker's if that is nearly as good, and is as long as bars usually are."""

    def worth(period: Period) -> float:
        usual = np.exp(-0.5 * (np.log2(period.frames / (USUAL_BAR * rate)) / OCTAVES) ** 2)
        trust = TRUST if abs(period.frames / own - 1) < 0.015 else 1.0
        return float(period.share**2 * usual * trust)

    return max((period for period in periods if period.significant), key=worth, default=None)


def _holds_throughout(mono: Samples, grid: BarGrid, rate: int, bar: float) -> bool:
    """Whether the sound repeats at this length wherever the tracker hears another tempo for long."""
    runs = [(start, end) for start, end in _runs(median_filter(grid.lengths, 5, mode="nearest"))]
    long = [(start, end) for start, end in runs if end - start >= max(STEADY_BARS, PART * grid.bars)]
    return len(long) < 2 or all(_holds_in(mono, grid.starts[start : end + 1], rate, bar) for start, end in long)


def _holds_in(mono: Samples, starts: NDArray[np.int64], rate: int, bar: float) -> bool:
    correlation = autocorrelation(mono[starts[0] : starts[-1]], rate)
    local = fit_period(correlation, float(np.median(np.diff(starts))))
    here = fit_period(correlation, bar, CLOSE_BY / bar)
    return here.significant and here.share > NEARLY * local.share


def _covering(mono: Samples, phase: float, bar: float, rate: int) -> Starts:
    """Starts of all bars of this length and phase that lie in the clip and are not silent at its ends."""
    first = int(np.ceil((-phase - PADDING * rate) / bar))
    count = int((len(mono) + PADDING * rate - phase - first * bar) / bar)
    starts: Starts = phase + bar * (first + np.arange(count + 1.0))
    return starts[sounding(mono, starts)]


def sounding(mono: Samples, starts: Starts) -> slice:
    """The starts, of [bars + 1], from the first bar that is not silent to the end of the last."""
    edges = np.clip(np.round(starts), 0, len(mono)).astype(np.int64)
    energies = np.add.reduceat(np.square(mono, dtype=np.float64), np.minimum(edges[:-1], len(mono) - 1))
    loud = np.flatnonzero(energies > 1e-6 * np.median(energies))
    return slice(loud[0], loud[-1] + 2)


def _run_by_run(mono: Samples, grid: BarGrid, rate: int) -> _Proposal | None:
    """The given bars, each stretch of steady tempo fitted on its own."""
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
    return _Proposal(starts, None, tuple(changes)) if changes else None


def _runs(lengths: NDArray[np.int64]) -> list[tuple[int, int]]:
    """First and one past the last bar of each stretch of bars of about one length."""
    runs = [(0, 1)]
    for bar in range(1, len(lengths)):
        start = runs[-1][0]
        if abs(lengths[bar] / np.median(lengths[start:bar]) - 1) <= SAME_TEMPO:
            runs[-1] = (start, bar + 1)
        else:
            runs.append((bar, bar + 1))
    return runs


def _steady(mono: Samples, starts: Starts, origin: str, rate: int) -> _Proposal | None:
    """As many bars of one length, moved a little."""
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
        moved = float(np.round(fitted[0])) - fitted[0] + move.frames  # sounds are cut at frames
    return _Proposal(fitted + moved, bar, _told(own, bar, moved, bar, rate))


def _evened(starts: Starts, rate: int) -> _Proposal | None:
    """A straight line through a tracker's bars, if its own coarseness is all that parts them."""
    numbers = np.arange(len(starts), dtype=np.float64)
    bar, first = np.polyfit(numbers, starts, 1)
    line = np.maximum(first + bar * numbers, 0.0)
    if np.std(starts - line) > COARSENESS * rate:
        return None
    return _Proposal(line, float(bar), ("evened",))


def _phase(starts: Starts, bar: float) -> float:
    """The phase of a bar that most of the starts agree on, as the circular mean of their fractions."""
    angle = float(np.angle(np.exp(2j * np.pi * starts / bar).sum()))
    return angle / (2 * np.pi) * bar % bar


def _beats(grid: BarGrid, bar: float | None) -> int:
    """Beats of a bar of another length; in double or half the bar the tempo was wrong, and not the metre."""
    ratio = 1.0 if bar is None else bar / float(np.median(grid.lengths))
    octaves = np.log2(ratio)
    same_metre = abs(octaves - round(octaves)) < SAME_TEMPO
    return grid.beats_per_bar if same_metre else max(round(grid.beats_per_bar * ratio), 1)


def _told(own: float, bar: float, moved: float, beat: float, rate: int) -> tuple[str, ...]:
    """What changed, in words."""
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


def _on_frames(mono: Samples, grid: BarGrid, proposal: _Proposal, given: Refined) -> Refined:
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
