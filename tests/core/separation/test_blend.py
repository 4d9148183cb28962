"""Songs of which some loops repeat to the sample and others are played: layout, stems, and when nothing is blended."""

import numpy as np
import pytest

import core.base.threads
from core.audio.bars import BarGrid
from core.audio.clip import Clip, Samples
from core.audio.cube import analyse, frame
from core.base.errors import Cancelled
from core.base.settings import Settings
from core.evaluation import scoring
from core.extraction.ladder import extract
from core.layout.layout import one_bar_layout
from core.layout.played import find_played_layout
from core.separation.blend import blended
from core.separation.spectra.wiener import template_stems
from core.separation.waveforms.separate import separate
from tests.core.loop_songs import cancelling

RATE, BAR = 8_000, 4_000
ROWS = ("##..##..##########..##..", "....####....####....####", "########....####......##")
ON = np.array([[c == "#" for c in row] for row in ROWS]).T.astype(np.float32)
GRID = BarGrid(BAR * np.arange(len(ON) + 1, dtype=np.int64), 4, "host")
LAYOUT = one_bar_layout(ON)
PAN = np.array([[0.9, 0.4], [0.4, 0.9], [0.7, 0.7]])
BY_HAND = 2


def bursts(seed: int) -> list[Samples]:
    """Four notes of noise, the same for the same seed."""
    random = np.random.default_rng(seed)
    decay = np.exp(-np.arange(BAR // 4) / 250)
    return [(random.standard_normal(len(decay)) * decay).astype(np.float32) for _ in range(4)]


def stems() -> Samples:
    """Two loops that repeat to the sample; one whose notes come 3 ms early or late, 1.5 dB louder or softer."""
    random = np.random.default_rng(9)
    result = np.zeros((3, 2, BAR * len(ON)), dtype=np.float32)
    for loop, bar in zip(*np.nonzero(ON.T), strict=True):
        for beat, burst in enumerate(bursts(loop)):
            start = bar * BAR + beat * BAR // 4 + loop * BAR // 16
            level = 1.0
            if loop == BY_HAND:
                start, level = max(start + int(random.normal(0, 24)), 0), 10 ** (random.normal(0, 1.5) / 20)
            room = result[loop, :, start : start + len(burst)]
            room += np.float32(level) * PAN[loop][:, None].astype(np.float32) * burst[: room.shape[1]]
    return result


def scores(true: Samples, found: Samples) -> list[float]:
    return [scoring.sdr(one, other) for one, other in zip(true, found, strict=True)]


def test_each_loop_is_better_than_by_spectra_alone_and_the_worst_far_better_than_as_a_waveform() -> None:
    true = stems()
    mixture, framing = true.sum(axis=0), frame(GRID, RATE)
    coherent = separate(mixture, GRID, LAYOUT, rate=RATE)
    waves = scores(true, coherent.stems)
    spectra = scores(true, template_stems(analyse(mixture, framing), framing, LAYOUT, mixture.shape[1]))
    result = blended(mixture, coherent, framing)
    both = scores(true, result.stems)
    assert all(ours > theirs for ours, theirs in zip(both, spectra, strict=True))
    assert min(both) > min(waves) + 6
    assert scoring.null_depth(mixture, result.stems, result.rest) < -120


def test_where_all_repeats_nothing_changes() -> None:
    true = stems()[:BY_HAND]
    coherent = separate(true.sum(axis=0), GRID, LAYOUT.of(np.arange(BY_HAND)), rate=RATE)
    result = blended(true.sum(axis=0), coherent, frame(GRID, RATE))
    assert min(scores(true, result.stems)) > 35


def test_both_kinds_of_loops_are_found() -> None:
    true = stems()
    result = extract(Clip(true.sum(axis=0), RATE, "half played"), grid=GRID)
    assert result.diagnostics["method"] == "blended"
    assert "as music played by hand does" in result.warnings[0]
    found = {tuple(row) for row in (result.layout.loop_bars.T >= 0).tolist()}
    assert {tuple(row) for row in (ON.T > 0).tolist()} <= found


def test_known_loops_come_first_and_stay() -> None:
    true = stems()
    known = LAYOUT.of(np.array([0, 1]))
    left = analyse(true[BY_HAND], frame(GRID, RATE))
    layout, _ = find_played_layout(left, known=known)
    np.testing.assert_array_equal(layout.loop_bars, LAYOUT.loop_bars)
    layout, _ = find_played_layout(left, known=known, count=2)
    np.testing.assert_array_equal(layout.loop_bars, known.loop_bars)


@pytest.mark.parametrize("settings", [Settings(method="coherent"), Settings(loops=2)])
def test_nobody_asked_for_more(settings: Settings) -> None:
    result = extract(Clip(stems().sum(axis=0), RATE, "half played"), settings, grid=GRID)
    assert result.diagnostics["method"] == "coherent"


def test_a_sound_that_never_returns_is_no_played_loop() -> None:
    random = np.random.default_rng(3)
    true = stems()[:BY_HAND]
    layer = np.zeros_like(true[0])
    fade, time = np.hanning(3_000), np.arange(3_000)
    for start in random.integers(0, layer.shape[1] - len(fade), 60):
        layer[:, start : start + len(fade)] += 0.2 * fade * np.sin(random.uniform(0.05, 2.0) * time)
    result = extract(Clip(true.sum(axis=0) + layer, RATE, "song"), grid=GRID)
    assert result.diagnostics["method"] == "coherent"
    assert result.diagnostics["rest_share"] > 0.02
    assert len(result.loops) == BY_HAND


def test_any_number_of_cores_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    mixture, found = stems().sum(axis=0), []
    for count in (1, 3):
        monkeypatch.setattr(core.base.threads, "cores", lambda count=count: count)
        coherent = separate(mixture, GRID, LAYOUT, rate=RATE)
        found.append(blended(mixture, coherent, frame(GRID, RATE)).stems.tobytes())
    assert found[0] == found[1]


def test_can_be_cancelled_at_each_step() -> None:
    mixture = stems().sum(axis=0)
    for calls in (0, 5, 12):
        coherent = separate(mixture, GRID, LAYOUT, rate=RATE)
        with pytest.raises(Cancelled):
            blended(mixture, coherent, frame(GRID, RATE), progress=cancelling(calls))
