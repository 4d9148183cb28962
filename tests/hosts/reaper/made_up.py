"""Songs of known loops in a fake project, a helper that gives the known answer, and an ear for what lies on tracks."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from bridge.hosts.reaper.helper import JobFolder
from tests.hosts.reaper.model import Item, Project, TempoMap

RATE = 8_000


@dataclass(frozen=True)
class MadeUpLoop:
    """A loop and where it is heard: for each bar the bar of the loop, -1 for none, and its gain."""

    label: str
    bars: int
    heard: Sequence[int]
    gains: Sequence[float] = ()

    def gain(self, bar: int) -> float:
        return self.gains[bar] if self.gains else 1.0


LOOPS = (
    MadeUpLoop("drums", 1, [0] * 8),
    MadeUpLoop("bass", 2, [-1, -1, 0, 1, 0, 1, -1, -1]),
    MadeUpLoop("drums", 1, [-1, -1, -1, -1, 0, 0, 0, 0], [0, 0, 0, 0, 1.0, 1.0, 0.5, 0.5]),
)


@dataclass
class MadeUpSong:
    """Noise loops laid out on bars; samples are float32 [frames, 2]."""

    starts: list[int]
    loops: Sequence[MadeUpLoop] = LOOPS
    rate: int = RATE
    tail: int = 123
    stems: list[Any] = field(default_factory=list)
    files: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        rng = np.random.default_rng(7)
        frames = self.starts[-1] + self.tail
        self.rest = (0.01 * rng.standard_normal((frames, 2))).astype(np.float32)
        for loop in self.loops:
            first = self.first(loop)
            length = self.starts[first + loop.bars] - self.starts[first]
            audio = (0.1 * rng.standard_normal((length, 2))).astype(np.float32)
            stem = np.zeros((frames, 2), np.float32)
            for bar, heard in enumerate(loop.heard):
                if heard >= 0:
                    into = self.starts[first + heard] - self.starts[first]
                    room = min(self.starts[bar + 1] - self.starts[bar], length - into)
                    stem[self.starts[bar] : self.starts[bar] + room] = loop.gain(bar) * audio[into : into + room]
            self.files.append(audio)
            self.stems.append(stem)

    def first(self, loop: MadeUpLoop) -> int:
        """The bar that its file was cut from."""
        return list(loop.heard).index(0)

    @property
    def samples(self) -> Any:
        return np.sum([*self.stems, self.rest], axis=0, dtype=np.float32)

    def result(self, folder: Path) -> dict[str, Any]:
        """Write the files of a result; what a helper would tell of them."""
        for name in ("stems", "loops"):
            (folder / name).mkdir(parents=True)
        soundfile.write(folder / "stems" / "rest.wav", self.rest, self.rate, subtype="FLOAT")
        loops = []
        for k, loop in enumerate(self.loops):
            name = f"{k + 1:02d}-{loop.label}.wav"
            soundfile.write(folder / "stems" / name, self.stems[k], self.rate, subtype="FLOAT")
            soundfile.write(folder / "loops" / name, self.files[k], self.rate, subtype="FLOAT")
            gains = [loop.gain(bar) if heard >= 0 else 0.0 for bar, heard in enumerate(loop.heard)]
            loops.append(
                {
                    "label": loop.label,
                    "bars": loop.bars,
                    "start_bar": self.first(loop) + 1,
                    "colour": [36 + k, 182, 161],
                    "stem": str(folder / "stems" / name),
                    "loop": str(folder / "loops" / name),
                    "activations": gains,
                    "heard": list(loop.heard),
                    "gains": gains,
                }
            )
        return {
            "folder": str(folder),
            "report": str(folder / "report.html"),
            "rate": self.rate,
            "frames": len(self.rest),
            "channels": 2,
            "bars": self.starts,
            "rest": str(folder / "stems" / "rest.wav"),
            "loops": loops,
            "warnings": [],
        }


def song_on(tempo: TempoMap, bars: int = 8, loops: Sequence[MadeUpLoop] = LOOPS, rate: int = RATE) -> MadeUpSong:
    """A song whose bars are those of a tempo map, from its beginning on."""
    return MadeUpSong([round(time * rate) for time in tempo.times[: bars + 1]], loops, rate)


class Helper:
    """Stands for the helper process: answers a job with a song's known loops, or with whatever the test wants."""

    def __init__(self, song: MadeUpSong, *, answers: bool = True) -> None:
        self.song = song
        self.answers = answers
        self.folders: list[Path] = []
        self.requests: list[dict[str, Any]] = []
        self.commands: list[list[str]] = []
        self.change: Callable[[dict[str, Any]], object] = lambda _result: None

    def __call__(self, words: list[str], timeout: int) -> str | None:
        assert timeout == -2
        self.commands.append(words)
        if "--open" in words:
            return "0\n"
        self.folders.append(Path(words[-1]))
        request = json.loads((self.folders[-1] / "request.json").read_text(encoding="utf-8"))
        self.requests.append(request)
        JobFolder(self.folders[-1]).tell(stage="starting loopcube", progress=0.0)
        if self.answers:
            self.finish()
        return "0\n"

    def tell(self, **event: object) -> None:
        JobFolder(self.folders[-1]).tell(**event)

    def finish(self) -> None:
        result = self.song.result(Path(self.requests[-1]["out"]) / "result-loops")
        self.change(result)
        JobFolder(self.folders[-1]).end("done", **result)

    def fail(self, text: str) -> None:
        JobFolder(self.folders[-1]).end("failed", code=-14, text=text)


def rendered(rate: int, items: Sequence[Item], *, frames: int) -> Any:
    """What items play, by their own properties alone, from the project's beginning on: float64 [frames, 2]."""
    mix = np.zeros((frames, 2))
    for item in items:
        take = item.take
        assert take.source is not None
        assert take.source.rate == rate
        assert take.values["D_PLAYRATE"] == 1.0
        start, end = (round(time * rate) for time in item.span)
        index = round(take.values["D_STARTOFFS"] * rate) + np.arange(end - start)
        samples = take.source.samples.astype(np.float64)
        if item.values["B_LOOPSRC"]:
            index %= len(samples)
        there = index < len(samples)
        gain = item.values["D_VOL"] * take.values["D_VOL"]
        mix[start:end][there] += gain * samples[index[there]]
    return mix


def levels(project: Project) -> list[tuple[int, str]]:
    """Each track's depth in folders, and its name; the folders must close in the end."""
    level, found = 0, []
    for track in project.tracks:
        found.append((level, track.name))
        level += int(track.values["I_FOLDERDEPTH"])
        assert level >= 0
    assert level == 0
    return found


def items_below(project: Project, folder: str) -> list[Item]:
    """The items on the tracks inside folders of that name."""
    found: list[Item] = []
    inside: list[int] = []
    for (level, name), track in zip(levels(project), project.tracks, strict=True):
        inside = [above for above in inside if above < level]
        if inside:
            found += track.items
        if name == folder:
            inside.append(level)
    return found
