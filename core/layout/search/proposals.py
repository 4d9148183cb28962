"""Proposals: sets of loops, with the description of the song that they give and its score."""

from dataclasses import dataclass
from functools import cache, partial
from itertools import permutations

import numpy as np
from numpy.typing import NDArray

from core.layout.cycles import Columns, LoopBars, columns_of, switches
from core.layout.evidence.bins import Bins
from core.layout.search.description import GLANCE, KAPPA, Coder, Description

Gains = NDArray[np.float32]

PER_LOOP = 0.0025  # of the empty description: what a loop must save
PER_SWITCH = 0.0004  # in addition for each time that it is switched on or off
PER_GAINS = 0.001  # in addition for gains other than 1
PER_BAR = 0.1  # in addition for each of its bars but the first, times the share of one bar in the empty description
DOUBT = 0.002  # of the empty description: by how much a proposal may be better than its glance
GAIN_STEPS = 8
GAIN_RANGE = (0.25, 4.0)
FAINT_GAIN = 0.3  # a gain below this is near the end of its range: the loop is probably off
GAIN_STIFFNESS = 0.02  # pull of gains towards 1, so that they stay 1 in bars without evidence


@dataclass(frozen=True)
class Proposal:
    """A set of loops, and the description that it gives.

    Attributes:
        loop_bars, lengths: the loop bars and the length of each loop.
        gains: float32 [bars, loops], 1 unless fitted.
        description: the description by these loops.
        score: the length of the description plus the price of the loops, in nats per bin. The lowest score is best.
    """

    loop_bars: list[LoopBars]
    lengths: list[int]
    gains: Gains
    description: Description
    score: float

    @property
    def loops(self) -> int:
        return len(self.lengths)

    def columns(self) -> Columns:
        return columns_of(self.loop_bars, self.lengths)

    def sounds(self, columns: Columns, loop: int, place: int) -> Bins:
        """The sound of a loop bar, complex [bins]."""
        total: Bins = self.description.contents[:, columns.heard(loop, place)].sum(axis=1)
        return total


def propose(subset: Coder, loop_bars: list[LoopBars], lengths: list[int], gains: Gains | None = None) -> Proposal:
    """Describe the subset by these loops."""
    if gains is None:
        gains = np.ones((subset.bars, len(lengths)), dtype=np.float32)
    if not lengths:
        return Proposal([], [], gains, subset.empty, subset.empty.length)
    columns = columns_of(loop_bars, lengths)
    description = subset.describe(columns.matrix * gains[:, columns.owners])
    price = sum(PER_LOOP + PER_SWITCH * switches(row >= 0) for row in loop_bars)
    price += PER_BAR / subset.bars * sum(length - 1 for length in lengths)
    return Proposal(loop_bars, lengths, gains, description, description.length + price * subset.empty.length)


def improved(
    subset: Coder,
    current: Proposal,
    loop_bars: list[LoopBars],
    lengths: list[int],
    gains: Gains | None = None,
    *,
    margin: float = 0.0,
) -> Proposal | None:
    """The proposal of these loops if its score is lower than the current one by `margin` of the empty description.

    Otherwise None. Most proposals fail, and a glance at few bins mostly shows it.
    """
    gains = current.gains if gains is None else gains
    bound = current.score - margin * subset.empty.length
    glance = propose(subset.glance, loop_bars, lengths, gains)
    price = glance.score - glance.description.length
    seen_now = float(current.description.lengths[::GLANCE].mean()) + current.score - current.description.length
    if glance.description.length + price > seen_now - (margin - DOUBT) * subset.empty.length:
        return None
    proposal = propose(subset, loop_bars, lengths, gains)
    return proposal if proposal.score < bound else None


def with_gains(subset: Coder, current: Proposal) -> Proposal:
    """The proposal with a gain for each loop in each bar, if that lowers the score enough."""
    best = current
    for _ in range(GAIN_STEPS):
        if not best.loops:
            break
        refit = propose(subset, best.loop_bars, best.lengths, fitted_gains(subset, best))
        if refit.score >= best.score - PER_LOOP * subset.empty.length:
            break
        best = refit
    return best


def evened(subset: Coder, current: Proposal) -> Proposal:
    """The proposal with gains of 1 where others hardly lower the score: of all loops, or singly, most even first."""
    bound = PER_GAINS * subset.empty.length
    uneven = np.array([np.abs(current.gains[row >= 0, k] - 1).max() for k, row in enumerate(current.loop_bars)])
    if not uneven.any():
        return current
    even = propose(subset, current.loop_bars, current.lengths)
    if even.score < current.score + bound:
        return even
    for k in np.flatnonzero(uneven)[np.argsort(uneven[uneven > 0])]:
        gains = current.gains.copy()
        gains[:, k] = 1.0
        even = propose(subset, current.loop_bars, current.lengths, gains)
        current = even if even.score < current.score + bound else current
    return current


