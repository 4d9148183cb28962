"""Result folders as they may turn out to be: many or no loops, long songs, other metres, names in any script.

`write_odd_result` writes one by the same function that writes real ones, from loops that are made up here; nothing is
extracted, so it is quick. `ODD` names the cases that everything which reads results must cope with.
"""

import json
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.extraction.ladder import Extraction, Settings
from core.extraction.loops import cut_loops
from core.layout.layout import Layout
from core.results.write import write_result

RATE = 8_000
LENGTHS = (1, 2, 4, 1, 3)


@dataclass(frozen=True)
class Odd:
    """What is odd about a result.

    Attributes:
        loops: how many.
        bars: how many; of `bar_frames` each, the odd ones `uneven` frames longer.
        metre: beats in a bar, note value of a beat.
        lead, tail: frames before the first bar and after the last one.
        labels: in turn, numbered; what the labeller says when empty.
        name: the song's.
        channels: of everything.
    """

    loops: int = 3
    bars: int = 8
    bar_frames: int = 4_000
    uneven: int = 0
    metre: tuple[int, int] = (4, 4)
    lead: int = 300
    tail: int = 200
    labels: tuple[str, ...] = field(default=())
    name: str = "odd song"
    channels: int = 1

    @property
    def starts(self) -> np.ndarray:
        """Frames of the bar lines, int64 [bars + 1]."""
        lengths = self.bar_frames + self.uneven * (np.arange(self.bars) % 2)
        return self.lead + np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)


ODD = {
    "plain": Odd(channels=2),
    "no loops": Odd(loops=0),
    "one loop": Odd(loops=1),
    "40 loops": Odd(loops=40, bar_frames=2_000),
    "400 bars": Odd(loops=4, bars=400, bar_frames=1_600),
    "three four": Odd(metre=(3, 4)),
    "seven eight": Odd(metre=(7, 8), bar_frames=3_500),
    "uneven bars": Odd(uneven=130, lead=4_700),
    "Japanese": Odd(name="夜の歌", labels=("ドラム", "ベース")),
    "Arabic": Odd(name="أغنية الليل", labels=("طبول", "عود")),
    "quotes": Odd(name="""Say "hi", it's `50%` & <ok>""", labels=("""a"b""", "it's", "`%s`", "\"'`", "<&>$x$")),
    "control characters": Odd(name="tab\there", labels=("new\nline", "bell\x07")),
}


def odd_extraction(odd: Odd) -> Extraction:
    """An extraction of made-up loops: decaying tones, each in its own bars; the same on every run."""
    random = np.random.default_rng(0)
    starts = odd.starts
    frames = int(starts[-1]) + odd.tail
    lengths = tuple(LENGTHS[k % len(LENGTHS)] for k in range(odd.loops))
    loop_bars = np.array([_loop_bars(random, odd.bars, length) for length in lengths], np.int16).reshape(-1, odd.bars).T
    strengths = np.where(loop_bars >= 0, random.choice([0.3, 0.6, 1.0], loop_bars.shape), 0.0).astype(np.float32)
    layout = Layout(strengths, lengths, loop_bars)
    grid = BarGrid(starts, odd.metre[0], "host", odd.metre[1])
    stems = np.zeros((odd.loops, odd.channels, frames), np.float32)
    for loop in range(odd.loops):
        for bar in np.flatnonzero(loop_bars[:, loop] >= 0):
            span = slice(starts[bar], starts[bar + 1])
            tone = _tone(loop, int(loop_bars[bar, loop]), int(starts[bar + 1] - starts[bar]))
            stems[loop, :, span] = strengths[bar, loop] * tone
    rest = (1e-3 * random.standard_normal((odd.channels, frames))).astype(np.float32)
    loops = cut_loops(stems, rest, grid=grid, layout=layout, rate=RATE)
    if odd.labels:
        named = [f"{odd.labels[k % len(odd.labels)]} {k + 1}" for k in range(odd.loops)]
        loops = [replace(loop, label=label) for loop, label in zip(loops, named, strict=True)]
    clip = Clip(stems.sum(axis=0) + rest, RATE, odd.name)
    settings = Settings(loops=max(odd.loops, 1) if odd.loops < 8 else 8)
    diagnostics = {"method": "coherent", "rest_share": 0.01}
    return Extraction(clip, loops, stems, rest, layout, grid, None, diagnostics, [], settings)


def write_odd_result(odd: Odd, parent: Path) -> Path:
    """A result folder below `parent`, which is made when missing."""
    return quickly_drawn(write_result(odd_extraction(odd), parent), notes=4, rhythms=4, iterations=3)


def quickly_drawn(folder: Path, **settings: int) -> Path:
    """The result folder, its manifest with these settings for the factors that pictures find in its song."""
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["settings"].update(settings)
    (folder / "manifest.json").write_text(json.dumps(manifest, ensure_ascii=False), encoding="utf-8")
    return folder


def _loop_bars(random: np.random.Generator, bars: int, length: int) -> np.ndarray:
    """Runs of whole passes and of silence, from anywhere; at least one whole pass."""
    loop_bars = np.full(bars, -1)
    bar = int(random.integers(0, max(bars // 4, 1)))
    while bar + length <= bars:
        loop_bars[bar : bar + length] = np.arange(length)
        bar += length * int(random.choice([1, 1, 2]))
    return loop_bars


def _tone(loop: int, phase: int, frames: int) -> np.ndarray:
    time = np.arange(frames) / RATE
    pitch = 80 * 2 ** ((loop * 7 + phase * 3) % 60 / 12)
    return 0.2 * np.sin(2 * np.pi * pitch * time) * np.exp(-8 * (time % 0.125))
