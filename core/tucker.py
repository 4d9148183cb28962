"""The nonnegative Tucker decomposition of a magnitude cube [frequency, frame in bar, bar] (Smith and Goto 2018).

X ~ C x1 W x2 H x3 D: notes W [F, r1], rhythms within a bar H [T, r2], loop activations D [B, r3] (the map of the piece)
and recipes C [r1, r2, r3], one slice a loop: which notes sound with which rhythms. Everything is nonnegative float32;
the columns of W, H and D have unit Euclidean norm, and C holds the scale.

The factors are fitted by TensorLy's multiplicative updates (Kim and Choi 2007) on a cube whose high frequencies are
pooled into bands of a 24th of an octave, which costs a fifth of the full one; the notes are then solved at full
resolution, a convex problem. `_fit` is the one place to change for another solver.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from tensorly.decomposition import non_negative_tucker
from threadpoolctl import threadpool_limits

from core.cube import Cube
from core.errors import Code, LoopError
from core.progress import Progress, part_of, silent

Array = NDArray[np.float32]

ITERATIONS = 400
NOTES, RHYTHMS = 32, 40  # the paper's, chosen there by hand
MIN_LOOPS, MAX_LOOPS = 2, 12  # more than a dozen loops cannot be told apart from the activations of one song
CLIFF = 2.0  # ratio of two eigenvalues, 3 dB, that marks the last loop
FLOOR = 1e-3  # eigenvalues below this share of their sum are what leaks over bar lines, not loops
EXPLAINED = 0.9  # share of the energy that the loops must explain where there is no cliff
CHANGE = 1e-3  # relative fall of the error over `PATIENCE` iterations below which the fit has converged
PATIENCE = 20  # multiplicative updates linger on plateaus, so a single small step says nothing
SINGLE_BINS = 96  # the lowest bins (2 kHz at the cube's usual 21.5 Hz a bin) stay unpooled: notes differ there
BANDS_PER_OCTAVE = 24
COUNT_BANDS = 4  # bands of the pooled cube that share a weight when loops are counted
WHITENING = 0.75
NOTE_SWEEPS = 30  # of the full-resolution solve; the remaining change is below 0.1 %
TINY = 1e-12


@dataclass(frozen=True)
class Ranks:
    """How many notes, rhythms and loops the cube is made of."""

    notes: int
    rhythms: int
    loops: int

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
        errors: relative error |X - model| / |X| after each iteration, on the pooled cube, never rising.
    """

    notes: Array
    rhythms: Array
    loops: Array
    recipes: Array
    errors: tuple[float, ...] = ()


def magnitudes(cube: Cube) -> Array:
    """Root mean square over the channels: float32 [frequencies, frames in a bar, bars]."""
    power = np.zeros(cube.shape[1:], dtype=np.float32)
    for channel in cube:
        power += np.square(channel.real) + np.square(channel.imag)
    power /= len(cube)
    return np.sqrt(power, out=power)


def automatic_ranks(cube: Cube) -> Ranks:
    """Ranks for a complex cube [channels, frequencies, frames in a bar, bars].

    What repeats exactly leaves as many large eigenvalues in the bars-by-bars Gram matrix of the complex cube as there
    are loops, then a cliff. Where there is none the music does not repeat phase and all, and the magnitudes decide: as
    many loops as explain `EXPLAINED` of their energy.
    """
    _, frequencies, frames, bars = cube.shape
    highest = min(MAX_LOOPS, bars - 1)
    complex_values = _eigenvalues(cube)
    ratios = complex_values[MIN_LOOPS - 1 : highest] / complex_values[MIN_LOOPS : highest + 1]
    if ratios.max() >= CLIFF:
        loops = MIN_LOOPS + int(np.argmax(ratios))
    else:
        values = _eigenvalues(magnitudes(cube)[None])
        loops = int(np.searchsorted(np.cumsum(values) / values.sum(), EXPLAINED)) + 1
    return Ranks(min(NOTES, frequencies), min(RHYTHMS, frames), int(np.clip(loops, MIN_LOOPS, highest)))


def _eigenvalues(cube: Cube | Array) -> NDArray[np.float64]:
    """Of the Gram matrix of the bars, falling; bands are weighed down so that a loud bass does not drown the rest."""
    gram = np.zeros((cube.shape[-1], cube.shape[-1]))
    edges = band_edges(cube.shape[1])
    for low, high in zip(edges[:-1:COUNT_BANDS], [*edges[COUNT_BANDS:-1:COUNT_BANDS], edges[-1]], strict=True):
        bars = cube[:, low:high].reshape(-1, cube.shape[-1])
        band = (bars.conj().T @ bars).real.astype(np.float64)
        gram += band / max(float(np.trace(band)), TINY) ** WHITENING
    values = np.linalg.eigvalsh(gram)[::-1]
    audible: NDArray[np.float64] = np.maximum(values, values.sum() * FLOOR)
    return audible


def patterns(factors: TuckerFactors) -> Array:
    """One bar of every loop at activation 1, W C_k H^T: float32 [loops, frequencies, frames in a bar].

    The model of loop k in bar b is `factors.loops[b, k] * patterns(factors)[k]`; nothing larger need ever be stored.
    """
    slices = np.moveaxis(factors.recipes, 2, 0)
    return np.ascontiguousarray(factors.notes @ slices @ factors.rhythms.T, dtype=np.float32)


