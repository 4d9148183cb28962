"""Coherent separation gives loops that repeat exactly back exactly, and says how far music is from that."""

import numpy as np
import pytest

from core.audio.bar_cuts import bar_shifts, cut_bars, lay_bars
from core.audio.bars import BarGrid
from core.audio.clip import Samples
from core.base.errors import LoopError
from core.evaluation.scoring import null_depth, sdr
from core.evaluation.songs.notes import shifted
from core.layout.layout import Layout, one_bar_layout
from core.separation.waveforms.robust import sparsest
from core.separation.waveforms.separate import separate
from tests.core.loop_songs import tiny_song

RATE = 8_000


def song(layout: Layout, starts: np.ndarray, shifts: np.ndarray | None = None, channels: int = 2) -> Samples:
    """Stems of one loop of smooth noise each, laid out on bars that may start between frames."""
    random = np.random.default_rng(1)
    length = int(np.diff(starts).max())
    stems = np.zeros((layout.loops, channels, int(starts[-1]) + 300), dtype=np.float32)
    for loop, count in enumerate(layout.bars_per_loop):
        noise = random.standard_normal((count, channels, length))
        pieces = np.apply_along_axis(np.convolve, -1, noise, np.hanning(9) / 5, mode="same")
        pieces = (0.1 * pieces * np.hanning(length) ** 0.2).astype(np.float32)
        for bar, phase in enumerate(layout.loop_bars[:, loop]):
            if phase < 0:
                continue
            piece = np.float32(layout.activations[bar, loop]) * pieces[phase]
            piece = piece[:, : starts[bar + 1] - starts[bar]]
            if shifts is not None:
                piece = shifted(piece, float(shifts[bar]))
            stems[loop, :, starts[bar] : starts[bar] + piece.shape[1]] += piece
    return stems


def even(bars: int, length: int = 2_000) -> np.ndarray:
    return 250 + length * np.arange(bars + 1, dtype=np.int64)


SWITCHES = np.array(
    [[1, 0, 0], [1, 1, 0], [0, 1, 1], [1, 1, 1], [1, 0, 1], [0, 1, 0], [1, 1, 0], [0, 0, 1]], np.float32
)


@pytest.mark.parametrize("channels", [1, 2, 3])
def test_loops_that_repeat_exactly_come_back_exactly(channels: int) -> None:
    layout = one_bar_layout(SWITCHES)
    grid = BarGrid(even(8), 4, "host")
    stems = song(layout, grid.starts, channels=channels)
    mixture = stems.sum(axis=0)
    found = separate(mixture, grid, layout, rate=RATE)
    assert found.stems.shape == stems.shape
    assert found.stems.dtype == found.rest.dtype == np.float32
    assert min(sdr(a, b) for a, b in zip(stems, found.stems, strict=True)) > 60
    assert null_depth(mixture, found.stems, found.rest) < -100
    assert found.coherence.min() > 0.99
    assert len(found.bands) == len(found.coherence) + 1


def test_what_lies_outside_of_the_bars_is_in_the_rest() -> None:
    tiny = tiny_song()
    found = separate(tiny.clip.samples, tiny.grid, one_bar_layout(tiny.layout.astype(np.float32)), rate=RATE)
    outside = np.r_[: tiny.grid.starts[0], tiny.grid.starts[-1] : tiny.clip.frames]
    assert not found.stems[..., outside].any()
    np.testing.assert_array_equal(found.rest[:, outside], tiny.clip.samples[:, outside])


def test_loops_of_several_bars() -> None:
    bars = np.arange(12)
    loop_bars = np.stack([bars % 2, np.where(bars % 5 < 3, bars % 3, -1), np.where(bars > 5, 0, -1)], axis=1)
    layout = Layout((loop_bars >= 0).astype(np.float32), (2, 3, 1), loop_bars.astype(np.int16))
    grid = BarGrid(even(12), 4, "host")
    stems = song(layout, grid.starts)
    found = separate(stems.sum(axis=0), grid, layout, rate=RATE)
    assert min(sdr(a, b) for a, b in zip(stems, found.stems, strict=True)) > 60


