"""Bar lines moved to where the loops of a layout start and stop.

The sound before a bar line is a mixture of the loops of the bar before it, the sound after the line a mixture of the
loops of the bar after it. So a known layout locates the line to a few frames, even under sounds that mask every attack.
Bars that start early or late, even by a beat, still give most of the layout. Only the sound between the wrong and the
true line contradicts it.
"""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import MIN_BARS
from core.audio.clip import Samples
from core.downbeats.refine.bar_lines import first_hits
from core.downbeats.refine.preemphasis import PADDING, emphasised, sounding
from core.downbeats.refine.refine import Refined
from core.layout.layout import Layout, mixing_matrix

SLOT = 8  # frames whose power is summed
STRIDE, FINE = 32, 4  # frames between two places that are compared: at first, and near the likeliest one
NEAR = 0.1  # seconds around the likeliest place that are searched finely
ATTACK, SHARP = 0.01, 0.5  # seconds after a place in which the likelihood must fall, and the weight of this fall
SILENCE = 1e-3  # of the mean power: less power counts as silence
TURNS = 8  # reweighted least squares fits
USUAL_RATE = 44_100  # frames per second; above, likelihoods grow with the rate, but the evidence does not
# The numbers below were found on synthesised songs and twelve real ones: with true bars, with tracked bars, and with
# bars that were shifted on purpose.
SURE = 400.0  # nats by which another place must be likelier; necessary, not sufficient
BOLD = (
    3_000.0  # the same for bars on trial: songs that need a trial had 13,000; two of 42 songs with true bars had more
)
AGAINST = 0.3  # most evidence against a place, by the evidence for it: moves away from true lines had 0.36 and more
HIT, ASIDE = 0.02, 0.01  # seconds before and after an attack in which power is compared, and beside its line
RISE = 10.0  # dB: a louder attack counts no more
FEWER, MORE = -0.5, 1.0  # dB: least change of the attacks if lines agree on a place, and if they do not
BARE, CLEAR = 1.0, 5.0  # dB of the attacks: at lines where nothing begins (true lines had 1.6 or more), and clear ones
RIVAL = 3.0  # a second place of clear attacks must be this many times as unlikely
ALIKE = 2  # decimals to which the gains around two lines agree if the lines are copies


def moved_to_switches(samples: Samples, refined: Refined, layout: Layout, *, rate: int) -> Refined:
    """All bars moved by the same number of frames, if this clearly fits the layout better.

    Args:
        samples: float32 [channels, frames].
        layout: the layout of these bars.

    Returns:
        All moved bars of the clip, perhaps one more or less at its ends; or the same object if the bars stay.
    """
    mono = emphasised(samples)
    return _moved(mono, refined, switches_later(mono, refined.grid.starts, layout, rate=rate), rate)


def moved_on_trial(samples: Samples, refined: Refined, layout: Layout, *, rate: int) -> Refined:
    """The bars moved to the likeliest place, even if lines disagree; the given bars if the evidence is weak.

    The layout of the moved bars must confirm the move (`confirmed`). Here each line also helps to predict itself. This
    leads to places that the other lines alone do not show if the given layout is partly wrong.
    """
    mono = emphasised(samples)
    evidence = _evidence(mono, refined.grid.starts, layout, rate, by_others=False)
    if evidence is None:
        return refined
    best = int(np.argmax(evidence.gains.sum(axis=0)))
    if evidence.gains[:, best].sum() < BOLD * max(rate / USUAL_RATE, 1.0):
        return refined
    return _moved(mono, refined, _nearby(evidence.bar_lines, int(evidence.places[best]), rate), rate)


def confirmed(samples: Samples, moved: Refined, given: Refined, layout: Layout, *, rate: int) -> bool:
    """Whether the layout of the moved bars fits their lines best, and its lines agree that the given ones are wrong."""
    starts, scale = moved.grid.starts, max(rate / USUAL_RATE, 1.0)
    evidence = _evidence(emphasised(samples), starts, layout, rate)
    if evidence is None or evidence.gains.sum(axis=0).max() >= SURE * scale:
        return False
    nearest = starts[np.abs(given.grid.starts[:, None] - starts).argmin(axis=1)]
    back = np.abs(evidence.places - np.median(given.grid.starts - nearest)).argmin()
    lost = -evidence.gains[:, back]
    return bool(lost.sum() >= BOLD * scale) and evidence.bar_lines.agree(lost)