def decompose(
    magnitudes: Array,
    ranks: Ranks,
    *,
    iterations: int = ITERATIONS,
    seed: int = 0,
    progress: Progress = silent,
) -> TuckerFactors:
    """Decompose a magnitude cube, float32 [frequencies, frames in a bar, bars].

    Args:
        iterations: at most this many; fewer when the error has settled.
        seed: of the initial factors (their singular vectors are found by a randomly started iteration).
        progress: told after every iteration; may raise `Cancelled`.

    Raises:
        LoopError: ARGUMENTS for ranks outside the cube or fewer than one iteration.
    """
    ranks.check(magnitudes.shape)
    if iterations < 1:
        raise LoopError(Code.ARGUMENTS, f"iterations must be 1 or more, got {iterations}")
    # TensorLy's guards against division by zero are absolute, so a quiet clip must not be a small tensor.
    scale = float(np.sqrt(np.mean(np.square(magnitudes), dtype=np.float64))) or 1.0
    cube = magnitudes / np.float32(scale)
    pooled = pool(cube)
    small = Ranks(min(ranks.notes, pooled.shape[0]), ranks.rhythms, ranks.loops)
    # One thread: for matrices this small two are slower, many times so on a busy machine.
    with threadpool_limits(1, "blas"):
        core, factors, errors = _fit(pooled, small, iterations, seed, part_of(progress, 0.0, 0.9))
    notes = _full_notes(cube, _unpool(factors[0], cube.shape[0]), core, factors[1], factors[2])
    progress(1.0, "factors")
    return _normalised(notes, factors[1], factors[2], core * np.float32(scale), errors)


def band_edges(frequencies: int) -> NDArray[np.int64]:
    """First bin of each pooled band and, last, the number of bins: int64 [bands + 1]."""
    single = np.arange(min(SINGLE_BINS, frequencies))
    octaves = max(np.log2(frequencies / SINGLE_BINS), 0.0)
    wide = SINGLE_BINS * 2.0 ** (np.arange(int(octaves * BANDS_PER_OCTAVE) + 1) / BANDS_PER_OCTAVE)
    return np.unique(np.concatenate([single, np.round(wide[wide < frequencies]), [frequencies]]).astype(np.int64))


def pool(cube: Array) -> Array:
    """The cube with its first axis pooled into bands: the root of the energy, so loud bands count as they did."""
    edges = band_edges(cube.shape[0])
    return np.sqrt(np.add.reduceat(np.square(cube), edges[:-1], axis=0))


def _unpool(notes: Array, frequencies: int) -> Array:
    widths = np.diff(band_edges(frequencies))
    return np.repeat(notes / np.sqrt(widths, dtype=np.float32)[:, None], widths, axis=0)


def _fit(
    cube: Array, ranks: Ranks, iterations: int, seed: int, progress: Progress
) -> tuple[Array, list[Array], list[float]]:
    """Core, factors and errors by TensorLy, called an iteration at a time because it has no callback."""
    state: object = "svd"
    errors: list[float] = []
    sizes = (ranks.notes, ranks.rhythms, ranks.loops)
    while len(errors) < iterations and not _settled(errors):
        progress(len(errors) / iterations, "factors")
        fitted, error = non_negative_tucker(
            cube, sizes, n_iter_max=1, init=state, random_state=seed, return_errors=True
        )
        if errors and error[0] > errors[-1]:  # only by rounding, once the fit is as good as float32 lets it be
            break
        errors.append(float(error[0]))
        state = best = fitted
    core, factors = best
    return core, list(factors), errors


def _settled(errors: list[float]) -> bool:
    return len(errors) > PATIENCE and errors[-PATIENCE - 1] - errors[-1] < CHANGE * errors[-1]


def _full_notes(cube: Array, notes: Array, core: Array, rhythms: Array, loops: Array) -> Array:
    """argmin over W >= 0 of |X - W M|, M = C x2 H x3 D unfolded, by HALS (Cichocki and Phan 2009, alg. 2)."""
    model = np.einsum("abc,tb,kc->atk", core, rhythms, loops, optimize=True).reshape(core.shape[0], -1)
    target = cube.reshape(cube.shape[0], -1) @ model.T
    gram = model @ model.T
    for _ in range(NOTE_SWEEPS):
        for j in range(notes.shape[1]):
            step = (target[:, j] - notes @ gram[:, j]) / max(gram[j, j], TINY)
            notes[:, j] = np.maximum(notes[:, j] + step, 0.0)
    return notes


def _normalised(notes: Array, rhythms: Array, loops: Array, core: Array, errors: list[float]) -> TuckerFactors:
    (W, w), (H, h), (D, d) = (_unit_columns(factor) for factor in (notes, rhythms, loops))
    scaled = (core * w[:, None, None] * h[:, None] * d).astype(np.float32)
    return TuckerFactors(W, H, D, scaled, tuple(errors))


def _unit_columns(factor: Array) -> tuple[Array, Array]:
    norms = np.linalg.norm(factor, axis=0)
    return (factor / np.maximum(norms, TINY)).astype(np.float32), norms.astype(np.float32)
