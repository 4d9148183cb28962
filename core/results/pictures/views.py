"""The data for the pictures, computed from the audio in a result: the cube, its factors, and its repetition.

Frequencies are shown on rows in equal ratios, like pitch. Row r holds the root mean square of the cube's bins in its
band, or the nearest bin if there is none in the band.
"""

import dataclasses
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.audio.bar_cuts import bar_shifts, cut_bars
from core.audio.cube import Cube, analyse, frame
from core.base.errors import Code, LoopError
from core.base.progress import Progress, part_of
from core.base.settings import Settings
from core.extraction.by_tucker import factors_of
from core.layout.layout import Layout, mixing_matrix
from core.results.factor_file import read_factors
from core.results.piece import Piece
from core.results.read import Result
from core.separation.tucker.factors import TuckerFactors, magnitudes
from core.separation.waveforms.least_squares import band_grams, coherence, coherence_bands, whitened

Array = NDArray[np.float32]

LOWEST = 40.0  # Hz: below it there is little music, and there are too few bins for rows
ROWS = 160


@dataclass(frozen=True)
class Views:
    """The data for the pictures of one result.

    Attributes:
        piece: the piece of the result.
        hertz: the centre of each row, float64 [rows], rising.
        cube: magnitudes, float32 [rows, frames in a bar, bars].
        factors: of the Tucker decomposition, with notes W on rows, [rows, notes]. Notes are sorted from low to high,
            rhythms from early to late, and recipes in the same order.
        loop_names: the names of the loops of the decomposition.
        alike: the similarity of bars as waveforms and as spectra, each float64 [bars, bars] from 0 to 1.
        bands: the edges in Hz of the bands of `returning`, float64 [bands + 1].
        returning: the share of the sound in each band that repeating loops explain, float64 [bands], 0 to 1.
    """

    piece: Piece
    hertz: NDArray[np.float64]
    cube: Array
    factors: TuckerFactors
    loop_names: tuple[str, ...]
    alike: tuple[NDArray[np.float64], NDArray[np.float64]]
    bands: NDArray[np.float64]
    returning: NDArray[np.float64]


def views_of(result: Result, progress: Progress) -> Views:
    """Compute the data for the pictures. It needs as much memory as an extraction by Tucker decomposition.

    Raises:
        LoopError: as `Result.audio`; MUSIC_NOT_USABLE when all bars are silent; ARGUMENTS for damaged settings.
    """
    progress(0.0, "song")
    piece, song = result.piece, result.song()
    if not song[:, piece.grid.starts[0] : piece.grid.starts[-1]].any():
        raise LoopError(Code.MUSIC_NOT_USABLE, f"{result.folder}: its bars are silent; there is nothing to draw")
    progress(0.1, "repeats")
    bars = cut_bars(song, piece.grid, bar_shifts(piece.grid, None))
    grams, edges = band_grams(bars, piece.rate), coherence_bands(piece.rate, bars.shape[2])[0]
    del bars
    progress(0.2, "spectra")
    cube = analyse(song, frame(piece.grid, piece.rate))
    shown, hertz = on_rows(magnitudes(cube), piece.rate)
    factors = _factors(result, cube, part_of(progress, 0.2, 1.0))
    return Views(
        piece=piece,
        hertz=hertz,
        cube=shown,
        factors=_sorted(factors, piece.rate),
        loop_names=_loop_names(result, factors),
        alike=(_cosines(whitened(grams)), _cosines(_spectral_gram(shown))),
        bands=edges,
        returning=_returning(grams, piece),
    )


