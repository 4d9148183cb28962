"""Raw tones: band-limited wavetables with a moving filter, plucked strings, frequency modulation, noise, envelopes.

All waves are mono float64 [frames]. The code is vectorised over time, so a note takes milliseconds.
"""

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

Wave = NDArray[np.float64]

TABLE = 2048  # samples of one period
CUTOFFS = np.geomspace(60.0, 18_000.0, 14)  # Hz; a moving filter cross-fades between the tables for these cutoffs


def harmonics(shape: str, count: int = 256) -> Wave:
    """Amplitudes of the harmonics 1..count of "saw", "square", "triangle", "organ" or "sine"."""
    number = np.arange(1, count + 1)
    odd = number % 2 == 1
    organ = np.isin(number, (1, 2, 3, 4, 6, 8))
    shapes = {
        "saw": 1.0 / number,
        "square": odd / number,
        "triangle": odd / number**2,
        "organ": organ / np.sqrt(number),
        "sine": (number == 1) * 1.0,
    }
    return np.asarray(shapes[shape], dtype=np.float64)


def wavetable(frequency: Wave, amplitudes: Wave, cutoff: Wave, rate: int, resonance: float = 0.0) -> Wave:
    """A periodic tone through a low-pass filter of 24 dB an octave with a moving cutoff.

    Args:
        frequency: Hz, [frames].
        amplitudes: of the harmonics, from the first on.
        cutoff: Hz, [frames].
        resonance: height of the bump at the cutoff, linear.
    """
    tables = _tables(float(frequency.max()), amplitudes, rate, resonance)
    phase = np.cumsum(frequency) / rate
    position = (phase - np.floor(phase)) * TABLE
    column = np.minimum(position.astype(np.int64), TABLE - 1)
    across = position - column
    level = np.interp(np.log(np.maximum(cutoff, 1.0)), np.log(CUTOFFS), np.arange(len(CUTOFFS)))
    row = np.minimum(level.astype(np.int64), len(CUTOFFS) - 2)
    up = level - row
    low = tables[row, column] * (1 - across) + tables[row, column + 1] * across
    high = tables[row + 1, column] * (1 - across) + tables[row + 1, column + 1] * across
    return np.asarray(low * (1 - up) + high * up)


def _tables(highest: float, amplitudes: Wave, rate: int, resonance: float) -> Wave:
    """One period for each cutoff, [cutoffs, TABLE + 1], without harmonics above 0.45 of the rate."""
    count = max(1, min(len(amplitudes), int(0.45 * rate / highest), TABLE // 2 - 1))
    hertz = highest * np.arange(1, count + 1)
    ratio = hertz[None, :] / CUTOFFS[:, None]
    response = 1.0 / np.sqrt(1.0 + ratio**8) + resonance * np.exp(-((np.log2(ratio) / 0.3) ** 2))
    spectrum = np.zeros((len(CUTOFFS), TABLE // 2 + 1), dtype=np.complex128)
    spectrum[:, 1 : count + 1] = -0.5j * TABLE * amplitudes[:count] * response
    period = np.fft.irfft(spectrum, axis=1)
    return np.concatenate([period, period[:, :1]], axis=1)


def string(frequency: float, frames: int, rate: int, brightness: float, rng: np.random.Generator) -> Wave:
    """A plucked string (Karplus and Strong 1983), computed period by period."""
    period = max(int(rate / frequency), 2)
    weight = 0.5 + 0.45 * brightness
    burst = lowpass(rng.standard_normal(period), 1500.0 + 9000.0 * brightness, rate)
    burst -= burst.mean()
    rounds = -(-frames // period)
    out = np.empty((rounds, period))
    last = burst
    before = burst[-1]
    for i in range(rounds):
        out[i] = last
        shifted = np.concatenate([[before], last[:-1]])
        before = last[-1]
        last = 0.997 * (weight * last + (1 - weight) * shifted)
    return out.ravel()[:frames]


def modulated(frequency: float, ratio: float, index: Wave, rate: int) -> Wave:
    """Frequency modulation with one modulator (Chowning 1973); the index is in radians, [frames]."""
    angle = 2 * np.pi * frequency * np.arange(len(index)) / rate
    return np.asarray(np.sin(angle + index * np.sin(ratio * angle)))


def time(frames: int, rate: int) -> Wave:
    """The time of each frame in seconds."""
    return np.arange(frames) / rate


def decay(frames: int, rate: int, seconds: float) -> Wave:
    """An exponential decay that reaches -60 dB after `seconds`."""
    return np.exp(-6.9 * time(frames, rate) / seconds)


def gate(frames: int, rate: int, attack: float, hold: float, release: float) -> Wave:
    """An envelope: raised-cosine attack, hold until `hold` seconds, exponential release. It ends at zero."""
    seconds = time(frames, rate)
    rise = 0.5 - 0.5 * np.cos(np.pi * np.minimum(seconds / max(attack, 1e-4), 1.0))
    fall = np.exp(-5.0 * np.maximum(seconds - hold, 0.0) / max(release, 1e-3))
    return faded(rise * fall, rate)


def faded(wave: Wave, rate: int, seconds: float = 0.003) -> Wave:
    """The wave with a fade-out in its last `seconds`, so that no note ends in a click."""
    count = min(int(seconds * rate), wave.shape[-1])
    if count == 0:
        return wave
    result = wave.copy()
    result[..., -count:] *= 0.5 + 0.5 * np.cos(np.pi * (np.arange(count) + 1) / count)
    return result


def lowpass(wave: Wave, hertz: float, rate: int) -> Wave:
    return _filtered(wave, (hertz,), rate, "lowpass")


def highpass(wave: Wave, hertz: float, rate: int) -> Wave:
    return _filtered(wave, (hertz,), rate, "highpass")


def bandpass(wave: Wave, low: float, high: float, rate: int) -> Wave:
    return _filtered(wave, (low, high), rate, "bandpass")


def _filtered(wave: Wave, edges: tuple[float, ...], rate: int, kind: str) -> Wave:
    return np.asarray(sosfilt(_sections(edges, rate, kind), wave))


@lru_cache(maxsize=256)  # a voice needs the same formants many times
def _sections(edges: tuple[float, ...], rate: int, kind: str) -> Wave:
    inside = [min(edge, 0.46 * rate) for edge in edges]
    if len(inside) == 2:
        inside[0] = min(inside[0], 0.9 * inside[1])
    return np.asarray(butter(2, inside if len(inside) == 2 else inside[0], kind, fs=rate, output="sos"))


def hertz(pitch: float) -> float:
    """The frequency of a MIDI pitch in Hz; pitch 69 is 440 Hz."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def panned(wave: Wave, position: float) -> NDArray[np.float32]:
    """Mono to stereo float32 [2, frames] at equal power. Position -1 is left, 1 is right."""
    angle = (position + 1.0) * np.pi / 4.0
    return np.stack([wave * np.cos(angle), wave * np.sin(angle)]).astype(np.float32)
