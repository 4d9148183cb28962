"""Nonnegative Tucker in least squares: hierarchical alternating least squares on the compressed cube.

    min |X - C x1 W x2 H x3 D|^2   over nonnegative W, H, D, C

One sweep updates each factor by HALS, column by column (Cichocki and Phan 2009, alg. 2), in a few rounds with the same
products (Gillis and Glineur 2012). Then it updates the core by accelerated projected gradient steps (Beck and Teboulle
2009). All products are computed in the compressed cube (Zhou, Cichocki, Zhao and Xie 2015) and shared between updates.
The factors are nonnegative at full length. The error comes from inner products, so the model is never built. Sweeps are
extrapolated (`extrapolation`).

Arrays may be of any array library (array API standard).
"""

from collections.abc import Iterator
from math import sqrt

from array_api_compat import array_namespace

from core.separation.tucker.compression import Compressed
from core.separation.tucker.extrapolation import descend
from core.separation.tucker.model import TINY, Array, Model, balanced, relative_error, times, times_all

FACTOR_ROUNDS = 3  # of HALS on one factor with the same products
CORE_STEPS = 15
NOTE_ROUNDS = 10  # of the full-resolution solve


def minimise(cube: Compressed, start: Model) -> Iterator[Model]:
    """An endless iterator of models with falling errors, one a sweep."""
    return descend(lambda model: sweep(cube, model), start, _ahead)


def sweep(cube: Compressed, model: Model) -> Model:
    """Update every factor and the core once, each with the new values of those before it."""
    model = balanced(model, 2)  # else the scales of core and factors drift apart, and the error stops falling
    core, (W, H, D) = model.core, model.factors
    U, V, Z = cube.bases
    by_loop = times(cube.core, D @ Z, 2)  # G x3 D: for notes and rhythms
    W = _update(0, W, core, times(by_loop, H @ V, 1), [None, H, D], U)
    H = _update(1, H, core, times(by_loop, W @ U, 0), [W, None, D], V)
    played = times(times(cube.core, W @ U, 0), H @ V, 1)  # G x1 W x2 H: for loops and core
    D = _update(2, D, core, played, [W, H, None], Z)
    target = times(played, D @ Z, 2)
    grams = [factor @ factor.T for factor in (W, H, D)]
    core = fit_core(core, target, grams)
    return Model(core, (W, H, D), relative_error(cube.energy, core, target, grams))


def solve_notes(cube: Array, model: Model, rounds: int = NOTE_ROUNDS) -> Model:
    """The model with notes fitted to the whole cube [frequencies, frames, bars], a convex problem."""
    core, (W, H, D) = model.core, model.factors
    target, gram = _normal_equations(0, core, times(times(cube, D, 2), H, 1), [None, H, D])
    return Model(core, (solve_rows(W, target, gram, rounds), H, D))


def _update(axis: int, factor: Array, core: Array, partial: Array, others: list[Array | None], basis: Array) -> Array:
    """Update one factor by HALS. `partial` is the compressed cube times the two other factors."""
    target, gram = _normal_equations(axis, core, partial, others)
    return solve_rows(factor, target @ basis.T, gram, FACTOR_ROUNDS)


def _normal_equations(axis: int, core: Array, partial: Array, others: list[Array | None]) -> tuple[Array, Array]:
    """Target [rank, side] and Gram matrix [rank, rank] of one factor when the others are fixed."""
    xp = array_namespace(core)
    weighed = core
    for other, rows in enumerate(others):
        if rows is not None:
            weighed = times(weighed, rows @ rows.T, other)
    axes = [other for other in range(3) if other != axis]
    return xp.tensordot(core, partial, axes=(axes, axes)), xp.tensordot(core, weighed, axes=(axes, axes))


def solve_rows(factor: Array, target: Array, gram: Array, rounds: int) -> Array:
    """HALS on min over A >= 0 of <A, gram A> / 2 - <target, A>, a row of A [rank, side] at a time."""
    xp = array_namespace(factor)
    diagonal = xp.linalg.diagonal(gram)
    scale = xp.where(diagonal > TINY, 1.0 / xp.maximum(diagonal, xp.full_like(diagonal, TINY)), 0.0)
    target = target * scale[:, None]
    gram = gram * scale[:, None]
    rows = xp.asarray(factor, copy=True)
    zero = xp.zeros_like(rows[0, :])
    for _ in range(rounds):
        for j in range(rows.shape[0]):
            rows[j, :] = xp.maximum(rows[j, :] + target[j, :] - gram[j, :] @ rows, zero)
    return rows


def fit_core(core: Array, target: Array, grams: list[Array], steps: int = CORE_STEPS) -> Array:
    """Accelerated projected gradient on min over C >= 0 of <C, C x grams> / 2 - <target, C>, restarted on overshoot."""
    xp = array_namespace(core)
    bound = 1.0
    for gram in grams:
        bound *= max(float(xp.linalg.eigvalsh(gram)[-1]), TINY)
    ahead, momentum = core, 1.0
    zero = xp.zeros_like(core)
    for _ in range(steps):
        found = xp.maximum(ahead - (times_all(ahead, grams) - target) / bound, zero)
        if float(xp.sum((ahead - found) * (found - core))) > 0:  # O'Donoghue and Candes 2015
            momentum = 1.0
        following = (1 + sqrt(1 + 4 * momentum**2)) / 2
        ahead = found + (momentum - 1) / following * (found - core)
        core, momentum = found, following
    return core


def _ahead(now: Array, then: Array, momentum: float) -> Array:
    xp = array_namespace(now)
    return xp.maximum(now + momentum * (now - then), xp.zeros_like(now))