def test_gains_are_found_and_binary_ones_kept() -> None:
    gains = SWITCHES * np.random.default_rng(3).uniform(0.6, 1.4, SWITCHES.shape).astype(np.float32)
    grid = BarGrid(even(8), 4, "host")
    stems = song(one_bar_layout(gains), grid.starts)
    found = separate(stems.sum(axis=0), grid, one_bar_layout(SWITCHES), rate=RATE)
    assert min(sdr(a, b) for a, b in zip(stems, found.stems, strict=True)) > 40
    wanted = gains / (gains.sum(axis=0) / SWITCHES.sum(axis=0))
    np.testing.assert_allclose(found.layout.activations, wanted, atol=0.01)
    plain = song(one_bar_layout(SWITCHES), grid.starts).sum(axis=0)
    np.testing.assert_array_equal(
        separate(plain, grid, one_bar_layout(SWITCHES), rate=RATE).layout.activations, SWITCHES
    )


def test_gains_are_told_from_leaks() -> None:
    # Loop 1 is heard wherever loop 0 is: gains alone leave open how much of loop 1 is in loop 0.
    gains = np.array([[0, 0.7], [0, 1.2], [1.3, 0.8], [0.8, 1.1], [0.9, 1.2], [1.0, 0.9], [0, 1.1]], np.float32)
    grid = BarGrid(even(7), 4, "host")
    moments = np.arange(2_000) / RATE
    stems = np.zeros((2, 1, 14_500), np.float32)
    for loop, tones in enumerate([(220, 1_300), (550, 2_900)]):
        piece = sum(np.sin(2 * np.pi * tone * moments) for tone in tones) * np.hanning(2_000)
        for bar, start in enumerate(grid.starts[:-1]):
            stems[loop, 0, start : start + 2_000] = 0.2 * gains[bar, loop] * piece
    found = separate(stems.sum(axis=0), grid, one_bar_layout((gains > 0).astype(np.float32)), rate=RATE)
    wanted = gains / (gains.sum(axis=0) / (gains > 0).sum(axis=0))
    np.testing.assert_allclose(found.layout.activations, wanted, atol=0.01)
    assert min(sdr(a, b) for a, b in zip(stems, found.stems, strict=True)) > 35


def test_a_layout_that_does_not_tell_the_loops_apart_is_solved_by_sparsity() -> None:
    # Loops 0 and 1 take turns, and so do 2 and 3: D has rank 3.
    pairs = np.array([[1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]] * 2, np.float32)
    layout, grid = one_bar_layout(pairs), BarGrid(even(8), 4, "host")
    moments = np.arange(2_000) / RATE
    pieces = np.array([np.sin(2 * np.pi * tone * moments) * np.hanning(2_000) for tone in (220, 550, 1_300, 2_900)])
    stems = np.zeros((4, 1, 16_500), np.float32)
    for bar, start in enumerate(grid.starts[:-1]):
        stems[:, 0, start : start + 2_000] = 0.2 * pairs[bar][:, None] * pieces
    found = separate(stems.sum(axis=0), grid, layout, rate=RATE)
    assert min(sdr(a, b) for a, b in zip(stems, found.stems, strict=True)) > 40


def test_a_voice_over_the_loops_goes_to_the_rest() -> None:
    layout, grid = one_bar_layout(np.tile(SWITCHES, (3, 1))), BarGrid(even(24), 4, "host")
    stems = song(layout, grid.starts)
    moments = np.arange(stems.shape[2]) / RATE
    voice = 0.3 * np.sin(2 * np.pi * (300 * moments + 40 * np.cumsum(np.sin(2 * np.pi * 0.37 * moments)) / RATE * 5))
    mixture = (stems.sum(axis=0) + voice).astype(np.float32)
    found = separate(mixture, grid, layout, rate=RATE)
    assert min(sdr(a, b) for a, b in zip(stems, found.stems, strict=True)) > 12
    assert null_depth(mixture, found.stems, found.rest) < -100


def test_bars_that_start_between_frames_and_differ_by_one_frame() -> None:
    true = 250 + 2_000.4 * np.arange(9)
    starts = np.floor(true).astype(np.int64)
    grid, shifts = BarGrid(starts, 4, "host"), (true - starts)[:-1]
    layout = one_bar_layout(SWITCHES)
    stems = song(layout, starts, shifts)
    mixture = stems.sum(axis=0)
    aligned = separate(mixture, grid, layout, rate=RATE, shifts=shifts)
    coarse = separate(mixture, grid, layout, rate=RATE)
    for loop in range(3):
        assert sdr(stems[loop], aligned.stems[loop]) > 40
        assert sdr(stems[loop], aligned.stems[loop]) > sdr(stems[loop], coarse.stems[loop]) + 10
    assert null_depth(mixture, aligned.stems, aligned.rest) < -100


