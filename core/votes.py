"""Votes: what single bins of the spectral cube say about the layout.

In sequenced music most bins of the time-frequency plane are ruled by one loop. Such a bin, followed from bar to bar,
takes just two complex values: nearly nothing, and one number s. Its two-level pattern then is that loop's on/off row,
or the row of those bars of the loop that have something there. Bins that hold mixtures do not look like this, so
counting equal patterns over many bins names the loops, however many they are and whether or not their rows are
linearly independent. (The idea is that of single-source points in blind separation, here across repeated bars.)
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from core.cube import Cube
from core.cycles import (
    LENGTHS,
    On,
    Phases,
    counted_from_song,
    counted_from_switch,
    filled,
    known_switches,
    residue_bars,
    switches,
)
from core.errors import Code, LoopError
from core.threads import in_order

Bins = NDArray[np.complex64]
"""Bins followed through the bars: complex [bins, bars]."""

EDGE = (2, 4)  # frames at a bar's start and end that hold sound of the neighbours, as windows reach over the line
PEAK_RANGE = 1e-6  # -60 dB: bins further below the loudest are left out
LOCAL_RANGE = 0.1  # -10 dB: bins must rise to this share of the mean of their frequency
NEIGHBOURS = 31  # frequencies of that mean
BANDS_PER_OCTAVE = 4
WIDEST_TURN = 0.3  # radians: beyond, repeats are no longer alike
STRAYS = 6.0  # times the root mean square that repeats may be off: with less, loops are found in how bars were rounded
STARTS = (0.0, 0.1, 0.2, 0.35, 0.5)  # which of the sorted magnitudes the two-level fit starts from
MISFITS = (0.02, 0.1, 0.2)  # a pattern counts once for each of these that its bin fits better than
AT_ONCE = 1_000  # bins whose patterns are sought together: few enough for the cache
FEWEST_VOTES = 4
MOST_PATTERNS = 80
SHORT = 24  # bars: in shorter songs chance looks like a loop more often
OWNS = 0.03  # a row needs this share of a part's votes to own it: mixtures of several loops hold parts of all of them
STRAY = 0.15  # share of votes below which a pattern one bar away from a stronger one is taken for its error


@dataclass(frozen=True)
class Patterns:
    """Two-level patterns of bins.

    Attributes:
        on: bool [bins, bars].
        misfit: how badly each bin fits its pattern, share of its energy, [bins].
        gains: each bar's value along the bin's level, 1 at the level itself, float32 [bins, bars].
    """

    on: NDArray[np.bool_]
    misfit: NDArray[np.float32]
    gains: NDArray[np.float32]


@dataclass(frozen=True)
class Vote:
    """A pattern, how often it was seen, and the median gain of its voters in each bar."""

    on: On
    count: int
    gains: NDArray[np.float32]


@dataclass(frozen=True)
class Candidate:
    """A loop that the votes suggest.

    Attributes:
        votes: how many.
        on: when it plays, bool [bars].
        length: its bars.
        phases: which of them sounds when.
        gains: how strongly, float32 [bars].
    """

    votes: int
    on: On
    length: int
    phases: Phases
    gains: NDArray[np.float32]


@dataclass(frozen=True)
class Chosen:
    """Bins of the cube, complex [bins, bars], and how far each may stray from repeating, as a share of its power."""

    bins: Bins
    slack: NDArray[np.float32]


def choose_bins(cube: Cube, count: int, seed: int, jitter: float = 0.0) -> Chosen:
    """Up to `count` audible bins, spread evenly over a logarithmic frequency axis, all channels alike.

    Args:
        jitter: frames by which repeats may be off their bars (root mean square): a shift by d frames turns the phase at
            frequency bin m of window length n by 2 pi m d / n. Frequencies where that is too much are left out.
    """
    turn = 2 * np.pi * jitter * np.arange(cube.shape[1]) / (2 * (cube.shape[1] - 1))
    cube = cube[:, : np.count_nonzero(turn < WIDEST_TURN)]
    inner = cube[:, :, EDGE[0] : cube.shape[2] - EDGE[1]]
    power = np.zeros_like(inner[..., 0].real)
    for bar in range(cube.shape[3]):  # as the cube lies in memory
        power += np.square(inner[..., bar].real) + np.square(inner[..., bar].imag)
    channel, frequency, time = audible(power, count, seed)
    bins = np.empty((len(channel), cube.shape[3]), dtype=np.complex64)
    for bar in range(cube.shape[3]):
        bins[:, bar] = inner[channel, frequency, time, bar]
    return Chosen(bins, np.square(STRAYS * turn[frequency]).astype(np.float32))


def audible(power: NDArray[np.float32], count: int, seed: int) -> NDArray[np.intp]:
    """Channels, frequencies and frames, [3, at most `count`], of audible bins drawn evenly over log frequency.

    Args:
        power: of each bin over all bars, [channels, frequencies, frames in a bar].

    Raises:
        LoopError: MUSIC_NOT_USABLE for silence.
    """
    if not power.any():
        raise LoopError(Code.MUSIC_NOT_USABLE, "the bars hold nothing but silence: choose a part with music in it")
    local = uniform_filter1d(power.mean(axis=(0, 2)), NEIGHBOURS, mode="constant")
    where = np.argwhere((power > LOCAL_RANGE * local[None, :, None]) & (power > PEAK_RANGE * power.max()))
    band = np.floor(np.log2((where[:, 1] + 8) / 8) * BANDS_PER_OCTAVE).astype(int)
    weight = 1.0 / np.bincount(band)[band]
    rng = np.random.default_rng(seed)
    drawn = rng.choice(len(where), min(count, len(where)), replace=False, p=weight / weight.sum())
    return np.ascontiguousarray(where[np.sort(drawn)].T)


def two_level(bins: Bins, iterations: int = 4) -> Patterns:
    """The pattern in {0, s} nearest to each bin, by k-means with one centre held at zero, from several starts."""
    pieces = [bins[start : start + AT_ONCE] for start in range(0, max(len(bins), 1), AT_ONCE)]
    found = list(in_order(lambda piece: _two_level(piece, iterations), pieces))
    on, misfit, gains = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return Patterns(on, misfit, gains)


def _two_level(bins: Bins, iterations: int) -> tuple[NDArray[np.bool_], NDArray[np.float32], NDArray[np.float32]]:
    """On, misfit and gains of the patterns of a few bins."""
    count, bars = bins.shape
    order = np.argsort(-np.abs(bins), axis=1)
    power = np.square(np.abs(bins))
    total = np.maximum(power.sum(axis=1), np.finfo(np.float32).tiny)
    best = np.full(count, np.inf, dtype=np.float32)
    on = np.zeros(bins.shape, dtype=np.bool_)
    levels = np.zeros(count, dtype=np.complex64)
    rows = np.arange(count)
    for start in STARTS:
        level = bins[rows, order[:, int(start * bars)]]
        for _ in range(iterations):
            near = np.abs(bins - level[:, None]) < np.abs(bins)
            members = near.sum(axis=1)
            level = np.where(members > 0, (bins * near).sum(axis=1) / np.maximum(members, 1), level)
        distance = np.square(np.abs(bins - level[:, None]))
        misfit = (np.minimum(distance, power).sum(axis=1) / total).astype(np.float32)
        better = misfit < best
        best[better], on[better], levels[better] = misfit[better], near[better], level[better]
    along = (bins * levels.conj()[:, None]).real / np.maximum(np.square(np.abs(levels)), 1e-30)[:, None]
    return on, best, along.astype(np.float32)


def count_votes(patterns: Patterns) -> list[Vote]:
    """Patterns of two bars and more with their votes, the most voted first; strays of one bar's error left out."""
    counter: Counter[bytes] = Counter()
    for misfit in MISFITS:
        counter.update(row.tobytes() for row in patterns.on[patterns.misfit < misfit])
    kept: list[tuple[On, int]] = []
    for key, count in counter.most_common():
        if count < FEWEST_VOTES or len(kept) == MOST_PATTERNS:
            break
        on = np.frombuffer(key, dtype=np.bool_)
        stray = any(np.count_nonzero(on != other) <= 1 and count < STRAY * more for other, more in kept)
        if on.sum() >= 2 and not stray:
            kept.append((on, count))
    return [Vote(on, count, _median_gains(patterns, on)) for on, count in kept]


