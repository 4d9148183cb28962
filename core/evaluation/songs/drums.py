"""Drum sounds: each function draws a random variant and renders it once, stereo float32 [2, frames]."""

from collections.abc import Callable

import numpy as np

from core.audio.clip import Samples
from core.evaluation.songs import tones
from core.evaluation.songs.tones import Wave

DrumSound = Callable[[np.random.Generator, int], Samples]


def kick(rng: np.random.Generator, rate: int) -> Samples:
    """A sine of falling pitch, with a click and some distortion."""
    frames = int(rng.uniform(0.22, 0.5) * rate)
    seconds = tones.time(frames, rate)
    low, high = rng.uniform(42, 62), rng.uniform(140, 420)
    sweep = low + (high - low) * np.exp(-seconds / rng.uniform(0.012, 0.04))
    body = np.sin(2 * np.pi * np.cumsum(sweep) / rate) * tones.decay(frames, rate, rng.uniform(0.25, 0.6))
    click = rng.standard_normal(frames) * tones.decay(frames, rate, 0.012) * rng.uniform(0.02, 0.25)
    driven = np.tanh(rng.uniform(1.0, 3.0) * (body + click))
    return _finish(driven, rate, 0.0)


def snare(rng: np.random.Generator, rate: int) -> Samples:
    """Two drum modes and a band of noise."""
    frames = int(rng.uniform(0.15, 0.35) * rate)
    pitch = rng.uniform(150, 240)
    seconds = tones.time(frames, rate)
    bend = 1 + 0.4 * np.exp(-seconds / 0.01)
    angle = 2 * np.pi * np.cumsum(pitch * bend) / rate
    drum = (np.sin(angle) + 0.6 * np.sin(1.66 * angle)) * tones.decay(frames, rate, rng.uniform(0.08, 0.2))
    wires = tones.bandpass(rng.standard_normal(frames), rng.uniform(800, 2200), rng.uniform(7000, 13000), rate)
    wires *= tones.decay(frames, rate, rng.uniform(0.12, 0.35))
    return _finish(drum * rng.uniform(0.3, 0.9) + wires, rate, rng.uniform(-0.1, 0.1))


def clap(rng: np.random.Generator, rate: int) -> Samples:
    """Three short bursts of noise and a tail."""
    frames = int(0.3 * rate)
    noise = tones.bandpass(rng.standard_normal(frames), rng.uniform(700, 1200), rng.uniform(2500, 5000), rate)
    shape = 0.6 * tones.decay(frames, rate, rng.uniform(0.12, 0.28))
    for seconds in np.cumsum(rng.uniform(0.007, 0.013, 3)):
        start = int(seconds * rate)
        shape[start:] += tones.decay(frames - start, rate, 0.02)
    return _finish(noise * shape, rate, rng.uniform(-0.3, 0.3))


def closed_hat(rng: np.random.Generator, rate: int) -> Samples:
    return _metal(rng, rate, rng.uniform(0.03, 0.09), rng.uniform(6000, 9000))


def open_hat(rng: np.random.Generator, rate: int) -> Samples:
    return _metal(rng, rate, rng.uniform(0.2, 0.5), rng.uniform(5000, 8000))


def ride(rng: np.random.Generator, rate: int) -> Samples:
    return _metal(rng, rate, rng.uniform(0.5, 1.1), rng.uniform(3000, 5000))


def crash(rng: np.random.Generator, rate: int) -> Samples:
    return _metal(rng, rate, rng.uniform(1.2, 2.5), rng.uniform(1500, 3500))


def tom(rng: np.random.Generator, rate: int) -> Samples:
    frames = int(rng.uniform(0.2, 0.45) * rate)
    pitch = rng.uniform(75, 220)
    sweep = pitch * (1 + 0.5 * np.exp(-tones.time(frames, rate) / 0.03))
    body = np.sin(2 * np.pi * np.cumsum(sweep) / rate) * tones.decay(frames, rate, rng.uniform(0.2, 0.5))
    skin = tones.lowpass(rng.standard_normal(frames), 2500, rate) * tones.decay(frames, rate, 0.03)
    return _finish(body + 0.4 * skin, rate, rng.uniform(-0.7, 0.7))


def shaker(rng: np.random.Generator, rate: int) -> Samples:
    """Noise that rises for a short time and then decays."""
    frames = int(rng.uniform(0.06, 0.12) * rate)
    noise = tones.bandpass(rng.standard_normal(frames), rng.uniform(3500, 6000), rng.uniform(9000, 14000), rate)
    seconds = tones.time(frames, rate)
    peak = rng.uniform(0.015, 0.035)
    return _finish(noise * (seconds / peak) * np.exp(1 - seconds / peak), rate, rng.uniform(-0.6, 0.6))


def rim(rng: np.random.Generator, rate: int) -> Samples:
    frames = int(0.09 * rate)
    pitch = rng.uniform(380, 900)
    index = 3.0 * tones.decay(frames, rate, 0.03)
    knock = tones.modulated(pitch, rng.uniform(2.2, 3.7), index, rate) * tones.decay(
        frames, rate, rng.uniform(0.04, 0.09)
    )
    return _finish(knock, rate, rng.uniform(-0.5, 0.5))


def conga(rng: np.random.Generator, rate: int) -> Samples:
    frames = int(rng.uniform(0.15, 0.3) * rate)
    pitch = rng.uniform(170, 420)
    index = rng.uniform(0.5, 2.0) * tones.decay(frames, rate, 0.05)
    body = tones.modulated(pitch, 1.51, index, rate) * tones.decay(frames, rate, rng.uniform(0.12, 0.3))
    return _finish(body, rate, rng.uniform(-0.7, 0.7))


def cowbell(rng: np.random.Generator, rate: int) -> Samples:
    frames = int(0.25 * rate)
    low = rng.uniform(480, 640)
    angle = 2 * np.pi * low * tones.time(frames, rate)
    pair = np.sign(np.sin(angle)) + np.sign(np.sin(1.48 * angle))
    band = tones.bandpass(pair, low, min(6 * low, 0.4 * rate), rate)
    return _finish(band * tones.decay(frames, rate, rng.uniform(0.1, 0.3)), rate, rng.uniform(-0.5, 0.5))


def _metal(rng: np.random.Generator, rate: int, ring: float, edge: float) -> Samples:
    """A cymbal: six inharmonic square waves and noise, high-passed at `edge`."""
    frames = int((ring * 1.1 + 0.01) * rate)
    seconds = tones.time(frames, rate)
    pitches = rng.uniform(300, 900, 6) * rng.uniform(1.0, 5.0)
    squares = np.sign(np.sin(2 * np.pi * pitches[:, None] * seconds)).sum(axis=0) / 6
    source = rng.uniform(0.2, 0.8) * squares + rng.uniform(0.3, 0.8) * rng.standard_normal(frames)
    return _finish(tones.highpass(source, edge, rate) * tones.decay(frames, rate, ring), rate, rng.uniform(-0.4, 0.4))


def _finish(wave: Wave, rate: int, pan: float) -> Samples:
    """The wave scaled to a peak of one, faded out and panned."""
    peak = float(np.abs(wave).max())
    return tones.panned(tones.faded(wave / peak if peak else wave, rate), pan)
