"""Labels of loops: guesses from four simple measurements, to give loops different names. They are not checked by ear.

A loop with clicks is drums if it is deep, else percussion. A deep loop without clicks is a bass. A loop that never
pauses and is not bright is a pad. All others are melodies, named by their register. Steady sounds are smooth along time
and clicks are smooth along frequency, so two median filters separate them (Fitzgerald, DAFx 2010). The body of a kick
is as steady as a bass, so clicks are measured above `DEEP` only.
"""

from collections import Counter
from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from core.audio.clip import Samples
from core.audio.cube import window_length
from core.base.threads import in_order

SMOOTH = 17  # frames and bins of the median filters: 0.2 s and 370 Hz
HIGHEST = 16_000.0  # Hz: higher frequencies do not improve the guess, and take time
DEEP = 150.0  # Hz: kicks and basses lie below
SOME_DEEP, MOST_DEEP = 0.2, 0.4  # least share of deep energy of a drum kit, and of a bass
CLICKING = 0.3  # percussive share from which a loop is drums or percussion
DEEP_CLICKING = 0.75  # the same for loops with mostly deep energy: plucked basses click, but less than kicks
STEADY, DARK = 0.5, 800.0  # a pad is at least this steady (it hardly pauses), with its centre below this, in Hz
REGISTERS = ((500.0, "melody low"), (1_500.0, "melody mid"))  # centres below these, in Hz, else "melody high"
FAINT = 1e-3  # -30 dB: if less energy lies above `DEEP`, it is only the edge of a deep sound
TINY = 1e-20


@dataclass(frozen=True)
class Features:
    """The measurements that a guess uses.

    Attributes:
        percussive: the share of clicks and noise bursts in the energy above `DEEP`, 0 to 1.
        deep: the share of the energy below `DEEP`, 0 to 1.
        centre: the centre of the energy on a logarithmic frequency axis, in Hz.
        steady: geometric over arithmetic mean of the power along time, 1 for a sound that never changes.
    """

    percussive: float
    deep: float
    centre: float
    steady: float


def labels_of(loops: list[Samples], rate: int) -> list[str]:
    """A label for each loop, audio [channels, frames]. Loops of the same kind are numbered."""
    seen: Counter[str] = Counter()
    labels = []
    for features in in_order(lambda audio: measure(audio, rate), loops):
        kind = guess(features)
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


def _energies(audio: Samples, rate: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """The frequencies above 0 up to `HIGHEST` in Hz, and the energy of all channels there, [frequencies, frames]."""
    length = window_length(rate)
    hop = length // 4
    window = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(length) / length)).astype(np.float32)
    window /= window.sum()
    padded = np.pad(audio, ((0, 0), (length // 2, length // 2 + -audio.shape[1] % hop)))
    pieces = np.lib.stride_tricks.sliding_window_view(padded, length, axis=1)[:, ::hop] * window
    spectra = scipy.fft.rfft(pieces, axis=-1, overwrite_x=True)
    frequencies = np.arange(length // 2 + 1) * rate / length
    used = (frequencies > 0) & (frequencies <= HIGHEST)
    energy = (np.square(spectra.real) + np.square(spectra.imag)).sum(axis=0)[:, used]
    return frequencies[used], np.ascontiguousarray(energy.T)


def _percussive_mask(energy: NDArray[np.float32]) -> NDArray[np.float32]:
    """The share of clicks in each bin, 0 to 1. Time wraps around, because loops cycle."""
    # Row by row, because SciPy's median filter is several times as fast in one dimension as in two.
    steady = np.stack([scipy.ndimage.median_filter(row, SMOOTH, mode="wrap") for row in energy])
    clicks = np.stack([scipy.ndimage.median_filter(moment, SMOOTH) for moment in energy.T], axis=1)
    mask: NDArray[np.float32] = clicks / (clicks + steady + np.float32(TINY))
    return mask
