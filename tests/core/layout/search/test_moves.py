"""Moves out of layouts that no single step improves: each is given one and must find the true loops behind it."""

import numpy as np

from core.base.progress import silent
from core.layout.cycles import counted_from_song
from core.layout.search.description import Coder, coder
from core.layout.search.hidden_loops import widened
from core.layout.search.moves import exchanged, joined, pruned
from core.layout.search.proposals import Proposal, evened, propose, silenced, uncancelled
from tests.core.layout.layout_bins import loop_bins, row, rows_of

INNER, OUTER = rows_of(
    "....############....########....",
    "....############....############",
)


def described(subset: Coder, rows: list[np.ndarray], lengths: list[int], gains: np.ndarray | None = None) -> Proposal:
    return propose(subset, [counted_from_song(on, n) for on, n in zip(rows, lengths, strict=True)], lengths, gains)


def rows_in(proposal: Proposal) -> set[bytes]:
    return {(loop_bars >= 0).tobytes() for loop_bars in proposal.loop_bars}


def test_a_loop_that_plays_in_every_bar_of_another_is_told_from_it() -> None:
    subset = coder(loop_bins([INNER, OUTER], [1, 2], count=400)[0])
    for left_over in ([], [row("............................####")]):
        found = widened(subset, described(subset, [INNER], [2]), left_over)
        assert rows_in(found) == {INNER.tobytes(), OUTER.tobytes()}
        assert found.score < described(subset, [INNER], [2]).score


def test_nothing_is_widened_where_nothing_hides() -> None:
    subset = coder(loop_bins([INNER], [2], count=400)[0])
    assert rows_in(widened(subset, described(subset, [INNER], [2]), [~INNER])) == {INNER.tobytes()}


def test_a_longer_cycle_goes_to_the_loop_that_has_it() -> None:
    """Where two loops play together, the bars of the longer one may pass for bars of the other."""
    rows = rows_of("################....############", "....############....############")
    subset = coder(loop_bins(rows, [1, 4], count=400)[0])
    wrong = described(subset, rows, [4, 1])
    found = exchanged(subset, wrong, 4, silent)
    assert found.lengths == [1, 4]
    assert found.score < wrong.score


def test_right_cycles_stay() -> None:
    rows = rows_of("################....############", "....############....############")
    subset = coder(loop_bins(rows, [2, 4], count=400)[0])
    assert exchanged(subset, described(subset, rows, [2, 4]), 4, silent).lengths == [2, 4]


def test_gains_that_explain_hardly_anything_become_even_and_real_ones_stay() -> None:
    gains = np.ones((32, 2), dtype=np.float32)
    gains[16:, 1] = 0.5
    subset = coder(loop_bins([INNER, OUTER], [1, 1], count=400, gains=gains)[0])
    noise = np.random.default_rng(0).uniform(0.99, 1.01, 32).astype(np.float32)
    found = evened(subset, described(subset, [INNER, OUTER], [1, 1], np.stack([noise, gains[:, 1]], axis=1)))
    np.testing.assert_array_equal(found.gains[:, 0], 1.0)
    np.testing.assert_array_equal(found.gains[:, 1], gains[:, 1])


def test_a_loop_as_faint_as_gains_may_be_is_off() -> None:
    subset = coder(loop_bins([INNER], [1], count=400)[0])
    gains = np.where(INNER, 1.0, 0.25).astype(np.float32)[:, None]
    found = silenced(subset, described(subset, [INNER | True], [1], gains))
    assert rows_in(found) == {INNER.tobytes()}
    np.testing.assert_array_equal(found.gains, 1.0)


def test_a_loop_is_silent_where_another_one_is_its_negative() -> None:
    subset = coder(loop_bins([INNER, OUTER], [2, 1], count=400)[0])
    more = row("................####............")
    wrong = described(subset, [INNER | more, OUTER, more], [2, 1, 2])
    found = uncancelled(subset, wrong)
    np.testing.assert_array_equal(found.loop_bars[0] >= 0, INNER)
    assert pruned(subset, found).loops == 2
    assert found.score < wrong.score


def test_gains_hide_no_loop_that_is_undone() -> None:
    """Loops b - a and a, louder in all its bars that are those of b as well, in place of a and b."""
    bass, drums = rows_of("####..####....##........####....", "..####..##....##......####..##..")
    subset = coder(loop_bins([bass, drums], [2, 2], count=400)[0])
    gains = np.ones((32, 2), dtype=np.float32)
    gains[bass & drums, 0] = 2.0
    wrong = described(subset, [bass | drums, drums], [2, 2], gains)
    found = evened(subset, uncancelled(subset, wrong))
    assert rows_in(found) == {bass.tobytes(), drums.tobytes()}
    np.testing.assert_array_equal(found.gains, 1.0)
    assert found.score < wrong.score


def test_loops_that_undo_nothing_keep_their_bars() -> None:
    subset = coder(loop_bins([INNER, OUTER], [1, 2], count=400)[0])
    right = described(subset, [INNER, OUTER], [1, 2])
    assert uncancelled(subset, right) is right


def test_a_second_bar_that_got_a_row_of_its_own_is_joined_to_the_first() -> None:
    """In a row whose bars are enough for two longer cycles, which do not fit."""
    twice = row("..##......##....##..##....####..")
    subset = coder(loop_bins([twice, OUTER], [2, 1], count=400)[0])
    even = np.arange(32) % 2 == 0
    wrong = described(subset, [twice & even, twice & ~even, OUTER], [1, 1, 1])
    found = joined(subset, wrong, 6)
    assert rows_in(found) == {twice.tobytes(), OUTER.tobytes()}
    assert sorted(found.lengths) == [1, 2]
