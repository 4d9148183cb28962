"""How long a bar is, from the sound alone: the locally whitened autocorrelation, summed over the multiples of a lag.

Sound that repeats to the sample makes a sharp peak at its period and at every multiple of it. Sound that does not
repeat makes no peaks, however loud it is. The peaks at the multiples of a true period add up, and the far ones fix it
to a hundredth of a sample. The whitening follows the generalised cross-correlation with phase transform (Knapp and
Carter 1976), but divides by the smoothed spectrum.
"""

from dataclasses import dataclass

import numpy as np
import scipy.fft
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter1d

from core.audio.clip import Samples
from core.base.compiled import compiled

SMOOTHING = 10.0  # Hz: partials of held notes are narrower, so each weighs no more than 10 Hz of noise
FARTHEST = 0.8  # of the clip: at larger lags too little sound is left to compare
SPREAD = 0.005  # of the proposed length, to either side: the range of the search
SIGNIFICANT = 20.0  # standard deviations: measured, true periods reach 50 and more, chance at most 12
LEAST_SHARE = 0.02  # of the sound: twice what was measured by chance in music that does not repeat
WHOLE = 0.004  # frames: a length so near to a whole number or a half is rounded to it (128 bpm at 44.1 kHz is a half)
TAPS = 8  # on either side of the sinc that interpolates the correlation
LONGEST = 8.5  # seconds of a bar
SHORTEST = 0.8  # seconds of a candidate; only a given bar may be shorter


@dataclass(frozen=True)
class Period:
    """A period of the sound.

    Attributes:
        frames: the length; its error is mostly below 0.003 frames, or 0.015 where clips were rounded to frames.
        strength: its sum of correlations above those of lengths close by, in their standard deviations.
        share: the mean correlation at all multiples: about the share of the sound that repeats with this period.
    """

    frames: float
    strength: float
    share: float

    @property
    def significant(self) -> bool:
        return self.strength > SIGNIFICANT and self.share > LEAST_SHARE


def autocorrelation(mono: Samples, rate: int) -> NDArray[np.float32]:
    """The whitened autocorrelation of a signal [frames] at lags 0 to `FARTHEST`, unbiased, and 1 at lag 0."""
    frames = len(mono)
    size = scipy.fft.next_fast_len(int(frames * (1 + FARTHEST)) + 16, real=True)
    power = np.square(np.abs(scipy.fft.rfft(mono, n=size)))
    smooth = uniform_filter1d(power, max(int(SMOOTHING * size / rate), 3), mode="nearest")
    lags = int(frames * FARTHEST)
    result = scipy.fft.irfft(power / (smooth + 1e-9 * smooth.max() + 1e-30), n=size)[: lags + 2]
    shrunk = 1.0 - np.arange(len(result), dtype=np.float32) / frames
    return np.asarray(result / max(float(result[0]), 1e-30) / shrunk, dtype=np.float32)


def fit_period(correlation: NDArray[np.float32], near: float, spread: float = SPREAD) -> Period:
    """The period within a share `spread` of `near` frames at which the sound repeats best."""
    most = max(int((len(correlation) - 2) / (near * (1 + spread))), 1)
    lengths = near + np.arange(-spread * near, spread * near, 0.25 / most)
    sums = _comb(correlation, lengths, most)
    best = float(lengths[np.argmax(sums)])
    fine = best + np.arange(-0.6, 0.6, 0.02) / np.sqrt(most)
    best = _vertex(fine, _fine_comb(correlation, fine, most))
    if abs(2 * best - round(2 * best)) < 2 * WHOLE:
        best = round(2 * best) / 2
    others = _comb(correlation, near * np.linspace(1 - SPREAD, 1 + SPREAD, 400), most)
    strength = float(sums.max() - np.median(others)) / float(np.std(others) + 1e-12)
    return Period(best, strength, float(sums.max()) / most)


def candidate_periods(correlation: NDArray[np.float32], rate: int) -> list[Period]:
    """All periods of the sound that are as long as a plausible bar, sorted by length."""
    low, high = int(SHORTEST * rate), min(int(LONGEST * rate), (len(correlation) - 2) // 2)
    inside = correlation[low:high].copy()
    found: list[Period] = []
    if not len(inside):
        return found
    least = 0.25 * float(inside.max())
    while len(found) < 40 and inside.max() > least:
        lag = int(np.argmax(inside))
        found.append(fit_period(correlation, float(low + lag), 3.0 / (low + lag)))
        inside[max(lag - rate // 50, 0) : lag + rate // 50] = 0.0
    return sorted(found, key=lambda period: period.frames)


@compiled
def _comb(correlation: NDArray[np.float32], lengths: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """The sum of the correlation at 1 to `most` times each length, with linear interpolation.

    It is compiled: a long song needs half a billion of these values.
    """
    total = np.zeros(len(lengths))
    for multiple in range(1, most + 1):
        for i in range(len(lengths)):
            lag = min(multiple * lengths[i], float(len(correlation) - 2))
            whole = int(lag)
            part = lag - whole
            total[i] += (1 - part) * correlation[whole] + part * correlation[whole + 1]
    return total


@compiled
def _fine_comb(correlation: NDArray[np.float32], lengths: NDArray[np.float64], most: int) -> NDArray[np.float64]:
    """`_comb` with a windowed sinc: linear interpolation flattens peaks between samples and so favours whole frames."""
    total = np.zeros(len(lengths))
    for multiple in range(1, most + 1):
        for i in range(len(lengths)):
            whole = int(multiple * lengths[i])
            if whole + TAPS >= len(correlation):
                break
            for tap in range(1 - TAPS, TAPS + 1):
                away = multiple * lengths[i] - whole - tap
                total[i] += correlation[whole + tap] * np.sinc(away) * np.cos(np.pi * away / (2 * TAPS)) ** 2
    return total


def _vertex(places: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """The middle of the highest tenth of a peak: less affected by noise than its highest point."""
    high = values - (values.max() - 0.1 * (values.max() - values.min()))
    weights = np.maximum(high, 0.0)
    return float((places * weights).sum() / weights.sum()) if weights.sum() > 0 else float(places[np.argmax(values)])