def _moved(mono: Samples, refined: Refined, later: int, rate: int) -> Refined:
    """All bars of the clip, moved by `later` frames; the given bars if `later` is 0 or too few bars remain."""
    if later == 0:
        return refined
    starts = refined.grid.starts
    around = np.concatenate([[2 * starts[0] - starts[1]], starts, [2 * starts[-1] - starts[-2]]])
    first = around[np.argmin(np.abs(around + later))]
    if abs(first + later) <= 2 * FINE:  # a clip that begins near a line begins on it
        later = -first
    around = around + later
    kept = np.flatnonzero((around >= -PADDING * rate) & (around <= len(mono) + PADDING * rate))
    kept = kept[sounding(mono, around[kept].astype(np.float64))]
    if len(kept) <= MIN_BARS:
        return refined
    change = f"bar lines moved by {1000 * later / rate:+.1f} ms, to where loops begin and end"
    return replace(
        refined,
        grid=replace(refined.grid, starts=np.clip(around[kept], 0, len(mono))),
        shifts=np.pad(refined.shifts, 1)[kept[:-1]],
        changes=(*refined.changes, change),
    )


def switches_later(mono: Samples, starts: NDArray[np.int64], layout: Layout, *, rate: int) -> int:
    """The number of frames after these starts, at most half a bar, at which loops start and stop; 0 if it is unclear.

    The place is the change point with the highest likelihood ratio. The model: before the line the sound is the mixture
    of loops that the layout gives for the bar before it, after the line that for the bar after it; whatever else sounds
    is Gaussian, with an unknown variance at each line and slot.

    A note that rings over a line, or a fill before it, breaks this model for thousands of frames, and at every copy of
    the line. So the sum over frames can be large for wrong places too. Therefore different switches must agree on the
    place, or attacks must show it; and bars do not leave lines with clear attacks.
    """
    evidence = _evidence(mono, starts, layout, rate)
    if evidence is None:
        return 0
    bar_lines, places, gains = evidence
    return _agreed(bar_lines, places, gains, rate) or _onto_attacks(bar_lines, places, gains.sum(axis=0), rate)


@dataclass(frozen=True)
class _Lines:
    """Bar lines in `mono`.

    Attributes:
        lines: the frame of each line.
        before, after: the rows of the mixing matrix before and after each line, [lines, bar types].
        by_others: whether each line is predicted by the other lines alone. Otherwise bar types that sound at few lines
            fit any sound there.
    """

    mono: Samples
    lines: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    by_others: bool

    @property
    def switched(self) -> NDArray[np.bool_]:
        """The lines at which a loop starts or stops; the other lines show nothing."""
        return np.asarray((self.before != self.after).any(axis=1))

    def likelihoods(self, places: NDArray[np.int64], frames: int) -> NDArray[np.float64]:
        """Log likelihood ratios of each switched line, cumulated over places of so many frames, [lines, places + 1]."""
        around = self.mono[self.lines[:, None, None] + places[:, None] + np.arange(frames)]
        before, after = (_surprise(around, rows, self.by_others)[self.switched] for rows in (self.before, self.after))
        return np.pad(np.cumsum(after - before, axis=1), ((0, 0), (1, 0)))

    def agree(self, gains: NDArray[np.float64]) -> bool:
        """Whether hardly any switch contradicts a place with these gains [switched lines]; copies count as one."""
        rows = np.round(np.concatenate([self.before, self.after], axis=1)[self.switched], ALIKE)
        _, copy = np.unique(rows, axis=0, return_inverse=True)
        votes = np.bincount(copy.ravel(), weights=gains)
        return bool(-votes[votes < 0].sum() <= AGAINST * votes[votes > 0].sum())


class _Evidence(NamedTuple):
    """gains: by how many nats each switched line is likelier at each place than where it is, [lines, places]."""

    bar_lines: _Lines
    places: NDArray[np.int64]
    gains: NDArray[np.float64]


