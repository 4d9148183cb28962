"""Bars refined to the sample: small songs of noise that repeat exactly at a known length, and what could fool it."""

import numpy as np
import pytest

from core.audio import Samples
from core.bars import BarGrid
from core.grid import Refined, refine

RATE, BAR, FIRST, BARS = 8_000, 12_000.0, 700, 32
SWITCHES = np.array([[int(c) for c in row] for row in ("11111111", "01101011", "00111101", "01010111")])
"""Which of four loops plays in which section of four bars; the first one always does."""


def _loop(seed: int, frames: int, beats: int = 8) -> Samples:
    """Hits of noise on random ones of the eighths of a bar, the first one always."""
    random = np.random.default_rng(seed)
    sound = np.zeros(frames)
    for beat in range(beats):
        if beat == 0 or random.random() < 0.6:
            at = beat * frames // beats
            sound[at:] += 0.3 * random.standard_normal(frames - at) * np.exp(-np.arange(frames - at) / 500)
    return sound.astype(np.float32)


def _song(bar: float = BAR, *, layer: float = 0.0, late: np.ndarray | None = None, bars: int = BARS) -> Samples:
    """Four loops switched every four bars, each bar on the frame nearest to its start; `late` moves bars by frames."""
    starts = FIRST + bar * np.arange(bars + 1) + (0.0 if late is None else late)
    mono = np.zeros(round(starts[-1]) + 900, dtype=np.float32)
    for loop in range(4):
        sound = _loop(loop, int(bar))
        for number in range(bars):
            if SWITCHES[loop, number // 4 % 8]:
                mono[round(starts[number]) :][: len(sound)] += sound
    noise = np.random.default_rng(99).standard_normal(len(mono)).astype(np.float32)
    mono += layer * np.float32(mono.std()) * noise
    return np.stack([mono, np.float32(0.5) * mono])


def _grid(bar: float = BAR, *, first: float = FIRST, bars: int = BARS, jitter: float = 0.0, origin: str) -> BarGrid:
    noise = jitter * RATE * np.random.default_rng(5).standard_normal(bars + 1)
    return BarGrid(np.round(first + bar * np.arange(bars + 1) + noise).astype(np.int64), 4, origin)


def _true(refined: Refined, bar: float = BAR, *, within: float = 0.5) -> bool:
    """Whether every start is a true one."""
    off = refined.grid.starts[:-1] + refined.shifts - FIRST
    return bool(np.all(np.abs((off + bar / 2) % bar - bar / 2) <= within))


@pytest.mark.parametrize("origin", ["host", "file", "tracker"])
def test_true_bars_stay(origin: str) -> None:
    given = _grid(origin=origin)
    refined = refine(_song(), given, rate=RATE)
    assert refined.grid.starts.tolist() == given.starts.tolist()
    assert not refined.shifts.any()
    assert refined.changes == ()
    assert refined.coherence_after == pytest.approx(refined.coherence_before)
    assert refined.coherence_after > 0.7


@pytest.mark.parametrize("seconds", [-0.004, -0.00125, 0.002])
def test_bars_of_a_host_move_by_milliseconds(seconds: float) -> None:
    refined = refine(_song(), _grid(first=FIRST + seconds * RATE, origin="host"), rate=RATE)
    assert _true(refined, within=0.0)
    assert refined.changes == (f"offset {-1000 * seconds:+.2f} ms",)


@pytest.mark.parametrize(("origin", "jitter"), [("host", 0.001), ("file", 0.004), ("tracker", 0.01)])
@pytest.mark.parametrize("layer", [0.0, 0.7])
def test_jitter_goes(origin: str, jitter: float, layer: float) -> None:
    refined = refine(_song(layer=layer), _grid(jitter=jitter, origin=origin), rate=RATE)
    assert refined.bar_frames == pytest.approx(BAR, abs=0.02)
    assert _true(refined, within=0.0 if layer == 0.0 else 0.01 * RATE)
    assert np.ptp(refined.grid.lengths) <= 1
    assert refined.coherence_after > 2 * refined.coherence_before


@pytest.mark.parametrize(
    ("bar", "first", "said"),
    [(BAR / 2, FIRST, ""), (2 * BAR, FIRST, ""), (BAR, FIRST + BAR / 4, "-1 beats"), (BAR, FIRST + BAR / 2, "beats")],
)
def test_a_tracker_may_be_wrong_by_a_factor_or_by_beats(bar: float, first: float, said: str) -> None:
    count = int((FIRST + BAR * BARS - first) / bar)
    refined = refine(_song(), _grid(bar, first=first, bars=count, jitter=0.006, origin="tracker"), rate=RATE)
    assert _true(refined, min(bar, BAR), within=0.0)
    assert said in " ".join(refined.changes)
