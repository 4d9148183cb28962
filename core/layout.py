"""Layout: which loop plays in which bar, and which of its bars is heard there."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Layout:
    """The map of a piece.

    Attributes:
        activations: float32 [bars, loops], how strongly each loop plays in each bar, from 0 to about 1; every loop
            plays in at least one bar.
        bars_per_loop: how many bars each loop lasts: 1, 2, 3, 4, 6 or 8.
        phases: int16 [bars, loops], which bar of the loop is heard, from 0; -1 where it is off. A loop may begin
            anywhere and need not start with its first bar.
    """

    activations: NDArray[np.float32]
    bars_per_loop: tuple[int, ...]
    phases: NDArray[np.int16]

    @property
    def bars(self) -> int:
        return len(self.phases)

    @property
    def loops(self) -> int:
        return int(self.phases.shape[1])


def one_bar_layout(activations: NDArray[np.float32]) -> Layout:
    """The layout of loops of one bar each, every one of them heard wherever its activation is above zero."""
    return Layout(activations, (1,) * activations.shape[1], np.where(activations > 0, 0, -1).astype(np.int16))


def type_matrix(layout: Layout) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """The layout as a plain mixing matrix: one column for each bar of each loop that is heard somewhere.

    Returns:
        D float32 [bars, types], the activation where that bar of that loop sounds; and the loop of each column.
    """
    columns, owners = [], []
    for loop in range(layout.loops):
        for phase in range(layout.bars_per_loop[loop]):
            here = layout.phases[:, loop] == phase
            if here.any():
                columns.append(np.where(here, layout.activations[:, loop], 0.0))
                owners.append(loop)
    matrix = np.array(columns, dtype=np.float32).reshape(len(columns), layout.bars).T
    return matrix, np.array(owners, dtype=np.intp)
