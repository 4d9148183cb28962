"""Loops that ring over the bar line, from rows to stems, beside songs whose dry sounds and rooms are known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.evaluation import scoring
from core.extraction.ladder import extract
from core.layout.layout import Layout, mixing_matrix
from core.layout.search.description import coder
from core.layout.search.moves import joined
from core.layout.search.proposals import propose
from core.layout.search.search import Survey, layout_of
from core.layout.search.tails import later, owners, ringing
from core.separation.waveforms.separate import separate

RATE, BAR = 8_000, 8_000
ON = np.array(
    [[1, 0, 1], [1, 0, 1], [0, 1, 1], [0, 1, 0], [1, 1, 0], [1, 1, 1], [1, 0, 1], [0, 0, 1], [0, 1, 1], [1, 1, 0]] * 2,
    dtype=np.bool_,
)


def test_later_is_a_bar_later() -> None:
    assert later(np.array([0, 1, -1, 0], dtype=np.int16)).tolist() == [-1, 0, 1, -1]


def test_a_tail_has_a_column_where_its_bar_was_heard_before() -> None:
    loop_bars = np.array([[0, 1, 0, -1, -1]], dtype=np.int16).T
    gains = np.array([[1.0, 0.5, 2.0, 0.0, 0.0]], dtype=np.float32).T
    bar_types = mixing_matrix(Layout(gains, (2,), loop_bars, (True,)))
    expected = [[1, 0, 2, 0, 0], [0, 0.5, 0, 0, 0], [0, 1, 0, 2, 0], [0, 0, 0.5, 0, 0]]
    np.testing.assert_array_equal(bar_types.matrix.T, expected)
    assert bar_types.owners.tolist() == [0] * 4
    assert bar_types.late.tolist() == [False, False, True, True]


def test_a_tail_that_is_heard_just_when_a_bar_of_its_loop_is_has_no_column() -> None:
    loop_bars = np.array([[0, 1, 0, 1]], dtype=np.int16).T
    dry, wet = (
        mixing_matrix(Layout((loop_bars >= 0).astype(np.float32), (2,), loop_bars, rings)) for rings in ((), (True,))
    )
    assert dry.matrix.shape[1] == 2
    assert wet.late.tolist() == [False, False, True]  # after its first bar, as at the start there was none before


def test_tails_are_searched_for_and_told_from_loops() -> None:
    bins, tails = _bins(ring=0.3)
    found = ringing(coder(bins), propose(coder(bins), *_rows(ON)))
    assert found.loops == 6
    assert owners(found).tolist() == [0, 1, 2, 0, 1, 2]
    for k in range(3):
        (column,) = found.columns().heard(3 + k, 0)
        assert scoring.sdr(_parts(tails[:, k]), _parts(found.description.contents[:, column])) > 15


def test_loops_without_tails_are_left_alone() -> None:
    bins, _ = _bins(ring=0.0)
    start = propose(coder(bins), *_rows(ON))
    assert ringing(coder(bins), start) is start


def test_loops_that_follow_each_other_are_no_tails_of_each_other() -> None:
    """A row that is one bar later than another and also one bar before it: a loop in every second bar and its gaps."""
    on = np.array([[1, 0], [0, 1]] * 6, dtype=np.bool_)
    bins = np.tile(np.array([1, 0.3], dtype=np.complex64), (4, 6))
    assert owners(propose(coder(bins), *_rows(on))).tolist() == [0, 0]
    later_too = np.roll(on, 1, axis=0)
    assert owners(propose(coder(bins), *_rows(later_too))).tolist() == [1, 1]
    assert owners(propose(coder(np.roll(bins, 1, axis=1)), *_rows(later_too))).tolist() == [0, 1]


@pytest.mark.parametrize(("level", "loops", "length"), [(1.0, 1, 2), (0.25, 2, 1)])
def test_what_follows_as_loud_is_the_next_bar_of_a_longer_loop_and_no_tail(
    level: float, loops: int, length: int
) -> None:
    """Two rows one bar apart, never heard at once: they are a loop of two bars, unless the second is a faint tail."""
    first = np.array([letter == "#" for letter in "..#.......#.....#...#.....#.#..."])
    rows = np.stack([first, np.roll(first, 1)], axis=1)
    random = np.random.default_rng(0)
    sounds = random.standard_normal((200, 2, 2)) @ np.array([1, 1j]) * [1.0, level]
    subset = coder((sounds @ rows.T + 1e-3 * random.standard_normal((200, 32))).astype(np.complex64))
    found = propose(subset, *_rows(rows))
    assert owners(found).tolist() == ([0, 1] if loops == 1 else [0, 0])
    whole = joined(subset, found, 6)
    assert (whole.loops, whole.lengths[0]) == (loops, length)


@pytest.mark.parametrize("seed", [0, 1])
def test_a_room_belongs_to_its_loop(seed: int) -> None:
    clip, stems, grid = _song(seed)
    layout = Layout(ON.astype(np.float32), (1, 1, 1), np.where(ON, 0, -1).astype(np.int16))
    wet = Layout(layout.activations, layout.bars_per_loop, layout.loop_bars, (True,) * 3)
    without, with_tails = (separate(clip.samples, grid, each, rate=RATE).stems for each in (layout, wet))
    quality = [
        [scoring.sdr(true, got) for true, got in zip(stems, each, strict=True)] for each in (without, with_tails)
    ]
    assert min(quality[1]) > 60
    assert max(quality[0]) < 30

    blind = extract(clip, grid=grid)
    found = scoring.match(stems, blind.stems)
    assert len(blind.stems) == 3
    assert blind.layout.rings == (True,) * 3
    assert min(found.sdr) > 60
    np.testing.assert_array_equal(blind.layout.activations[:, found.estimate] > 0, ON)


def test_of_fewer_loops_each_keeps_its_tail() -> None:
    bins, _ = _bins(ring=0.3)
    subset = coder(bins)
    found = layout_of(Survey(subset, ringing(subset, propose(subset, *_rows(ON))), 1.0), count=2)
    assert found.layout.loops == 2
    assert found.layout.rings == (True, True)


def _parts(values: NDArray[np.complex64]) -> NDArray[np.float32]:
    return np.stack([values.real, values.imag])


def _rows(on: NDArray[np.bool_]) -> tuple[list[NDArray[np.int16]], list[int]]:
    return [np.where(row, 0, -1).astype(np.int16) for row in on.T], [1] * on.shape[1]


def _bins(ring: float) -> tuple[NDArray[np.complex64], NDArray[np.complex64]]:
    """Bins [bins, bars] of three loops, each sounding in some and ringing on; and their tails [bins, 3]."""
    random = np.random.default_rng(1)
    sounds, tails = random.standard_normal((2, 80, 3, 2)) @ np.array([1, 1j])
    sounds *= random.random((80, 3)) < 0.7
    tails *= ring * (random.random((80, 3)) < 0.5)
    before = np.concatenate([np.zeros((1, 3)), ON[:-1]])
    bins = sounds @ ON.T + tails @ before.T
    heard = np.abs(bins).any(axis=1)
    return bins[heard].astype(np.complex64), tails[heard].astype(np.complex64)


def _song(seed: int) -> tuple[Clip, NDArray[np.float32], BarGrid]:
    """Three loops of noise bursts, each in a room that rings for most of a bar."""
    random = np.random.default_rng(seed)
    frames = BAR * len(ON)
    fall = np.exp(-np.arange(BAR) / (0.1 * RATE))
    room = 0.2 * random.standard_normal((3, BAR)) * np.exp(-np.arange(BAR) / (0.15 * RATE))
    stems = []
    for k in range(3):
        bar = np.zeros(BAR)
        for start in random.choice(16, 5, replace=False) * BAR // 16:
            bar[start:] += random.standard_normal(BAR - start) * fall[: BAR - start]
        dry = np.concatenate([bar * on for on in ON[:, k]])
        stems.append((dry + np.convolve(dry, room[k])[:frames])[None])
    stems = 0.05 * np.array(stems, dtype=np.float32)
    return (
        Clip(stems.sum(axis=0), RATE, "rooms"),
        stems,
        BarGrid(BAR * np.arange(len(ON) + 1, dtype=np.int64), 4, "host"),
    )
