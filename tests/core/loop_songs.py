"""A tiny song of exactly repeating loops, for the tests of the core."""

from dataclasses import dataclass

import numpy as np

from core.audio.bars import BarGrid
from core.audio.clip import Clip, Samples
from core.base.errors import Cancelled
from core.base.progress import Progress

RATE, BAR = 8_000, 4_000  # half a second a bar
LAYOUT = np.array(
    [[1, 0, 0], [1, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1], [1, 1, 1], [0, 1, 0], [1, 0, 0], [0, 1, 1], [1, 1, 0]]
)


@dataclass(frozen=True)
class TinySong:
    clip: Clip
    grid: BarGrid
    stems: Samples
    layout: np.ndarray


def tiny_song(channels: int = 2, name: str = "tiny song") -> TinySong:
    """Clicks, a bass and a chime: 10 bars after a pick-up of 500 frames and before a tail of 700."""
    random = np.random.default_rng(0)
    time = np.arange(BAR) / RATE
    clicks = np.zeros(BAR)
    for beat in range(0, BAR, BAR // 4):
        clicks[beat : beat + 300] += random.standard_normal(300) * np.exp(-np.arange(300) / 60)
    bass = np.sin(2 * np.pi * 110 * time) * np.exp(-((time * 4) % 1))
    chime = np.sin(2 * np.pi * 1320 * time) * np.exp(-3 * ((time * 6) % 1))
    pieces = np.array([clicks * 0.3, bass * 0.3, chime * 0.2])
    played = (LAYOUT.T[:, :, None] * pieces[:, None, :]).reshape(len(pieces), -1)
    pan = np.array([[0.9, 0.4], [0.6, 0.6], [0.3, 0.8]])[:, :channels, None]
    stems = np.pad(pan * played[:, None, :], ((0, 0), (0, 0), (500, 700))).astype(np.float32)
    outside = np.zeros_like(stems[0])
    outside[:, :400] = 0.01 * random.standard_normal((channels, 400))
    starts = 500 + BAR * np.arange(len(LAYOUT) + 1, dtype=np.int64)
    return TinySong(Clip(stems.sum(axis=0) + outside, RATE, name), BarGrid(starts, 4, "host"), stems, LAYOUT)


def cancelling(calls: int) -> Progress:
    """A progress that listens to so many calls and cancels at the next."""
    left = iter([*range(calls), None])

    def report(_fraction: float, _stage: str) -> None:
        if next(left) is None:
            raise Cancelled

    return report
