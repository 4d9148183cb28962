"""The number of notes, rhythms and loops for a decomposition; the number of loops is estimated from eigenvalues."""

import numpy as np
from numpy.typing import NDArray

from core.audio.cube import Cube
from core.separation.tucker.bands import band_edges
from core.separation.tucker.factors import Array, Ranks, magnitudes
from core.separation.tucker.model import TINY

NOTES, RHYTHMS = 32, 40  # as in the paper, where they were chosen by hand
MIN_LOOPS, MAX_LOOPS = 2, 12  # the activations of one song cannot separate more than a dozen loops
CLIFF = 2.0  # ratio of two successive eigenvalues (3 dB) that marks the last loop
LEAKAGE = 1e-3  # of their sum: smaller eigenvalues come from leakage over bar lines, not from loops
EXPLAINED = 0.9  # share of the energy that the loops must explain if there is no cliff
COUNT_BANDS = 4  # bands of the pooled cube that share one weight when loops are counted
WHITENING = 0.75  # exponent: a band's Gram matrix is divided by its trace to this power


def automatic_ranks(cube: Cube) -> Ranks:
    """Ranks for a complex cube [channels, frequencies, frames in a bar, bars].

    If the loops repeat exactly, the bars-by-bars Gram matrix of the complex cube has as many large eigenvalues as there
    are loops, followed by a cliff. Without a cliff the music does not repeat in phase. Then the magnitudes decide: the
    number is that of the eigenvalues that explain `EXPLAINED` of their energy.
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
    """Eigenvalues of the Gram matrix of the bars, falling. Loud bands get lower weights, so bass does not dominate."""
    gram = np.zeros((cube.shape[-1], cube.shape[-1]))
    edges = band_edges(cube.shape[1])
    for low, high in zip(edges[:-1:COUNT_BANDS], [*edges[COUNT_BANDS:-1:COUNT_BANDS], edges[-1]], strict=True):
        bars = cube[:, low:high].reshape(-1, cube.shape[-1])
        band = (bars.conj().T @ bars).real.astype(np.float64)
        gram += band / max(float(np.trace(band)), TINY) ** WHITENING
    values = np.linalg.eigvalsh(gram)[::-1]
    audible: NDArray[np.float64] = np.maximum(values, values.sum() * LEAKAGE)
    return audible