def _median_gains(patterns: Patterns, on: On) -> NDArray[np.float32]:
    voters = (patterns.on == on).all(axis=1) & (patterns.misfit < MISFITS[-1])
    result: NDArray[np.float32] = np.where(on, np.median(patterns.gains[voters], axis=0), 1.0).astype(np.float32)
    return result


def candidates(votes: list[Vote], longest: int) -> list[Candidate]:
    """Loops that explain the voted patterns, the most voted first.

    A pattern either is a loop's on/off row, or shows only some bars of the loop's cycle. The second kind is credited to
    the row that it is a part of, and sets that loop's length; parts of loops whose whole row got no vote are put
    together from the parts themselves.
    """
    wholes: list[tuple[Vote, Counter[int]]] = []
    parts: list[tuple[Vote, int]] = []
    for vote in sorted(votes, key=lambda vote: _shortest_reading(vote.on, longest) > 1):  # whole rows first
        length = _shortest_reading(vote.on, longest)
        strong = (whole for whole in wholes if whole[0].count > OWNS * vote.count)
        owner = next((whole for whole in strong if _cycle_of(vote.on, whole[0].on, longest)), None)
        if owner is not None:
            owner[1][_cycle_of(vote.on, owner[0].on, longest)] += vote.count
        elif length == 1:
            wholes.append((vote, Counter({1: vote.count})))
        else:
            parts.append((vote, length))
    wholes += _assembled(parts)
    found = [_candidate(vote, lengths) for vote, lengths in wholes]
    return sorted(found, key=lambda candidate: -candidate.votes)


