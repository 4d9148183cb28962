"""Bars: where each bar of a clip starts, in frames, from a host, a tempo, a file of downbeats, or a tracker.

A grid of n bars has n + 1 starts; the last start is the end of the last bar. The sound before the first start (a
pick-up) and after the last one (a tail) belongs to no bar and stays in the rest.
"""

import csv
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from core.audio.clip import Samples
from core.base.errors import Code, LoopError

MIN_BARS = 4
MIN_BPM, MAX_BPM = 20.0, 400.0
SHORTEST_BAR = 0.2  # seconds: a 1/4 bar at 300 bpm; a shorter bar is a mistake in units


@dataclass(frozen=True)
class BarGrid:
    """Bars in frames.

    Attributes:
        starts: int64 [bars + 1], strictly increasing, from 0 to at most the clip's frames.
        beats_per_bar: beats in a bar, for exports and labels.
        origin: "host", "tempo", "file" or "tracker".
        beat_unit: the note value of a beat, 4 for quarter notes; 4 where it is not known.
    """

    starts: NDArray[np.int64]
    beats_per_bar: int
    origin: str
    beat_unit: int = 4

    @property
    def bars(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Frames of each bar, int64 [bars]."""
        return np.diff(self.starts)

    def bpm(self, rate: int) -> float:
        """Beats per minute of the median bar."""
        return 60.0 * rate * self.beats_per_bar / float(np.median(self.lengths))


def bars_from_frames(
    frames: ArrayLike, clip_frames: int, rate: int, *, beats_per_bar: int = 4, beat_unit: int = 4, origin: str
) -> BarGrid:
    """A grid from bar starts in frames (a host's tempo map): n + 1 positions for n bars.

    Raises:
        LoopError: ARGUMENTS when the starts do not increase or leave the clip, or when a bar is shorter than
            `SHORTEST_BAR`; MUSIC_NOT_USABLE when there are fewer than `MIN_BARS` bars.
    """
    positions = np.asarray(frames, dtype=np.float64)  # exact to 2**53 frames; huge values and NaN are refused below
    if positions.ndim != 1:
        raise LoopError(Code.ARGUMENTS, f"bars must be a list of positions, got {positions.ndim} dimensions")
    if not ((positions >= 0) & (positions <= clip_frames)).all():
        raise LoopError(
            Code.ARGUMENTS,
            f"bars must lie inside the clip (0 to {clip_frames} frames), got {np.min(positions):.0f} to"
            f" {np.max(positions):.0f} (are they frames of this file?)",
        )
    starts = positions.astype(np.int64)
    if (np.diff(starts) <= 0).any():
        index = int(np.argmax(np.diff(starts) <= 0))
        raise LoopError(
            Code.ARGUMENTS,
            f"bars must increase, but bar {index + 2} starts at {starts[index + 1]} after {starts[index]}",
        )
    if starts.size - 1 < MIN_BARS:
        raise LoopError(
            Code.MUSIC_NOT_USABLE,
            f"{max(starts.size - 1, 0)} bars, at least {MIN_BARS} are needed; choose a longer clip",
        )
    if np.diff(starts).min() < SHORTEST_BAR * rate:
        raise LoopError(
            Code.ARGUMENTS,
            f"a bar of {np.diff(starts).min()} frames is too short at {rate} Hz (are these beats, not bars?)",
        )
    return BarGrid(starts, beats_per_bar, origin, beat_unit)


def bars_from_tempo(
    clip_frames: int, rate: int, *, bpm: float, meter: tuple[int, int] = (4, 4), first_downbeat: float = 0.0
) -> BarGrid:
    """All whole bars of a steady tempo that fit into a clip.

    Args:
        bpm: quarter notes a minute, as hosts count them, in any metre.
        meter: beats in a bar and the note value of a beat, (7, 8) for seven eighths.
        first_downbeat: seconds from the clip's start to the first downbeat.

    Raises:
        LoopError: ARGUMENTS for a bpm outside 20 to 400, for an impossible metre, and for a first downbeat outside
            the clip; MUSIC_NOT_USABLE when fewer than `MIN_BARS` bars fit.
    """
    if not MIN_BPM <= bpm <= MAX_BPM:
        raise LoopError(Code.ARGUMENTS, f"bpm must be {MIN_BPM:g} to {MAX_BPM:g}, got {bpm:g}")
    beats, unit = meter
    if not 1 <= beats <= 32 or unit not in (1, 2, 4, 8, 16, 32):
        raise LoopError(Code.ARGUMENTS, f"metre must be like 4/4 or 7/8, got {beats}/{unit}")
    if not 0.0 <= first_downbeat * rate < clip_frames:
        raise LoopError(
            Code.ARGUMENTS,
            f"first downbeat must lie inside the clip (0 to {clip_frames / rate:.2f} s), got {first_downbeat:g}",
        )
    length = 60.0 / bpm * rate * beats * 4.0 / unit
    first = first_downbeat * rate
    # Half a frame of tolerance: a clip cut to whole bars must not lose its last bar to rounding.
    count = int((clip_frames - first + 0.5) / length)
    starts = np.minimum(np.round(first + length * np.arange(count + 1)), clip_frames)
    return bars_from_frames(starts, clip_frames, rate, beats_per_bar=beats, beat_unit=unit, origin="tempo")


def bars_from_csv(path: Path, clip_frames: int, rate: int, *, beats_per_bar: int = 4) -> BarGrid:
    """A grid from a text file: the first column of each line is a downbeat in seconds. One header line is allowed.

    Raises:
        LoopError: NO_SUCH_FILE; ARGUMENTS with the number of a line that has no number; else as `bars_from_frames`.
    """
    try:
        reader = csv.reader(path.read_text(encoding="utf-8-sig").splitlines())
        rows = [(reader.line_num, row[0]) for row in reader if row and row[0].strip()]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        why = getattr(error, "strerror", None) or error
        raise LoopError(Code.NO_SUCH_FILE, f"{path}: cannot be read as a text file of downbeats ({why})") from error
    if rows and not _is_number(rows[0][1]):
        del rows[0]  # the header
    for line, cell in rows:
        if not _is_number(cell):
            raise LoopError(
                Code.ARGUMENTS, f"{path}: line {line} must begin with a downbeat in seconds, got {cell[:40]!r}"
            )
    seconds = [float(cell) for _, cell in rows]
    starts = np.round(np.array(seconds) * rate)
    return bars_from_frames(starts, clip_frames, rate, beats_per_bar=beats_per_bar, origin="file")


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def bar_energies(samples: Samples, grid: BarGrid) -> NDArray[np.float64]:
    """The sum of the squares of samples [channels, frames] in each bar."""
    spans = [slice(start, end) for start, end in pairwise(grid.starts)]
    return np.array([sum(float(np.vdot(channel[span], channel[span])) for channel in samples) for span in spans])
