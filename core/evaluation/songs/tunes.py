"""Pitched loops: bass lines, arpeggios, chords and melodies in the song's key, played with `instruments`."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from core.audio.clip import Samples
from core.evaluation.songs import instruments
from core.evaluation.songs.forms import bar_letters
from core.evaluation.songs.instruments import Instrument
from core.evaluation.songs.notes import Hit, Loop, Setting


@dataclass(frozen=True)
class Note:
    """A note of a bar: its sixteenth, its length in sixteenths, its scale steps above the chord's root, its level."""

    step: float
    length: float
    above: int
    gain: float


Phrase = Callable[[np.random.Generator, Setting], list[Note]]


def bass(rng: np.random.Generator, setting: Setting, bars: int) -> Loop:
    return _tune(rng, setting, bars, "bass", instruments.bass(rng, setting.rate), _bass_line, int(rng.integers(24, 36)))


def pluck(rng: np.random.Generator, setting: Setting, bars: int) -> Loop:
    return _tune(
        rng, setting, bars, "pluck", instruments.pluck(rng, setting.rate), _arpeggio, int(rng.integers(52, 70))
    )


def keys(rng: np.random.Generator, setting: Setting, bars: int) -> Loop:
    return _tune(rng, setting, bars, "keys", instruments.keys(rng, setting.rate), _stabs, int(rng.integers(50, 64)))


def bell(rng: np.random.Generator, setting: Setting, bars: int) -> Loop:
    return _tune(rng, setting, bars, "bell", instruments.bell(rng, setting.rate), _melody, int(rng.integers(70, 84)))


def pad(rng: np.random.Generator, setting: Setting, bars: int) -> Loop:
    return _tune(rng, setting, bars, "pad", instruments.pad(rng, setting.rate), _held_chord, int(rng.integers(48, 62)))


def lead(rng: np.random.Generator, setting: Setting, bars: int) -> Loop:
    return _tune(rng, setting, bars, "lead", instruments.lead(rng, setting.rate), _melody, int(rng.integers(60, 74)))


def pitch(setting: Setting, steps: int, lowest: int) -> int:
    """The MIDI pitch that is a number of scale steps above the first root at or above `lowest`."""
    octave, degree = divmod(steps, len(setting.scale))
    return lowest + (setting.root - lowest) % 12 + 12 * octave + setting.scale[degree]


def _tune(
    rng: np.random.Generator,
    setting: Setting,
    bars: int,
    role: str,
    instrument: Instrument,
    phrase: Phrase,
    lowest: int,
) -> Loop:
    letters = bar_letters(rng, bars)
    plain = phrase(rng, setting)
    phrases = {letter: plain if letter == "A" else _varied(rng, setting, plain) for letter in sorted(set(letters))}
    widened = instruments.widener(rng, setting.rate)
    sounds: list[Samples] = []
    known: dict[tuple[int, float], int] = {}
    hits: list[Hit] = []
    for bar, letter in enumerate(letters):
        chord = setting.progression[bar % len(setting.progression)]
        for note in phrases[letter]:
            key = (pitch(setting, chord + note.above, lowest), note.length)
            if key not in known:
                known[key] = len(sounds)
                sounds.append(widened(instrument(key[0], note.length * setting.step_seconds)))
            hits.append(Hit(setting.at(bar, note.step), known[key], note.gain))
    return Loop(role, bars, tuple(hits), tuple(sounds))


def _bass_line(rng: np.random.Generator, setting: Setting) -> list[Note]:
    density = rng.uniform(0.15, 0.6)
    steps = [0] + [step for step in range(1, setting.steps) if rng.random() < density * (1.3 if step % 2 == 0 else 0.5)]
    ends = [*steps[1:], setting.steps]
    held = rng.uniform(0.5, 0.95)
    above = rng.choice([0, 0, 0, 7, 4, 2], len(steps))
    above[0] = 0
    return [
        Note(step, round(min(held * (end - step), 6.0), 2), int(up), rng.uniform(0.75, 1.0))
        for step, end, up in zip(steps, ends, above, strict=True)
    ]


def _arpeggio(rng: np.random.Generator, setting: Setting) -> list[Note]:
    every = int(rng.choice([1, 2, 2, 3]))
    ladder = np.array([0, 2, 4, 7, 9, 11][: int(rng.integers(3, 7))])
    order = {0: ladder, 1: ladder[::-1], 2: np.concatenate([ladder, ladder[-2:0:-1]])}.get(int(rng.integers(4)))
    cycle = order if order is not None else rng.permutation(ladder)
    skip = rng.uniform(0.0, 0.3)
    steps = [step for step in range(0, setting.steps, every) if step == 0 or rng.random() > skip]
    return [
        Note(step, round(every * 0.9, 2), int(cycle[i % len(cycle)]), rng.uniform(0.6, 1.0))
        for i, step in enumerate(steps)
    ]


def _stabs(rng: np.random.Generator, setting: Setting) -> list[Note]:
    count = int(rng.integers(1, 5))
    steps = sorted({0, *(int(step) for step in rng.choice(np.arange(1, setting.steps), count, replace=False))})
    length = float(rng.choice([1.5, 2.0, 3.0]))
    chord = (0, 2, 4) if rng.random() < 0.6 else (0, 2, 4, 6)
    return [Note(step, length, above, 0.6 * rng.uniform(0.8, 1.0)) for step in steps for above in chord]


def _held_chord(rng: np.random.Generator, setting: Setting) -> list[Note]:
    chord = ((0, 2, 4), (0, 4, 7), (0, 2, 4, 6))[int(rng.integers(3))]
    cuts = [0] if rng.random() < 0.6 else [0, setting.beats[len(setting.beats) // 2]]
    ends = [*cuts[1:], setting.steps]
    return [
        Note(cut, float(end - cut) - 0.5, above, 0.5) for cut, end in zip(cuts, ends, strict=True) for above in chord
    ]


def _melody(rng: np.random.Generator, setting: Setting) -> list[Note]:
    count = int(rng.integers(3, max(4, setting.steps // 2)))
    steps = np.sort(rng.choice(setting.steps, count, replace=False))
    ends = np.append(steps[1:], setting.steps)
    walk = np.cumsum(rng.choice([-2, -1, -1, 1, 1, 2, 3], count)) % 9
    return [
        Note(int(step), float(min(end - step, 6)) * 0.9, int(up), rng.uniform(0.7, 1.0))
        for step, end, up in zip(steps, ends, walk, strict=True)
    ]


def _varied(rng: np.random.Generator, setting: Setting, plain: list[Note]) -> list[Note]:
    """A related bar: the same bar with other pitches from its first third on, and sometimes one more note."""
    late = [note.step for note in plain if note.step >= setting.steps // 3] or [plain[-1].step]
    moved = {step: int(rng.choice([-2, -1, 1, 2])) for step in late}
    bar = [replace(note, above=note.above + moved.get(note.step, 0)) for note in plain]
    if rng.random() < 0.5:
        step = setting.steps - int(rng.integers(1, 3))
        bar.append(Note(step, 0.9, int(rng.choice([0, 2, 4, 7])), 0.7))
    return bar
