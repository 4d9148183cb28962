"""Effects on stems in a mix: reverberation, moving gains, a lossy coder."""

import io
from itertools import pairwise

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy.signal import fftconvolve, oaconvolve

from core.audio.clip import Samples
from core.evaluation.songs.arrangement import Timeline
from core.evaluation.songs.layouts import Arrangement

CODERS = (("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"))
BLOCK = 1 << 14  # frames given to a coder at once
RAMP = 0.01  # seconds that a step of the gain takes


def reverberated(rng: np.random.Generator, stem: Samples, rate: int) -> Samples:
    """A stem [2, frames] with reverb: decaying stereo noise that rings over bar lines and after the loop stops."""
    seconds = rng.uniform(0.4, 2.2)
    frames = int(seconds * rate)
    now = np.arange(frames) / rate
    response = rng.standard_normal((2, frames)) * np.exp(-6.9 * now / seconds)
    response[:, : int(rng.uniform(0.0, 0.03) * rate)] = 0.0  # the delay of the first reflection
    response = np.diff(response, prepend=0.0, axis=1) * 0.5 + response * rng.uniform(0.1, 0.5)
    response *= 10 ** (rng.uniform(-16.0, -5.0) / 20) / np.sqrt((response**2).sum(axis=1, keepdims=True))
    wet = oaconvolve(stem, response.astype(np.float32), axes=1)[:, : stem.shape[1]]
    result: Samples = (stem + wet).astype(np.float32)
    return result


def section_gains(rng: np.random.Generator, layout: Arrangement) -> NDArray[np.float64]:
    """Gains in dB, [bars + 1, loops]: steps within +-4 dB at sections, or slow fades of up to 8 dB."""
    bars, loops = layout.on.shape
    gains = np.zeros((bars + 1, loops))
    edges = [*layout.sections, bars]
    for loop in range(loops):
        if rng.random() < 0.5:
            for start, end in pairwise(edges):
                gains[start:end, loop] = rng.uniform(-4.0, 4.0)
            gains[bars, loop] = gains[bars - 1, loop]
        else:
            knots = np.unique(np.append(np.arange(0, bars, int(rng.choice([8, 12, 16]))), bars))
            gains[:, loop] = np.interp(np.arange(bars + 1), knots, rng.uniform(-4.0, 4.0, len(knots)))
    return gains


def automated(stem: Samples, gains: NDArray[np.float64], line: Timeline, bar_frames: float, rate: int) -> Samples:
    """A stem [2, frames] with gains in dB at bar starts [bars + 1]: changes of over 1 dB are steps, others fades."""
    starts = line.starts(bar_frames)
    places, values = [starts[0]], [gains[0]]
    for bar in range(1, len(starts)):
        if abs(gains[bar] - gains[bar - 1]) > 1.0:
            places.append(starts[bar] - RAMP * rate)
            values.append(gains[bar - 1])
        places.append(starts[bar])
        values.append(gains[bar])
    curve = np.interp(np.arange(stem.shape[1]), places, values)
    result: Samples = stem * (10 ** (curve / 20)).astype(np.float32)
    return result


def bar_gains(gains: NDArray[np.float64]) -> NDArray[np.float32]:
    """The linear gain of most of each bar, [bars, loops], from the gains in dB at the starts of bars."""
    steps = np.abs(np.diff(gains, axis=0)) > 1.0
    middle = np.where(steps, gains[:-1], 0.5 * (gains[:-1] + gains[1:]))
    return (10 ** (middle / 20)).astype(np.float32)


def coded(samples: Samples, rate: int, coder: tuple[str, str], strength: float) -> Samples:
    """Samples [2, frames] coded and decoded by a lossy coder, with their old length and without the coder's delay.

    Args:
        coder: soundfile's format and subtype, one of `CODERS`.
        strength: 0 for the best quality to 1 for the smallest file.
    """
    file = io.BytesIO()
    kind, subtype = coder
    options = {"format": kind, "subtype": subtype, "compression_level": strength}
    with soundfile.SoundFile(file, "w", rate, samples.shape[0], **options) as writer:
        for start in range(0, samples.shape[1], BLOCK):  # libsndfile's Vorbis coder crashes in long writes
            writer.write(samples[:, start : start + BLOCK].T)
    file.seek(0)
    decoded = soundfile.read(file, dtype="float32", always_2d=True)[0].T
    late = delay(samples, decoded)
    moved = decoded[:, max(late, 0) :]
    moved = np.pad(moved, ((0, 0), (max(-late, 0), samples.shape[1])))
    return np.ascontiguousarray(moved[:, : samples.shape[1]], dtype=np.float32)


def delay(reference: Samples, other: Samples, most: int = 8192) -> int:
    """How many frames the other signal is late: the peak of the cross-correlation with the loudest stretch."""
    span = min(reference.shape[1], 1 << 17)
    power = np.cumsum(np.sum(np.square(reference, dtype=np.float64), axis=0))
    first = int(np.argmax(power[span - 1 :] - np.concatenate([[0.0], power])[: len(power) - span + 1]))
    piece = reference[:, first : first + span].sum(axis=0)
    padded = np.pad(other.sum(axis=0), (most, most + span))
    window = padded[first : first + span + 2 * most]
    return int(np.argmax(fftconvolve(window, piece[::-1], mode="valid"))) - most
