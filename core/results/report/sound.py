"""The report's sound. A page opened from a disk may run scripts that are beside it, but may read no other file.

So stems and loops are written a second time, as scripts that pass base64 to the page. Stems are cut into chunks of some
seconds. One script holds one chunk of all stems, so a song starts to play before the rest of it is read. Chunks are
FLAC with 16 bits, which has no delay, not even by a sample; silent ones are left out. Loops are the exact bytes of
their files.
"""

import io
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.base.errors import Code, LoopError
from core.base.threads import in_order
from core.results.read import Result

CHUNK_SECONDS = 6.0
FULL = 32_767
# From 0 to 1. Measured: files are a sixth smaller than with 0 for a fifth more time; 1 saves 7 % more and takes 2.6
# times as long.
COMPRESSION = 0.25
FLAC_ANY_RATE = 65_535  # Hz; above it FLAC allows only multiples of ten

Frames = NDArray[np.float32]
Script = tuple[str, bytes]


class Sound(NamedTuple):
    """The bytes of a file, and the gain for its samples."""

    gain: float
    data: bytes


def chunk_frames(rate: int) -> int:
    """Frames of a chunk of the song."""
    return round(CHUNK_SECONDS * rate)


def sound_scripts(result: Result) -> Iterator[Script]:
    """The names and contents of the scripts, each made on demand: the song chunk by chunk, then the loops.

    Raises:
        LoopError: INCOMPLETE for a stem or a loop that cannot be read as audio.
    """
    yield from in_order(partial(_song_script, result), range(_chunks(result)))
    for number, loop in enumerate(result.loops):
        yield _script(f"loop-{number:04d}", [Sound(1.0, loop.read_bytes())])


def count_scripts(result: Result) -> int:
    """The number of scripts from `sound_scripts`."""
    return _chunks(result) + len(result.loops)


def check_stems(result: Result) -> None:
    """Refuse stems that are not as long as the song, because they would play at the wrong time.

    Raises:
        LoopError: INCOMPLETE, with the file.
    """
    for path in (*result.stems, result.rest):
        try:
            frames = soundfile.info(path).frames
        except soundfile.LibsndfileError as error:
            raise _damaged(path, error.error_string) from error
        if frames != result.piece.frames:
            raise _damaged(path, f"{frames} frames, the song has {result.piece.frames}")


def read_part(path: Path, start: int = 0, frames: int = -1) -> Frames:
    """Samples of a file from frame `start` on, float32 [frames, channels]; fewer than `frames` at the end of the file.

    Raises:
        LoopError: INCOMPLETE when the file cannot be read as audio.
    """
    try:
        part, _ = soundfile.read(path, start=start, frames=frames, dtype="float32", always_2d=True)
    except soundfile.LibsndfileError as error:
        raise _damaged(path, error.error_string) from error
    return np.asarray(part)


def encoded(frames: Frames, rate: int) -> Sound | None:
    """Samples [frames, channels] as a file with 16 bits, FLAC or, at rates that FLAC refuses, WAV; None for silence.

    Samples beyond full scale, which a stem may have, are scaled down; the gain undoes this.
    """
    peak = float(np.abs(frames).max(initial=0.0))
    if peak * FULL < 0.5:  # all samples would round to zero
        return None
    gain = max(1.0, peak)
    whole = np.round(frames * np.float32(FULL / gain)).astype(np.int16)
    file = io.BytesIO()
    if rate > FLAC_ANY_RATE and rate % 10:
        soundfile.write(file, whole, rate, format="WAV", subtype="PCM_16")
    else:
        soundfile.write(file, whole, rate, format="FLAC", subtype="PCM_16", compression_level=COMPRESSION)
    return Sound(gain, file.getvalue())


def _chunks(result: Result) -> int:
    return -(-result.piece.frames // chunk_frames(result.piece.rate))


def _song_script(result: Result, number: int) -> Script:
    rate, frames = result.piece.rate, chunk_frames(result.piece.rate)
    stems = (*result.stems, result.rest)
    return _script(f"song-{number:04d}", (encoded(read_part(stem, number * frames, frames), rate) for stem in stems))


def _script(name: str, sounds: Iterable[Sound | None]) -> Script:
    parts = ["null" if sound is None else f'[{sound.gain!r},"{b64encode(sound.data).decode()}"]' for sound in sounds]
    return f"{name}.js", f'loopcubeSound("{name}",[{",".join(parts)}])\n'.encode("ascii")


def _damaged(path: Path, reason: str) -> LoopError:
    return LoopError(Code.INCOMPLETE, f"{path}: cannot be played ({reason.rstrip('.')}); extract the song again")
