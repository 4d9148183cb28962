import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.speed import madmom_peer
from core.audio.bars import BarGrid
from core.audio.clip import Clip, read_clip
from core.base.errors import Cancelled, Code, LoopError
from core.downbeats.tracker.track import track_bars

TOLERANCE = 0.02  # seconds: two frames of the tracker


def drums(rate: int, *, bars: int, beats: int, bpm: float, first: float = 0.0, tail: float = 0.0) -> Clip:
    """A drum kit and a bass whose bars are known: kick and a bass note on one, snares after, hats on eighths."""
    beat = 60 / bpm
    audio = np.zeros(round((first + bars * beats * beat + tail) * rate))
    seconds = np.arange(round(0.2 * rate)) / rate
    rng = np.random.default_rng(0)
    kick = np.sin(2 * np.pi * (50 * seconds - 8 * np.exp(-40 * seconds))) * np.exp(-15 * seconds)
    snare = 0.5 * rng.standard_normal(len(seconds)) * np.exp(-30 * seconds)
    hat = 0.2 * rng.standard_normal(len(seconds)) * np.exp(-120 * seconds)
    for index in range(bars * beats):
        bar, number = divmod(index, beats)
        hits = [(hat, 0.0), (hat, beat / 2), (snare if number % 2 else kick, 0.0)]
        if number == 0:
            hits.append((_bass(rate, (55.0, 65.4, 49.0, 73.4)[bar % 4], beats * beat), 0.0))
        for sound, offset in hits:
            _mix(audio, sound, round((first + index * beat + offset) * rate))
    return Clip((0.5 * audio[None] / np.abs(audio).max()).astype(np.float32), rate)


def _bass(rate: int, hertz: float, length: float) -> NDArray[np.float64]:
    seconds = np.arange(round(length * rate)) / rate
    saw = 0.2 * (2 * (hertz * seconds % 1) - 1)
    return saw * np.exp(-1.5 * seconds) + 0.3 * np.sin(2 * np.pi * hertz * seconds) * np.exp(-1.5 * seconds)


def _mix(audio: NDArray[np.float64], sound: NDArray[np.float64], at: int) -> None:
    audio[at : at + len(sound)] += sound[: len(audio) - at]


def _matches(grid: BarGrid, rate: int, first: float, length: float) -> bool:
    wanted = first + length * np.arange(grid.bars + 1)
    return bool(np.abs(grid.starts / rate - wanted).max() <= TOLERANCE)


@pytest.mark.usefixtures("needs_tracker")
class TestTracking:
    @pytest.mark.parametrize(
        ("rate", "bars", "beats", "bpm", "first"),
        [(44_100, 8, 4, 120.0, 0.0), (48_000, 8, 3, 140.0, 0.3)],
    )
    def test_known_downbeats_are_found(self, rate: int, bars: int, beats: int, bpm: float, first: float) -> None:
        grid = track_bars(drums(rate, bars=bars, beats=beats, bpm=bpm, first=first))
        assert (grid.bars, grid.beats_per_bar, grid.origin) == (bars, beats, "tracker")
        assert _matches(grid, rate, first, beats * 60 / bpm)

    def test_neither_level_nor_phase_nor_rate_hides_the_beat(self) -> None:
        loud = drums(22_050, bars=6, beats=4, bpm=120, first=0.5, tail=0.7)
        opposite = np.concatenate([loud.samples, -loud.samples]) * np.float32(0.002)  # -60 dBFS, mono mix silent
        grid = track_bars(Clip(opposite, 22_050), beats_per_bar=(4,))
        assert grid.bars == 6
        assert _matches(grid, 22_050, 0.5, 2.0)

    def test_music_of_three_bars_is_refused(self) -> None:
        clip = replace(drums(44_100, bars=3, beats=4, bpm=120), name="short")
        with pytest.raises(LoopError, match=r"short: only 3 downbeats were found, and 4 bars are needed") as caught:
            track_bars(clip, beats_per_bar=(4,))
        assert caught.value.code is Code.MUSIC_NOT_USABLE

    def test_a_swell_without_a_beat_is_refused(self) -> None:
        seconds = np.arange(5 * 44_100) / 44_100
        swell = np.sin(np.pi * seconds / 5) ** 2 * np.sin(2 * np.pi * 440 * seconds)
        with pytest.raises(LoopError, match=r"swell: no downbeats were found, .*give the bars instead") as caught:
            track_bars(Clip(swell[None].astype(np.float32), 44_100, "swell"))
        assert caught.value.code is Code.MUSIC_NOT_USABLE

    def test_progress_rises_and_may_cancel(self) -> None:
        heard: list[float] = []

        def stop_halfway(fraction: float, stage: str) -> None:
            assert stage in ("listening", "downbeats")
            heard.append(fraction)
            if fraction > 0.5:
                raise Cancelled

        with pytest.raises(Cancelled):
            track_bars(drums(44_100, bars=4, beats=4, bpm=200), progress=stop_halfway)
        assert heard == sorted(heard)
        assert len(heard) > 5

    def test_the_bars_of_the_example_song_are_found(self, shared_song: Path) -> None:
        clip = read_clip(shared_song)
        grid = track_bars(clip)
        assert (grid.bars, grid.beats_per_bar) == (32, 4)
        assert _matches(grid, clip.rate, 0.0, 4 * 60 / 128)

    def test_downbeats_are_those_of_madmom(self) -> None:
        clip = drums(44_100, bars=5, beats=3, bpm=180, first=0.2)
        mono = clip.samples[0] / np.abs(clip.samples[0]).max()
        beats = madmom_peer.beats(madmom_peer.activations(madmom_peer.features(mono)), (3, 4))
        downbeats = beats[beats[:, 1] == 1, 0]
        np.testing.assert_allclose(track_bars(clip).starts[: len(downbeats)] / clip.rate, downbeats, atol=1e-4)


def test_without_the_tracker_the_user_is_told_what_to_do(
    noise: Callable[..., Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "madmom", None)
    with pytest.raises(LoopError, match=r"not installed .*--bpm or --bars, or install the extra `tracking`") as caught:
        track_bars(noise(seconds=5.0))
    assert caught.value.code is Code.ARGUMENTS


@pytest.mark.parametrize("beats", [(), (1,), (4, 17), (0,)])
def test_impossible_metres_are_refused(noise: Callable[..., Clip], beats: tuple[int, ...]) -> None:
    with pytest.raises(LoopError, match="beats per bar must be 2 to 16") as caught:
        track_bars(noise(seconds=5.0), beats_per_bar=beats)
    assert caught.value.code is Code.ARGUMENTS


def test_a_clip_too_short_for_four_bars_is_refused_at_once(noise: Callable[..., Clip]) -> None:
    with pytest.raises(LoopError, match=r"1\.0 s is too short to find 4 bars in") as caught:
        track_bars(noise(seconds=1.0))
    assert caught.value.code is Code.MUSIC_NOT_USABLE
