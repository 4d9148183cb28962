"""Loops are cut where they stand out, exactly as long as their bars, and cycle without a click."""

import dataclasses

import numpy as np
import pytest

from core.audio.bars import BarGrid, bar_energies
from core.extraction.loops import bar_salience, best_start, cut_cycle, cut_loops
from core.layout.layout import one_bar_layout
from tests.core.loop_songs import BAR, RATE, tiny_song


def test_a_loop_is_cut_from_the_bar_where_it_is_alone() -> None:
    song = tiny_song()
    layout = one_bar_layout(song.layout.astype(np.float32))
    rest = np.zeros_like(song.clip.samples)
    loops = cut_loops(song.stems, rest, grid=song.grid, layout=layout, rate=RATE)
    assert [loop.start_bar for loop in loops][1:] == [6, 3]
    assert loops[0].start_bar in (0, 7)
    for loop, stem in zip(loops, song.stems, strict=True):
        start = int(song.grid.starts[loop.start_bar])
        assert loop.audio.shape == (2, BAR)
        np.testing.assert_array_equal(loop.audio[:, :-100], stem[:, start : start + BAR - 100])


def test_loops_of_two_bars_are_two_bars_long() -> None:
    song = tiny_song()
    layout = dataclasses.replace(one_bar_layout(song.layout.astype(np.float32)), bars_per_loop=(2, 1, 4))
    rest = np.zeros_like(song.clip.samples)
    loops = cut_loops(song.stems, rest, grid=song.grid, layout=layout, rate=RATE)
    assert [loop.audio.shape[1] for loop in loops] == [2 * BAR, BAR, 4 * BAR]
    assert [loop.bars for loop in loops] == [2, 1, 4]


def test_an_exactly_repeating_loop_is_cut_unchanged() -> None:
    piece = np.random.default_rng(0).standard_normal((1, 1000)).astype(np.float32)
    stem = np.tile(piece, 4)
    np.testing.assert_allclose(cut_cycle(stem, 1000, 2000, 40), piece, atol=1e-6)


def test_the_end_runs_on_into_the_beginning() -> None:
    """A slow sine cut at any place would jump by up to 1.4 without the fade."""
    stem = np.sin(2 * np.pi * np.arange(8000) / 713)[None].astype(np.float32)
    cycle = cut_cycle(stem, 2000, 3070, 200)
    jump = abs(float(cycle[0, 0] - cycle[0, -1]))
    assert abs(float(stem[0, 2000] - stem[0, 3069])) > 1
    assert jump <= np.abs(np.diff(stem)).max() * 1.01
    assert cycle[0, 0] == stem[0, 2000]


@pytest.mark.parametrize("start", [0, 3])
def test_before_the_clip_there_is_silence(start: int) -> None:
    cycle = cut_cycle(np.ones((1, 100), np.float32), start, 50, 10)
    assert cycle.shape == (1, 50 - start)
    assert cycle[0, -1] == (1 if start else 0)


def test_a_fade_longer_than_the_loop_is_shortened() -> None:
    assert cut_cycle(np.ones((1, 100), np.float32), 90, 95, 50).shape == (1, 5)


def test_energies_are_the_sums_of_squares() -> None:
    samples = np.random.default_rng(1).standard_normal((2, 100)).astype(np.float32)
    grid = BarGrid(np.array([10, 40, 55, 100]), 4, "host")
    truth = [np.square(samples[:, a:b]).sum() for a, b in ((10, 40), (40, 55), (55, 100))]
    np.testing.assert_allclose(bar_energies(samples, grid), truth, rtol=1e-5)


def test_loudness_and_share_both_count() -> None:
    """Bar 0: loud but covered; bar 1: alone but faint; bar 2: nearly as loud and nearly alone."""
    grid = BarGrid(np.array([0, 10, 20, 30]), 4, "host")
    loop = np.repeat([1.0, 0.1, 0.9], 10).astype(np.float32)[None, None]
    rest = np.repeat([3.0, 0.0, 0.1], 10).astype(np.float32)[None]
    assert best_start(bar_salience(loop, rest, grid)[:, 0], 1) == 2


def test_silence_has_no_salience_and_no_division_by_zero() -> None:
    grid = BarGrid(np.array([0, 10, 20]), 4, "host")
    nothing = np.zeros((1, 1, 20), np.float32)
    assert (bar_salience(nothing, nothing[0], grid) == 0).all()
