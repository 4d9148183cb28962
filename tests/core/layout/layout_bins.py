"""Bins of a made-up spectral cube whose layout is known: sparse contents of loops, followed through the bars."""

import numpy as np

from core.layout.cycles import LoopBars, counted_from_song
from core.layout.evidence.bins import Bins
from core.layout.layout import Layout, mixing_matrix


def row(text: str) -> np.ndarray:
    return np.array([letter == "#" for letter in text])


def rows_of(*texts: str) -> list[np.ndarray]:
    return [row(text) for text in texts]


def loop_bins(
    rows: list[np.ndarray],
    lengths: list[int],
    *,
    seed: int = 0,
    count: int = 3000,
    filling: float = 0.4,
    noise: float = 1e-3,
    gains: np.ndarray | None = None,
) -> tuple[Bins, list[LoopBars]]:
    """Bins [count, bars] in which each bar of each loop sounds in a share `filling` of them, and their phase rows."""
    rng = np.random.default_rng(seed)
    loop_bars = [counted_from_song(on, length) for on, length in zip(rows, lengths, strict=True)]
    heard = np.array(loop_bars).T
    levels = np.where(heard >= 0, 1.0 if gains is None else gains, 0.0).astype(np.float32)
    matrix, _, _ = mixing_matrix(Layout(levels, tuple(lengths), heard))
    shape = (count, matrix.shape[1])
    contents = (rng.standard_normal(shape) + 1j * rng.standard_normal(shape)) * (rng.random(shape) < filling)
    bars = (count, len(matrix))
    hiss = noise * (rng.standard_normal(bars) + 1j * rng.standard_normal(bars))
    return (contents @ matrix.T + hiss).astype(np.complex64), loop_bars
