"""The classes of songs for measuring separation. Each song is built from a seed.

There are eight basic classes; one more in which some loops are played by hand and others are not; the four published
layouts (Ramires et al., ISMIR 2020: one-bar loops at 120 bpm, 44.1 kHz, 88200 frames a bar); and loops under a louder
layer that does not repeat.
"""

import zlib
from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from core.audio.clip import Samples
from core.evaluation.songs import effects, grooves, layouts, textures, tunes
from core.evaluation.songs.arrangement import (
    DRUMS,
    METRES,
    PITCHED,
    SCALES,
    Song,
    Timeline,
    mixed,
    pick_up,
    play_clips,
    play_notes,
    random_loops,
    random_setting,
    random_timeline,
)
from core.evaluation.songs.layouts import Arrangement
from core.evaluation.songs.notes import Loop, Setting, add

LONGEST = 120.0  # seconds, to limit the memory of the stems
Random = np.random.Generator


def build(kind: str, seed: int, *, short: bool = False) -> Song:
    """The song of a class and a seed. The same arguments give the same samples.

    Args:
        kind: one of `CLASSES`.
        short: 32 bars instead of 30 to 90, for quick tests; the published layouts keep their lengths.
    """
    rng = np.random.default_rng([zlib.crc32(kind.encode()), seed])
    return BUILDERS[kind](rng, f"{kind}-{seed}", short)


def _exact(rng: Random, name: str, short: bool) -> Song:
    """One-bar loops that repeat to the sample."""
    setting = random_setting(rng)
    count = int(rng.integers(4, 8))
    return _clips(rng, name, setting, (1,) * count, _bars(rng, setting, short))


def _fractional(rng: Random, name: str, short: bool) -> Song:
    """Bars of no whole number of frames: notes or clips at the nearest frame, or clips between frames."""
    setting = random_setting(rng, whole=False)
    lengths = (1,) * int(rng.integers(4, 7)) if rng.random() < 0.6 else (1, 1, 2, 2)
    bars = _bars(rng, setting, short)
    manner = ("notes", "clips", "subsample")[int(rng.integers(3))]
    if manner != "notes":
        return _clips(rng, name, setting, lengths, bars, subsample=manner == "subsample", traits=(manner,))
    layout = layouts.arranged(rng, bars, lengths)
    line = random_timeline(rng, setting, bars)
    loops = random_loops(rng, setting, lengths)
    stems = _stacked(
        play_notes(rng, setting, loop, layout.phase[:, k], line, choke=True) for k, loop in enumerate(loops)
    )
    return mixed(name, setting, layout, line, loops, stems, pick_up(rng, setting, line), traits=(manner,))


def _multibar(rng: Random, name: str, short: bool) -> Song:
    """Loops of 1, 2 and 4 bars, some of 8 (or of 3 and 6); some start or stop off the phrase."""
    setting = _mostly_whole(rng)
    lengths = [1, 2, 4] + [int(rng.choice([1, 2, 4, 4])) for _ in range(int(rng.integers(1, 4)))]
    if not short and rng.random() < 0.4:
        lengths[-1] = 8
    if rng.random() < 0.15:
        lengths = [1, 3, 3, 6]
    off = float(rng.choice([0.0, 0.1, 0.3]))
    restart = bool(rng.random() < 0.4)
    traits = (f"off-phrase {off:g}", *(("restarts",) if restart else ()))
    return _clips(
        rng, name, setting, tuple(lengths), _bars(rng, setting, short), off_phrase=off, restart=restart, traits=traits
    )


def _reverb(rng: Random, name: str, short: bool) -> Song:
    """Reverb that rings over bar lines, and gains that move by up to 4 dB up and down."""
    setting = _mostly_whole(rng)
    bars, lengths = _bars(rng, setting, short), _few_lengths(rng)
    layout = layouts.arranged(rng, bars, lengths)
    line = random_timeline(rng, setting, bars)
    loops = random_loops(rng, setting, lengths)
    gains = effects.section_gains(rng, layout)
    stems = []
    for k, loop in enumerate(loops):
        stem = play_clips(rng, setting, loop, layout.phase[:, k], line, subsample=False)
        stem = effects.automated(stem, gains[:, k], line, setting.bar_frames, setting.rate)
        stems.append(effects.reverberated(rng, stem, setting.rate))
    rest = pick_up(rng, setting, line)
    return mixed(name, setting, layout, line, loops, np.stack(stems), rest, gains=effects.bar_gains(gains))


def _played(rng: Random, name: str, short: bool) -> Song:
    """Loops played by hand: notes deviate by 3 ms and 1.5 dB (standard deviations), and ring out."""
    setting = random_setting(rng, whole=False)
    bars, lengths = _bars(rng, setting, short), _few_lengths(rng)
    layout = layouts.arranged(rng, bars, lengths)
    line = random_timeline(rng, setting, bars)
    loops = random_loops(rng, setting, lengths)
    stems = _stacked(
        play_notes(rng, setting, loop, layout.phase[:, k], line, timing=0.003, level=1.5)
        for k, loop in enumerate(loops)
    )
    return mixed(name, setting, layout, line, loops, stems, pick_up(rng, setting, line))


