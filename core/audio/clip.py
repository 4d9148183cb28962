"""Clips: audio as float32 samples [channels, frames] at the file's own rate, read from files.

Nothing is resampled or normalised.
"""

import mimetypes
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from core.base.errors import Code, LoopError
from core.base.threads import each

Samples = NDArray[np.float32]
MAX_CHANNELS = 8
MIN_RATE, MAX_RATE = 8_000, 192_000
HEAD = 4096  # bytes: every binary audio format has a zero byte among them, a text file has none
BAD_FILE = 7  # libsndfile's code for an MP3 without a frame; its own text wrongly says that the file does not exist
SPAN = 1 << 16  # frames: so many of a few stems fit into a processor's cache
SILENCE = 1e-5  # -100 dBFS: below the noise of any 16-bit file


@dataclass(frozen=True)
class Clip:
    """Audio in memory.

    Attributes:
        samples: float32 [channels, frames], finite.
        rate: frames per second.
        name: the name for the results, usually the file's name without its ending.
        path: the source file, if any.
    """

    samples: Samples
    rate: int
    name: str = "clip"
    path: Path | None = None

    @property
    def channels(self) -> int:
        return int(self.samples.shape[0])

    @property
    def frames(self) -> int:
        return int(self.samples.shape[1])

    @property
    def seconds(self) -> float:
        return self.frames / self.rate


def read_clip(path: Path) -> Clip:
    """Read an audio file: WAV, FLAC, AIFF, OGG and MP3 by libsndfile, other formats by librosa.

    Raises:
        LoopError: NO_SUCH_FILE; NOT_AUDIO (unreadable, empty, NaN or infinite samples); LIMIT (channels, rate);
            MUSIC_NOT_USABLE (silence).
    """
    if not path.exists():
        raise LoopError(Code.NO_SUCH_FILE, f"{path}: no such file; check the path")
    if not path.is_file():
        raise LoopError(Code.NO_SUCH_FILE, f"{path}: is a folder, not a file; choose one audio file")
    samples, rate = _decode(path)
    return checked(Clip(samples, rate, path.stem, path))


def checked(clip: Clip) -> Clip:
    """Check that a clip can be processed, and return it. Raises the errors of `read_clip`."""
    name = clip.path or clip.name
    if clip.samples.ndim != 2 or clip.samples.size == 0:
        raise LoopError(Code.NOT_AUDIO, f"{name}: contains no audio frames; export it again")
    if clip.channels > MAX_CHANNELS:
        raise LoopError(Code.LIMIT, f"{name}: {clip.channels} channels, at most {MAX_CHANNELS}; mix it down first")
    if not MIN_RATE <= clip.rate <= MAX_RATE:
        raise LoopError(Code.LIMIT, f"{name}: {clip.rate} Hz, must be {MIN_RATE} to {MAX_RATE}; convert it first")
    loudest = max(float(clip.samples.max()), -float(clip.samples.min()))  # NaN if any sample is NaN
    if not np.isfinite(loudest):
        raise LoopError(Code.NOT_AUDIO, f"{name}: has NaN or infinite samples; render it again")
    if loudest < SILENCE:
        raise LoopError(Code.MUSIC_NOT_USABLE, f"{name}: is silent; choose a clip with music in it")
    return clip


def spans(frames: int) -> list[slice]:
    """Frames cut into pieces of `SPAN`. Long signals are processed piece by piece: that is fast and saves memory."""
    return [slice(start, min(start + SPAN, frames)) for start in range(0, frames, SPAN)]


def rest_of(samples: Samples, stems: Samples, out: Samples | None = None) -> Samples:
    """Samples [channels, frames] minus the sum of stems [stems, channels, frames], in `out` if that is given."""
    rest = np.empty_like(samples) if out is None else out

    def fill(span: slice) -> None:
        rest[:, span] = samples[:, span] - stems[..., span].sum(axis=0)

    each(fill, spans(samples.shape[1]))
    return rest


def _decode(path: Path) -> tuple[Samples, int]:
    reason = _at_first_sight(path)
    if reason is None:
        with _quiet_decoders():
            try:
                frames, rate = soundfile.read(path, dtype="float32", always_2d=True)
                return np.ascontiguousarray(frames.T), int(rate)
            except soundfile.LibsndfileError as error:
                reason = "damaged" if error.code == BAD_FILE else error.error_string.rstrip(".")
            if not (mimetypes.guess_type(path.name)[0] or "").startswith("image/"):
                with suppress(Exception):  # audioread's back ends raise exceptions of any type
                    return _decode_by_librosa(path)
    raise LoopError(Code.NOT_AUDIO, f"{path}: cannot be read as audio ({reason}); convert it to WAV or FLAC")


@contextmanager
def _quiet_decoders() -> Iterator[None]:
    """Suppress what C decoders such as mpg123 print to the terminal. The user gets our own error message instead."""
    try:
        terminal = os.dup(2)
    except OSError:  # there is no terminal
        yield
        return
    try:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(terminal, 2)
        os.close(terminal)


def _at_first_sight(path: Path) -> str | None:
    """Why a file is clearly not audio, or None. Decoders need seconds for such files, or print to the terminal."""
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        return error.strerror
    if not head:
        return "it is empty"
    return None if b"\0" in head else "it is text"


def _decode_by_librosa(path: Path) -> tuple[Samples, int]:
    import librosa  # slow to import; only rare formats need it

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # librosa warns of its own fall-backs; the user gets our own error message
        samples, rate = librosa.load(path, sr=None, mono=False)
    shaped: NDArray[Any] = np.atleast_2d(samples)
    return shaped.astype(np.float32), int(rate)
