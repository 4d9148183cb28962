"""Labels of loops: guesses from four simple measurements, to tell loops apart by name. No one has listened.

What clicks goes to the drums where it is deep and to the percussion where it is not; what is deep and does not click is
a bass; what never stops and is not bright is a pad; the rest is melody, by its register. Steady sounds are smooth along
time and clicks along frequency, so two median filters tell them apart (Fitzgerald, DAFx 2010); the body of a kick is
as steady as a bass, so both are judged by what sounds above it.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

from core.audio import Samples
from core.cube import window_length

SMOOTH = 17  # frames and bins of the median filters: 0.2 s and 370 Hz
HIGHEST = 16_000.0  # Hz: what lies above tells nothing, and takes time
DEEP = 150.0  # Hz: below lie kicks and basses
SOME_DEEP, MOST_DEEP = 0.2, 0.4  # share of deep energy that a kit has at least, and a bass
CLICKING = 0.3  # percussive share from which a loop is drums or percussion
DEEP_CLICKING = 0.75  # the same where most is deep: plucked basses click, but less than kicks
STEADY, DARK = 0.5, 800.0  # a pad has hardly a gap and its centre below, in Hz
REGISTERS = ((500.0, "melody low"), (1_500.0, "melody mid"))  # centres below these, in Hz, else "melody high"
FAINT = 1e-3  # -30 dB: what lies above `DEEP` by less is the edge of a deep sound
TINY = 1e-20


@dataclass(frozen=True)
class Features:
    """What a guess is made from.

    Attributes:
        percussive: share of clicks and noise bursts in the energy above `DEEP`, 0 to 1.
        deep: share of the energy below `DEEP`, 0 to 1.
        centre: of the energy on a logarithmic axis, in Hz.
        steady: geometric over arithmetic mean of the power along time, 1 for a sound that never changes.
    """

    percussive: float
    deep: float
    centre: float
    steady: float


def labels_of(loops: list[Samples], rate: int) -> list[str]:
    """A label for each loop, audio [channels, frames]; a number tells those of the same kind apart."""
    seen: Counter[str] = Counter()
    labels = []
    for audio in loops:
        kind = guess(measure(audio, rate))
        seen[kind] += 1
        labels.append(kind if seen[kind] == 1 else f"{kind} {seen[kind]}")
    return labels


def guess(features: Features) -> str:
    """The likely kind of a loop.

    >>> guess(Features(percussive=0.9, deep=0.5, centre=120.0, steady=0.0))
    'drums'
    """
    if features.deep >= MOST_DEEP:
        return "drums" if features.percussive >= DEEP_CLICKING else "bass"
    if features.percussive >= CLICKING:
        return "drums" if features.deep >= SOME_DEEP else "percussion"
    if features.steady >= STEADY and features.centre < DARK:
        return "pad"
    return next((name for highest, name in REGISTERS if features.centre < highest), "melody high")


def measure(audio: Samples, rate: int) -> Features:
    """The features of a loop, audio [channels, frames]."""
    frequencies, energy = _energies(audio, rate)
    spectrum = energy.sum(axis=1)
    power = energy.sum(axis=0)
    deep = frequencies < DEEP
    share = spectrum / (spectrum.sum() + TINY)
    audible = power + 1e-6 * power.max() + TINY
    clicks = (energy * _percussive_mask(energy))[~deep]
    return Features(
        percussive=float(clicks.sum() / (spectrum[~deep].sum() + FAINT * spectrum.sum() + TINY)),
        deep=float(share[deep].sum()),
        centre=float(np.exp(share @ np.log(frequencies))),
        steady=float(np.exp(np.log(audible).mean()) / audible.mean()),
    )


def _energies(audio: Samples, rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Frequencies above 0 in Hz, and the energy of all channels there, [frequencies, frames]."""
    length = window_length(rate)
    frequencies, _, spectra = scipy.signal.stft(audio, rate, nperseg=length, noverlap=length * 3 // 4)
    heard = (frequencies > 0) & (frequencies <= HIGHEST)
    energy: NDArray[np.float64] = np.square(np.abs(spectra[:, heard], dtype=np.float64)).sum(axis=0)
    return frequencies[heard], energy


def _percussive_mask(energy: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of each bin belongs to clicks, 0 to 1; loops cycle, so time does as well."""
    steady = scipy.ndimage.median_filter(energy, size=(1, SMOOTH), mode="wrap")
    clicks = scipy.ndimage.median_filter(energy, size=(SMOOTH, 1))
    mask: NDArray[np.float64] = clicks / (clicks + steady + TINY)
    return mask
