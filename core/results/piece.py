"""Piece: the data of a song for maps, tables and projects: its bars, and how strongly each loop plays in each bar."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import BarGrid

FAINT = 0.05  # -26 dB: a smaller activation is shown and written as silence


@dataclass(frozen=True)
class Part:
    """One loop in a piece.

    Attributes:
        label: the loop's name.
        bars: the loop's length in bars.
        start_bar: the bar of the song, from 0, where its file was cut.
        activations: float32 [bars of the piece], 0 to about 1.
        heard: int16 [bars of the piece], the bar of its file that sounds there, from 0; -1 where the loop is silent.
    """

    label: str
    bars: int
    start_bar: int
    activations: NDArray[np.float32]
    heard: NDArray[np.int16]

    @property
    def plays(self) -> NDArray[np.bool_]:
        """Whether the loop is loud enough to be shown, [bars of the piece]."""
        result: NDArray[np.bool_] = (self.activations >= FAINT) & (self.heard >= 0)
        return result


@dataclass(frozen=True)
class Piece:
    """A song taken apart into loops, without its sound.

    Attributes:
        name: the song's name.
        rate: frames a second.
        frames: the length of the whole song.
        channels: of the song and of every stem and loop.
        grid: the bars.
        parts: the loops, the loudest first.
    """

    name: str
    rate: int
    frames: int
    channels: int
    grid: BarGrid
    parts: tuple[Part, ...]

    @property
    def activations(self) -> NDArray[np.float32]:
        """float32 [bars, loops]."""
        return np.array([part.activations for part in self.parts], np.float32).reshape(-1, self.grid.bars).T

    @property
    def bpm(self) -> float:
        """Quarter notes a minute in the median bar. Hosts count quarter notes in any metre."""
        return self.grid.bpm(self.rate) * 4 / self.grid.beat_unit


def heard_from(start_bar: int, bars: int, loop_bars: NDArray[np.int16]) -> NDArray[np.int16]:
    """Which bar of a loop's file sounds in each bar of the piece, int16 [bars of the piece]; -1 where it is silent.

    A layout may number a loop's bars from any of them. The file begins at `start_bar`.

    Args:
        loop_bars: the loop's column of `Layout.loop_bars`.
    """
    cut = loop_bars[start_bar : start_bar + bars]
    known = np.flatnonzero(cut >= 0)
    first = int(cut[known[0]]) - int(known[0]) if known.size else 0
    return np.where(loop_bars >= 0, (loop_bars - first) % bars, -1).astype(np.int16)


def steady(start_bar: int, bars: int, count: int) -> NDArray[np.int16]:
    """`heard_from` for a loop that repeats without a pause through `count` bars."""
    return ((np.arange(count) - start_bar) % bars).astype(np.int16)
