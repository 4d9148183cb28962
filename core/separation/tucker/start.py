"""Where the Tucker solvers start: the leading singular vectors of each axis, cut to one sign; or a known layout.

Which solution a solver ends in is decided by the loops' activations more than by all else. `bar_activations` finds
them first, on a cube so coarse that several random starts cost little: bars as mixtures of a few patterns of full
freedom, a plain nonnegative matrix factorisation (Lee and Seung 2001), then a short Tucker fit. Many layouts fit a song
equally well (A, B and C as well as A, B and A + C), so the error does not tell the right one; measured over songs of
known stems, the one whose loops are least alike does.
"""

from itertools import islice

import numpy as np
from array_api_compat import array_namespace, device

from core.separation.tucker import kl
from core.separation.tucker.bands import band_edges, summed
from core.separation.tucker.compression import Compressed, compress
from core.separation.tucker.hals import fit_core
from core.separation.tucker.model import TINY, Array, Model, times, times_all

FILL = 0.01  # of a vector's mean, laid under it where its sign was cut: multiplicative updates cannot leave zero
CORE_STEPS = 30
SHORTEST = 48  # slots that a bar keeps when it is made coarse
BANDS_TOGETHER = 3
RESTARTS, ROUNDS, SWEEPS = 8, 100, 40


def singular_start(cube: Compressed, ranks: tuple[int, int, int], seed: int, activations: Array | None = None) -> Model:
    """Nonnegative parts of singular vectors (Boutsidis and Gallopoulos 2008), and the core that fits them best.

    Args:
        seed: of the noise in the place of vectors that the compressed cube does not have.
        activations: of the loops [loops, bars], in the place of singular vectors; a little is added everywhere.
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
    """How much of each loop every bar holds, [loops, bars], found on a coarse cube.

    Args:
        cube: magnitudes [frequencies, frames, bars].
        seed: of the random starts.
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
    """How alike the loops' patterns are: mean cosine of their square roots, which loudness does not rule."""
    xp = array_namespace(model.core)
    W, H, _ = model.factors
    patterns = xp.sqrt(xp.reshape(times(times(model.core, W.T, 0), H.T, 1), (-1, model.core.shape[2])))
    norms = xp.linalg.vector_norm(patterns, axis=0)
    unit = patterns / (norms + TINY)
    return float(xp.sum(unit.T @ unit))


def _one_signed(basis: Array, rank: int, random: np.random.Generator) -> Array:
    """Rows [rank, side]: of each basis vector the sign that holds more of it."""
    xp = array_namespace(basis)
    vectors = basis.T[:rank, :]
    above, below = xp.maximum(vectors, xp.zeros_like(vectors)), xp.maximum(-vectors, xp.zeros_like(vectors))
    mostly_above = xp.sum(above * above, axis=1) >= xp.sum(below * below, axis=1)
    rows = xp.where(mostly_above[:, None], above, below)
    missing = _random_like(basis, (rank - rows.shape[0], basis.shape[0]), random)
    rows = xp.concat([rows, missing], axis=0)
    return rows + FILL * xp.mean(rows) * _random_like(basis, rows.shape, random)


def _random_like(array: Array, shape: tuple[int, int], random: np.random.Generator) -> Array:
    """Uniform in 0..1, the same numbers in every array library."""
    xp = array_namespace(array)
    return xp.asarray(random.random(shape, dtype=np.float32), device=device(array))


def _coarse(cube: Array) -> Array:
    """Sums over a few bands and frames: the bars stay as they are."""
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
        right = right / (xp.sum(right, axis=1) + TINY)[:, None]  # which makes the left one's scale moot
        left = left * ((matrix / (left @ right + TINY)) @ right.T)
    return right
