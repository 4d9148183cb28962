"""Tempo maps: their bar lines, drawn as a host would, lie on the song's."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.audio.bars import BarGrid, bars_from_tempo
from core.results.exports.tempo import MOST_BEATS, tempo_map
from core.results.piece import Piece
from core.results.write import piece_of
from tests.core.results.exports.bar_lines import bar_lines, seconds_at
from tests.core.results.odd_results import ODD, odd_extraction


def piece(grid: BarGrid, rate: int = 44_100) -> Piece:
    return Piece("song", rate, int(grid.starts[-1]) + 1_000, 2, grid, ())


def check(shown: Piece, within: float = 1.0) -> None:
    """The song's bar lines are the map's, to so many frames; none of the map's lies elsewhere after the first bar."""
    tempo, bars = tempo_map(shown), shown.grid.bars
    quarters = [float(tempo.quarter(bar)) for bar in range(bars + 1)]
    seconds = seconds_at(quarters, [(float(stretch.quarter), stretch.bpm) for stretch in tempo.stretches])
    np.testing.assert_allclose(np.array(seconds) * shown.rate, shown.grid.starts, atol=within + 1e-3)
    lines = bar_lines([(float(stretch.quarter), stretch.metre) for stretch in tempo.stretches], quarters[-1])
    np.testing.assert_allclose(lines[-bars - 1 :], quarters, atol=1e-9)
    assert tempo.stretches[0].frame == tempo.stretches[0].quarter == 0
    assert all(stretch.metre[0] <= MOST_BEATS for stretch in tempo.stretches)


@pytest.mark.parametrize("case", ODD)
def test_odd_pieces(case: str) -> None:
    check(piece_of(odd_extraction(ODD[case])))


def test_a_steady_song_from_its_first_frame_is_one_stretch() -> None:
    grid = bars_from_tempo(44_100 * 240, 44_100, bpm=128.3)
    (stretch,) = tempo_map(piece(grid)).stretches
    assert stretch.bpm == pytest.approx(128.3, abs=1e-4)
    assert stretch.metre == (4, 4)


def test_the_steps_of_a_tracker_are_no_tempo_changes() -> None:
    seconds = np.round((0.31 + 1.8716 * np.arange(33)) * 100) / 100  # as its frames have it
    tracked = piece(BarGrid(np.round(seconds * 44_100).astype(np.int64), 4, "tracker"))
    stretches = tempo_map(tracked).stretches
    assert len(stretches) == 2, "a lead-in, and the song"
    assert stretches[1].bpm == pytest.approx(240 / 1.8716, rel=1e-3)
    check(tracked, within=0.015 * 44_100)
    assert len(tempo_map(piece(replace(tracked.grid, origin="host"))).stretches) > 10, "a host's bars are what it says"


def test_seven_eight_is_counted_in_quarter_notes() -> None:
    grid = bars_from_tempo(44_100 * 60, 44_100, bpm=120, meter=(7, 8))
    tempo = tempo_map(piece(grid))
    assert (tempo.bar, tempo.stretches[0].metre) == (3.5, (7, 8))
    assert tempo.stretches[0].bpm == pytest.approx(120, abs=1e-3)


@pytest.mark.parametrize(
    ("seconds", "metres"),
    [
        (0.5, [(1, 4), (4, 4)]),  # an upbeat of one beat at 120 bpm
        (2.0, [(4, 4), (4, 4)]),  # a whole bar
        (5.0, [(2, 4), (4, 4), (4, 4)]),  # two bars and a half
        (0.25, [(1, 8), (4, 4)]),
        (0.004, [(4, 4), (4, 4)]),  # hardly anything: the first bar takes it in
    ],
)
def test_what_lies_before_the_first_bar_becomes_bars(seconds: float, metres: list[tuple[int, int]]) -> None:
    grid = bars_from_tempo(44_100 * 30, 44_100, bpm=120, first_downbeat=seconds)
    assert [stretch.metre for stretch in tempo_map(piece(grid)).stretches] == metres
    check(piece(grid), within=0.004 * 44_100 if seconds < 0.01 else 1.0)


@given(
    st.lists(st.integers(30_000, 200_000), min_size=4, max_size=30),
    st.integers(0, 900_000),
    st.sampled_from([(4, 4), (3, 4), (7, 8), (5, 16), (32, 1), (1, 32), (12, 8)]),
)
def test_any_bars_keep_their_lines(lengths: list[int], lead: int, metre: tuple[int, int]) -> None:
    starts = lead + np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    first, quarters = lengths[0], 4 * metre[0] / metre[1]
    absorbed = lead % first if lead < first * min(1.0, 1 / (32 * quarters)) else 0
    check(piece(BarGrid(starts, metre[0], "host", metre[1])), within=max(1.0, float(absorbed)))
