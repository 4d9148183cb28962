"""Sounds without notes: noise textures as loops; and sounds that never repeat: one-shots and a voice-like line."""

import numpy as np

from core.audio.clip import Samples
from core.evaluation.songs import drums, tones
from core.evaluation.songs.notes import Hit, Loop, Setting, add
from core.evaluation.songs.tones import Wave

VOWELS = ((730, 1090, 2440), (270, 2290, 3010), (300, 870, 2240), (530, 1840, 2480), (570, 840, 2410))  # Hz


def texture(rng: np.random.Generator, setting: Setting, bars: int) -> Loop:
    """Noise in bands, cut by a rhythm: a swell over the whole bar, or a row of short bursts."""
    every = int(rng.choice([2, 4, setting.steps]))
    count = max(1, min(bars * setting.steps // every, 24))
    sounds = [_burst(rng, setting, every) for _ in range(count)]
    hits = []
    for bar in range(bars):
        for step in range(0, setting.steps - every + 1, every):
            index = (bar * (setting.steps // every) + step // every) % count
            if step == 0 or rng.random() < 0.75:
                hits.append(Hit(setting.at(bar, step), index, rng.uniform(0.4, 1.0)))
    return Loop("texture", bars, tuple(hits), tuple(sounds))


def _burst(rng: np.random.Generator, setting: Setting, steps: int) -> Samples:
    frames = int(steps * setting.step_seconds * setting.rate * rng.uniform(0.5, 0.98))
    low = rng.uniform(300, 4000)
    sides = [
        tones.bandpass(rng.standard_normal(frames), low, low * rng.uniform(1.5, 4.0), setting.rate) for _ in range(2)
    ]
    shape = np.linspace(0, 1, frames) ** rng.uniform(0.3, 3.0)
    shape = shape[::-1] if rng.random() < 0.5 else shape
    return tones.faded(np.stack(sides) * shape, setting.rate, 0.01).astype(np.float32)


def one_shots(rng: np.random.Generator, setting: Setting, frames: int, places: list[int]) -> Samples:
    """A different sound at each of the places, which are frames: crashes, risers, impacts, zaps, short sung vowels."""
    room = np.zeros((2, frames), dtype=np.float32)
    makers = (_riser, _impact, _zap, _vowel)
    for place in places:
        if rng.random() < 0.3:
            sound = drums.crash(rng, setting.rate)
        else:
            sound = makers[int(rng.integers(len(makers)))](rng, setting)
        add(room, sound, place, rng.uniform(0.4, 1.0) / max(float(np.abs(sound).max()), 1e-6))
    return room


def voice(rng: np.random.Generator, setting: Setting, frames: int) -> Samples:
    """A sung line that glides through vowels, has pauses, follows no bars and never repeats, float32 [2, frames]."""
    room = np.zeros((2, frames), dtype=np.float32)
    now = int(rng.uniform(0.0, 1.0) * setting.rate)
    step = int(rng.integers(0, 7))
    while now < frames:
        seconds = rng.uniform(0.18, 0.9)
        onward = int(np.clip(step + rng.integers(-3, 4), 0, 11))
        add(room, _syllable(rng, setting, step, onward, seconds), now, rng.uniform(0.5, 1.0))
        step = onward
        pause = rng.uniform(0.3, 1.6) if rng.random() < 0.2 else rng.uniform(0.0, 0.06)
        now += int((seconds + pause) * setting.rate)
    return room


def _syllable(rng: np.random.Generator, setting: Setting, step: int, onward: int, seconds: float) -> Samples:
    rate = setting.rate
    frames = int((seconds + 0.08) * rate)
    now = tones.time(frames, rate)
    start, end = (57 + 12 * (s // 7) + setting.scale[s % 7] + setting.root - 9 for s in (step, onward))
    glide = start + (end - start) * 0.5 * (1 + np.tanh((now - 0.7 * seconds) / 0.05))
    wobble = (
        0.3 * np.sin(2 * np.pi * rng.uniform(4.8, 6.2) * now) + 0.1 * np.cumsum(rng.standard_normal(frames)) / rate**0.5
    )
    frequency = 440.0 * 2.0 ** ((glide + wobble - 69) / 12)
    source = tones.wavetable(frequency, tones.harmonics("saw"), np.full(frames, 5000.0), rate)
    source += 0.15 * rng.standard_normal(frames) * tones.decay(frames, rate, 0.15)  # the consonant
    return tones.panned(_formants(rng, source, rate) * tones.gate(frames, rate, 0.03, seconds, 0.05), 0.0)


def _formants(rng: np.random.Generator, source: Wave, rate: int) -> Wave:
    """The source filtered with three formants that move from one vowel to another."""
    one, other = (VOWELS[int(i)] for i in rng.choice(len(VOWELS), 2, replace=False))
    turn = np.linspace(0.0, 1.0, len(source))
    bands = [
        sum(
            (tones.bandpass(source, 0.92 * f, 1.08 * f, rate) * g for f, g in zip(vowel, (1.0, 0.6, 0.35), strict=True))
        )
        for vowel in (one, other)
    ]
    return np.asarray(bands[0] * (1 - turn) + bands[1] * turn)


def _riser(rng: np.random.Generator, setting: Setting) -> Samples:
    frames = int(rng.uniform(0.5, 2.0) * setting.bar_frames)
    noise = rng.standard_normal((2, frames))
    dark, bright = (
        tones.bandpass(noise, low, 2 * low, setting.rate) for low in (rng.uniform(300, 900), rng.uniform(3000, 6000))
    )
    turn = np.linspace(0.0, 1.0, frames)
    return tones.faded((dark * (1 - turn) + bright * turn) * turn**2, setting.rate, 0.02).astype(np.float32)


def _impact(rng: np.random.Generator, setting: Setting) -> Samples:
    boom = drums.kick(rng, setting.rate)
    frames = int(rng.uniform(0.8, 1.8) * setting.rate)
    wash = tones.lowpass(rng.standard_normal((2, frames)), rng.uniform(500, 3000), setting.rate)
    sound = (wash * tones.decay(frames, setting.rate, 1.5)).astype(np.float32)
    add(sound, boom, 0, 1.0)
    return sound


def _zap(rng: np.random.Generator, setting: Setting) -> Samples:
    frames = int(rng.uniform(0.2, 0.7) * setting.rate)
    fall = np.geomspace(rng.uniform(1500, 5000), rng.uniform(80, 400), frames)
    wave = tones.wavetable(fall, tones.harmonics("saw", 8), np.full(frames, 6000.0), setting.rate)
    return tones.panned(wave * tones.decay(frames, setting.rate, 0.8), rng.uniform(-0.9, 0.9))


def _vowel(rng: np.random.Generator, setting: Setting) -> Samples:
    step, onward = (int(s) for s in rng.integers(0, 10, 2))
    return _syllable(rng, setting, step, onward, rng.uniform(0.3, 0.8))
