"""The start of the Tucker solvers: the leading singular vectors of each axis, cut to one sign; or a known layout.

The activations of the loops at the start decide more than all else which solution a solver finds. `bar_activations`
estimates them first, on a cube so coarse that several random starts cost little. Each start is a plain nonnegative
matrix factorisation (Lee and Seung 2001), with bars as mixtures of a few free patterns, then a short Tucker fit. Many
layouts fit a song equally well (A, B and C as well as A, B and A + C), so the error does not select the right one. The
fit whose loops are least alike is chosen: measured over songs with known stems, it is the right one.
"""

from itertools import islice

import numpy as np
from array_api_compat import array_namespace, device

from core.separation.tucker import kl
from core.separation.tucker.bands import band_edges, summed
from core.separation.tucker.compression import Compressed, compress
from core.separation.tucker.hals import fit_core
from core.separation.tucker.model import TINY, Array, Model, times, times_all

FILL = 0.01  # of the mean, added to the vectors: multiplicative updates cannot change zeros
CORE_STEPS = 30
SHORTEST = 48  # the least number of slots of a bar in the coarse cube
BANDS_TOGETHER = 3  # bands of `band_edges` in each band of the coarse cube
RESTARTS, ROUNDS, SWEEPS = 8, 100, 40  # random starts, updates of the matrix factorisation, sweeps of the Tucker fit


def singular_start(cube: Compressed, ranks: tuple[int, int, int], seed: int, activations: Array | None = None) -> Model:
    """Nonnegative parts of singular vectors (Boutsidis and Gallopoulos 2008), and the core that fits them best.

    Args:
        seed: for the noise that replaces vectors missing in the compressed cube.
        activations: of the loops, [loops, bars], instead of singular vectors; a small value is added to all of them.
    """
    xp = array_namespace(cube.core)
    random = np.random.default_rng(seed)
    W, H, D = (_one_signed(basis, rank, random) for basis, rank in zip(cube.bases, ranks, strict=True))
    if activations is not None:
        D = activations + FILL * xp.mean(activations)
    factors = (W, H, D)
    target = times_all(cube.core, [factor @ basis for factor, basis in zip(factors, cube.bases, strict=True)])
    target = xp.maximum(target, xp.zeros_like(target))
    grams = [factor @ factor.T for factor in factors]
    modelled = times_all(target, grams)
    scale = float(xp.sum(target * target)) / max(float(xp.sum(target * modelled)), TINY)
    return Model(fit_core(scale * target, target, grams, CORE_STEPS), factors)


def bar_activations(cube: Array, ranks: tuple[int, int, int], seed: int) -> Array:
    """The activations of the loops in every bar, [loops, bars], estimated on a coarse cube.

    Args:
        cube: magnitudes [frequencies, frames, bars].
        seed: for the random starts.
    """
    random = np.random.default_rng(seed)
    xp = array_namespace(cube)
    coarse = _coarse(cube)
    bars = xp.reshape(coarse, (-1, cube.shape[2]))
    sizes = (min(ranks[0], coarse.shape[0]), min(ranks[1], coarse.shape[1]), ranks[2])
    small = compress(coarse, sizes)
    starts = [singular_start(small, sizes, seed, _factorised(bars, ranks[2], random)) for _ in range(RESTARTS)]
    fitted = [next(islice(kl.minimise(coarse, start), SWEEPS, None)) for start in starts]
    return min(fitted, key=_overlap).factors[2]


def _overlap(model: Model) -> float:
    """The similarity of the loops' patterns: the sum of cosines of their square roots; loud parts do not dominate."""
    xp = array_namespace(model.core)
    W, H, _ = model.factors
    patterns = xp.sqrt(xp.reshape(times(times(model.core, W.T, 0), H.T, 1), (-1, model.core.shape[2])))
    norms = xp.linalg.vector_norm(patterns, axis=0)
    unit = patterns / (norms + TINY)
    return float(xp.sum(unit.T @ unit))


def _one_signed(basis: Array, rank: int, random: np.random.Generator) -> Array:
    """Rows [rank, side]: the positive or the negative part of each basis vector, whichever has more energy."""
    xp = array_namespace(basis)
    vectors = basis.T[:rank, :]
    above, below = xp.maximum(vectors, xp.zeros_like(vectors)), xp.maximum(-vectors, xp.zeros_like(vectors))
    mostly_above = xp.sum(above * above, axis=1) >= xp.sum(below * below, axis=1)
    rows = xp.where(mostly_above[:, None], above, below)
    missing = _random_like(basis, (rank - rows.shape[0], basis.shape[0]), random)
    rows = xp.concat([rows, missing], axis=0)
    return rows + FILL * xp.mean(rows) * _random_like(basis, rows.shape, random)


def _random_like(array: Array, shape: tuple[int, int], random: np.random.Generator) -> Array:
    """Random numbers, uniform in 0..1, the same in every array library."""
    xp = array_namespace(array)
    return xp.asarray(random.random(shape, dtype=np.float32), device=device(array))


def _coarse(cube: Array) -> Array:
    """The cube summed over neighbouring bands and frames; the bars stay separate."""
    frequencies, frames, _ = cube.shape
    bands = np.unique([*band_edges(frequencies)[:-1:BANDS_TOGETHER], frequencies])
    slots = np.unique([*np.arange(0, frames, max(frames // SHORTEST, 1)), frames])
    return summed(summed(cube, 1, slots), 0, bands)


def _factorised(matrix: Array, rank: int, random: np.random.Generator) -> Array:
    """The right factor [rank, columns] of a nonnegative matrix under the divergence, by multiplicative updates."""
    xp = array_namespace(matrix)
    left = _random_like(matrix, (matrix.shape[0], rank), random) + 0.1
    right = _random_like(matrix, (rank, matrix.shape[1]), random) + 0.1
    left = left * (xp.mean(matrix) / xp.mean(left @ right))
    for _ in range(ROUNDS):
        right = right * (left.T @ (matrix / (left @ right + TINY)))
        right = right / (xp.sum(right, axis=1) + TINY)[:, None]  # the scale of the left factor cancels
        left = left * ((matrix / (left @ right + TINY)) @ right.T)
    return right
