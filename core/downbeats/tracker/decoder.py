"""Beats and downbeats from the networks' activations: the likeliest path through bars of steady and changing tempo.

The model is that of Krebs, Boeck and Widmer ("An Efficient State Space Model for Joint Tempo and Meter Tracking",
ISMIR 2015), with the parameters of madmom 0.16.1. A state is a beat of the bar, a tempo and a place within the beat.
The tempo is constant within a beat and may change from beat to beat, so between its first and its last place a beat has
only one path. The decoder therefore steps from beat to beat (a semi-Markov Viterbi algorithm). The path is the same as
from state to state with a fraction of the work, and each frame needs 240 tempos in memory instead of 15,000 states.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.audio.clip import Samples
from core.base.compiled import compiled
from core.base.progress import Progress, part_of
from core.downbeats.tracker.features import FPS

# Tempos, steadiness, part of a beat and audibility are the defaults of madmom 0.16.1.
SLOWEST, FASTEST = 55.0, 215.0  # beats a minute
TEMPOS = 60  # in equal ratios, as far as whole frames allow
STEADINESS = 100.0  # exponent: the larger it is, the less likely is a change of tempo between beats
BEAT_PART = 16  # a beat has high activations in its first sixteenth only
AUDIBLE = 0.05  # activation; frames below it at the start and the end are ignored
IMPOSSIBLE = 1e-30  # least probability, so that logarithms stay finite
BLOCK = 4096  # frames between calls of progress

Table = NDArray[np.float64]


@dataclass(frozen=True)
class _Bars:
    """The model of bars with one number of beats.

    Attributes:
        lengths: int64 [tempos], frames of a beat, rising.
        heads: int64 [beats, tempos], the number of first frames of each beat that have a beat's activation.
        changes: float64 [tempos, tempos], log probability of the second tempo after the first; -inf where impossible.
        start: log probability of each state before the first frame.
    """

    lengths: NDArray[np.int64]
    heads: NDArray[np.int64]
    changes: Table
    start: float


class _Path(NamedTuple):
    """First frames of beats (the first may be negative), their numbers from 0 and their tempos; the log probability."""

    firsts: NDArray[np.int64]
    beats: NDArray[np.int64]
    tempos: NDArray[np.int64]
    log_probability: float


def decode(activations: Samples, beats_per_bar: tuple[int, ...], progress: Progress) -> Table:
    """The likeliest beats, in one metre throughout.

    Args:
        activations: float32 [frames, 2], the probabilities of a beat and of a downbeat.

    Returns:
        float64 [beats, 2]: seconds, and the number in the bar from 1; empty where all activations are low.
    """
    audible = np.flatnonzero((activations >= AUDIBLE).any(axis=1))
    if not len(audible):
        return np.empty((0, 2))
    first = int(audible[0])
    active = activations[first : int(audible[-1]) + 1]
    sums = _running_sums(active)
    paths = []
    for number, beats in enumerate(beats_per_bar):
        part = part_of(progress, number / len(beats_per_bar), (number + 1) / len(beats_per_bar))
        bars = _bars(beats)
        paths.append((_likeliest_path(bars, sums, part), bars))
    found = _placed(*max(paths, key=lambda each: each[0].log_probability), active)
    return np.column_stack([(first + found[:, 0]) / FPS, found[:, 1] + 1])


def _placed(path: _Path, bars: _Bars, active: Samples) -> NDArray[np.int64]:
    """Beats of a path as [frame, number in the bar from 0]: the frame of the highest activation in each beat's head."""
    places = []
    for first, beat, tempo in zip(path.firsts, path.beats, path.tempos, strict=True):
        head = slice(max(first, 0), max(first + bars.heads[beat, tempo], 0))
        if len(active[head]):
            places.append((head.start + int(np.argmax(active[head])) // 2, beat))
    return np.array(places, dtype=np.int64).reshape(-1, 2)


def _bars(beats: int) -> _Bars:
    lengths = _beat_lengths()
    # Positions are computed as in madmom: rounding decides whether a position is just below the edge or on it.
    positions = [[np.linspace(0, 1, length, endpoint=False) + beat for length in lengths] for beat in range(beats)]
    heads = np.array([[int((each % 1 < 1 / BEAT_PART).sum()) for each in of_beat] for of_beat in positions])
    likelihoods = np.exp(-STEADINESS * np.abs(lengths / lengths[:, None] - 1))
    likelihoods[likelihoods <= np.spacing(1)] = 0.0
    with np.errstate(divide="ignore"):
        changes = np.log(likelihoods / likelihoods.sum(axis=1, keepdims=True))
    return _Bars(lengths, heads, changes, -float(np.log(beats * lengths.sum())))


def _beat_lengths() -> NDArray[np.int64]:
    """The modelled lengths of a beat in frames: at least `TEMPOS` different ones, spaced as evenly as possible."""
    fastest, slowest = np.log2(60 * FPS / FASTEST), np.log2(60 * FPS / SLOWEST)
    lengths = np.empty(0, dtype=np.int64)
    tried = TEMPOS
    while len(lengths) < TEMPOS:
        lengths = np.unique(np.round(np.logspace(fastest, slowest, tried, base=2)).astype(np.int64))
        tried += 1
    return lengths


def _running_sums(activations: Samples) -> Table:
    """Log likelihoods of no beat, beat and downbeat, summed over all frames before each frame, [3, frames + 1]."""
    silence = (1 - activations.sum(axis=1)) / (BEAT_PART - 1)
    likelihoods = np.maximum([silence, activations[:, 0], activations[:, 1]], IMPOSSIBLE)
    return np.pad(np.cumsum(np.log(likelihoods), axis=1, dtype=np.float64), ((0, 0), (1, 0)))


def _likeliest_path(bars: _Bars, sums: Table, progress: Progress) -> _Path:
    frames = sums.shape[1] - 1
    entered = np.full((bars.lengths[-1], *bars.heads.shape), bars.start)  # ring buffer: beats begun in the last frames
    before = np.empty((frames, *bars.heads.shape), dtype=np.uint8)  # the tempo of the beat before, at each first frame
    for first in range(0, frames, BLOCK):
        progress(first / frames, "downbeats")
        last = min(first + BLOCK, frames)
        _advance(first, last, sums, bars.lengths, bars.heads, bars.changes, entered, before)
    best, start, beat, tempo = _likeliest_end(frames, sums, bars.lengths, bars.heads, entered)
    steps = [(start, beat, tempo)]
    while start > 0:
        tempo = int(before[start, beat, tempo])
        beat = (beat - 1) % len(bars.heads)
        start -= int(bars.lengths[tempo])
        steps.append((start, beat, tempo))
    firsts, beats, tempos = np.array(steps[::-1]).T
    return _Path(firsts, beats, tempos, best)


@compiled
def _fit(sums: Table, beat: int, first: int, head: int, end: int) -> float:
    """Log likelihood of the frames from a beat's first one, which may lie before the clip, up to `end` (excluded)."""
    begin = max(first, 0)
    turn = min(max(first + head, 0), end)
    kind = 2 if beat == 0 else 1
    return float(sums[kind, turn] - sums[kind, begin] + sums[0, end] - sums[0, turn])


@compiled
def _advance(
    begin: int,
    end: int,
    sums: Table,
    lengths: NDArray[np.int64],
    heads: NDArray[np.int64],
    changes: Table,
    entered: Table,
    before: NDArray[np.uint8],
) -> None:
    """For frames `begin` to `end`, each beat and each tempo, find the likeliest beat before."""
    beats, tempos = heads.shape
    ended = np.empty((beats, tempos))
    for frame in range(begin, end):
        for beat in range(beats):
            for tempo in range(tempos):
                first = frame - lengths[tempo]
                fit = _fit(sums, beat, first, heads[beat, tempo], frame)
                ended[beat, tempo] = entered[first % len(entered), beat, tempo] + fit
        for beat in range(beats):
            best, origin = entered[frame % len(entered), beat], before[frame, beat]
            best[:] = -np.inf
            for tempo in range(tempos):
                left = ended[beat - 1, tempo]  # -1 is the last beat of the bar before
                for following in range(tempos):
                    likelihood = left + changes[tempo, following]
                    better = likelihood > best[following]
                    best[following] = likelihood if better else best[following]
                    origin[following] = tempo if better else origin[following]


@compiled
def _likeliest_end(
    frames: int, sums: Table, lengths: NDArray[np.int64], heads: NDArray[np.int64], entered: Table
) -> tuple[float, int, int, int]:
    """The log probability of the best path, and its last beat, which may be cut off: first frame, beat and tempo."""
    found = (-np.inf, 0, 0, 0)
    for beat in range(heads.shape[0]):
        for tempo in range(heads.shape[1]):
            for place in range(lengths[tempo]):
                first = frames - 1 - place
                fit = _fit(sums, beat, first, heads[beat, tempo], frames)
                likelihood = entered[first % len(entered), beat, tempo] + fit
                if likelihood > found[0]:
                    found = (likelihood, first, beat, tempo)
    return found
