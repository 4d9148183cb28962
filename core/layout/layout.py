"""Layout: which loop plays in which bar of the song, and which of the loop's bars sounds there."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Layout:
    """When each loop plays.

    Attributes:
        activations: float32 [bars, loops], how strongly each loop plays in each bar, from 0 to about 1. Every loop
            plays in at least one bar.
        bars_per_loop: the length of each loop in bars: 1, 2, 3, 4, 6 or 8.
        loop_bars: int16 [bars, loops], the loop bar that sounds, counted from 0; -1 where the loop is off. A loop may
            start in any bar of the song, and with any of its own bars.
        rings: for each loop, whether it has tails: each of its bars still sounds in the next bar of the song, whatever
            plays there. () if no loop has tails.
    """

    activations: NDArray[np.float32]
    bars_per_loop: tuple[int, ...]
    loop_bars: NDArray[np.int16]
    rings: tuple[bool, ...] = ()

    @property
    def bars(self) -> int:
        return len(self.loop_bars)

    @property
    def loops(self) -> int:
        return int(self.loop_bars.shape[1])

    def of(self, loops: NDArray[np.intp]) -> "Layout":
        """The layout of the given loops only, in the given order."""
        lengths, rings = (tuple(values[k] for k in loops if values) for values in (self.bars_per_loop, self.rings))
        return Layout(self.activations[:, loops], lengths, self.loop_bars[:, loops], rings)

    def off(self, bars: NDArray[np.bool_], loop: int) -> "Layout":
        """The layout with one loop switched off in these bars."""
        loop_bars, activations = self.loop_bars.copy(), self.activations.copy()
        loop_bars[bars, loop], activations[bars, loop] = -1, 0.0
        return replace(self, loop_bars=loop_bars, activations=activations)


class BarTypes(NamedTuple):
    """A layout as a mixing matrix, with a column for each bar type: each loop bar that sounds somewhere, and its tail.

    Attributes:
        matrix: D float32 [bars, bar types], the activation where the bar type sounds, else 0.
        owners: the loop of each bar type, [bar types].
        late: whether a bar type is the tail of a loop bar, one bar late, bool [bar types].
    """

    matrix: NDArray[np.float32]
    owners: NDArray[np.intp]
    late: NDArray[np.bool_]


def one_bar_layout(activations: NDArray[np.float32]) -> Layout:
    """The layout of loops of one bar each. A loop plays wherever its activation is above zero."""
    return Layout(activations, (1,) * activations.shape[1], np.where(activations > 0, 0, -1).astype(np.int16))


def mixing_matrix(layout: Layout) -> BarTypes:
    """The mixing matrix of a layout.

    If a tail sounds in exactly the bars in which a bar of its loop sounds, it has no column: it belongs to that bar.
    """
    columns, owners, late = [], [], []
    for loop in range(layout.loops):
        loop_bars, gains = layout.loop_bars[:, loop], layout.activations[:, loop]
        direct = [np.where(loop_bars == loop_bar, gains, 0.0) for loop_bar in range(layout.bars_per_loop[loop])]
        tails = [np.append(0.0, column[:-1]) for column in direct] if layout.rings and layout.rings[loop] else []
        seen: list[NDArray[np.bool_]] = []
        for column, is_tail in [(column, False) for column in direct] + [(column, True) for column in tails]:
            here = column > 0
            if here.any() and not any(np.array_equal(here, other) for other in seen):
                seen.append(here)
                columns.append(column)
                owners.append(loop)
                late.append(is_tail)
    matrix = np.array(columns, dtype=np.float32).reshape(len(columns), layout.bars).T
    return BarTypes(matrix, np.array(owners, dtype=np.intp), np.array(late, dtype=np.bool_))
