"""Loops as notes, as in a sequencer, and their sound as a clip."""

from dataclasses import dataclass

import numpy as np
import scipy.fft

from core.audio.clip import Samples

FADE = 0.0015  # seconds: the usual fade of a DAW at the edge of a clip


@dataclass(frozen=True)
class Hit:
    """One note: its start in bars from the loop's start, the index of its sound, and its linear gain."""

    at: float
    sound: int
    gain: float


@dataclass(frozen=True)
class Loop:
    """A loop as a list of notes.

    Attributes:
        role: "drums", "hats", "percussion", "bass", "pluck", "keys", "bell", "pad", "lead" or "texture".
        bars: its length; each bar has its own notes.
        hits: all notes.
        sounds: the rendered notes, float32 [2, frames]; hits refer to them.
    """

    role: str
    bars: int
    hits: tuple[Hit, ...]
    sounds: tuple[Samples, ...]


@dataclass(frozen=True)
class Setting:
    """The properties that all loops of a song share.

    Attributes:
        rate: frames per second.
        bar_frames: frames of a bar, not always a whole number.
        groups: sixteenths in each group of the bar: (4, 4, 4, 4) is 4/4, (4, 4, 6) is 7/8.
        root: MIDI pitch class of the key's root, 0 to 11.
        scale: semitones of the seven steps above the root.
        progression: scale steps of the chords, bar by bar, repeated.
        swing: the delay of every second sixteenth, as a share of a sixteenth.
    """

    rate: int
    bar_frames: float
    groups: tuple[int, ...]
    root: int
    scale: tuple[int, ...]
    progression: tuple[int, ...]
    swing: float

    @property
    def steps(self) -> int:
        """Sixteenths in a bar."""
        return sum(self.groups)

    @property
    def beats(self) -> tuple[int, ...]:
        """The sixteenths on which the groups start."""
        return tuple(int(step) for step in np.concatenate([[0], np.cumsum(self.groups)[:-1]]))

    @property
    def step_seconds(self) -> float:
        return self.bar_frames / self.rate / self.steps

    @property
    def beats_per_bar(self) -> int:
        """Quarters in a bar, or eighths if the bar is no whole number of quarters."""
        return self.steps // 4 if self.steps % 4 == 0 else self.steps // 2

    def at(self, bar: int, step: float) -> float:
        """The position of a sixteenth in bars, with swing."""
        late = self.swing if round(step) % 2 == 1 else 0.0
        return bar + (step + late) / self.steps


def clip(loop: Loop, bar_frames: float, rate: int, *, folded: bool) -> Samples:
    """The loop as audio of exactly its bars, float32 [2, round(bars * bar_frames)].

    Args:
        folded: whether sound that rings past the end is added at the start, as in a loop recorded while it cycles;
            else the end is cut with a short fade.
    """
    frames = round(loop.bars * bar_frames)
    longest = max(sound.shape[1] for sound in loop.sounds)
    room = np.zeros((2, frames + longest + 1), dtype=np.float32)
    for hit in loop.hits:
        add(room, loop.sounds[hit.sound], round(hit.at * bar_frames), hit.gain)
    inside = room[:, :frames].copy()
    if folded:
        for start in range(frames, room.shape[1], frames):
            piece = room[:, start : start + frames]
            inside[:, : piece.shape[1]] += piece
    else:
        fade_out(inside, rate)
    return inside


def add(room: Samples, sound: Samples, start: int, gain: float) -> None:
    """Add a sound to a room [2, frames] in place. Frames outside the room are dropped."""
    skip = max(-start, 0)
    count = min(sound.shape[1], room.shape[1] - start)
    if count > skip:
        room[:, start + skip : start + count] += np.float32(gain) * sound[:, skip:count]


def fade_out(samples: Samples, rate: int) -> None:
    """Fade the last `FADE` seconds in place."""
    count = min(int(FADE * rate), samples.shape[1])
    samples[:, samples.shape[1] - count :] *= np.linspace(1.0, 0.0, count, dtype=np.float32)


def shifted(samples: Samples, fraction: float) -> Samples:
    """Samples delayed by a fraction of a frame, band-limited; the result is one frame longer."""
    frames = samples.shape[1]
    size = scipy.fft.next_fast_len(frames + 256, real=True)  # the ringing of the shift must not wrap round
    spectrum = scipy.fft.rfft(samples, n=size, axis=1)
    spectrum *= np.exp(-2j * np.pi * np.arange(spectrum.shape[1]) / size * fraction).astype(np.complex64)
    result: Samples = scipy.fft.irfft(spectrum, n=size, axis=1)[:, : frames + 1]
    return result
