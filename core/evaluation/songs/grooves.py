"""Drum loops: patterns with accents and ghost notes in any metre, with the sounds of `drums`."""

from collections.abc import Callable, Sequence

import numpy as np

from core.evaluation.songs import drums
from core.evaluation.songs.drums import DrumSound
from core.evaluation.songs.forms import bar_letters
from core.evaluation.songs.notes import Hit, Loop, Setting

Steps = dict[float, float]  # sixteenth in the bar -> level
Pattern = Callable[[np.random.Generator, Setting], Steps]
Line = tuple[DrumSound, Pattern, float]  # sound, pattern, level


def kit(rng: np.random.Generator, setting: Setting, bars: int) -> Loop:
    """Kick, snare or clap, hats: a whole groove."""
    back = drums.snare if rng.random() < 0.7 else drums.clap
    lines: list[Line] = [
        (drums.kick, _kicks, 1.0),
        (back, _backbeat, 0.8),
        (drums.closed_hat, _pulse, 0.35),
    ]
    if rng.random() < 0.5:
        lines.append((drums.open_hat, _offbeats, 0.3))
    return _groove(rng, setting, bars, "drums", lines)


def beat(rng: np.random.Generator, setting: Setting, bars: int) -> Loop:
    """Kick and snare only."""
    back = drums.clap if rng.random() < 0.5 else drums.snare
    return _groove(rng, setting, bars, "drums", [(drums.kick, _kicks, 1.0), (back, _backbeat, 0.8)])


def hats(rng: np.random.Generator, setting: Setting, bars: int) -> Loop:
    """Hats, a shaker or a ride."""
    top = drums.shaker if rng.random() < 0.4 else drums.closed_hat
    second = drums.ride if rng.random() < 0.3 else drums.open_hat
    return _groove(rng, setting, bars, "hats", [(top, _pulse, 0.7), (second, _offbeats, 0.5)])


def percussion(rng: np.random.Generator, setting: Setting, bars: int) -> Loop:
    """Toms, congas, rims and bells in scattered patterns."""
    choices: list[DrumSound] = [drums.tom, drums.conga, drums.conga, drums.rim, drums.cowbell, drums.shaker]
    picked = rng.permutation(len(choices))[: rng.integers(2, 4)]
    lines = [(choices[i], _scatter, float(rng.uniform(0.5, 1.0))) for i in picked]
    return _groove(rng, setting, bars, "percussion", lines)


def _groove(rng: np.random.Generator, setting: Setting, bars: int, role: str, lines: Sequence[Line]) -> Loop:
    sounds = tuple(sound(rng, setting.rate) for sound, _, _ in lines)
    letters = bar_letters(rng, bars)
    hits: list[Hit] = []
    for index, (_, pattern, level) in enumerate(lines):
        plain = pattern(rng, setting)
        played = {letter: plain if letter == "A" else _varied(rng, setting, plain) for letter in sorted(set(letters))}
        for bar, letter in enumerate(letters):
            hits += [Hit(setting.at(bar, step), index, level * gain) for step, gain in sorted(played[letter].items())]
    return Loop(role, bars, tuple(hits), sounds)


def _kicks(rng: np.random.Generator, setting: Setting) -> Steps:
    style = rng.integers(4)
    if style == 0:  # four on the floor
        return dict.fromkeys(setting.beats, 1.0)
    hits: Steps = {0: 1.0}
    chance = (0.0, 0.12, 0.22, 0.3)[style]
    for step in range(1, setting.steps):
        on_beat = step in setting.beats
        if rng.random() < chance * (1.5 if on_beat else 1.0 if step % 2 == 0 else 0.4):
            hits[step] = rng.uniform(0.7, 1.0)
    return hits


def _backbeat(rng: np.random.Generator, setting: Setting) -> Steps:
    beats = setting.beats
    strong = beats[1::2] if len(beats) > 2 and rng.random() < 0.75 else (beats[len(beats) // 2],)
    hits: Steps = dict.fromkeys(strong, 1.0)
    ghosts = rng.uniform(0.0, 0.2)
    for step in range(setting.steps):
        if step not in hits and rng.random() < ghosts:
            hits[step] = rng.uniform(0.1, 0.3)
    return hits


def _pulse(rng: np.random.Generator, setting: Setting) -> Steps:
    every = int(rng.choice([1, 2, 2]))
    accents = rng.uniform(0.35, 1.0, 4)
    accents[0] = 1.0
    steps = (step for step in range(0, setting.steps, every) if rng.random() < 0.93)
    return {step: float(accents[(step // every) % 4]) for step in steps} or {0: 1.0}


def _offbeats(rng: np.random.Generator, setting: Setting) -> Steps:
    chosen = [beat + 2 for beat in setting.beats if rng.random() < 0.7]
    return dict.fromkeys(chosen or [setting.beats[-1] + 2], 1.0)


def _scatter(rng: np.random.Generator, setting: Setting) -> Steps:
    count = int(rng.integers(2, max(3, setting.steps // 3)))
    weight = np.where(np.arange(setting.steps) % 2 == 0, 2.0, 1.0)
    steps = rng.choice(setting.steps, count, replace=False, p=weight / weight.sum())
    return {int(step): rng.uniform(0.4, 1.0) for step in steps}


def _varied(rng: np.random.Generator, setting: Setting, plain: Steps) -> Steps:
    """A related bar: the same pattern with one hit removed and some new hits in its second half."""
    hits = dict(plain)
    if len(hits) > 2:
        del hits[sorted(hits)[int(rng.integers(1, len(hits)))]]
    half = range(setting.steps // 2, setting.steps)
    for step in rng.choice(half, int(rng.integers(1, 4)), replace=False):
        hits.setdefault(int(step), rng.uniform(0.3, 0.9))
    return hits
