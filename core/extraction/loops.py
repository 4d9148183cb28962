"""Loops: one clean pass of each loop, cut from its stem where the loop stands out most, to cycle without a click."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import BarGrid, bar_energies
from core.audio.clip import Samples
from core.extraction.labels import labels_of
from core.layout.layout import Layout

Array = NDArray[np.float32]
FADE_SECONDS = 0.005  # long enough to hide a jump, shorter than the attack of a drum


@dataclass(frozen=True)
class Loop:
    """One loop.

    Attributes:
        audio: float32 [channels, frames of its bars], cycles without a click.
        bars: the length in bars: 1, 2, 3, 4, 6 or 8.
        start_bar: the bar of the song, counted from 0, at which the audio was cut.
        activations: float32 [bars of the song], as in the layout.
        label: a guess at its instrument, see `core.extraction.labels`.
        recipe: notes by rhythms, float32 [notes, rhythms], if the method has them.
    """

    audio: Samples
    bars: int
    start_bar: int
    activations: Array
    label: str
    recipe: Array | None = None


def cut_loops(
    stems: Samples,
    rest: Samples,
    *,
    grid: BarGrid,
    layout: Layout,
    rate: int,
    recipes: list[Array] | None = None,
) -> list[Loop]:
    """A loop for each stem [loops, channels, frames], cut from the bars where it stands out most, and labelled."""
    salience = bar_salience(stems, rest, grid)
    starts = [best_start(salience[:, k], bars) for k, bars in enumerate(layout.bars_per_loop)]
    fade = round(FADE_SECONDS * rate)
    cycles = [
        cut_cycle(stem, int(grid.starts[start]), int(grid.starts[start + bars]), fade)
        for stem, start, bars in zip(stems, starts, layout.bars_per_loop, strict=True)
    ]
    return [
        Loop(
            audio=cycles[k],
            bars=layout.bars_per_loop[k],
            start_bar=starts[k],
            activations=layout.activations[:, k],
            label=label,
            recipe=recipes[k] if recipes is not None else None,
        )
        for k, label in enumerate(labels_of(cycles, rate))
    ]


def bar_salience(stems: Samples, rest: Samples, grid: BarGrid) -> NDArray[np.float64]:
    """How much each loop stands out in each bar, [bars, loops]: its loudness times its share of the bar's energy.

    Loudness alone may pick a bar where something else is louder. The share alone may pick a bar where the loop is
    faint. The product finds the best bar more often than either of them (Smith, Kawasaki and Goto 2019, section 4).
    """
    energies = np.array([bar_energies(part, grid) for part in (*stems, rest)]).T
    shares = energies[:, :-1] / np.maximum(energies.sum(axis=1, keepdims=True), np.finfo(np.float64).tiny)
    result: NDArray[np.float64] = np.sqrt(energies[:, :-1] / grid.lengths[:, None]) * shares
    return result


def best_start(salience: NDArray[np.float64], bars: int) -> int:
    """The first bar of the run of `bars` bars with the highest salience."""
    return int(np.argmax(np.convolve(salience, np.ones(bars), mode="valid")))


def cut_cycle(stem: Samples, start: int, end: int, fade: int) -> Samples:
    """The frames from start to end. Its last `fade` frames are cross-faded to the frames before the start.

    So the end continues into the beginning as the music did at the cut, and the attack on the first beat does not
    change. If the loop also plays in the bar before, both sounds are alike and the end does not change either. Both
    sounds are alike or one is silent, so the fades sum to 1 in amplitude, not in power. Before the clip is silence.
    """
    cycle = stem[:, start:end].copy()
    fade = min(fade, cycle.shape[1])
    before = stem[:, max(start - fade, 0) : start]
    before = np.pad(before, ((0, 0), (fade - before.shape[1], 0)))
    rise = (0.5 - 0.5 * np.cos(np.pi * (np.arange(fade) + 1) / max(fade, 1))).astype(np.float32)
    cycle[:, cycle.shape[1] - fade :] += rise * (before - cycle[:, cycle.shape[1] - fade :])
    return cycle
