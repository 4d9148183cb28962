"""Music that is not as it should be: nothing repeats, one loop alone, silence, unequal bars, clipping."""

import dataclasses

import numpy as np
import pytest

from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.base.errors import Code, LoopError
from core.evaluation.scoring import match
from core.extraction.ladder import Extraction, Settings, extract
from tests.core.loop_songs import BAR, RATE, tiny_song

COHERENT = Settings(method="coherent")


def grid_of(bars: int, origin: str = "host") -> BarGrid:
    return BarGrid(BAR * np.arange(bars + 1, dtype=np.int64), 4, origin)


def bar_of(seed: int, length: int = BAR) -> np.ndarray:
    """One bar of sparse noise bursts in two channels."""
    rng = np.random.default_rng(seed)
    envelope = np.repeat(rng.random(16) < 0.4, length // 16).astype(float)
    envelope *= np.tile(np.exp(-np.arange(length // 16) / 60), 16)
    bursts = rng.standard_normal((2, len(envelope))) * envelope * rng.uniform(0.2, 1.0, (2, 1))
    return np.pad(bursts, ((0, 0), (0, length - len(envelope)))).astype(np.float32)


def song(rows: list[str], lengths: list[int] | None = None) -> tuple[Clip, np.ndarray, BarGrid]:
    """Noise-burst loops by rows of # and ., bars of these lengths in frames."""
    lengths = lengths or [BAR] * len(rows[0])
    starts = np.concatenate([[0], np.cumsum(lengths)])
    stems = np.zeros((len(rows), 2, starts[-1]), dtype=np.float32)
    for k, row in enumerate(rows):
        for bar, letter in enumerate(row):
            if letter == "#":
                sound = bar_of(k)[:, : lengths[bar]]
                stems[k, :, starts[bar] : starts[bar] + sound.shape[1]] = sound
    return Clip(0.1 * stems.sum(axis=0), RATE, "hard"), 0.1 * stems, BarGrid(starts.astype(np.int64), 4, "host")


def nulls(found: Extraction) -> bool:
    left = found.clip.samples - found.stems.sum(axis=0, dtype=np.float64) - found.rest
    return bool(np.abs(left).max() < 1e-5)


TWO = ["########........########", "....########....########"]


def test_what_never_repeats_is_refused_by_the_coherent_method() -> None:
    noise = np.concatenate([bar_of(100 + k) for k in range(16)], axis=1)
    with pytest.raises(LoopError, match="nothing in it repeats exactly") as refused:
        extract(Clip(0.1 * noise, RATE, "noise"), COHERENT, grid=grid_of(16))
    assert refused.value.code == Code.MUSIC_NOT_USABLE


def test_one_loop_alone_is_one_loop() -> None:
    clip, stems, grid = song(["####....####....####...."])
    found = extract(clip, COHERENT, grid=grid)
    assert len(found.stems) == 1
    assert match(stems, found.stems).sdr.min() > 40


def test_silence_in_the_middle() -> None:
    clip, stems, grid = song(["######......######......", "..####......####......##"])
    found = extract(clip, COHERENT, grid=grid)
    assert match(stems, found.stems).sdr.min() > 40
    assert nulls(found)


def test_mono_in_stereo_and_a_silent_channel() -> None:
    clip, stems, grid = song(TWO)
    for weights in ([1.0, 1.0], [1.0, 0.0]):
        pan = np.array(weights, dtype=np.float32)[:, None]
        same = dataclasses.replace(clip, samples=clip.samples[:1] * pan)
        found = extract(same, COHERENT, grid=grid)
        assert match(stems[:, :1] * pan, found.stems).sdr.min() > 40
        assert nulls(found)


def test_a_song_that_changes_tempo_once() -> None:
    """Each loop comes out once for each tempo: at another tempo it is another waveform."""
    clip, stems, grid = song([row * 2 for row in TWO], [BAR] * 24 + [BAR - 250] * 24)
    found = extract(clip, COHERENT, grid=grid)
    first = np.arange(clip.frames) < grid.starts[24]
    halves = np.concatenate([np.where(first, stems, 0), np.where(first, 0, stems)])
    assert match(halves, found.stems).sdr.min() > 15
    assert nulls(found)


def test_unequal_bars_are_no_error() -> None:
    lengths = [BAR, BAR, BAR, BAR // 2] * 6
    clip, _, grid = song(TWO, lengths)
    assert nulls(extract(clip, grid=grid))


def test_clipped_audio_still_comes_apart() -> None:
    clip, stems, grid = song(TWO)
    limit = 0.5 * float(np.abs(clip.samples).max())
    clipped = dataclasses.replace(clip, samples=np.clip(clip.samples, -limit, limit))
    found = extract(clipped, COHERENT, grid=grid)
    assert match(stems, found.stems).sdr.min() > 10
    assert nulls(found)


def test_fewer_loops_can_be_asked_for() -> None:
    tiny = tiny_song()
    found = extract(tiny.clip, Settings(method="coherent", loops=1), grid=tiny.grid)
    assert len(found.stems) == 1
    assert nulls(found)


def test_bars_of_silence_say_so() -> None:
    samples = np.zeros((2, 20 * BAR), dtype=np.float32)
    samples[:, : BAR // 2] = bar_of(0)[:, : BAR // 2]
    grid = BarGrid(BAR * np.arange(1, 17, dtype=np.int64), 4, "host")
    with pytest.raises(LoopError, match="nothing but silence") as refused:
        extract(Clip(samples, RATE, "quiet"), grid=grid)
    assert refused.value.code == Code.MUSIC_NOT_USABLE
