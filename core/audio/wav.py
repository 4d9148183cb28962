"""Float32 WAV files, written whole."""

import struct
from pathlib import Path

import numpy as np

from core.audio.clip import Samples, spans
from core.base.errors import Code, LoopError

MOST_BYTES = 2**32 - 1  # the largest size that a RIFF header can store
FLOATS = 3  # format tag of samples in IEEE floating point


def write_wav(path: Path, samples: Samples, rate: int) -> None:
    """Write float32 samples [channels, frames] as a float32 WAV, bit for bit, in little memory.

    The same samples give the same file. libsndfile writes the time of day into the header (its PEAK chunk); SciPy does
    not, but it needs a copy of all samples.

    Raises:
        LoopError: WRITE_FAILED, with the system's reason, or because a WAV can hold no more than 4 GB.
    """
    channels, frames = samples.shape
    size = 4 * channels * frames
    if size + 50 > MOST_BYTES:
        raise LoopError(
            Code.WRITE_FAILED, f"{path}: a WAV holds at most 4 GB, got {size / 1e9:.1f} GB; extract a part of the song"
        )
    header = struct.pack("<4sI4s", b"RIFF", size + 50, b"WAVE")
    header += struct.pack("<4sIHHIIHHH", b"fmt ", 18, FLOATS, channels, rate, 4 * channels * rate, 4 * channels, 32, 0)
    header += struct.pack("<4sII4sI", b"fact", 4, frames, b"data", size)
    try:
        with path.open("wb") as file:
            file.write(header)
            for span in spans(frames):
                file.write(np.ascontiguousarray(samples[:, span].T, dtype="<f4").data)
    except OSError as error:
        raise LoopError(Code.WRITE_FAILED, f"{path}: cannot be written ({error}); check space and rights") from error
