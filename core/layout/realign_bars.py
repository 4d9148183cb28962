"""Bar lines moved to where the loops of a layout are switched.

What sounds before a bar line belongs to the loops of the one bar, what sounds after it to those of the next. Once a
layout is known this tells the line to a few frames, under sounds that drown every attack, too: bars that begin early or
late, even by a beat, still show which loops play in most of them, and only beyond the true line sounds what belongs to
their neighbours.
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

SLOT, STRIDE, FINE = 8, 32, 4  # frames whose loudness is taken together, from one such slot to the next, and at last
NEAR, ATTACK, SHARP = 0.1, 0.01, 0.5  # seconds around the likeliest line, and after any; weight of a fall in these
SILENCE = 1e-3  # of the mean power: less than that is as good as nothing
TURNS = 8  # of a fit to lines of unknown loudness
SURE = 400.0  # natural logarithm of how many times likelier other lines must be; it alone is no proof
USUAL_RATE = 44_100  # of that figure; above, the logarithm grows with the frames, which then say the same twice
# Found on synthesised songs and twelve real ones, with true bars, tracked ones and such as were shifted on purpose:
AGAINST = 0.3  # of what is for other lines, may be against: at true lines it was 0.36 and more
HIT, ASIDE, RISE = 0.02, 0.01, 10.0  # seconds before and after an attack, and beside its line; most decibels of a rise
FEWER, MORE = -0.5, 1.0  # decibels that attacks may lose where lines agree on a place, and must gain where they do not
BARE, CLEAR = 1.0, 5.0  # decibels of attacks at lines where nothing begins (true lines had 1.6 or more); of clear ones
RIVAL = 3.0  # how many times as unlikely other places of clear attacks must be
ALIKE = 2  # decimals by which what plays around two lines is the same
BOLD = 3_000.0  # as SURE, for bars on trial: tracked songs that need them had 13,000; two of 42 with true bars had more


def moved_to_switches(samples: Samples, refined: Refined, layout: Layout, *, rate: int) -> Refined:
    """The bars, all begun by the same time earlier or later where that clearly fits the layout better.

    Args:
        samples: float32 [channels, frames].
        layout: of these bars.

    Returns:
        All such bars of the clip, also one more or less at its ends, or the very ones that were given.
    """
    mono = emphasised(samples)
    return _moved(mono, refined, switches_later(mono, refined.grid.starts, layout, rate=rate), rate)


def moved_on_trial(samples: Samples, refined: Refined, layout: Layout, *, rate: int) -> Refined:
    """The bars moved to the likeliest place, even where lines disagree; the given ones where little speaks for it.

    The layout of such bars must confirm them. Each line helps to predict itself here: where the given layout is partly
    wrong, this leads to places that are not found by lines predicted by the others.
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
    """Whether this layout of the moved bars is switched at their lines, and its lines agree against the given ones."""
    starts, scale = moved.grid.starts, max(rate / USUAL_RATE, 1.0)
    evidence = _evidence(emphasised(samples), starts, layout, rate)
    if evidence is None or evidence.gains.sum(axis=0).max() >= SURE * scale:
        return False
    nearest = starts[np.abs(given.grid.starts[:, None] - starts).argmin(axis=1)]
    back = np.abs(evidence.places - np.median(given.grid.starts - nearest)).argmin()
    lost = -evidence.gains[:, back]
    return bool(lost.sum() >= BOLD * scale) and evidence.bar_lines.agree(lost)


