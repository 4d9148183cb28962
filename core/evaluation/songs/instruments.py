"""Pitched instruments: each function draws a random sound and returns a function that renders a note of it.

Rendered notes are float32 [2, frames].
"""

from collections.abc import Callable

import numpy as np
from scipy.signal import fftconvolve

from core.audio.clip import Samples
from core.evaluation.songs import tones
from core.evaluation.songs.tones import Wave

Instrument = Callable[[float, float], Samples]
"""Renders a note from (MIDI pitch, seconds held)."""


def widener(rng: np.random.Generator, rate: int) -> Callable[[Samples], Samples]:
    """A random stereo effect: the middle, filtered with short noise, is added to the left, subtracted from the right.

    In a third of the draws there is no effect.
    """
    amount = 0.0 if rng.random() < 1 / 3 else rng.uniform(0.1, 0.6)
    frames = int(rng.uniform(0.004, 0.025) * rate)
    response = rng.standard_normal(frames) * tones.decay(frames, rate, frames / rate)
    response *= amount / np.sqrt(np.sum(response**2))

    def widened(sound: Samples) -> Samples:
        if amount == 0.0:
            return sound
        side = fftconvolve(sound.mean(axis=0), response)
        longer = np.pad(sound, ((0, 0), (0, frames - 1)))
        result: Samples = (longer + np.stack([side, -side])).astype(np.float32)
        return result

    return widened


def bass(rng: np.random.Generator, rate: int) -> Instrument:
    """A saw, square, triangle or sine wave with a falling filter."""
    shape = str(rng.choice(["saw", "square", "triangle", "sine"]))
    amplitudes = tones.harmonics(shape)
    amplitudes[0] += rng.uniform(0.0, 0.8)
    low, span, fall = rng.uniform(90, 300), rng.uniform(1.5, 12.0), rng.uniform(0.08, 0.4)
    resonance, drive = rng.uniform(0.0, 1.2), rng.uniform(0.8, 2.0)

    def note(pitch: float, seconds: float) -> Samples:
        frames = int((seconds + 0.06) * rate)
        cutoff = low * (1 + span * tones.decay(frames, rate, 2 * fall))
        steady = np.full(frames, tones.hertz(pitch))
        wave = tones.wavetable(steady, amplitudes, cutoff, rate, resonance)
        return tones.panned(np.tanh(drive * wave) * tones.gate(frames, rate, 0.004, seconds, 0.04), 0.0)

    return note


def pluck(rng: np.random.Generator, rate: int) -> Instrument:
    """A plucked string or a short synthetic pluck."""
    brightness, ring, pan = rng.uniform(0.1, 0.9), rng.uniform(0.4, 1.6), rng.uniform(-0.6, 0.6)
    grain = int(rng.integers(2**31))
    if rng.random() < 0.5:

        def plucked(pitch: float, seconds: float) -> Samples:
            frames = int((seconds + 0.25) * rate)
            own = np.random.default_rng([grain, int(pitch)])  # the same sound each time the note is played
            wave = tones.string(tones.hertz(pitch), frames, rate, brightness, own) * tones.decay(frames, rate, 2 * ring)
            return tones.panned(wave * tones.gate(frames, rate, 0.001, seconds + 0.1, 0.15), pan)

        return plucked
    amplitudes = tones.harmonics(str(rng.choice(["saw", "square", "triangle"])))
    low, span = rng.uniform(200, 900), rng.uniform(4.0, 14.0)

    def synthetic(pitch: float, seconds: float) -> Samples:
        frames = int((seconds + 0.2) * rate)
        fall = tones.decay(frames, rate, ring)
        cutoff = low * (1 + span * fall)
        wave = tones.wavetable(np.full(frames, tones.hertz(pitch)), amplitudes, cutoff, rate, 0.4)
        return tones.panned(wave * fall * tones.gate(frames, rate, 0.002, seconds, 0.12), pan)

    return synthetic


