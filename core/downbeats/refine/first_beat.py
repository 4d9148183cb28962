"""Which beat is the first of the bar: in all parts of one bar the same loops play.

With the right bar lines, the same loops play from the beginning of a bar to its end. So two bars that are alike in one
part of the bar are alike in the others. With wrong bar lines, the parts before and after the true bar line belong to
different bars, and they disagree wherever loops start or stop. Band levels are compared, not waveforms, so this works
for music played by hand, and under sounds that do not repeat.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from core.audio.clip import Samples

SLOTS = 48  # parts of a bar: divisible by 2, 3 and 4 beats and their halves, and near enough for 5 and 7 beats
FEWEST_BARS = 8  # fewer bars have too few changes of loops to decide
BANDS = 40  # in equal ratios of frequency, as far as there are bins
LOUDNESS = 0.25  # exponent of power: close to the ear's loudness
QUIET = 0.1  # of the mean variance of slots, added to each variance: slots without changes get little weight
CHANCE = 0.2  # over the number of bars: no noise agrees so well (its agreement falls with the root of pairs of bars)
BETTER = 1.04  # least ratio of agreements for another first beat; wrong ones reach at most 1.03 beside the right one


def better_phase(mono: Samples, starts: NDArray[np.float64]) -> float:
    """The part of a bar, -0.5 to 0.5, by which bars should begin later; 0 without clear evidence for another beat.

    Args:
        mono: float32 [frames].
        starts: the assumed starts of bars in frames, [bars + 1], inside the signal.
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
    """The similarity of every two bars in each slot, after the mean over bars is subtracted, [slots, bars, bars]."""
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
    """The level of each band in the `length` frames from each place on, [places, bands]."""
    frames = mono[places.astype(np.int64)[:, None] + np.arange(length)] * np.hanning(length).astype(np.float32)
    power = np.square(np.abs(scipy.fft.rfft(frames, n=scipy.fft.next_fast_len(length, real=True), axis=1)))
    edges = np.unique(np.round(np.geomspace(1, power.shape[1] - 1, BANDS)).astype(np.int64))
    return np.asarray(np.add.reduceat(power, edges, axis=1) ** np.float32(LOUDNESS))


def _agreement(likeness: Samples) -> NDArray[np.float64]:
    """How well the slots of a bar agree about which bars are alike, when bars begin at each of the slots, [slots].

    It is the mean product of the similarities in two different slots, divided by their mean square, over all pairs of
    different bars. Slots before the beginning of the bar come from the next bar.
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
