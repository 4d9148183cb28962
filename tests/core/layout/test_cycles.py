"""Which bar of a loop sounds when, and the plain matrix that it makes."""

import numpy as np
import pytest

from core.layout.cycles import columns_of, counted_from_song, counted_from_switch, filled, residue_bars, switches


def row(text: str) -> np.ndarray:
    return np.array([letter == "#" for letter in text])


def test_a_loop_follows_the_song_or_starts_anew() -> None:
    on = row("..###.####")
    assert counted_from_song(on, 4).tolist() == [-1, -1, 2, 3, 0, -1, 2, 3, 0, 1]
    assert counted_from_switch(on, 4).tolist() == [-1, -1, 0, 1, 2, -1, 0, 1, 2, 3]


@pytest.mark.parametrize(("text", "count"), [("....", 0), ("####", 2), ("#..#", 4), (".##.", 2)])
def test_switches_count_the_ends_as_silence(text: str, count: int) -> None:
    assert switches(row(text)) == count


def test_bars_between_two_known_on_bars_are_filled() -> None:
    part = row("..#.#.#.....#.#.")
    known = residue_bars(part, 2)
    assert known.tolist() == [True, False] * 8
    assert filled(part, known).tolist() == row("..#####.....###.").tolist()


def test_a_loop_has_a_column_for_all_that_returns_in_it() -> None:
    rows = [row("########"), row("..####..")]
    columns = columns_of([counted_from_song(rows[0], 4), counted_from_song(rows[1], 1)], [4, 1])
    assert columns.owners.tolist() == [0] * 7 + [1]
    assert columns.periods.tolist() == [4, 4, 4, 4, 2, 2, 1, 1]
    assert columns.places.tolist() == [0, 1, 2, 3, 0, 1, 0, 0]
    for period in (4, 2, 1):  # the columns of each period make up the loop
        level = (columns.owners == 0) & (columns.periods == period)
        np.testing.assert_array_equal(columns.matrix[:, level].sum(axis=1), rows[0])
    for bar in range(8):
        heard = columns.heard(0, bar % 4)
        assert set(heard) == set(np.flatnonzero((columns.owners == 0) & (columns.matrix[bar] > 0)))


def test_columns_that_would_be_heard_at_the_same_time_are_one() -> None:
    columns = columns_of([counted_from_song(row("#...#..."), 4)], [4])  # only the loop's first bar is ever heard
    assert columns.matrix.shape == (8, 1)
    assert columns_of([], []).matrix.size == 0
