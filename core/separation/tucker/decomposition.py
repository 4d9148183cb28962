"""The nonnegative Tucker decomposition of a magnitude cube [frequency, frame in bar, bar] (Smith and Goto 2018).

X ~ C x1 W x2 H x3 D: notes W [F, r1], rhythms within a bar H [T, r2], loop activations D [B, r3] (the map of the piece)
and recipes C [r1, r2, r3]. A recipe, one slice for each loop, says which notes sound with which rhythms. All arrays are
nonnegative float32. The columns of W, H and D have unit Euclidean norm, and C has the scale.

There are three solvers. "kl" (`kl`) separates best. "hals" (`hals`) reaches the least squares fit fastest. "tensorly"
(`tensorly_solver`) is the paper's; the tests compare the other two with it.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from math import prod, sqrt
from typing import Any

import numpy as np
from array_api_compat import array_namespace, device

from core.base.errors import Code, LoopError
from core.base.progress import Progress, part_of, silent
from core.base.settings import ITERATIONS, Solver
from core.base.threads import one_blas_thread
from core.layout.layout import Layout
from core.separation.tucker import hals, kl
from core.separation.tucker import tensorly_solver as by_tensorly
from core.separation.tucker.bands import band_edges, pool, spread, summed
from core.separation.tucker.compression import compress
from core.separation.tucker.devices import download
from core.separation.tucker.factors import Array, Ranks, TuckerFactors
from core.separation.tucker.model import Model, balanced, energy, relative_error, times
from core.separation.tucker.start import bar_activations, singular_start

Solution = tuple[Iterator[Model], Callable[[Model], Model]]  # models of falling error, one a sweep; and the final step
PATIENCE = 20  # sweeps: multiplicative updates have plateaus, so one small step is no sign of the end
CHANGE: dict[Solver, float] = {"kl": 1e-2, "hals": 1e-3, "tensorly": 1e-3}  # a smaller fall over `PATIENCE` is the end
ROOM = 2  # sides of the compressed cube, as multiples of the ranks


def decompose(
    magnitudes: Any,
    ranks: Ranks,
    *,
    solver: Solver = "kl",
    iterations: int = ITERATIONS,
    seed: int = 0,
    layout: Layout | None = None,
    progress: Progress = silent,
) -> TuckerFactors:
    """Decompose a magnitude cube, float32 [frequencies, frames in a bar, bars].

    Args:
        magnitudes: an array of any array library (array API standard); "tensorly" needs NumPy's.
        solver: "kl", "hals" or "tensorly".
        iterations: the largest number; fewer if the error has settled.
        seed: for all random numbers of the start.
        layout: the start of "kl" and "hals"; without it "kl" estimates one, and "hals" uses singular vectors.
        progress: called before every iteration; may raise `Cancelled`.

    Raises:
        LoopError: ARGUMENTS for ranks outside the cube, a layout of other bars or loops, or fewer than one iteration.
    """
    ranks.check(magnitudes.shape)
    if iterations < 1:
        raise LoopError(Code.ARGUMENTS, f"iterations must be 1 or more, got {iterations}")
    progress(0.0, "factors")
    with one_blas_thread():
        # Guards against division by zero are absolute values, so quiet clips are scaled up.
        scale = sqrt(energy(magnitudes) / prod(magnitudes.shape)) or 1.0
        cube = magnitudes / scale
        known = None if layout is None else _activations(layout, ranks, cube)
        models, finish = SOLVERS[solver](cube, ranks, seed, known)
        model, errors = _until_settled(models, iterations, CHANGE[solver], part_of(progress, 0.0, 0.9))
        model = balanced(finish(model), 2)
        error = _error(cube, model)
    progress(1.0, "factors")
    W, H, D = (np.ascontiguousarray(download(factor).T) for factor in model.factors)
    core = download(model.core) * np.float32(scale)
    return TuckerFactors(W, H, D, core, error, errors, solver, str(device(cube)))


def _error(cube: Any, model: Model) -> float:
    W, H, D = model.factors
    target = times(times(times(cube, D, 2), H, 1), W, 0)  # the last axis first, because the cube need not be transposed
    return relative_error(energy(cube), model.core, target, [factor @ factor.T for factor in (W, H, D)])


def _until_settled(
    models: Iterator[Model], iterations: int, change: float, progress: Progress
) -> tuple[Model, tuple[float, ...]]:
    """The last model when the errors no longer fall, and the errors of all models."""
    best = next(models)
    errors = [best.error]
    for model in islice(models, iterations - 1):
        progress(len(errors) / iterations, "factors")
        if model.error > errors[-1]:  # only by rounding, when the fit is as good as float32 allows
            break
        best = model
        errors.append(best.error)
        if len(errors) > PATIENCE and errors[-PATIENCE - 1] - errors[-1] <= change * errors[-1]:
            break
    return best, tuple(errors)


def _activations(layout: Layout, ranks: Ranks, cube: Any) -> Any:
    """The activations of the layout, [loops, bars], in the cube's array library."""
    bars = cube.shape[2]
    if (layout.bars, layout.loops) != (bars, ranks.loops):
        raise LoopError(
            Code.ARGUMENTS,
            f"layout must have {bars} bars and {ranks.loops} loops, got {layout.bars} and {layout.loops}",
        )
    rows = np.ascontiguousarray(layout.activations.T, dtype=np.float32)
    return array_namespace(cube).asarray(rows, device=device(cube))


def _by_kl(cube: Any, ranks: Ranks, seed: int, activations: Any | None) -> Solution:
    """Solve on sums over bands, then notes for all bins. Activations decide the result, so they are estimated first."""
    edges = band_edges(cube.shape[0])
    pooled = summed(cube, 0, edges)
    if activations is None:
        activations = bar_activations(cube, ranks.sizes, seed)
    start = singular_start(compress(pooled, _room(ranks), seed), ranks.sizes, seed, activations)

    def finish(model: Model) -> Model:
        W, H, D = model.factors
        return kl.solve_notes(cube, Model(model.core, (spread(W, edges, 1), H, D)))

    return kl.minimise(pooled, start), finish


def _by_hals(cube: Any, ranks: Ranks, seed: int, activations: Any | None) -> Solution:
    """Solve on the compressed cube, then notes for the whole cube."""
    small = compress(cube, _room(ranks), seed)
    start = singular_start(small, ranks.sizes, seed, activations)
    return hals.minimise(small, start), lambda model: hals.solve_notes(cube, model)


def _by_tensorly(cube: Array, ranks: Ranks, seed: int, _activations: Any | None) -> Solution:
    """Solve on bands of the same energy, at a fifth of the cost, then notes for all bins with our own solver."""
    edges = band_edges(cube.shape[0])
    pooled = pool(cube)
    sizes = (min(ranks.notes, len(pooled)), ranks.rhythms, ranks.loops)

    def finish(model: Model) -> Model:
        W, H, D = model.factors
        return hals.solve_notes(cube, Model(model.core, (spread(W, edges, 2), H, D)), rounds=by_tensorly.NOTE_ROUNDS)

    return by_tensorly.minimise(pooled, sizes, seed), finish


def _room(ranks: Ranks) -> tuple[int, int, int]:
    return ROOM * ranks.notes, ROOM * ranks.rhythms, ROOM * ranks.loops


SOLVERS: dict[Solver, Callable[[Any, Ranks, int, Any | None], Solution]] = {
    "kl": _by_kl,
    "hals": _by_hals,
    "tensorly": _by_tensorly,
}
