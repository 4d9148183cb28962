"""A move that adds loops which are hidden behind another loop.

Suppose loop A plays in every bar of loop B, and in some bars more. Then A and B together look like loop B, and only the
bars in which A plays alone are left over. The true row of A is those bars and the row of B together.
"""

from collections.abc import Iterator

import numpy as np

from core.layout.cycles import On
from core.layout.search.description import Coder
from core.layout.search.lengths import phasings
from core.layout.search.proposals import Proposal, improved


def widened(subset: Coder, current: Proposal, left_over: list[On]) -> Proposal:
    """The proposal with hidden loops added where they lower the score.

    Args:
        left_over: on/off rows that the residual votes for, each bool [bars].
    """
    for loop in range(current.loops):
        for on in _wider(current.loop_bars[loop] >= 0, left_over):
            if not any(np.array_equal(row >= 0, on) for row in current.loop_bars):
                current = _with_row(subset, current, on, current.lengths[loop]) or current
    return current


def _wider(on: On, left_over: list[On]) -> Iterator[On]:
    """The row with each of the left-over rows added, then the row with each of its gaps filled."""
    yield from (on | more for more in left_over if not (on & more).any())
    edges = np.flatnonzero(np.diff(np.concatenate([[True], on, [True]])))
    for start, end in zip(edges[::2], edges[1::2], strict=True):
        wider = on.copy()
        wider[start:end] = True
        yield wider


def _with_row(subset: Coder, current: Proposal, on: On, longest: int) -> Proposal | None:
    gains = np.concatenate([current.gains, np.ones((subset.bars, 1), dtype=np.float32)], axis=1)
    found = [
        improved(subset, current, [*current.loop_bars, row], [*current.lengths, length], gains)
        for length in {1, longest}
        for row in phasings(on, length)
    ]
    return min((one for one in found if one is not None), key=lambda one: one.score, default=None)