def _shortest_reading(on: On, longest: int) -> int:
    """The length of cycle under which a pattern switches least: 1 if it is a whole row, else it shows parts.

    A pattern shows parts only where the cycle returns at least twice on average before it stops: the scattered bars of
    a loop that comes and goes by the bar are a whole row. In a short song they fit some cycle by chance, so there the
    cycle must return more often.
    """
    best, fewest = 1, switches(on)
    returns = on.sum() - (len(on) < SHORT)
    for length in LENGTHS[1:]:
        known = residue_bars(on, length)
        if length <= longest and not known.all():
            count = known_switches(on, known)
            if count < fewest and returns >= count:
                best, fewest = length, count
    return best


def _cycle_of(part: On, whole: On, longest: int) -> int:
    """The shortest cycle of row `whole` that `part` is some bars of, negative if counted from its switches; else 0."""
    if (part & ~whole).any():
        return 0
    for length in LENGTHS:
        if length > longest or whole.sum() < 2 * length:
            break
        for sign, phases in ((1, counted_from_song(whole, length)), (-1, counted_from_switch(whole, length))):
            if (np.isin(phases, phases[part]) == part).all():
                return sign * length
    return 0


def _assembled(parts: list[tuple[Vote, int]]) -> list[tuple[Vote, Counter[int]]]:
    """Rows put together from parts of the same cycle that go on and off together."""
    rows: list[tuple[Vote, Counter[int]]] = []
    left = list(parts)
    while left:
        vote, length = left.pop(0)
        on, gains, count = vote.on, vote.gains, vote.count
        known = residue_bars(on, length)
        others, left = left, []
        for other, other_length in others:
            theirs = residue_bars(other.on, length)
            apart = other_length == length and not (known & theirs).any()
            together = known_switches(on | other.on, known | theirs)
            if apart and together <= min(known_switches(on, known), known_switches(other.on, theirs)):
                on, gains = on | other.on, np.where(other.on, other.gains, gains)
                known, count = known | theirs, count + other.count
            else:
                left.append((other, other_length))
        rows.append((Vote(filled(on, known), count, gains), Counter({length: count})))
    return rows


def _candidate(vote: Vote, lengths: Counter[int], share: float = 0.02) -> Candidate:
    votes = sum(lengths.values())
    heard = [length for length, count in lengths.items() if count >= max(FEWEST_VOTES, share * votes)]
    length = max(heard, key=abs, default=1)
    phases = counted_from_song(vote.on, length) if length > 0 else counted_from_switch(vote.on, -length)
    return Candidate(votes, vote.on, abs(length), phases, vote.gains)
