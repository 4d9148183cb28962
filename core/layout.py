"""Layout: which loop plays in which bar."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Layout:
    """The map of a piece.

    Attributes:
        activations: float32 [bars, loops], how strongly each loop plays in each bar, from 0 to about 1; every loop
            plays in at least one bar.
        bars_per_loop: how many bars each loop lasts: 1, 2, 4 or 8.
    """

    activations: NDArray[np.float32]
    bars_per_loop: tuple[int, ...]
