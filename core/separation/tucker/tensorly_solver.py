"""Nonnegative Tucker by TensorLy: multiplicative updates (Kim and Choi 2007), the reference for our own solvers.

It runs on a cube whose high frequencies are pooled into bands, at a fifth of the cost. Our own solver then fits the
notes to the whole cube.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.separation.tucker.model import Model

NOTE_ROUNDS = 30  # of the full-resolution solve: more than in `hals`, because bands are a worse start


def minimise(cube: NDArray[np.float32], ranks: tuple[int, int, int], seed: int) -> Iterator[Model]:
    """An endless iterator of models with falling errors, one an update.

    TensorLy has no callback, so each call does one iteration. It works in place, so its arrays are copied.
    """
    from tensorly.decomposition import non_negative_tucker  # slow to import, and needed only here

    state: Any = "svd"
    while True:
        state, (error,) = non_negative_tucker(
            cube, ranks, n_iter_max=1, init=state, random_state=seed, return_errors=True
        )
        core, factors = state
        W, H, D = (np.array(factor.T, order="C") for factor in factors)
        yield Model(core.copy(), (W, H, D), float(error))
