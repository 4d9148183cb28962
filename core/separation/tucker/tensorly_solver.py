"""Nonnegative Tucker by TensorLy: multiplicative updates (Kim and Choi 2007), what our own solvers are held against.

It runs on a cube whose high frequencies are pooled into bands, at a fifth of the cost; the notes are then solved on
the whole cube by ours.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.separation.tucker.model import Model

NOTE_ROUNDS = 30  # of the full-resolution solve: from bands it starts further away than from a compressed cube


def minimise(cube: NDArray[np.float32], ranks: tuple[int, int, int], seed: int) -> Iterator[Model]:
    """Models of falling error without end, an update each.

    TensorLy has no callback, so it is called an iteration at a time; it works in place, so its arrays are copied.
    """
    from tensorly.decomposition import non_negative_tucker  # slow to import, and only needed here

    state: Any = "svd"
    while True:
        state, (error,) = non_negative_tucker(
            cube, ranks, n_iter_max=1, init=state, random_state=seed, return_errors=True
        )
        core, factors = state
        W, H, D = (np.array(factor.T, order="C") for factor in factors)
        yield Model(core.copy(), (W, H, D), float(error))