def _partly_played(rng: Random, name: str, short: bool) -> Song:
    """Up to half of the loops are played by hand, as in `_played`; the others repeat to the sample."""
    setting = _mostly_whole(rng)
    bars, lengths = _bars(rng, setting, short), _few_lengths(rng)
    layout = layouts.arranged(rng, bars, lengths)
    line = random_timeline(rng, setting, bars)
    loops = random_loops(rng, setting, lengths)
    by_hand = rng.permutation(len(lengths))[: int(rng.integers(1, len(lengths) // 2 + 1))]
    stems = _stacked(
        play_notes(rng, setting, loop, layout.phase[:, k], line, timing=0.003, level=1.5)
        if k in by_hand
        else play_clips(rng, setting, loop, layout.phase[:, k], line, subsample=False)
        for k, loop in enumerate(loops)
    )
    traits = ("by hand: " + ", ".join(str(k + 1) for k in sorted(by_hand)),)
    return mixed(name, setting, layout, line, loops, stems, pick_up(rng, setting, line), traits=traits)


def _dense(rng: Random, name: str, short: bool) -> Song:
    """6 loops of 12 bars in total; most of them play most of the time."""
    setting = _mostly_whole(rng)
    sets = ((1, 1, 2, 2, 2, 4), (1, 1, 1, 1, 4, 4), (2, 2, 2, 2, 2, 2), (1, 1, 1, 3, 2, 4))
    lengths = tuple(int(length) for length in rng.permutation(sets[int(rng.integers(4))]))
    return _clips(rng, name, setting, lengths, _bars(rng, setting, short), density=1.15)


def _oneshots(rng: Random, name: str, short: bool) -> Song:
    """Loops with one-shots and a voice-like line over them, which belong to the rest."""
    setting = _mostly_whole(rng)
    song = _clips(rng, name, setting, _few_lengths(rng), _bars(rng, setting, short))
    starts, frames = song.grid.starts, song.mixture.frames
    places = [int(start) for start in starts[:-1] if rng.random() < 0.15]
    places += [int(place) for place in rng.uniform(0, 0.97 * frames, len(starts) // 6)]
    shots = textures.one_shots(rng, setting, frames, places)
    sung = textures.voice(rng, setting, frames)
    sung[:, : int(rng.uniform(0.1, 0.4) * frames)] = 0.0  # the voice enters after the intro
    layer = _normal(shots) * np.float32(rng.uniform(0.4, 1.0)) + _normal(sung) * np.float32(rng.uniform(0.5, 1.0))
    return _over(song, layer, rng.uniform(-12.0, -5.0))


def _lossy(rng: Random, name: str, short: bool) -> Song:
    """The mix after MP3 or Vorbis; the coding error is the rest."""
    setting = _mostly_whole(rng)
    song = _clips(rng, name, setting, _few_lengths(rng), _bars(rng, setting, short))
    coder = effects.CODERS[int(rng.integers(2))]
    strength = float(rng.choice([0.2, 0.4, 0.6]))
    decoded = effects.coded(song.mixture.samples, setting.rate, coder, strength)
    return _with_rest(song, song.rest + decoded - song.mixture.samples, False, (f"{coder[0]} {strength:g}",))


def _published_sparse(rng: Random, name: str, short: bool) -> Song:  # noqa: ARG001 - it is short already
    return _published(rng, name, layouts.picked(rng, 1))


def _published_dense(rng: Random, name: str, short: bool) -> Song:  # noqa: ARG001
    return _published(rng, name, layouts.picked(rng, 2))


def _published_composed(rng: Random, name: str, short: bool) -> Song:  # noqa: ARG001
    return _published(rng, name, layouts.composed())


def _published_factorial(rng: Random, name: str, short: bool) -> Song:  # noqa: ARG001
    return _published(rng, name, layouts.factorial(rng))


def _under_layer(rng: Random, name: str, short: bool) -> Song:
    """4 loops of 64 bars under a voice and free players that never repeat, 6 dB louder than all loops together."""
    setting = random_setting(rng)
    song = _clips(rng, name, setting, (1, 1, 1, 1), 32 if short else 64)
    frames = song.mixture.frames
    layer = _normal(textures.voice(rng, setting, frames))
    for player in (tunes.lead, tunes.keys, tunes.pad, grooves.kit):
        layer += np.float32(rng.uniform(0.5, 1.0)) * _normal(_wander(rng, setting, player(rng, setting, 8), frames))
    return _over(song, layer, 6.0)


def _published(rng: Random, name: str, layout: Arrangement) -> Song:
    """One-bar loops at 120 bpm in 4/4; half of them are drums."""
    scale = SCALES[str(rng.choice(list(SCALES)))]
    setting = Setting(44_100, 88_200.0, METRES[0], int(rng.integers(12)), scale, (0,), 0.0)
    count = layout.on.shape[1]
    beats = [DRUMS[int(i)] for i in rng.integers(len(DRUMS), size=count // 2)]
    others = [PITCHED[int(i)] for i in rng.permutation(len(PITCHED))[: count - count // 2]]
    order = rng.permutation(count) if count == 4 else np.arange(count)  # with 10 loops the layout needs drums first
    loops = [[*beats, *others][int(i)](rng, setting, 1) for i in order]
    bars = len(layout.on)
    line = Timeline(0.0, bars, 88_200 * bars)
    stems = _stacked(
        play_clips(rng, setting, loop, layout.phase[:, k], line, subsample=False) for k, loop in enumerate(loops)
    )
    return mixed(name, setting, layout, line, loops, stems, np.zeros_like(stems[0]))


def _clips(
    rng: Random,
    name: str,
    setting: Setting,
    lengths: tuple[int, ...],
    bars: int,
    *,
    subsample: bool = False,
    density: float = 1.0,
    off_phrase: float = 0.0,
    restart: bool = False,
    traits: tuple[str, ...] = (),
) -> Song:
    """An arranged song whose loops repeat as audio clips."""
    layout = layouts.arranged(rng, bars, lengths, density=density, off_phrase=off_phrase, restart=restart)
    line = random_timeline(rng, setting, bars)
    loops = random_loops(rng, setting, lengths)
    stems = _stacked(
        play_clips(rng, setting, loop, layout.phase[:, k], line, subsample=subsample) for k, loop in enumerate(loops)
    )
    return mixed(name, setting, layout, line, loops, stems, pick_up(rng, setting, line), traits=traits)


def _over(song: Song, layer: Samples, decibels: float) -> Song:
    """The song with a layer whose level is `decibels` above that of all loops together."""
    loops = float(np.sqrt(np.mean(np.square(song.stems.sum(axis=0), dtype=np.float64))))
    gain = np.float32(loops * 10 ** (decibels / 20))
    return _with_rest(song, song.rest + gain * _normal(layer), True)


def _with_rest(song: Song, rest: Samples, counts: bool, traits: tuple[str, ...] = ()) -> Song:
    """The song with another rest, scaled down if the sum would clip."""
    total = song.stems.sum(axis=0, dtype=np.float64) + rest
    scale = np.float32(min(1.0, 0.98 / np.abs(total).max()))
    stems, rest = song.stems * scale, rest * scale
    mixture = (stems.sum(axis=0, dtype=np.float64) + rest).astype(np.float32)
    return replace(
        song,
        mixture=replace(song.mixture, samples=mixture),
        stems=stems,
        rest=rest,
        rest_counts=counts,
        traits=song.traits + traits,
    )


def _wander(rng: Random, setting: Setting, source: Loop, frames: int) -> Samples:
    """The sounds of a loop at random times: a solo without bars."""
    room = np.zeros((2, frames), dtype=np.float32)
    now = 0.0
    while now < frames:
        sound = source.sounds[int(rng.integers(len(source.sounds)))]
        add(room, sound, int(now), float(rng.uniform(0.4, 1.0)))
        now += rng.uniform(0.5, 6.0) * setting.step_seconds * setting.rate
    return room


def _normal(samples: Samples) -> Samples:
    """Samples scaled to a root mean square of one."""
    return samples / np.float32(max(np.sqrt(np.mean(np.square(samples, dtype=np.float64))), 1e-9))


def _stacked(stems: Iterable[Samples]) -> Samples:
    return np.stack(list(stems))


def _mostly_whole(rng: Random) -> Setting:
    """A setting: in three songs of four, bars have a whole number of frames."""
    return random_setting(rng, whole=bool(rng.random() < 0.75))


def _few_lengths(rng: Random) -> tuple[int, ...]:
    """4 to 6 loops, mostly of one bar."""
    return tuple(int(rng.choice([1, 1, 1, 2, 4])) for _ in range(int(rng.integers(4, 7))))


def _bars(rng: Random, setting: Setting, short: bool) -> int:
    """A number of bars, 30 to 90, within `LONGEST`; at least 30."""
    bars = int(rng.integers(30, 91))
    most = int(LONGEST * setting.rate / setting.bar_frames)
    return 32 if short else max(30, min(bars, most))


BUILDERS: dict[str, Callable[[Random, str, bool], Song]] = {
    "exact": _exact,
    "fractional": _fractional,
    "multibar": _multibar,
    "reverb": _reverb,
    "played": _played,
    "partly-played": _partly_played,
    "dense": _dense,
    "oneshots": _oneshots,
    "lossy": _lossy,
    "pub-sparse": _published_sparse,
    "pub-dense": _published_dense,
    "pub-composed": _published_composed,
    "pub-factorial": _published_factorial,
    "under-layer": _under_layer,
}
CLASSES = tuple(BUILDERS)
