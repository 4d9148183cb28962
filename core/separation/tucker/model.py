"""A Tucker model during the fit, and the products that all solvers need, for arrays of any library (array API).

Factors are stored as rows [rank, side], which are contiguous, because solvers update one row after another.
"""

from dataclasses import dataclass
from math import sqrt
from typing import Any

from array_api_compat import array_namespace

Array = Any  # of the cube's array library

TINY = 1e-12


@dataclass(frozen=True)
class Model:
    """C x1 W x2 H x3 D: factors [rank n, side n] and core [ranks], all nonnegative; and the relative error."""

    core: Array
    factors: tuple[Array, Array, Array]
    error: float = float("inf")


def times(tensor: Array, rows: Array, axis: int) -> Array:
    """The mode product: `axis` of the tensor contracted with the columns of a matrix [new side, old side]."""
    xp = array_namespace(tensor)
    return xp.moveaxis(xp.tensordot(tensor, rows, axes=([axis], [1])), -1, axis)


def times_all(tensor: Array, matrices: list[Array]) -> Array:
    """The mode products with one matrix for each axis."""
    for axis, matrix in enumerate(matrices):
        tensor = times(tensor, matrix, axis)
    return tensor


def energy(array: Array) -> float:
    """|X|^2, summed along the last axis in the array's precision, then in double precision."""
    xp = array_namespace(array)
    return float(xp.sum(xp.linalg.vecdot(array, array), dtype=xp.float64))


def inner(a: Array, b: Array) -> float:
    """<a, b> in double precision, because errors are small differences of such products."""
    xp = array_namespace(a)
    return float(xp.sum(a * b, dtype=xp.float64))


def relative_error(whole: float, core: Array, target: Array, grams: list[Array]) -> float:
    """|X - model| / |X| from inner products, without building the model.

    Args:
        whole: |X|^2.
        target: X x1 W x2 H x3 D, of the core's shape.
        grams: A A^T of each factor.
    """
    left = whole - 2 * inner(core, target) + inner(core, times_all(core, grams))
    return sqrt(max(left, 0.0) / max(whole, TINY))


def balanced(model: Model, order: int) -> Model:
    """The same model with rows of factors scaled to unit norm of this order, and the scale in the core."""
    xp = array_namespace(model.core)
    core, unit = model.core, []
    for axis, factor in enumerate(model.factors):
        norms = xp.linalg.vector_norm(factor, axis=1, ord=order)
        safe = xp.where(norms > TINY, norms, xp.ones_like(norms))
        unit.append(factor / safe[:, None])
        core = core * xp.reshape(safe, tuple(-1 if other == axis else 1 for other in range(3)))
    return Model(core, (unit[0], unit[1], unit[2]), model.error)