def silenced(subset: Coder, current: Proposal) -> Proposal:
    """The proposal with loops switched off where their gains are at the low end, if that lowers the score."""
    for k, row in enumerate(current.loop_bars):
        faint = (row >= 0) & (current.gains[:, k] <= FAINT_GAIN)
        if faint.any() and np.count_nonzero((row >= 0) & ~faint) > 1:
            gains = current.gains.copy()
            gains[:, k] = 1.0
            loop_bars = [*current.loop_bars[:k], np.where(faint, -1, row).astype(np.int16), *current.loop_bars[k + 1 :]]
            current = improved(subset, current, loop_bars, current.lengths, gains) or current
    return current


def uncancelled(subset: Coder, current: Proposal) -> Proposal:
    """The proposal with loops switched off in bars in which another loop cancels them, if that lowers the score.

    If the row of a loop has too many bars, another loop may be its negative there. Gains hide the same error: if b - a
    passes for loop b, loop a is on whenever b is, and louder in those of these bars in which a truly plays.
    """
    if current.loops < 2:
        return current
    undone = _undone(subset, current)
    for loop, other in permutations(range(current.loops), 2):
        row = current.loop_bars[loop]
        undoing = np.where(current.loop_bars[other] >= 0, current.gains[:, other], 0.0)
        left = current.gains[:, loop] - undone[loop, other] * undoing
        active = (row >= 0) & (left > FAINT_GAIN * current.gains[:, loop])
        if active.any() and not np.array_equal(active, row >= 0):
            gains = current.gains.copy()
            gains[:, loop] = np.where(active, left / np.median(left[active]), 1.0)
            loop_bars = [
                *current.loop_bars[:loop],
                np.where(active, row, -1).astype(np.int16),
                *current.loop_bars[loop + 1 :],
            ]
            found = improved(subset, current, loop_bars, current.lengths, gains)
            if found is not None:
                return uncancelled(subset, found)
    return current


def _undone(subset: Coder, current: Proposal) -> NDArray[np.float64]:
    """The share of each loop that another one cancels where both play, 1 for all of it, [loops, loops]."""
    sounds = _sounds(subset, current) / np.sqrt(subset.floor)  # without the floor, the loudest bins decide
    products = (sounds.conj() @ sounds.swapaxes(1, 2)).real.astype(np.float64)
    own = np.einsum("bkk->kb", products) @ (np.array(current.loop_bars).T >= 0)
    undone: NDArray[np.float64] = np.divide(-products.sum(axis=0), own, out=np.zeros_like(own), where=own > 0)
    return undone


def fitted_gains(subset: Coder, current: Proposal) -> Gains:
    """Gains of the loops in each bar by reweighted least squares on the contents. The median gain of each loop is 1."""
    described = current.description
    weights = 1 / (np.square(np.abs(described.residual)) + subset.floor[:, None]).T
    contents = _sounds(subset, current)
    weighted = contents.conj() * weights[:, None]
    systems = (weighted @ contents.swapaxes(1, 2)).real
    right = (weighted @ subset.bins.T[:, :, None]).real[..., 0]
    stiffness = GAIN_STIFFNESS * np.einsum("bkk->bk", systems) + np.finfo(np.float32).tiny
    systems += stiffness[..., None] * np.eye(current.loops)
    silent = np.array(current.loop_bars).T < 0
    systems += silent[..., None] * np.eye(current.loops)  # any solvable equation for loops that are off
    solved = np.linalg.solve(systems, (right + stiffness)[..., None])[..., 0]
    gains = np.where(silent, current.gains, np.clip(solved, *GAIN_RANGE)).astype(np.float32)
    for k, row in enumerate(current.loop_bars):
        gains[row >= 0, k] /= np.median(gains[row >= 0, k])
    return gains


def _sounds(subset: Coder, current: Proposal) -> Bins:
    """The sound of each loop in each bar with a gain of 1, complex [bars, loops, bins]; 0 where the loop is off."""
    columns = current.columns()
    sound_of = cache(partial(current.sounds, columns))
    sounds = np.zeros((subset.bars, current.loops, len(subset.bins)), dtype=np.complex64)
    for k, row in enumerate(current.loop_bars):
        for bar in np.flatnonzero(row >= 0):
            sounds[bar, k] = sound_of(k, int(row[bar]))
    return sounds


def worth(subset: Coder, current: Proposal) -> NDArray[np.float64]:
    """How much longer the description gets without each loop if the others keep their contents, [loops].

    This is an upper bound, because other contents may be shorter.
    """
    columns = current.columns()
    described = current.description
    worth = np.empty(current.loops)
    for k in range(current.loops):
        own = np.flatnonzero(columns.owners == k)
        bars = current.loop_bars[k] >= 0
        played = columns.matrix[bars][:, own] * current.gains[bars, k, None]
        exposed = described.residual[:, bars] + described.contents[:, own] @ played.T
        left_over = subset.cost(exposed).sum(axis=1) - subset.cost(described.residual[:, bars]).sum(axis=1)
        worth[k] = (left_over - KAPPA * subset.cost(described.contents[:, own]).sum(axis=1)).mean()
    return worth


def only(subset: Coder, current: Proposal, keep: list[int]) -> Proposal:
    return propose(subset, *some_of(current, keep))


def some_of(current: Proposal, keep: list[int]) -> tuple[list[LoopBars], list[int], Gains]:
    return [current.loop_bars[k] for k in keep], [current.lengths[k] for k in keep], current.gains[:, keep]