def test_long_clips_that_drift_from_the_frames_of_the_grid() -> None:
    # Clips of 1, 2 and 3 bars of 2000.4 frames, each put on its nearest frame and played through.
    random = np.random.default_rng(2)
    bars, period = 24, 2_000.4
    starts = np.round(250 + period * np.arange(bars + 1)).astype(np.int64)
    lengths = (1, 2, 3)
    on = random.random((bars // 6, 3)).repeat(6, axis=0) < 0.7
    on[:6], on[6:12] = [True, False, True], [False, True, True]
    loop_bars = np.where(on, np.arange(bars)[:, None] % lengths, -1).astype(np.int16)
    stems = np.zeros((3, 1, starts[-1] + 300), np.float32)
    for loop, length in enumerate(lengths):
        count = round(period * length)
        clip = (0.1 * random.standard_normal((1, count)) * np.hanning(count) ** 0.2).astype(np.float32)
        for bar in np.flatnonzero(loop_bars[:, loop] == 0):
            stems[loop, :, starts[bar] : starts[bar] + count] += clip
    layout = Layout(on.astype(np.float32), lengths, loop_bars)
    found = separate(stems.sum(axis=0), BarGrid(starts, 4, "host"), layout, rate=RATE)
    assert min(sdr(a, b) for a, b in zip(stems, found.stems, strict=True)) > 25


def test_bars_are_cut_and_laid_back() -> None:
    samples = song(one_bar_layout(np.ones((6, 1), np.float32)), even(6))[0]
    grid = BarGrid(np.array([250, 2_250, 4_000, 5_500, 8_000], np.int64), 4, "host")
    none = bar_shifts(grid, None)
    laid = np.zeros_like(samples)
    lay_bars(cut_bars(samples, grid, none).__getitem__, grid, none, laid)
    np.testing.assert_array_equal(laid[:, 250:8_000], samples[:, 250:8_000])


def test_a_silent_channel_stays_silent() -> None:
    layout = one_bar_layout(SWITCHES)
    grid = BarGrid(even(8), 4, "host")
    stems = song(layout, grid.starts)
    stems[:, 1] = 0
    found = separate(stems.sum(axis=0), grid, layout, rate=RATE)
    assert not found.stems[:, 1].any()
    assert min(sdr(a, b) for a, b in zip(stems, found.stems, strict=True)) > 60


def test_the_same_input_gives_the_same_bytes() -> None:
    tiny = tiny_song()
    layout = one_bar_layout(tiny.layout.astype(np.float32))
    first, second = (separate(tiny.clip.samples, tiny.grid, layout, rate=RATE) for _ in range(2))
    assert first.stems.tobytes() == second.stems.tobytes()
    assert first.rest.tobytes() == second.rest.tobytes()


def test_noise_does_not_cohere() -> None:
    grid = BarGrid(even(8), 4, "host")
    noise = 0.1 * np.random.default_rng(5).standard_normal((2, 16_500)).astype(np.float32)
    found = separate(noise, grid, one_bar_layout(SWITCHES), rate=RATE)
    assert found.coherence.mean() < 0.2
    assert null_depth(noise, found.stems, found.rest) < -100


def test_loops_heard_together_only_have_a_large_noise_gain() -> None:
    together = np.array([[1, 1], [1, 1], [1, 1], [1, 1], [1, 0]], np.float32)
    grid = BarGrid(even(5), 4, "host")
    found = separate(song(one_bar_layout(together), grid.starts).sum(axis=0), grid, one_bar_layout(together), rate=RATE)
    assert found.noise_gain[0] == pytest.approx(1.0, rel=0.01)
    assert found.noise_gain[1] > 1.1


def test_a_layout_of_another_piece_is_refused() -> None:
    with pytest.raises(LoopError, match="8 bars"):
        separate(
            np.zeros((1, 20_000), np.float32), BarGrid(even(8), 4, "host"), one_bar_layout(SWITCHES[:5]), rate=RATE
        )


def test_silence_above_a_coder_s_cut_off_breaks_nothing() -> None:
    """Rounding behind loud frequencies once came out as negative power, and then as stems that are no numbers."""
    rng = np.random.default_rng(0)
    cells = rng.standard_normal((200, 2, 1025)).astype(np.float32)
    cells[..., 700:] *= 1e-8
    mixing = (rng.random((200, 4)) < 0.5).astype(np.float32)
    mixing[:, 3] = mixing[:, 0]
    found = sparsest(cells, mixing, np.eye(4, dtype=np.float32), 1.0)
    assert np.isfinite(found).all()
    assert np.abs(found).max() < 10 * np.abs(cells).max()
