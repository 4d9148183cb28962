"""Which beat is the first of the bar: the parts of one bar share one pattern of loops.

Cut into bars at the right place, the same loops play from the beginning of each bar to its end: bars that sound alike
in one part of the bar sound alike in the others. Cut elsewhere, the parts before and after the true bar line belong to
different bars, and disagree wherever loops are switched. Compared are the levels of bands, so that this holds for music
played by hand, and under sounds that do not repeat.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from core.audio.clip import Samples

SLOTS = 48  # parts of a bar, divisible into 2, 3 and 4 beats and their halves; for 5 and 7 it is near enough
FEWEST_BARS = 8  # fewer have too few switches to tell
BANDS = 40  # evenly spaced in pitch, as far as there are bins
LOUDNESS = 0.25  # exponent of power: the ear's, nearly
QUIET = 0.1  # of the slots' mean variance: slots in which nothing changes have nothing to say
CHANCE = 0.2  # agreement that no noise reaches, times bars: it falls with the root of their pairs
BETTER = 1.04  # how many times better another first beat must agree; the right one is beaten by 1.03 at most


def better_phase(mono: Samples, starts: NDArray[np.float64]) -> float:
    """By which part of a bar, -0.5 to 0.5, bars should begin later; 0 where little speaks for another place.

    Args:
        mono: float32 [frames].
        starts: frames at which bars are believed to begin, [bars + 1], inside the signal.
    """
    if len(starts) <= FEWEST_BARS:
        return 0.0
    agreement = _agreement(_likeness(mono, starts))
    best = int(np.argmax(agreement))
    least = max(CHANCE / (len(starts) - 1), BETTER * agreement[0])
    if min(best, SLOTS - best) <= 1 or agreement[best] < least:
        return 0.0
    return best / SLOTS - (best > SLOTS // 2)


def _likeness(mono: Samples, starts: NDArray[np.float64]) -> Samples:
    """How alike every two bars are in every slot, beside their mean there, [slots, bars, bars]."""
    bars = np.arange(len(starts) - 1)
    length = int(np.diff(starts).min() / SLOTS)
    levels = np.array(
        [_levels(mono, np.interp(bars + slot / SLOTS, np.arange(len(starts)), starts), length) for slot in range(SLOTS)]
    )
    levels /= levels.mean(axis=(0, 1)) + 1e-30
    levels -= levels.mean(axis=1, keepdims=True)
    products = levels @ levels.transpose(0, 2, 1)
    variances = np.trace(products, axis1=1, axis2=2)
    products /= (variances + QUIET * variances.mean() + np.float32(1e-30))[:, None, None]
    return np.asarray(products)


def _levels(mono: Samples, places: NDArray[np.float64], length: int) -> Samples:
    """How loud each band is in so many frames from each place on, [places, bands]."""
    frames = mono[places.astype(np.int64)[:, None] + np.arange(length)] * np.hanning(length).astype(np.float32)
    power = np.square(np.abs(scipy.fft.rfft(frames, n=scipy.fft.next_fast_len(length, real=True), axis=1)))
    edges = np.unique(np.round(np.geomspace(1, power.shape[1] - 1, BANDS)).astype(np.int64))
    return np.asarray(np.add.reduceat(power, edges, axis=1) ** np.float32(LOUDNESS))


def _agreement(likeness: Samples) -> NDArray[np.float64]:
    """How well the slots of a bar agree on which bars are alike, for bars that begin at each slot, [slots].

    Mean product of the likenesses in two different slots over their mean square, over all pairs of different bars.
    Slots before the bar's beginning are taken from the next bar.
    """
    first, second = np.triu_indices(likeness.shape[1] - 1, 1)
    here, after = likeness[:, first, second], likeness[:, first + 1, second + 1]
    here, after = (each - each.mean(axis=1, keepdims=True) for each in (here, after))
    own_here, own_after = (np.square(each).sum(axis=1, dtype=np.float64) for each in (here, after))
    total, own = here.sum(axis=0, dtype=np.float64), own_here.sum()
    found = np.empty(len(likeness))
    for slot in range(len(likeness)):
        found[slot] = (np.square(total).sum() - own) / (own + 1e-30)
        total += after[slot] - here[slot]
        own += own_after[slot] - own_here[slot]
    return found / (len(likeness) - 1)
