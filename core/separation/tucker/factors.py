"""The factors of a Tucker decomposition, and their ranks."""

from dataclasses import dataclass
from math import nan

import numpy as np
from numpy.typing import NDArray

from core.audio.cube import Cube
from core.base.errors import Code, LoopError

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Ranks:
    """The number of notes, rhythms and loops in the model of a cube."""

    notes: int
    rhythms: int
    loops: int

    @property
    def sizes(self) -> tuple[int, int, int]:
        return self.notes, self.rhythms, self.loops

    def check(self, shape: tuple[int, ...]) -> None:
        """Raise ARGUMENTS unless every rank is from 1 to its side of a cube [frequencies, frames, bars]."""
        for name, side in zip(("notes", "rhythms", "loops"), shape, strict=True):
            rank = getattr(self, name)
            if not 1 <= rank <= side:
                raise LoopError(Code.ARGUMENTS, f"{name} must be 1 to {side} for this clip, got {rank}")


@dataclass(frozen=True)
class TuckerFactors:
    """A decomposed cube; every array is nonnegative float32.

    Attributes:
        notes: W [frequencies, notes], unit columns.
        rhythms: H [frames in a bar, rhythms], unit columns.
        loops: D [bars, loops], unit columns.
        recipes: C [notes, rhythms, loops], with the scale of the cube.
        error: |X - model| / |X| of these factors; NaN for factors that were read from a file.
        errors: the error of each iteration on the reduced cube of the solver, never rising: |X - model| / |X| after the
            iteration; for "kl", the divergence before it over the sum of X.
        solver: the solver that ran; "" for factors that were read from a file.
        device: its device, as the array library names it: "cpu", "cuda:0"; "" for factors that were read from a file.
    """

    notes: Array
    rhythms: Array
    loops: Array
    recipes: Array
    error: float = nan
    errors: tuple[float, ...] = ()
    solver: str = ""
    device: str = ""


def magnitudes(cube: Cube) -> Array:
    """The root mean square over the channels: float32 [frequencies, frames in a bar, bars]."""
    power = np.zeros(cube.shape[1:], dtype=np.float32)
    for channel in cube:
        power += np.square(channel.real) + np.square(channel.imag)
    power /= len(cube)
    return np.sqrt(power, out=power)


def patterns(factors: TuckerFactors) -> Array:
    """One bar of every loop at activation 1, W C_k H^T: float32 [loops, frequencies, frames in a bar].

    The model of loop k in bar b is `factors.loops[b, k] * patterns(factors)[k]`, so no larger array is needed.
    """
    slices = np.moveaxis(factors.recipes, 2, 0)
    return np.ascontiguousarray(factors.notes @ slices @ factors.rhythms.T, dtype=np.float32)