def on_rows(bins: Array, rate: int) -> tuple[Array, NDArray[np.float64]]:
    """Magnitudes [bins, ...] on rows in equal ratios [rows, ...], and the centres of the rows in Hz."""
    top = len(bins) - 1
    edges = LOWEST * (rate / 2 / LOWEST) ** (np.arange(ROWS + 1) / ROWS)
    centres = np.sqrt(edges[:-1] * edges[1:])
    first = np.ceil(edges[:-1] / (rate / 2) * top).astype(int)
    last = np.ceil(edges[1:] / (rate / 2) * top).astype(int)  # one past the last bin
    nearest = np.round(centres / (rate / 2) * top).astype(int)
    spans = [slice(a, b) if b > a else slice(n, n + 1) for a, b, n in zip(first, last, nearest, strict=True)]
    return np.stack([np.sqrt(np.mean(np.square(bins[span]), axis=0)) for span in spans]), centres


def _factors(result: Result, cube: Cube, progress: Progress) -> TuckerFactors:
    """The factors stored in the result if its method was Tucker, else a new decomposition of the song."""
    if "factors" not in result.manifest:
        return factors_of(cube, _settings(result), progress)[0]
    path = result.folder / result.manifest["factors"]
    factors = read_factors(path)
    sides = tuple(len(factor) for factor in (factors.notes, factors.rhythms, factors.loops))
    if sides != cube.shape[1:]:
        raise LoopError(
            Code.INCOMPLETE,
            f"{path}: belongs to another song ({sides}, not {cube.shape[1:]}); extract the song again",
        )
    return factors


def _settings(result: Result) -> Settings:
    """The settings of the extraction without its number of loops: a loop of four bars is one loop there, four here."""
    given = result.manifest["settings"]
    names = [name for name in ("notes", "rhythms", "iterations", "seed") if name in given]
    try:
        return Settings(**{name: given[name] for name in names})
    except TypeError as error:
        raise LoopError(
            Code.ARGUMENTS, f"{result.folder / 'manifest.json'}: $.settings is wrong ({error}); extract the song again"
        ) from error


def _sorted(factors: TuckerFactors, rate: int) -> TuckerFactors:
    """Notes on rows, sorted by their centre of mass in octaves; rhythms sorted by the time of their maximum."""
    notes, _ = on_rows(factors.notes, rate)
    weights = np.square(notes)
    centres = np.arange(len(notes)) @ weights / np.maximum(weights.sum(axis=0), np.finfo(np.float32).tiny)
    note_order, rhythm_order = np.argsort(centres), np.argsort(factors.rhythms.argmax(axis=0), kind="stable")
    return dataclasses.replace(
        factors,
        notes=notes[:, note_order],
        rhythms=factors.rhythms[:, rhythm_order],
        recipes=factors.recipes[note_order][:, rhythm_order],
    )


def _loop_names(result: Result, factors: TuckerFactors) -> tuple[str, ...]:
    count = factors.loops.shape[1]
    if "factors" in result.manifest and count == len(result.piece.parts):
        return tuple(part.label for part in result.piece.parts)
    return tuple(f"pattern {k + 1}" for k in range(count))


def _spectral_gram(cube: Array) -> NDArray[np.float64]:
    """Inner products of bars with compressed magnitudes, so that loud sounds do not dominate."""
    bars = np.sqrt(cube).reshape(-1, cube.shape[-1]).astype(np.float64)
    return np.asarray(bars.T @ bars)


def _cosines(gram: NDArray[np.float64]) -> NDArray[np.float64]:
    lengths = np.sqrt(np.diag(gram))
    scale = np.outer(lengths, lengths)
    cosines: NDArray[np.float64] = np.divide(gram, scale, out=np.zeros_like(gram), where=scale > 0)
    return np.clip(cosines, 0.0, 1.0)


def _returning(grams: NDArray[np.float64], piece: Piece) -> NDArray[np.float64]:
    if not piece.parts:
        return np.zeros(len(grams))
    heard = np.stack([part.heard for part in piece.parts], axis=1)
    layout = Layout(piece.activations, tuple(part.bars for part in piece.parts), heard)
    return coherence(grams, mixing_matrix(layout).matrix.astype(np.float64))
