"""A move that decides anew which loops play in each bar."""

import numpy as np

from core.layout.cycles import LoopBars, switches
from core.layout.search.description import Coder
from core.layout.search.proposals import PER_SWITCH, Proposal, improved

ROUNDS = 3


def reassigned(subset: Coder, current: Proposal) -> Proposal:
    """The proposal with the loops of each bar decided anew and the contents kept, as long as that lowers the score."""
    for _ in range(ROUNDS):
        loop_bars = _flipped(subset, current)
        if all(np.array_equal(a, b) for a, b in zip(loop_bars, current.loop_bars, strict=True)):
            break
        changed = improved(subset, current, loop_bars, current.lengths)
        if changed is None:
            break
        current = changed
    return current


def _flipped(subset: Coder, current: Proposal) -> list[LoopBars]:
    """The loop bars after the best single change in each bar that saves more than it costs."""
    columns = current.columns()
    rows = [row.copy() for row in current.loop_bars]
    price = PER_SWITCH * subset.empty.length
    for bar in range(subset.bars):
        residual = current.description.residual[:, bar]
        base = float(np.log1p(np.square(np.abs(residual)) / subset.floor).mean())
        best, choice = 1e-6, None
        for k, row in enumerate(rows):
            gain = current.gains[bar, k]
            for option, place, sign in _options(row, current.lengths[k], bar):
                left = residual - sign * gain * current.sounds(columns, k, place)
                saved = base - float(np.log1p(np.square(np.abs(left)) / subset.floor).mean())
                flipped = row.copy()
                flipped[bar] = option
                saved -= price * (switches(flipped >= 0) - switches(row >= 0))
                if saved > best:
                    best, choice = saved, (k, option)
        if choice is not None:
            rows[choice[0]][bar] = choice[1]
    return rows


def _options(row: LoopBars, length: int, bar: int) -> list[tuple[int, int, int]]:
    """The changes that a loop may make in a bar: (new loop bar or -1, loop bar added or removed, 1 or -1 for that)."""
    if row[bar] >= 0:
        returns = np.count_nonzero(row == row[bar]) > 2
        return [(-1, int(row[bar]), -1)] if returns else []
    neighbours = set()
    if bar > 0 and row[bar - 1] >= 0:
        neighbours.add((int(row[bar - 1]) + 1) % length)
    if bar + 1 < len(row) and row[bar + 1] >= 0:
        neighbours.add((int(row[bar + 1]) - 1) % length)
    return [(place, place, 1) for place in sorted(neighbours or {bar % length})]
