"""A cube compressed before it is factored: X ~ G x1 U1 x2 U2 x3 U3, the truncated higher-order SVD.

The axes are truncated one after the other (Vannieuwenhoven, Vandebril and Meerbergen 2012), the shortest first: its
Gram matrix costs least, and the later axes then have less data. For a long axis a randomised range finder replaces the
Gram matrix (Halko, Martinsson and Tropp 2011, alg. 4.4). Arrays may be of any array library (array API standard).
"""

from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace, device

from core.separation.tucker.model import Array, energy

GRAM_SIDE = 256  # for a longer axis the randomised range finder is cheaper than Gram matrix and eigenvectors
OVERSAMPLING = 8
POWER_ITERATIONS = 1


@dataclass(frozen=True)
class Compressed:
    """A cube in the bases of its axes.

    Attributes:
        core: G [R1, R2, R3].
        bases: orthonormal columns U_n [side n, R_n], by falling singular value.
        energy: |X|^2 of the whole cube, including the truncated part.
    """

    core: Array
    bases: tuple[Array, Array, Array]
    energy: float


def compress(cube: Array, sizes: tuple[int, int, int], seed: int = 0) -> Compressed:
    """A cube [I1, I2, I3] compressed to `sizes`, or to its sides where those are shorter.

    Args:
        seed: for the randomised range finder.
    """
    xp = array_namespace(cube)
    random = np.random.default_rng(seed)
    bases: dict[int, Array] = {}
    core = cube
    for axis in sorted(range(3), key=lambda axis: cube.shape[axis]):
        columns = xp.reshape(xp.moveaxis(core, axis, -1), (-1, core.shape[axis]))
        bases[axis] = _leading_basis(columns, min(sizes[axis], core.shape[axis]), random)
        others = [side for other, side in enumerate(core.shape) if other != axis]
        core = xp.moveaxis(xp.reshape(columns @ bases[axis], (*others, -1)), -1, axis)
    return Compressed(core, (bases[0], bases[1], bases[2]), energy(cube))


def _leading_basis(rows: Array, size: int, random: np.random.Generator) -> Array:
    """The `size` leading right singular vectors of a matrix [n, side], as columns [side, size]."""
    xp = array_namespace(rows)
    side = rows.shape[1]
    if side <= max(GRAM_SIDE, size + OVERSAMPLING):
        return _leading_eigenvectors(rows.T @ rows, size)
    width = min(size + OVERSAMPLING, *rows.shape)
    sketch = random.standard_normal((rows.shape[0], width), dtype=np.float32)
    found = rows.T @ xp.asarray(sketch, device=device(rows))
    for _ in range(POWER_ITERATIONS):
        found = rows.T @ (rows @ xp.linalg.qr(found).Q)
    basis = xp.linalg.qr(found).Q
    inside = rows @ basis
    return basis @ _leading_eigenvectors(inside.T @ inside, size)


def _leading_eigenvectors(symmetric: Array, size: int) -> Array:
    xp = array_namespace(symmetric)
    vectors = xp.linalg.eigh(symmetric).eigenvectors
    return xp.flip(vectors, axis=1)[:, :size]