def keys(rng: np.random.Generator, rate: int) -> Instrument:
    """An electric piano by frequency modulation."""
    ratio, depth = float(rng.choice([1.0, 2.0, 3.0, 7.0, 14.0])), rng.uniform(0.4, 2.5)
    ring, pan = rng.uniform(0.6, 2.5), rng.uniform(-0.4, 0.4)

    def note(pitch: float, seconds: float) -> Samples:
        frames = int((seconds + 0.2) * rate)
        index = depth * tones.decay(frames, rate, 0.5 * ring)
        wave = tones.modulated(tones.hertz(pitch), ratio, index, rate) * tones.decay(frames, rate, 2 * ring)
        return tones.panned(wave * tones.gate(frames, rate, 0.003, seconds, 0.12), pan)

    return note


def bell(rng: np.random.Generator, rate: int) -> Instrument:
    """Inharmonic frequency modulation that rings."""
    ratio, depth = rng.uniform(1.3, 4.7), rng.uniform(1.0, 4.0)
    ring, pan = rng.uniform(0.8, 2.5), rng.uniform(-0.8, 0.8)

    def note(pitch: float, seconds: float) -> Samples:
        frames = int(max(seconds, 0.8 * ring) * rate)
        index = depth * tones.decay(frames, rate, ring)
        wave = tones.modulated(tones.hertz(pitch), ratio, index, rate) * tones.decay(frames, rate, 1.2 * ring)
        return tones.panned(tones.faded(wave, rate, 0.02), pan)

    return note


def pad(rng: np.random.Generator, rate: int) -> Instrument:
    """Three detuned voices on each side, with a slowly moving filter."""
    amplitudes = tones.harmonics(str(rng.choice(["saw", "square", "organ"])))
    detune = rng.uniform(0.03, 0.14)  # semitones
    low, depth, turn = rng.uniform(400, 1500), rng.uniform(0.5, 3.0), rng.uniform(0.1, 0.6)
    attack = rng.uniform(0.03, 0.3)
    phases = rng.random(6)

    def note(pitch: float, seconds: float) -> Samples:
        frames = int((seconds + 0.3) * rate)
        cutoff = low * (1 + depth * (0.5 - 0.5 * np.cos(2 * np.pi * turn * tones.time(frames, rate))))
        sides = []
        for side in range(2):
            wave: Wave = np.zeros(frames)
            for voice in range(3):
                offset = detune * (voice - 1 + 0.3 * (phases[3 * side + voice] - 0.5))
                wave += tones.wavetable(np.full(frames, tones.hertz(pitch + offset)), amplitudes, cutoff, rate)
            sides.append(wave / 3)
        return (np.stack(sides) * tones.gate(frames, rate, attack, seconds, 0.2)).astype(np.float32)

    return note


def lead(rng: np.random.Generator, rate: int) -> Instrument:
    """A bright tone with delayed vibrato and a short glide up to the pitch."""
    amplitudes = tones.harmonics(str(rng.choice(["saw", "square", "triangle", "organ"])))
    cutoff, resonance = rng.uniform(1200, 6000), rng.uniform(0.0, 0.6)
    depth, speed, scoop = rng.uniform(0.0, 0.3), rng.uniform(4.5, 6.5), rng.uniform(0.0, 1.0)
    pan = rng.uniform(-0.4, 0.4)

    def note(pitch: float, seconds: float) -> Samples:
        frames = int((seconds + 0.08) * rate)
        now = tones.time(frames, rate)
        bend = depth * np.minimum(now / 0.4, 1.0) * np.sin(2 * np.pi * speed * now) - scoop * np.exp(-now / 0.02)
        frequency = tones.hertz(pitch) * 2.0 ** (bend / 12)
        wave = tones.wavetable(frequency, amplitudes, np.full(frames, cutoff), rate, resonance)
        return tones.panned(wave * tones.gate(frames, rate, 0.01, seconds, 0.06), pan)

    return note
