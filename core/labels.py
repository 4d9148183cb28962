"""Labels of loops: guesses from four simple measurements, to tell loops apart by name. No one has listened.

What clicks goes to the drums where it is deep and to the percussion where it is not; what is deep and does not click is
a bass; what never stops and is not bright is a pad; the rest is melody, by its register. Steady sounds are smooth along
time and clicks along frequency, so two median filters tell them apart (Fitzgerald, DAFx 2010).
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
CLICKING = 0.3  # share of percussive energy from which a loop is drums or percussion
DEEP_DRUMS, DEEP_BASS = 0.2, 0.4  # share of deep energy of a kit, and of a bass
STEADY, DARK = 0.5, 800.0  # a pad has hardly a gap and its centre below, in Hz
REGISTERS = ((500.0, "melody low"), (1_500.0, "melody mid"))  # centres below these, in Hz, else "melody high"
TINY = 1e-20


@dataclass(frozen=True)
class Features:
    """What a guess is made from.

    Attributes:
        percussive: share of the energy that is in clicks and noise bursts, 0 to 1.
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

    >>> guess(Features(percussive=0.6, deep=0.5, centre=120.0, steady=0.0))
    'drums'
    """
    if features.percussive >= CLICKING:
        return "drums" if features.deep >= DEEP_DRUMS else "percussion"
    if features.deep >= DEEP_BASS:
        return "bass"
    if features.steady >= STEADY and features.centre < DARK:
        return "pad"
    return next((name for highest, name in REGISTERS if features.centre < highest), "melody high")


def measure(audio: Samples, rate: int) -> Features:
    """The features of a loop, audio [channels, frames]."""
    frequencies, energy = _energies(audio, rate)
    total = energy.sum() + TINY
    spectrum = energy.sum(axis=1) / total
    power = energy.sum(axis=0) + 1e-6 * energy.sum(axis=0).max() + TINY
    return Features(
        percussive=float((energy * _percussive_mask(energy)).sum() / total),
        deep=float(spectrum[frequencies < DEEP].sum()),
        centre=float(np.exp(spectrum @ np.log(frequencies))),
        steady=float(np.exp(np.log(power).mean()) / power.mean()),
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
