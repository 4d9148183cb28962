"""How many notes, rhythms and loops a cube is decomposed into, estimated from its eigenvalues."""

import numpy as np
from numpy.typing import NDArray

from core.audio.cube import Cube
from core.separation.tucker.bands import band_edges
from core.separation.tucker.factors import Array, Ranks, magnitudes
from core.separation.tucker.model import TINY

NOTES, RHYTHMS = 32, 40  # the paper's, chosen there by hand
MIN_LOOPS, MAX_LOOPS = 2, 12  # more than a dozen loops cannot be told apart from the activations of one song
CLIFF = 2.0  # ratio of two eigenvalues, 3 dB, that marks the last loop
FLOOR = 1e-3  # eigenvalues below this share of their sum are what leaks over bar lines, not loops
EXPLAINED = 0.9  # share of the energy that the loops must explain where there is no cliff
COUNT_BANDS = 4  # bands of the pooled cube that share a weight when loops are counted
WHITENING = 0.75


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
