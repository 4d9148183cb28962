"""The spectral cube: a bar-synchronous STFT, complex64 [channel, frequency, frame in bar, bar], with an exact inverse.

Every bar has the same number T of analysis frames at the same offsets from its start. A loop that repeats from bar to
bar therefore repeats in the cube as well, magnitude and phase. Frame i of bar b is centred at
start_b + round(i * length / T). Bars whose length differs from the median only by rounding share the median's offsets.
Analysis and synthesis windows are square-root Hann. Synthesis divides by the sum of the squared windows, which makes
the inverse exact for any frame positions (Griffin and Lim 1984, eq. 6).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import scipy.fft
from numpy.typing import ArrayLike, NDArray

from core.audio.bars import BarGrid
from core.audio.clip import Samples
from core.base.compiled import compiled
from core.base.threads import in_order

WINDOW_SECONDS = 0.0464  # 2048 frames at 44.1 kHz, the paper's resolution
OVERLAP = 4  # frames per window length
SAME_LENGTH = 4  # frames: bars that differ by no more share one set of offsets

Cube = NDArray[np.complex64]


@dataclass(frozen=True)
class Framing:
    """Where the analysis frames of a grid lie.

    Attributes:
        window: the square-root Hann window, float32 [window length].
        centres: int64 [bars, frames per bar], positions of the frame centres in the clip.
        start, end: the first and one past the last clip frame that the bars cover.
    """

    window: Samples
    centres: NDArray[np.int64]
    start: int
    end: int

    @property
    def frequencies(self) -> int:
        return len(self.window) // 2 + 1

    @property
    def frames_per_bar(self) -> int:
        return int(self.centres.shape[1])

    @property
    def bars(self) -> int:
        return int(self.centres.shape[0])

    @cached_property
    def _slots(self) -> NDArray[np.int64]:
        """First sample of each frame in the padded span, [bars * frames per bar]."""
        return self.centres.ravel() - self.start

    @cached_property
    def _power(self) -> Samples:
        """Sum of the squared windows at each sample of the padded span."""
        squared = self.window**2
        power = np.zeros(self.end - self.start + len(self.window), dtype=np.float32)
        for slot in self._slots:
            power[slot : slot + len(squared)] += squared
        return power


def window_length(rate: int) -> int:
    """The length in samples: the power of two nearest to `WINDOW_SECONDS`."""
    return int(2 ** round(np.log2(WINDOW_SECONDS * rate)))


def frame(grid: BarGrid, rate: int) -> Framing:
    """Place the analysis frames of a grid: about `OVERLAP` frames per window length, the same number in each bar.

    The longest bar sets the number of frames, so no bar has gaps between its windows.
    """
    length = window_length(rate)
    lengths = grid.lengths.astype(np.float64)
    median = np.median(lengths)
    lengths[np.abs(lengths - median) <= SAME_LENGTH] = median
    count = max(int(np.ceil(lengths.max() * OVERLAP / length)), 2 * OVERLAP)
    offsets = np.round(np.arange(count)[None, :] * lengths[:, None] / count).astype(np.int64)
    window = np.sqrt(0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(length) + 0.5) / length))
    starts = grid.starts
    return Framing(window.astype(np.float32), starts[:-1, None] + offsets, int(starts[0]), int(starts[-1]))


def analyse(samples: Samples, framing: Framing) -> Cube:
    """The spectral cube of samples [channels, frames]: complex64 [channels, frequencies, frames per bar, bars].

    Outside the bars there is silence. In memory, frequencies are adjacent and bars are far apart, so it is fast to
    process a cube bar by bar.
    """
    shape = (framing.bars, samples.shape[0], framing.frames_per_bar, framing.frequencies)
    bars = np.empty(shape, dtype=np.complex64)
    for bar, spectrum in enumerate(in_order(bar_spectra(samples, framing), range(framing.bars))):
        bars[bar] = spectrum
    return bars.transpose(1, 3, 2, 0)


def bar_spectra(samples: Samples, framing: Framing) -> Callable[[int], NDArray[np.complex64]]:
    """A function that analyses one bar, [channels, frames per bar, frequencies], where the whole cube is not needed."""
    length = len(framing.window)
    half = length // 2
    inside = samples[:, framing.start : framing.end]
    slots = framing._slots.reshape(framing.bars, -1)

    def spectra(bar: int) -> NDArray[np.complex64]:
        around = _between(inside, int(slots[bar, 0]) - half, int(slots[bar, -1]) + half)
        windows = np.lib.stride_tricks.sliding_window_view(around, length, axis=1)
        frames = windows[:, slots[bar] - slots[bar, 0]]
        frames *= framing.window
        return np.asarray(scipy.fft.rfft(frames, axis=-1, overwrite_x=True), dtype=np.complex64)

    return spectra


def _between(samples: Samples, start: int, end: int) -> Samples:
    """Samples from `start` to `end`, [channels, end - start]; silence before the first sample and after the last."""
    here = samples[:, max(start, 0) : end]
    missing = (max(-start, 0), max(end - samples.shape[1], 0))
    return np.pad(here, ((0, 0), missing)) if any(missing) else here


def synthesise(cube: Cube, framing: Framing, frames: int) -> Samples:
    """The inverse of `analyse`: samples [channels, frames], zero outside the bars.

    A cube from `analyse` is inverted with an error below -120 dB. For any other cube the result is the signal with the
    nearest cube in the least squares sense (Griffin and Lim 1984).
    """
    samples = np.empty((len(cube), frames), dtype=np.float32)
    synthesise_bars(lambda bar: cube[..., bar], framing, samples)
    return samples


def synthesise_bars(spectra: Callable[[int], NDArray[np.complex64]], framing: Framing, out: Samples) -> None:
    """`synthesise`, bar by bar, without the whole cube in memory.

    Args:
        spectra: returns the spectra of a bar, complex64 [channels, frequencies, frames per bar]; called in threads.
        out: [channels, frames], overwritten. It may be a part of a larger array, such as one of several stems.
    """
    length = len(framing.window)
    half = length // 2

    slots = framing._slots.reshape(framing.bars, -1)

    def wave(bar: int) -> Samples:
        pieces = scipy.fft.irfft(spectra(bar).transpose(0, 2, 1), n=length, axis=-1)
        return _overlapped(np.ascontiguousarray(pieces, dtype=np.float32), framing.window, slots[bar] - slots[bar, 0])

    out[...] = 0
    inside = out[:, framing.start : framing.end]
    for bar, sound in enumerate(in_order(wave, range(framing.bars))):
        start = int(slots[bar, 0]) - half  # the first and the last window extend past the edges
        here = inside[:, max(start, 0) : start + sound.shape[1]]
        here += sound[:, max(-start, 0) :][:, : here.shape[1]]
    inside /= framing._power[half : half + inside.shape[1]]


@compiled
def _overlapped(pieces: Samples, window: Samples, starts: NDArray[np.int64]) -> Samples:
    """The overlap-add of windowed pieces [channels, pieces, frames] at their starts, [channels, frames]."""
    channels, count, length = pieces.shape
    total = np.zeros((channels, starts[count - 1] + length), dtype=np.float32)
    for c in range(channels):
        for i in range(count):
            for n in range(length):
                total[c, starts[i] + n] += window[n] * pieces[c, i, n]
    return total


def moved_earlier(cube: Cube, shifts: ArrayLike) -> Cube:
    """The cube of bars that start `shifts` [bars], fractions of a frame, later: the phase of each frequency is turned.

    Windows stay where they are, so the shifts must be short compared with a window. The cube is the largest array by
    far; it is changed in place, except where all shifts are zero.
    """
    late = np.asarray(shifts, dtype=np.float64)
    frequency = np.arange(cube.shape[1]) / (2 * (cube.shape[1] - 1))
    for bar in np.flatnonzero(late):
        turn = np.exp(2j * np.pi * frequency * late[bar]).astype(np.complex64)
        cube[..., bar] *= turn[None, :, None]
    return cube
