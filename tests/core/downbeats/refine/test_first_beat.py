from itertools import pairwise

import numpy as np
import pytest

from core.audio.clip import Samples
from core.downbeats.refine.first_beat import better_phase

BAR, BARS, BEATS = 9_600, 32, 4
SECTIONS = np.array([[1, 1, 1, 1, 1, 1, 1, 1], [0, 1, 1, 0, 1, 0, 1, 1], [0, 0, 1, 1, 1, 1, 0, 1]])
"""Which of three instruments plays in which section of two bars."""


TONES = (np.array([1, -2, 1]) / 2, np.cos(np.arange(20)) / 3, np.ones(20) / 4)
"""Filters that leave their hits high, middling and low."""


def played(starts: np.ndarray, *, layer: float = 0.0) -> Samples:
    """Three instruments on every eighth, no hit like another, in tone alone: high, middle, low."""
    rng = np.random.default_rng(0)
    mono = layer * rng.standard_normal(int(starts[-1]) + 1)
    for bar, (start, end) in enumerate(pairwise(starts)):
        for instrument, plays in enumerate(SECTIONS[:, bar // 2 % 8]):
            for eighth in range(8 * plays):
                at = round(start + eighth * (end - start) / 8)
                count = min(900, len(mono) - at)
                noise = np.convolve(rng.standard_normal(count), TONES[instrument], "same")
                mono[at : at + count] += noise * np.exp(-np.arange(count) / 200)
    return mono.astype(np.float32)


@pytest.mark.parametrize("beats", [1, 2, -1])
@pytest.mark.parametrize("layer", [0.0, 0.5])
def test_bars_a_few_beats_off_are_moved_back(beats: int, layer: float) -> None:
    true = BAR * np.arange(BARS + 1.0)
    given = (true + beats * BAR / BEATS)[1:-2]
    left = better_phase(played(true, layer=layer), given) + beats / BEATS
    assert left - round(left) == pytest.approx(0.0, abs=1.5 / 48)


@pytest.mark.parametrize("layer", [0.0, 0.5])
def test_true_bars_stay(layer: float) -> None:
    true = BAR * np.arange(BARS + 1.0)
    assert better_phase(played(true, layer=layer), true) == 0.0


def test_bars_may_differ_in_length() -> None:
    true = np.concatenate([[0.0], np.cumsum(BAR * (1 + 0.05 * np.sin(np.arange(BARS))))])
    given = np.interp(np.arange(1, BARS - 1) + 0.25, np.arange(BARS + 1), true)
    assert better_phase(played(true), given) == pytest.approx(-0.25, abs=1.5 / 48)


@pytest.mark.parametrize("bars", [2, 4, 8, 32])
@pytest.mark.parametrize("level", [0.0, 0.1])
def test_where_nothing_is_switched_bars_stay(bars: int, level: float) -> None:
    noise = level * np.random.default_rng(bars).standard_normal(BAR * bars).astype(np.float32)
    assert better_phase(noise.astype(np.float32), BAR * np.arange(bars + 1.0)) == 0.0
