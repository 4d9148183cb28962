"""The input of the tracker's networks, 100 frames a second: three spectrograms in bands, and their increases over time.

They are those of Boeck, Krebs and Widmer (ISMIR 2016): Hann windows of 1024, 2048 and 4096 samples at 44.1 kHz,
triangular filters with 3, 6 and 12 bands an octave, log10(1 + magnitude), and the positive difference to an earlier
frame.
"""

import numpy as np
import scipy.fft
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from core.audio.clip import Samples
from core.base.progress import Progress

RATE = 44_100
FPS = 100
HOP = RATE // FPS
BANDS_PER_OCTAVE = {1024: 3, 2048: 6, 4096: 12}  # by length of the window
LOWEST, HIGHEST, TUNING = 30.0, 17_000.0, 440.0  # Hz
BLOCK = 128  # frames at a time: their data stays in the processor's caches


def onset_features(mono: Samples, progress: Progress) -> Samples:
    """The features of a mix at 44.1 kHz: float32 [samples] to [frames, 314]; for each window its bands, then rises."""
    banks = {size: _filters(size, octave) for size, octave in BANDS_PER_OCTAVE.items()}
    widths = [bank.shape[1] for bank in banks.values() for _ in ("bands", "rises")]
    features = np.empty((-(-len(mono) // HOP), sum(widths)), dtype=np.float32)
    columns = np.split(features, np.cumsum(widths)[:-1], axis=1)
    for number, (size, bank) in enumerate(banks.items()):
        bands, rises = columns[2 * number : 2 * number + 2]
        frames = sliding_window_view(np.pad(mono, (size // 2, size // 2 + HOP)), size)[::HOP]
        window = np.hanning(size).astype(np.float32)
        for first in range(0, len(features), BLOCK):
            progress((number + first / len(features)) / len(banks), "listening")
            block = slice(first, min(first + BLOCK, len(features)))
            bands[block] = _log_bands(frames[block] * window, bank)
        back = _frames_back(window)
        rises[:back] = 0.0
        np.subtract(bands[back:], bands[:-back], out=rises[back:])
        np.maximum(rises, 0.0, out=rises)
    return features


def _log_bands(windowed: Samples, bank: Samples) -> Samples:
    """Log magnitudes of windowed frames [frames, samples] in bands."""
    spectra = scipy.fft.rfft(windowed, axis=1)[:, : len(bank)]
    return np.asarray(np.log10(np.abs(spectra) @ bank + np.float32(1)), dtype=np.float32)


def _frames_back(window: Samples) -> int:
    """How many frames back the earlier frame of a rise lies: as far as the window falls to half its height."""
    half = len(window) / 2 - int(np.argmax(window > 0.5 * window.max()))
    return max(1, round(half / HOP))


def _filters(size: int, per_octave: int) -> Samples:
    """Overlapping triangular filters over the bins of a spectrum, each of area 1, float32 [size / 2, bands]."""
    centres = _centres(size, per_octave)
    bank = np.zeros((size // 2, len(centres) - 2), dtype=np.float32)
    for band, (left, centre, right) in enumerate(zip(centres, centres[1:], centres[2:], strict=False)):
        rising = (np.arange(left, centre) - left) / (centre - left)
        falling = (right - np.arange(centre, right)) / (right - centre)
        triangle = np.concatenate([rising, falling])
        bank[left:right, band] = triangle / triangle.sum()
    return bank


def _centres(size: int, per_octave: int) -> NDArray[np.int64]:
    """The bins nearest to frequencies in equal ratios, each bin once."""
    octaves = np.log2(np.array([LOWEST, HIGHEST]) / TUNING) * per_octave
    pitches = TUNING * 2.0 ** (np.arange(np.floor(octaves[0]), np.ceil(octaves[1])) / per_octave)
    pitches = pitches[(pitches >= LOWEST) & (pitches <= HIGHEST)]
    return np.unique(np.clip(np.round(pitches * size / RATE), 1, size // 2 - 1)).astype(np.int64)
