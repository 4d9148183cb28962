"""The report's pictures of a loop, small and with one byte a point. The page adds the colours."""

from base64 import b64encode
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.audio.clip import Samples
from core.separation.tucker.factors import TuckerFactors

Bytes = NDArray[np.uint8]

WAVE_COLUMNS = 480
COLUMNS, BANDS = 240, 72  # of a spectrogram: the number of points that a card of the page can show
LOWEST_HZ, HIGHEST_HZ = 40.0, 18_000.0
WINDOW_SECONDS = 0.08  # 12 Hz between bins: the lowest bands share bins, the attack of a drum stays within two columns
RANGE_DB = 70.0  # levels this far below the loudest point are drawn as silence
TINY = 1e-30


@dataclass(frozen=True)
class View:
    """A picture: `rows` x `columns` bytes in base64, the first row on top; `low` and `high` are the values at edges."""

    rows: int
    columns: int
    data: str
    low: float = 0.0
    high: float = 1.0


def wave(audio: Samples) -> View:
    """The highest and the lowest sample in each of `WAVE_COLUMNS` stretches of a loop [channels, frames].

    The picture has two rows of bytes; 128 is silence. The peak fills the range; `high` is its level, 0 to about 1.
    """
    edges = np.linspace(0, audio.shape[1], WAVE_COLUMNS, endpoint=False).astype(np.intp)
    highest = np.maximum.reduceat(audio.max(axis=0), edges)
    lowest = np.minimum.reduceat(audio.min(axis=0), edges)
    peak = float(max(highest.max(), -lowest.min()))
    scaled = np.stack([highest, lowest]) / max(peak, TINY)
    return _view(128 + np.round(127 * scaled), high=peak)


def spectrogram(audio: Samples, rate: int) -> View:
    """The level over frequency and time of a loop [channels, frames], in logarithmic bands, the highest on top.

    255 is the loudest point, 0 is `RANGE_DB` below it. `low` and `high` are the edges in Hz.
    """
    highest = min(HIGHEST_HZ, rate / 2)
    window = round(WINDOW_SECONDS * rate)
    spectra = _powers(audio, window)
    edges = np.geomspace(LOWEST_HZ, highest, BANDS + 1) * window / rate
    spans = [(int(low), max(int(high), int(low) + 1)) for low, high in pairwise(edges)]
    bands = np.array([spectra[low:high].max(axis=0) for low, high in spans[::-1]])
    levels = 10 * np.log10(np.maximum(bands / max(float(bands.max()), TINY), TINY))
    return _view(255 * np.clip(1 + levels / RANGE_DB, 0, 1), low=LOWEST_HZ, high=highest)


def recipe_view(factors: TuckerFactors, loop: int) -> View:
    """How strongly each note sounds with each rhythm in a loop, as square roots; 255 is the strongest pair.

    Notes are sorted from high to low by their centre of frequency, rhythms from early to late by their centre in the
    bar.
    """
    recipe = factors.recipes[:, :, loop]
    notes, rhythms = (np.argsort(_centres(factor), kind="stable") for factor in (factors.notes, factors.rhythms))
    return _view(255 * np.sqrt(recipe[notes[::-1]][:, rhythms] / max(float(np.max(recipe)), TINY)))


def _centres(factor: NDArray[np.float32]) -> NDArray[np.float64]:
    """The centre of each column, in rows."""
    weights = np.square(factor, dtype=np.float64)
    centres: NDArray[np.float64] = np.arange(len(factor)) @ weights / np.maximum(weights.sum(axis=0), TINY)
    return centres


def _powers(audio: Samples, window: int) -> NDArray[np.float64]:
    """Power spectra [bins, COLUMNS] at equally spaced moments, the mean over channels; windows wrap round the loop."""
    frames = audio.shape[1]
    centres = (np.arange(COLUMNS) + 0.5) * frames / COLUMNS
    places = (centres.astype(np.intp)[:, None] + np.arange(window) - window // 2) % frames
    taper = np.hanning(window)
    power = np.zeros((COLUMNS, window // 2 + 1))
    for channel in audio:
        power += np.square(np.abs(np.fft.rfft(channel[places] * taper)))
    return power.T / len(audio)


def _view(values: NDArray[np.floating], *, low: float = 0.0, high: float = 1.0) -> View:
    rows, columns = values.shape
    data: Bytes = np.round(values).astype(np.uint8)
    return View(rows, columns, b64encode(data.tobytes()).decode("ascii"), round(low, 4), round(high, 4))
