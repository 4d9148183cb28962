"""The example song, and songs built like it, come apart into the loops that they were put together from.

All loops of the example song go on and off by pairs of bars, so plain linear algebra says what is right: the pairs have
rank seven, and these seven rows explain them, while none of them can be changed anywhere.
"""

from collections.abc import Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest

from core.audio.bars import BarGrid, bars_from_tempo
from core.audio.clip import Clip, Samples, read_clip
from core.evaluation.scoring import match
from core.extraction.ladder import Extraction, extract
from tests.core.layout.layout_bins import row
from tests.core.loop_songs import BAR, RATE

ROWS = (
    "##..####..####....##..##########",  # drums
    "####..####....##........####....",  # bass
    "..####..##....##......####..##..",  # drums
    "..##......##....##..##....####..",  # bass, of two bars that are nothing like each other
    "....##..####....##..##..##..##..",  # bass
    "..####..##############....##....",  # melody
    "##..........####......####..##..",  # percussion
)

TWO_BARS = (1, 2, 3, 5, 6)  # of these loops the second bar is unlike the first


def pairs_of(bars: Samples, rows: Sequence[str]) -> tuple[Samples, Samples]:
    """Stems [loops, bars, frames] of loops of two bars by plain least squares, and what they leave of the bars."""
    on = np.array([row(text) for text in rows], dtype=np.float32)[:, ::2]
    pairs = bars.reshape(len(bars) // 2, -1)
    loops = np.linalg.pinv(on.T) @ pairs
    stems = (on[:, :, None] * loops[:, None]).reshape(len(on), *bars.shape)
    return stems, bars - stems.sum(axis=0)


def decibels(part: Samples, whole: Samples) -> float:
    return float(10 * np.log10(np.vdot(part, part) / np.vdot(whole, whole)))


def rows_found(found: Extraction) -> list[str]:
    """When the loops play, in alphabetical order."""
    return sorted("".join("#" if phase >= 0 else "." for phase in loop) for loop in found.layout.loop_bars.T)


def most_opposed(found: Extraction) -> float:
    """The lowest correlation of two stems in the bars in which both play."""
    playing = (found.layout.loop_bars >= 0).T
    inside = slice(int(found.grid.starts[0]), int(found.grid.starts[-1]))
    heard = found.stems[..., inside].reshape(*playing.shape, -1)
    pairs = [heard[[a, b]][:, playing[a] & playing[b]] for a, b in combinations(range(len(heard)), 2)]
    return min(float(np.corrcoef(pair.reshape(2, -1))[0, 1]) for pair in pairs if pair.size)


@pytest.fixture(scope="module")
def clip(shared_song: Path) -> Clip:
    return read_clip(shared_song)


def test_these_seven_rows_and_no_others_explain_the_example_song(clip: Clip) -> None:
    """So that what the next test takes for right does not hang on the search."""
    bars = clip.samples[0].reshape(32, -1)
    pairs = bars.reshape(16, -1)
    spectrum = np.linalg.eigvalsh(pairs @ pairs.T)[::-1]
    assert spectrum[6] > 8 * spectrum[7]
    left = decibels(pairs_of(bars, ROWS)[1], bars)
    assert left < -24
    for changed in range(len(ROWS)):
        for pair in range(16):
            rows = list(ROWS)
            old = rows[changed][2 * pair : 2 * pair + 2]
            rows[changed] = rows[changed][: 2 * pair] + ("##" if old == ".." else "..") + rows[changed][2 * pair + 2 :]
            assert decibels(pairs_of(bars, rows)[1], bars) > left + 1


@pytest.mark.parametrize("tracked", [False, True])
@pytest.mark.usefixtures("needs_tracker")
def test_the_example_song_has_seven_loops(clip: Clip, tracked: bool) -> None:
    found = extract(clip, grid=None if tracked else bars_from_tempo(clip.frames, clip.rate, bpm=128))
    assert rows_found(found) == sorted(ROWS)
    true = pairs_of(clip.samples[0].reshape(32, -1), ROWS)[0].reshape(7, 1, -1)
    got = match(true, found.stems)
    assert got.sdr.min() > 12
    assert np.median(got.sdr) > 18
    for stem, estimate in zip(true, found.stems[got.estimate], strict=True):
        assert abs(decibels(estimate, stem)) < 0.5
    assert most_opposed(found) > -0.3
    assert decibels(found.rest, clip.samples) < -20
    assert [found.layout.bars_per_loop[got.estimate[k]] for k in TWO_BARS] == [2] * len(TWO_BARS)


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_loop_whose_second_bar_is_as_loud_is_one_of_two_bars(seed: int) -> None:
    """Nothing but its loudness tells its second bar from a tail, as it is switched off after every two."""
    clip, stems, grid = built([ROWS[0], ROWS[3]], seed)
    found = extract(clip, grid=grid)
    got = match(stems, found.stems)
    assert got.sdr.min() > 60
    assert found.layout.bars_per_loop == (2, 2)
    assert not any(found.layout.rings)


def built(rows: Sequence[str], seed: int) -> tuple[Clip, Samples, BarGrid]:
    """A song of loops of two bars, bursts of noise in each, nothing in one bar like the other."""
    random = np.random.default_rng(seed)
    fall = np.tile(np.exp(-np.arange(BAR // 16) / 60), 32)
    stems = []
    for text in rows:
        bursts = np.repeat(random.random(32) < 0.3, BAR // 16) * fall
        loop = random.standard_normal(2 * BAR) * bursts
        stems.append(np.tile(loop, len(text) // 2) * np.repeat(row(text), BAR))
    played = 0.1 * np.array(stems, dtype=np.float32)[:, None]
    starts = BAR * np.arange(len(rows[0]) + 1, dtype=np.int64)
    return Clip(played.sum(axis=0), RATE, "pairs of bars"), played, BarGrid(starts, 4, "host")
