"""Single bins vote for the loops that rule them."""

import numpy as np

from core.audio.cube import analyse, frame
from core.layout.evidence.bins import STRAYS, choose_bins
from core.layout.evidence.candidates import candidates
from core.layout.evidence.votes import Vote, count_votes, two_level
from tests.core.layout.layout_bins import loop_bins, row, rows_of
from tests.core.loop_songs import tiny_song

SONG = rows_of(
    "########........################",
    "....############....############",
    "........################........",
)


def test_a_bin_of_one_loop_shows_when_it_plays() -> None:
    on = row("..####..##")
    level = 3.0 - 4.0j
    patterns = two_level(np.where(on, level, 0.01)[None].astype(np.complex64))
    np.testing.assert_array_equal(patterns.on[0], on)
    assert patterns.misfit[0] < 1e-4
    np.testing.assert_allclose(patterns.gains[0, on], 1.0, atol=1e-3)


def test_a_bin_of_two_loops_fits_no_pattern() -> None:
    mixture = 1.0 * row("####....####") + 1.0j * row("..########..")
    assert two_level(mixture[None].astype(np.complex64)).misfit[0] > 0.1


def test_the_most_voted_rows_are_the_loops() -> None:
    bins, _ = loop_bins(SONG, [1, 1, 1])
    found = candidates(count_votes(two_level(bins)), longest=4)
    assert {c.on.tobytes() for c in found[:3]} == {on.tobytes() for on in SONG}
    assert all(c.length == 1 for c in found[:3])


def test_more_loops_than_independent_rows_are_all_named() -> None:
    """Two drum loops and two others in turn: their rows are linearly dependent, which leaves votes untouched."""
    rows = rows_of("##..##....##..##", "..##..####..##..", "#.#.##..#.##..#.", ".#.#..##.#..##.#")
    assert np.linalg.matrix_rank(np.array(rows, dtype=float)) == 3
    bins, _ = loop_bins(rows, [1, 1, 1, 1], filling=0.3)
    found = candidates(count_votes(two_level(bins)), longest=1)
    assert {c.on.tobytes() for c in found[:4]} == {on.tobytes() for on in rows}


def test_bars_of_a_longer_loop_are_put_together() -> None:
    rows = rows_of("########........################", "....############........########")
    bins, loop_bars = loop_bins(rows, [4, 1], filling=0.25)
    found = candidates(count_votes(two_level(bins)), longest=4)
    longer = next(c for c in found if np.array_equal(c.on, rows[0]))
    assert longer.length == 4
    np.testing.assert_array_equal(longer.loop_bars, loop_bars[0])


def test_gains_are_read_off_the_voters() -> None:
    gains = np.ones((32, 3), dtype=np.float32)
    gains[16:, 0] = 0.7
    bins, _ = loop_bins(SONG, [1, 1, 1], gains=gains)
    found = next(c for c in candidates(count_votes(two_level(bins)), longest=1) if np.array_equal(c.on, SONG[0]))
    assert abs(np.median(found.gains[16:]) / np.median(found.gains[:8]) - 0.7) < 0.02


def test_bins_are_chosen_alike_each_time_and_low_ones_only_where_repeats_are_rough() -> None:
    song = tiny_song()
    cube = analyse(song.clip.samples, frame(song.grid, song.clip.rate))
    one, two = (choose_bins(cube, 500, seed=3) for _ in range(2))
    np.testing.assert_array_equal(one.bins, two.bins)
    assert not one.slack.any()
    assert 0 < choose_bins(cube, 500, seed=3, jitter=2.0).slack.max() < (STRAYS * 0.3) ** 2


def test_a_row_with_few_votes_does_not_take_the_bars_of_a_loop_for_its_own() -> None:
    """Where two loops mix, the mixture's row holds each one's bars; their own votes outnumber it by far."""
    loop = row("....############....############")
    even, odd = loop & (np.arange(32) % 2 == 0), loop & (np.arange(32) % 2 == 1)
    mixture = even | row(".#.#.#.#.#.#.#.#.#.#.#.#.#.#.#.#")
    level = np.ones(32, dtype=np.float32)
    votes = [Vote(even, 1800, level), Vote(odd, 1500, level), Vote(mixture, 20, level)]
    best = candidates(votes, 4)[0]
    assert best.length == 2
    np.testing.assert_array_equal(best.on, loop)
