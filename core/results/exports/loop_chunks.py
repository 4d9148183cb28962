"""Data for samplers and DAWs in the WAV file of a loop: how many beats it has, where they are, and that it cycles.

These are three RIFF chunks after the audio, which is not changed:

- `acid`: beats, metre and tempo, no root note; a flag says that the loop may be stretched.
- `cue `: a point on each beat, for slicing.
- `smpl`: one forward loop over the whole file. Its end is the last frame played, not one past it.
"""

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.results.piece import Part, Piece

STRETCH = 0x04  # not a one-shot (0x01), no root note (0x02)
MIDDLE_C = 60
UNKNOWN = 0x8000  # the usual value of a field of `acid` whose meaning was never published


def add_loop_chunks(path: Path, piece: Piece, part: Part) -> None:
    """Append the chunks to a loop's WAV file.

    Raises:
        OSError: the file cannot be written.
    """
    starts = piece.grid.starts[part.start_bar : part.start_bar + part.bars + 1]
    frames = int(starts[-1] - starts[0])
    beats = _beat_frames(starts - starts[0], piece.grid.beats_per_bar)
    chunks = _acid(piece, part, frames) + _cue(beats) + _sampler(piece.rate, frames)
    with path.open("r+b") as file:
        file.seek(0, 2)
        file.write(chunks)
        size = file.tell() - 8
        file.seek(4)
        file.write(struct.pack("<I", size))


def _beat_frames(starts: NDArray[np.int64], beats_per_bar: int) -> list[int]:
    """The frame of each beat, for bars with these starts; the last start is the end of the last bar."""
    beats = np.interp(np.arange((len(starts) - 1) * beats_per_bar) / beats_per_bar, np.arange(len(starts)), starts)
    return [int(frame) for frame in np.round(beats)]


def _acid(piece: Piece, part: Part, frames: int) -> bytes:
    """Beats are quarter notes, as hosts expect, or the metre's own if the loop is no whole number of quarters."""
    beats, unit = piece.grid.beats_per_bar * part.bars, piece.grid.beat_unit
    if beats * 4 % unit == 0:
        beats = beats * 4 // unit
    bpm = 60 * beats * piece.rate / frames
    metre = (piece.grid.beat_unit, piece.grid.beats_per_bar)
    return _chunk(b"acid", struct.pack("<IHHfIHHf", STRETCH, MIDDLE_C, UNKNOWN, 0.0, beats, *metre, bpm))


def _cue(frames: list[int]) -> bytes:
    points = b"".join(
        struct.pack("<II4sIII", number, frame, b"data", 0, 0, frame) for number, frame in enumerate(frames, start=1)
    )
    return _chunk(b"cue ", struct.pack("<I", len(frames)) + points)


def _sampler(rate: int, frames: int) -> bytes:
    header = struct.pack("<9I", 0, 0, round(1e9 / rate), MIDDLE_C, 0, 0, 0, 1, 0)
    return _chunk(b"smpl", header + struct.pack("<6I", 0, 0, 0, frames - 1, 0, 0))


def _chunk(name: bytes, body: bytes) -> bytes:
    """A RIFF chunk. All bodies here have an even length, so no padding byte is needed."""
    return name + struct.pack("<I", len(body)) + body