def _moved(mono: Samples, refined: Refined, later: int, rate: int) -> Refined:
    """All bars of the clip, moved by `later` frames; the given ones if that is 0 or too few bars are left."""
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

    A note that rings over a line, or a fill before it, breaks this model for thousands of frames at once, and at every
    copy of that line. A sum over frames is so large for wrong lines, too. Therefore different switches must agree on
    the place, or attacks must show it, and lines with clear attacks are not left for others.
    """
    evidence = _evidence(mono, starts, layout, rate)
    if evidence is None:
        return 0
    bar_lines, places, gains = evidence
    return _agreed(bar_lines, places, gains, rate) or _onto_attacks(bar_lines, places, gains.sum(axis=0), rate)


@dataclass(frozen=True)
class _Lines:
    """Bar lines [lines] in `mono`, and what plays before and after each, [lines, types].

    by_others: whether each line is predicted by the others alone. Otherwise types that are heard at few lines explain
    whatever is there.
    """

    mono: Samples
    lines: NDArray[np.int64]
    before: NDArray[np.float64]
    after: NDArray[np.float64]
    by_others: bool

    @property
    def switched(self) -> NDArray[np.bool_]:
        """Where something is switched; other lines may be anywhere."""
        return np.asarray((self.before != self.after).any(axis=1))

    def likelihoods(self, places: NDArray[np.int64], frames: int) -> NDArray[np.float64]:
        """Of each switched line at each of these places, and behind the last, of which each is so many frames long."""
        around = self.mono[self.lines[:, None, None] + places[:, None] + np.arange(frames)]
        before, after = (_surprise(around, rows, self.by_others)[self.switched] for rows in (self.before, self.after))
        return np.pad(np.cumsum(after - before, axis=1), ((0, 0), (1, 0)))

    def agree(self, gains: NDArray[np.float64]) -> bool:
        """Whether hardly any switch is against a place of these gains [switched lines]; copies count as one."""
        rows = np.round(np.concatenate([self.before, self.after], axis=1)[self.switched], ALIKE)
        _, copy = np.unique(rows, axis=0, return_inverse=True)
        votes = np.bincount(copy.ravel(), weights=gains)
        return bool(-votes[votes < 0].sum() <= AGAINST * votes[votes > 0].sum())


class _Evidence(NamedTuple):
    """Nats by which each switched line is likelier at each place than where it is, [switched lines, places]."""

    bar_lines: _Lines
    places: NDArray[np.int64]
    gains: NDArray[np.float64]


def _evidence(
    mono: Samples, starts: NDArray[np.int64], layout: Layout, rate: int, *, by_others: bool = True
) -> _Evidence | None:
    """For places up to half a bar before and after the lines; None if there are too few lines, or no switches."""
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
    """The likeliest of the places if lines agree on it or attacks show it, else 0; gains [switched lines, places]."""
    best = int(np.argmax(gains.sum(axis=0)))
    if gains[:, best].sum() < SURE * max(rate / USUAL_RATE, 1.0):
        return 0
    place = _nearby(bar_lines, int(places[best]), rate)
    clearer = _attacks(bar_lines, place, rate) - _attacks(bar_lines, 0, rate)
    return place if clearer >= (FEWER if bar_lines.agree(gains[:, best]) else MORE) else 0


def _onto_attacks(bar_lines: _Lines, places: NDArray[np.int64], gains: NDArray[np.float64], rate: int) -> int:
    """From lines where nothing begins, the likeliest place of clear attacks, if any other such is far less likely."""
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
    """The likeliest place near one.

    Loops die away towards their ends, so that a line a little early is as likely; but they begin all of a sudden, and
    what is cut from their beginning is missed most.
    """
    span = round(NEAR * rate / FINE)
    near = place + FINE * np.arange(-span, span + 1)
    likelihood, attack = bar_lines.likelihoods(near[:-1], FINE).sum(axis=0), round(ATTACK * rate / FINE)
    sharp = likelihood[:-attack] + SHARP * (likelihood[:-attack] - likelihood[attack:])
    return int(near[np.argmax(sharp)]) - FINE


def _attacks(bar_lines: _Lines, place: int, rate: int) -> float:
    """The clearest attacks at this place around all lines, or a little aside, in decibels."""
    aside = round(ASIDE * rate)
    return float(_rises(bar_lines, place + np.arange(-aside, aside + 1, SLOT), rate).max())


def _rises(bar_lines: _Lines, places: NDArray[np.int64], rate: int) -> NDArray[np.float64]:
    """By how many decibels it gets louder at each place around all lines, the mean of the lines, [places]."""
    power, width = np.pad(np.cumsum(np.square(bar_lines.mono, dtype=np.float64)), (1, 0)), round(HIT * rate)
    here = bar_lines.lines + places[:, None]
    sums = [power[np.clip(here + step, 0, len(bar_lines.mono))] for step in (-width, 0, width)]
    before, after = np.diff(np.stack(sums), axis=0) + SILENCE * width * power[-1] / len(bar_lines.mono) + 1e-30
    return np.asarray(np.clip(10 * np.log10(after / before), 0.0, RISE).mean(axis=1))


def _surprise(around: NDArray[np.float32], rows: NDArray[np.float64], by_others: bool) -> NDArray[np.float64]:
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
        inverse = np.linalg.inv(gram)
        mixed = inverse @ np.einsum("lr,ls,lsf->srf", basis, 1 / left, around, optimize=True)
        missed = around - np.einsum("lr,srf->lsf", basis, mixed, optimize=True)
        if by_others:  # leave out what each line contributes to its own prediction
            own = np.einsum("lr,srq,lq->ls", basis, inverse, basis, optimize=True) / left
            missed /= np.maximum(1 - own, 1e-7)[:, :, None]
        left = np.square(missed).sum(axis=2) + floor
    return np.asarray(0.5 * frames * np.log(left))