def _evidence(
    mono: Samples, starts: NDArray[np.int64], layout: Layout, rate: int, *, by_others: bool = True
) -> _Evidence | None:
    """The evidence for places up to half a bar around the lines; None for too few lines, or if nothing is switched."""
    lines, span = starts[1:-1], round(NEAR * rate / FINE)
    reach = STRIDE * (int(np.diff(starts).min()) // (2 * STRIDE))
    inside = (lines >= reach + span * FINE) & (lines + reach + span * FINE <= len(mono))
    if layout.loops == 0 or np.count_nonzero(inside) < MIN_BARS:
        return None
    columns = mixing_matrix(layout).matrix.astype(np.float64)
    bar_lines = _Lines(mono, lines[inside], columns[:-1][inside], columns[1:][inside], by_others)
    if not bar_lines.switched.any():
        return None
    later = np.arange(-reach, reach + 1, STRIDE)
    likelihoods = STRIDE / SLOT * bar_lines.likelihoods(later[:-1], SLOT)
    return _Evidence(bar_lines, later, likelihoods - likelihoods[:, later == 0])


def _agreed(bar_lines: _Lines, places: NDArray[np.int64], gains: NDArray[np.float64], rate: int) -> int:
    """The likeliest place if lines agree on it or attacks show it, else 0; gains are [switched lines, places]."""
    best = int(np.argmax(gains.sum(axis=0)))
    if gains[:, best].sum() < SURE * max(rate / USUAL_RATE, 1.0):
        return 0
    place = _nearby(bar_lines, int(places[best]), rate)
    clearer = _attacks(bar_lines, place, rate) - _attacks(bar_lines, 0, rate)
    return place if clearer >= (FEWER if bar_lines.agree(gains[:, best]) else MORE) else 0


def _onto_attacks(bar_lines: _Lines, places: NDArray[np.int64], gains: NDArray[np.float64], rate: int) -> int:
    """If nothing begins at the lines: the place of clear attacks that is by far the likeliest; else 0."""
    if _attacks(bar_lines, 0, rate) >= BARE:
        return 0
    clear = _rises(bar_lines, places, rate) >= CLEAR
    if not clear.any():
        return 0
    best = int(np.argmax(np.where(clear, gains, -np.inf)))
    rivals = gains[clear & (np.abs(places - places[best]) > NEAR * rate)]
    if rivals.size and rivals.max() > min(RIVAL * gains[best], -SURE):
        return 0
    place = int(places[best])
    return place + int(first_hits(bar_lines.mono, (bar_lines.lines + place).astype(np.float64), 2 * ASIDE * rate, rate))


def _nearby(bar_lines: _Lines, place: int, rate: int) -> int:
    """The likeliest place near a given one.

    Loops fade towards their ends, so a place a little early is about as likely. But loops begin with an attack, and a
    place that cuts the attack is much less likely. Therefore a place before a fall of the likelihood is preferred.
    """
    span = round(NEAR * rate / FINE)
    near = place + FINE * np.arange(-span, span + 1)
    likelihood, attack = bar_lines.likelihoods(near[:-1], FINE).sum(axis=0), round(ATTACK * rate / FINE)
    sharp = likelihood[:-attack] + SHARP * (likelihood[:-attack] - likelihood[attack:])
    return int(near[np.argmax(sharp)]) - FINE


def _attacks(bar_lines: _Lines, place: int, rate: int) -> float:
    """The clearest attacks at this place, or a little beside it, in dB, as the mean over the lines."""
    aside = round(ASIDE * rate)
    return float(_rises(bar_lines, place + np.arange(-aside, aside + 1, SLOT), rate).max())


def _rises(bar_lines: _Lines, places: NDArray[np.int64], rate: int) -> NDArray[np.float64]:
    """By how many dB the power rises at each place, as the mean over the lines, [places]."""
    power, width = np.pad(np.cumsum(np.square(bar_lines.mono, dtype=np.float64)), (1, 0)), round(HIT * rate)
    here = bar_lines.lines + places[:, None]
    sums = [power[np.clip(here + step, 0, len(bar_lines.mono))] for step in (-width, 0, width)]
    before, after = np.diff(np.stack(sums), axis=0) + SILENCE * width * power[-1] / len(bar_lines.mono) + 1e-30
    return np.asarray(np.clip(10 * np.log10(after / before), 0.0, RISE).mean(axis=1))


def _surprise(around: NDArray[np.float32], rows: NDArray[np.float64], by_others: bool) -> NDArray[np.float64]:
    """Negative log likelihood of each slot of `around` [lines, slots, frames], as a mixture by `rows` [lines, types].

    The residual is Gaussian with the likeliest variance for each line and slot. The fit is reweighted least squares, so
    lines with other sounds, or with a wrong layout, hardly count.
    """
    basis, values, _ = np.linalg.svd(rows, full_matrices=False)
    basis = basis[:, values > 1e-6 * values[0]]
    frames, loudness = around.shape[2], np.square(around, dtype=np.float64).mean()
    floor, left = SILENCE * frames * loudness + 1e-30, np.ones(around.shape[:2])
    for _ in range(TURNS):
        gram = np.einsum("lr,ls,lq->srq", basis, 1 / left, basis, optimize=True)
        gram += 1e-6 * np.trace(gram, axis1=1, axis2=2)[:, None, None] * np.eye(basis.shape[1])
        inverse = np.linalg.inv(gram)
        mixed = inverse @ np.einsum("lr,ls,lsf->srf", basis, 1 / left, around, optimize=True)
        missed = around - np.einsum("lr,srf->lsf", basis, mixed, optimize=True)
        if by_others:  # leave out what each line contributes to its own prediction
            own = np.einsum("lr,srq,lq->ls", basis, inverse, basis, optimize=True) / left
            missed /= np.maximum(1 - own, 1e-7)[:, :, None]
        left = np.square(missed).sum(axis=2) + floor
    return np.asarray(0.5 * frames * np.log(left))
