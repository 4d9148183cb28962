"""Which bar of a loop sounds when, and the plain matrix that it makes."""

import numpy as np
import pytest

from core.cycles import counted_from_song, counted_from_switch, filled, residue_bars, switches, types


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


def test_types_add_up_to_the_rows() -> None:
    rows = [row("########"), row("..####..")]
    matrix, owners, places = types([counted_from_song(rows[0], 2), counted_from_song(rows[1], 1)], [2, 1])
    assert matrix.shape == (8, 3)
    assert owners.tolist() == [0, 0, 1]
    assert places.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(matrix[:, owners == 0].sum(axis=1), rows[0])
    np.testing.assert_array_equal(matrix[:, 2], rows[1])
