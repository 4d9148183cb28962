"""The time and the memory from a song's file to the files of its loops: rows of the speed table.

Every extraction runs in a new process and includes imports (`benchmarks.speed.child`). The songs have six loops of one
to four bars at 120 bpm. They have a voice from the second quarter on; or no voice; or all loops, or every second one,
are played by hand.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
import scipy.signal
import soundfile

from benchmarks.speed.rows import Row
from core.audio.clip import Samples
from core.audio.wav import write_wav
from core.evaluation.songs import layouts, textures
from core.evaluation.songs.arrangement import METRES, SCALES, Timeline, play_clips, play_notes, random_loops
from core.evaluation.songs.notes import Setting

RATE, BAR_FRAMES = 44_100, 88_200
LENGTHS = (1, 1, 2, 2, 4, 1)
VOICE_DB = -8.0  # relative to all loops together
WINDOW, HOP = 2048, 512  # of the STFT in `_floor`, as in `core.audio.cube`
TIMES = 5
FEW = 2  # runs where one run takes minutes

SETTING = Setting(RATE, float(BAR_FRAMES), METRES[0], 3, SCALES["minor"], (0, 5, 2, 6), 0.0)


class Run(NamedTuple):
    """Medians over the runs of one extraction: wall seconds of the whole process, CPU seconds, peak bytes."""

    seconds: float
    cpu: float
    peak: float
    times: int

    def note(self, words: str = "") -> str:
        runs = f"median of {self.times}" if self.times > 1 else "one run"
        return f"{runs}, {self.cpu:.1f} s of CPU, {self.peak / 1e9:.2f} GB{words}"


def rows() -> Iterator[Row]:
    """The comparisons, each when it is done."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # on users' machines Python keeps its compiled code
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        yield from _starting(folder)
        yield from _songs_of_four_minutes(folder)
        yield from _growth(folder)


def _starting(folder: Path) -> Iterator[Row]:
    nothing = median(_timed([sys.executable, "-c", "pass"]) for _ in range(TIMES))
    shown = median(_timed([sys.executable, "-m", "bridge", "--help"]) for _ in range(TIMES))
    yield Row("loopcube --help", shown, "Python itself", nothing, "below 0.4 s", f"median of {TIMES}")
    song = _written(folder, "clips", 1)
    taken = [_child(folder, song, "--bar-frames", str(BAR_FRAMES), "--warm") for _ in range(3)]
    first, second = (median(each[name] for each in taken) for name in ("seconds", "again_seconds"))
    yield Row("first job of a warm worker, 1 minute", first, "its second job", second, "no import cost", "median of 3")


def _songs_of_four_minutes(folder: Path) -> Iterator[Row]:
    song = _written(folder, "voice", 4)
    host = ("--bar-frames", str(BAR_FRAMES))
    first, again, loops = _cold_and_warm(folder, song, *host)
    floor = loops * _floor(song)
    yield Row("4 minutes, host bars", first.seconds, "6 floors", 6 * floor, "at most 6 floors", first.note())
    yield Row("", first.seconds, "real time", 240.0, "above 15 times", "at most 1.5 GB")
    yield Row("again with 3 loops", again.seconds, "the first time", first.seconds, "above 2.5 times", again.note())
    yield _again_in_a_worker(folder, song, *host)
    tracked, again, _ = _cold_and_warm(folder, song)
    yield Row("4 minutes, tracked bars", tracked.seconds, "real time", 240.0, "above 8 times", tracked.note())
    yield Row("again with 3 loops", again.seconds, "the first time", tracked.seconds, "above 2.5 times", again.note())
    plain = _run(folder, _written(folder, "clips", 4), *host, times=FEW)
    yield Row("4 minutes without the voice", plain.seconds, "real time", 240.0, "", plain.note())
    played = _run(folder, _written(folder, "notes", 4), *host, times=FEW)
    yield Row("4 minutes played by hand", played.seconds, "real time", 240.0, "", played.note())
    partly = _run(folder, _written(folder, "both", 4), *host, times=FEW)
    yield Row("half of it by hand", partly.seconds, "real time", 240.0, "at most 1.5 GB", partly.note())


def _again_in_a_worker(folder: Path, song: Path, *options: str) -> Row:
    taken = []
    for _ in range(TIMES):
        with _home(folder):
            taken.append(_child(folder, song, *options, "--cache-mib", "256", "--warm", "3"))
    first, again = (median(each[name] for each in taken) for name in ("seconds", "again_seconds"))
    return Row("the same in a warm worker", again, "the first time", first, "above 2.5 times", f"median of {TIMES}")


