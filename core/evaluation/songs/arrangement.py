"""Songs with known stems: loops are arranged, played and mixed. `classes` defines the songs of each class."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.audio.bars import BarGrid
from core.audio.clip import Clip, Samples
from core.evaluation.songs import grooves, textures, tunes
from core.evaluation.songs.layouts import Arrangement, deficiency
from core.evaluation.songs.notes import Loop, Setting, add, clip, fade_out, shifted

SCALES = {
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "major": (0, 2, 4, 5, 7, 9, 11),
    "dorian": (0, 2, 3, 5, 7, 9, 10),
    "phrygian": (0, 1, 3, 5, 7, 8, 10),
}
PROGRESSIONS = ((0, 5, 2, 6), (0, 3, 4, 3), (0, 0, 5, 6), (0, 5, 3, 4), (0, 6, 5, 6), (0, 3, 0, 4), (0, 0, 0, 0))
METRES = ((4, 4, 4, 4), (4, 4, 4), (4, 4, 4, 4, 4), (4, 4, 6))  # 4/4, 3/4, 5/4, 7/8 in sixteenths
METRE_CHANCES = (0.55, 0.15, 0.15, 0.15)
DRUMS = (grooves.kit, grooves.beat, grooves.hats, grooves.percussion)
PITCHED = (tunes.bass, tunes.pluck, tunes.keys, tunes.pad, tunes.lead, tunes.bell, textures.texture)
LEVELS = {"drums": -2.0, "hats": -12.0, "percussion": -9.0, "bass": -4.0, "texture": -15.0, "pad": -10.0}  # dB, else -9
PEAK = 0.9  # of a finished mixture


@dataclass(frozen=True)
class Song:
    """A song with known parts.

    Attributes:
        name: class and seed.
        mixture: the song itself: the sum of all stems and the rest.
        stems: float32 [loops, channels, frames].
        rest: float32 [channels, frames]: the sound that belongs to no loop.
        rest_counts: whether the rest is music (one-shots, a voice), and not only a pick-up or a coder's noise.
        activations: the mean gain of each loop in each bar, float32 [bars, loops]; 0 where it is off.
        bars_per_loop: the length of each loop in bars.
        roles: the kind of each loop: "drums", "bass" and so on.
        grid: the true bars.
        bar_frames: the true length of a bar, not always a whole number of frames.
        traits: properties of this song in words. "rank -2" means that the columns of two bar types are sums and
            differences of others, so the layout alone does not separate them.
    """

    name: str
    mixture: Clip
    stems: Samples
    rest: Samples
    rest_counts: bool
    activations: NDArray[np.float32]
    bars_per_loop: tuple[int, ...]
    roles: tuple[str, ...]
    grid: BarGrid
    bar_frames: float
    traits: tuple[str, ...]

    @property
    def rate(self) -> int:
        return self.mixture.rate

    @property
    def loops(self) -> int:
        return len(self.stems)


@dataclass(frozen=True)
class Timeline:
    """The bars of a song: the start of the first one in frames, their number, and the frames of the whole song."""

    first: float
    bars: int
    frames: int

    def starts(self, bar_frames: float) -> NDArray[np.float64]:
        """The true starts of the bars and the end of the last one in frames, with fractions, float64 [bars + 1]."""
        return np.float64(self.first) + bar_frames * np.arange(self.bars + 1, dtype=np.float64)


def random_setting(rng: np.random.Generator, *, whole: bool = True) -> Setting:
    """A key, a metre, a tempo of 80 to 174 bpm and a rate. If `whole`, bars have a whole number of frames."""
    rate = 44_100 if rng.random() < 0.75 else 48_000
    groups = METRES[int(rng.choice(len(METRES), p=METRE_CHANCES))]
    bpm = float(rng.integers(80, 175))
    bar_frames = rate * 60.0 / bpm * sum(groups) / 4
    if not whole and bar_frames == round(bar_frames):
        bar_frames += float(rng.uniform(0.1, 0.9))
    scale = SCALES[str(rng.choice(list(SCALES)))]
    return Setting(
        rate=rate,
        bar_frames=float(round(bar_frames)) if whole else bar_frames,
        groups=groups,
        root=int(rng.integers(12)),
        scale=scale,
        progression=PROGRESSIONS[int(rng.integers(len(PROGRESSIONS)))],
        swing=float(rng.choice([0.0, 0.0, 0.15, 0.3])),
    )


def random_loops(rng: np.random.Generator, setting: Setting, lengths: tuple[int, ...]) -> list[Loop]:
    """One loop for each length: drums and pitched loops mixed, with a bass in most songs."""
    makers = [DRUMS[int(rng.integers(2))], tunes.bass if rng.random() < 0.85 else tunes.pluck]
    while len(makers) < len(lengths):
        pool = DRUMS if rng.random() < 0.35 else PITCHED[1:]
        makers.append(pool[int(rng.integers(len(pool)))])
    order = rng.permutation(len(lengths))
    return [makers[int(i)](rng, setting, length) for i, length in zip(order, lengths, strict=True)]


def random_timeline(rng: np.random.Generator, setting: Setting, bars: int) -> Timeline:
    """A timeline. Half the songs start on their first bar, the others with silence or a pick-up. Some have a tail."""
    first = 0 if rng.random() < 0.5 else int(rng.uniform(0.05, 1.0) * setting.bar_frames)
    tail = 0 if rng.random() < 0.5 else int(rng.uniform(0.2, 1.5) * setting.rate)
    return Timeline(float(first), bars, first + round(setting.bar_frames * bars) + tail)


def levelled(rng: np.random.Generator, loop: Loop, sound: Samples) -> float:
    """The gain that brings a loop to the usual level of its role in a mix, with random deviations of up to 3 dB."""
    loud = float(np.sqrt(np.mean(np.square(sound), dtype=np.float64)))
    wanted = LEVELS.get(loop.role, -9.0) - 14.0 + rng.uniform(-3.0, 3.0)
    return float(10 ** (wanted / 20) / max(loud, 1e-6))


def play_clips(
    rng: np.random.Generator, setting: Setting, loop: Loop, phase: NDArray[np.int64], line: Timeline, *, subsample: bool
) -> Samples:
    """A stem [2, frames] in which the loop's audio is repeated, as a DAW repeats a clip.

    Args:
        phase: the bar of the loop that plays in each bar, -1 for none, [bars].
        subsample: whether clips start at their true time, by a band-limited shift, or at the nearest frame.
    """
    sound = clip(loop, setting.bar_frames, setting.rate, folded=bool(rng.random() < 0.4))
    sound *= np.float32(levelled(rng, loop, sound))
    stem = np.zeros((2, line.frames), dtype=np.float32)
    starts = line.starts(setting.bar_frames)
    for start, end in instances(phase):
        cut, until = (round(setting.bar_frames * bars) for bars in (phase[start], phase[start] + end - start))
        piece = sound[:, cut:until].copy()
        if phase[start] + end - start < loop.bars:
            fade_out(piece, setting.rate)
        place = int(np.floor(starts[start])) if subsample else round(float(starts[start]))
        fraction = float(starts[start]) - place
        add(stem, shifted(piece, fraction) if subsample and fraction > 1e-3 else piece, place, 1.0)
    return stem


def play_notes(
    rng: np.random.Generator,
    setting: Setting,
    loop: Loop,
    phase: NDArray[np.int64],
    line: Timeline,
    *,
    timing: float = 0.0,
    level: float = 0.0,
    choke: bool = False,
) -> Samples:
    """A stem [2, frames] whose notes are played anew in every pass, each at its nearest frame, and ring out.

    Args:
        timing, level: the standard deviations of each note's start in seconds and of its level in dB.
        choke: whether notes stop at the end of the bar in which the loop ends or is switched off.
    """
    sound = clip(loop, setting.bar_frames, setting.rate, folded=False)
    gain = levelled(rng, loop, sound)
    stem = np.zeros((2, line.frames), dtype=np.float32)
    starts = line.starts(setting.bar_frames)
    for start, end in instances(phase):
        limit = round(float(starts[end])) if choke else line.frames
        part = stem[:, :limit]
        for hit in loop.hits:
            if not phase[start] <= hit.at < phase[start] + end - start:
                continue
            at = starts[start] + (hit.at - phase[start]) * setting.bar_frames + rng.normal(0, timing) * setting.rate
            loud = hit.gain * gain * 10 ** (rng.normal(0, level) / 20)
            add(part, loop.sounds[hit.sound], round(float(at)), float(loud))
        if choke:
            fade_out(part, setting.rate)
    return stem


def instances(phase: NDArray[np.int64]) -> list[tuple[int, int]]:
    """The first bar, and one past the last bar, of each pass through a loop."""
    runs: list[tuple[int, int]] = []
    for bar, value in enumerate(phase):
        if value < 0:
            continue
        if runs and runs[-1][1] == bar and value == phase[bar - 1] + 1:
            runs[-1] = (runs[-1][0], bar + 1)
        else:
            runs.append((bar, bar + 1))
    return runs


def pick_up(rng: np.random.Generator, setting: Setting, line: Timeline) -> Samples:
    """The rest of a song that starts before its first bar: silence, or a few drum hits as a lead-in."""
    room = np.zeros((2, line.frames), dtype=np.float32)
    if line.first > setting.rate * setting.step_seconds and rng.random() < 0.6:
        fill = grooves.percussion(rng, setting, 1)
        lead_in = clip(fill, setting.bar_frames, setting.rate, folded=False)
        count = min(int(line.first), lead_in.shape[1])
        last = lead_in[:, -count:]
        fade_out(last, setting.rate)
        add(room, last, int(line.first) - count, levelled(rng, fill, lead_in))
    return room


def mixed(
    name: str,
    setting: Setting,
    layout: Arrangement,
    line: Timeline,
    loops: list[Loop],
    stems: Samples,
    rest: Samples,
    *,
    gains: NDArray[np.float32] | None = None,
    rest_counts: bool = False,
    traits: tuple[str, ...] = (),
) -> Song:
    """The finished song, scaled to a peak of `PEAK`."""
    total = stems.sum(axis=0, dtype=np.float64) + rest
    scale = np.float32(PEAK / np.abs(total).max())
    stems *= scale
    rest = rest * scale
    mixture = (stems.sum(axis=0, dtype=np.float64) + rest).astype(np.float32)
    starts = np.round(line.starts(setting.bar_frames)).astype(np.int64)
    missing = deficiency(layout)
    return Song(
        name=name,
        mixture=Clip(mixture, setting.rate, name),
        stems=stems,
        rest=rest,
        rest_counts=rest_counts,
        activations=layout.on.astype(np.float32) if gains is None else gains * layout.on,
        bars_per_loop=layout.lengths,
        roles=tuple(loop.role for loop in loops),
        grid=BarGrid(np.minimum(starts, line.frames), setting.beats_per_bar, "host"),
        bar_frames=setting.bar_frames,
        traits=traits + ((f"rank -{missing}",) if missing else ()),
    )
