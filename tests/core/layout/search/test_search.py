"""The layout found blind: how many loops, how long, and when; from bins whose loops are known, and from songs."""

import numpy as np
import pytest

from core.audio.cube import analyse, frame
from core.evaluation.songs import build
from core.layout.cycles import counted_from_song
from core.layout.evidence.bins import Bins
from core.layout.search.description import Coder, coder
from core.layout.search.proposals import Proposal, fitted_gains, improved, propose, some_of, with_gains
from core.layout.search.search import CODED, EXACTLY, MOST, find_layout, joined, merged, pruned, survey
from tests.core.layout.layout_bins import loop_bins, row, rows_of

ROWS = rows_of(
    "########........################",
    "....############....############",
    "........################........",
)


@pytest.fixture(scope="module")
def subset() -> Coder:
    return coder(loop_bins(ROWS, [1, 2, 1], count=400)[0])


def described(subset: Coder, rows: list[np.ndarray], lengths: list[int]) -> Proposal:
    return propose(subset, [counted_from_song(on, n) for on, n in zip(rows, lengths, strict=True)], lengths)


def test_the_true_loops_give_the_shortest_description(subset: Coder) -> None:
    true = described(subset, ROWS, [1, 2, 1]).score
    assert true < described(subset, ROWS[:2], [1, 2]).score
    assert true < described(subset, ROWS, [1, 1, 1]).score
    assert true < described(subset, ROWS, [1, 4, 1]).score
    assert true < described(subset, [*ROWS, row("....####....####....####....####")], [1, 2, 1, 1]).score


def test_an_entangled_basis_of_the_same_rows_is_longer(subset: Coder) -> None:
    """Loops a and c in place of a and b: the same sums, contents that undo each other (the paper's own ambiguity)."""
    union = ROWS[2] | row("........................########")
    entangled = [ROWS[0], ROWS[1], union]
    assert described(subset, ROWS, [1, 2, 1]).score < described(subset, entangled, [1, 2, 1]).score


def test_needless_loops_are_taken_out(subset: Coder) -> None:
    more = described(subset, [*ROWS, row("..##..##..##..##..##..##..##..##")], [1, 2, 1, 1])
    left = pruned(subset, more)
    assert sorted((r >= 0).tobytes() for r in left.loop_bars) == sorted(on.tobytes() for on in ROWS)


def test_loops_never_heard_apart_become_the_longer_one(subset: Coder) -> None:
    twice = described(subset, [*ROWS, ROWS[1]], [1, 2, 1, 1])
    assert sorted(merged(subset, twice).lengths) == [1, 1, 2]


def test_what_returns_within_a_loop_makes_no_loop_of_its_own() -> None:
    """A loop A B A C: its second half differs in few places, so it must not fall into a loop A B and a stray bar."""
    rng = np.random.default_rng(3)
    bins, loop_bars = loop_bins([ROWS[0]], [4], count=400)
    same = rng.random(400) < 0.7
    shorter, _ = loop_bins([ROWS[0]], [2], count=400, seed=5)
    mixed = coder(np.where(same[:, None], shorter, bins).astype(np.complex64))
    whole = propose(mixed, loop_bars, [4])
    halves = propose(mixed, [counted_from_song(ROWS[0], 2), loop_bars[0]], [2, 4])
    assert whole.score < halves.score
    assert whole.score < propose(mixed, [counted_from_song(ROWS[0], 2)], [2]).score


def test_bars_of_a_loop_that_got_a_row_of_their_own_are_joined_to_it() -> None:
    subset = coder(loop_bins(ROWS, [1, 4, 1], count=400)[0])
    last = ROWS[1] & (np.arange(32) % 4 == 3)
    split = described(subset, [ROWS[0], ROWS[1] & ~last, last, ROWS[2]], [1, 4, 1, 1])
    whole = joined(subset, split, 4)
    assert sorted(whole.lengths) == [1, 1, 4]
    assert any(np.array_equal(r >= 0, ROWS[1]) for r in whole.loop_bars)


def test_a_glance_never_lets_a_longer_description_pass(subset: Coder) -> None:
    true = described(subset, ROWS, [1, 2, 1])
    for keep in ([0, 1], [0, 2], [1, 2]):
        assert improved(subset, true, *some_of(true, keep)) is None
        fewer = propose(subset, *some_of(true, keep))
        found = improved(subset, fewer, true.loop_bars, true.lengths, true.gains)
        assert found is not None
        assert found.score == true.score


def test_gains_are_found_and_even_ones_left_alone() -> None:
    gains = np.ones((32, 3), dtype=np.float32)
    gains[24:, 1] = 0.6
    changed = coder(loop_bins(ROWS, [1, 1, 1], count=400, gains=gains)[0])
    fitted = with_gains(changed, described(changed, ROWS, [1, 1, 1])).gains
    # Close enough to distinguish a level from a loop; separation.waveforms.gains fits the exact level later.
    np.testing.assert_allclose(fitted[24:, 1] / np.median(fitted[4:12, 1]), 0.6, atol=0.1)
    even = coder(loop_bins(ROWS, [1, 1, 1], count=400)[0])
    np.testing.assert_allclose(fitted_gains(even, described(even, ROWS, [1, 1, 1])), 1.0, atol=0.02)


def brute_force(bins: Bins, bar_types: np.ndarray) -> float:
    """What plain least squares leaves, for bins that the types explain."""
    left = bins - bins @ np.linalg.pinv(bar_types.T.astype(float)) @ bar_types.T
    return float(np.abs(left).max())


def test_contents_agree_with_least_squares_where_nothing_else_sounds() -> None:
    bins, loop_bars = loop_bins(ROWS, [1, 1, 1], count=200, noise=1e-6)
    bar_types = np.array([p >= 0 for p in loop_bars], dtype=np.float32).T
    assert brute_force(bins, bar_types) < 1e-4  # so least squares is the truth here
    contents = coder(bins).describe(bar_types).contents
    expected = bins @ np.linalg.pinv(bar_types.T.astype(float))
    error = np.abs(contents - expected).max(axis=1) / np.abs(bins).max(axis=1).clip(1e-6)
    assert np.median(error) < 0.01


@pytest.mark.parametrize("kind", ["exact", "dense", "pub-dense", "lossy"])
def test_layouts_of_whole_songs(kind: str) -> None:
    song = build(kind, 1001, short=True)
    cube = analyse(song.mixture.samples[:1], frame(song.grid, song.rate))
    found = find_layout(cube)
    rows = {column.tobytes() for column in (found.layout.loop_bars >= 0).T}
    true = {column.tobytes() for column in (song.activations > 0).T}  # what is never heard apart is one loop
    assert found.repeating > EXACTLY
    assert (found.savings > 0).all()
    assert sum(on in rows for on in true) >= len(true) - 1
    assert abs(len(rows) - len(true)) <= 1


def test_played_music_does_not_pass_for_sequenced_music() -> None:
    song = build("played", 1001, short=True)
    cube = analyse(song.mixture.samples[:1], frame(song.grid, song.rate))
    assert find_layout(cube).repeating < EXACTLY


def test_where_little_repeats_more_bins_are_described() -> None:
    """So that under a layer enough of them still tell of the loops."""
    described = {}
    for kind in ("exact", "under-layer"):
        song = build(kind, 1001, short=True)
        found = survey(analyse(song.mixture.samples[:1], frame(song.grid, song.rate)))
        described[kind] = found.subset.bins.shape[0]
    assert described["exact"] == CODED
    assert 2 * CODED < described["under-layer"] <= MOST * CODED