def _growth(folder: Path) -> Iterator[Row]:
    host = ("--bar-frames", str(BAR_FRAMES))
    short = _run(folder, _written(folder, "voice", 4), *host, times=FEW)
    long = _run(folder, _written(folder, "voice", 16), *host, times=FEW)
    memory = f"; memory {long.peak / short.peak:.1f} times"
    yield Row(
        "16 minutes", long.seconds, "4.5 times 4 minutes", 4.5 * short.seconds, "at least 1 time", long.note(memory)
    )


def _cold_and_warm(folder: Path, song: Path, *options: str) -> tuple[Run, Run, int]:
    """A first extraction and one for 3 loops, each `TIMES` times; and the number of loops of the first."""
    first, again = [], []
    loops = 0
    for _ in range(TIMES):
        with _home(folder):
            first.append(_child(folder, song, *options, "--cache-mib", "256"))
            loops = len(list((folder / "out").glob("*-loops/loops/*.wav")))
            again.append(_child(folder, song, *options, "--cache-mib", "256", "--loops", "3"))
    return _median(first), _median(again), loops


def _run(folder: Path, song: Path, *options: str, times: int) -> Run:
    return _median([_child(folder, song, *options) for _ in range(times)])


def _median(taken: list[dict[str, float]]) -> Run:
    wall, cpu, peak = (median(each[name] for each in taken) for name in ("wall", "cpu", "peak"))
    return Run(wall, cpu, peak, len(taken))


def _child(folder: Path, song: Path, *options: str) -> dict[str, float]:
    out = folder / "out"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    began = time.perf_counter()
    done = subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-m", "benchmarks.speed.child", str(song), str(out), *options],
        capture_output=True,
        text=True,
        check=True,
    )
    return {**json.loads(done.stdout), "wall": time.perf_counter() - began}


@contextmanager
def _home(folder: Path) -> Iterator[None]:
    """An empty cache for the children."""
    os.environ["LOOPCUBE_HOME"] = tempfile.mkdtemp(dir=folder)
    try:
        yield
    finally:
        del os.environ["LOOPCUBE_HOME"]


def _timed(command: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, check=True)  # noqa: S603 - our own program
    return time.perf_counter() - began


def _floor(song: Path) -> float:
    """The seconds of one STFT and its inverse by SciPy, as a lower bound for one loop."""
    samples, _ = soundfile.read(song, dtype="float32", always_2d=True)

    def once() -> float:
        began = time.perf_counter()
        _, _, spectra = scipy.signal.stft(samples.T, RATE, nperseg=WINDOW, noverlap=WINDOW - HOP)
        scipy.signal.istft(spectra, RATE, nperseg=WINDOW, noverlap=WINDOW - HOP)
        return time.perf_counter() - began

    return median(once() for _ in range(TIMES))


def _written(folder: Path, kind: str, minutes: int) -> Path:
    """The file of a song of a kind. It is made if it does not exist."""
    path = folder / f"{kind}-{minutes}.wav"
    if not path.exists():
        mixture = _mixture(kind, minutes)
        write_wav(path, mixture * np.float32(0.9 / np.abs(mixture).max()), RATE)
    return path


def _mixture(kind: str, minutes: int) -> Samples:
    rng = np.random.default_rng(7)
    bars = 30 * minutes
    layout = layouts.arranged(rng, bars, LENGTHS)
    line = Timeline(0.0, bars, BAR_FRAMES * bars)
    mixture = np.zeros((2, line.frames), dtype=np.float32)
    for k, loop in enumerate(random_loops(rng, SETTING, LENGTHS)):
        phases = layout.phase[:, k]
        if kind == "notes" or (kind == "both" and k % 2):
            mixture += play_notes(rng, SETTING, loop, phases, line, timing=0.003, level=1.5)
        else:
            mixture += play_clips(rng, SETTING, loop, phases, line, subsample=False)
    if kind == "voice":
        voice = textures.voice(rng, SETTING, line.frames)
        voice[:, : line.frames // 4] = 0.0
        mixture += voice * np.float32(np.std(mixture) / np.std(voice) * 10 ** (VOICE_DB / 20))
    return mixture
