"""Bars refined to the sample: small songs of noise that repeat exactly at a known length, and what could fool it."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.fft import next_fast_len
from scipy.signal import butter, sosfiltfilt

from core.audio.bars import BarGrid
from core.audio.clip import Samples
from core.base.errors import Cancelled
from core.downbeats.refine.refine import Refined, refine

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
    given = replace(_grid(origin=origin), beat_unit=8)
    refined = refine(_song(), given, rate=RATE)
    assert refined.grid.starts.tolist() == given.starts.tolist()
    assert refined.grid.beat_unit == 8
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
    assert refined.grid.beats_per_bar == 4


def test_a_tracker_may_be_wrong_by_the_metre() -> None:
    given = _grid(BAR * 3 / 4, bars=BARS * 4 // 3, jitter=0.006, origin="tracker")
    refined = refine(_song(), given, rate=RATE)
    assert _true(refined, within=0.0)
    assert refined.grid.beats_per_bar == 5  # 4 beats were tracked in three quarters of a bar


# Bars of no whole number of frames


@pytest.mark.parametrize("bar", [12_000.5, 11_111.37])
@pytest.mark.parametrize("origin", ["host", "tracker"])
def test_clips_on_their_nearest_frame_stay_on_whole_frames(bar: float, origin: str) -> None:
    refined = refine(_song(bar), _grid(bar, jitter=0.001, origin=origin), rate=RATE)
    assert refined.bar_frames == pytest.approx(bar, abs=0.02)
    assert not refined.shifts.any()
    # A frame or two early is as good: the first frames of a bar may come before its first sound.
    assert _true(refined, bar, within=2.5)
    assert refined.coherence_after > 0.85


@pytest.mark.parametrize("bar", [11_111.61898, 11_111.38153, 11_111.55385])
def test_the_very_bars_that_were_rounded_up_are_found(bar: float) -> None:
    """In so many bars their fractions lie as close as a fiftieth of a frame; a constant shift does no harm."""
    bars = 51
    refined = refine(_song(bar, bars=bars), _grid(bar, bars=bars, jitter=0.001, origin="tracker"), rate=RATE)
    true = np.round(FIRST + bar * np.arange(bars))
    assert np.ptp(refined.grid.starts[:bars] - true) == 0


@pytest.mark.parametrize(("bar", "bars"), [(11_111.37, 32), (11_111.013, 64)])  # the second drifts by less than a frame
def test_clips_between_frames_get_their_shifts(bar: float, bars: int) -> None:
    smooth = sosfiltfilt(butter(4, 0.6, output="sos"), _loop(0, 11_111))
    starts = FIRST + bar * np.arange(bars)
    mono = sum(_between(smooth, start, round(FIRST + bar * bars) + 900) for start in starts)
    refined = refine(np.asarray(mono, dtype=np.float32)[None], _grid(bar, bars=bars, origin="host"), rate=RATE)
    expected = starts - refined.grid.starts[:-1]
    assert np.ptp(refined.shifts - expected) == pytest.approx(0.0, abs=0.05)
    assert np.abs(refined.shifts).max() <= 0.5
    assert refined.coherence_after > 0.999


def _between(sound: np.ndarray, start: float, frames: int) -> np.ndarray:
    room = np.zeros(next_fast_len(frames))
    whole = int(start)
    room[whole : whole + len(sound)] = sound
    turn = np.exp(-2j * np.pi * np.fft.rfftfreq(len(room)) * (start - whole))
    return np.fft.irfft(np.fft.rfft(room) * turn, n=len(room))[:frames]


# What has no single bar length


def test_drift_is_followed() -> None:
    late = 0.006 * RATE * np.sin(np.arange(BARS + 1) / 2.0)
    late -= np.median(late)
    refined = refine(_song(late=late), _grid(origin="host"), rate=RATE)
    assert refined.changes == ("drift followed",)
    off = refined.grid.starts[:-1] + refined.shifts - _grid(origin="host").starts[:-1] - np.round(late[:-1])
    assert np.median(np.abs(off - np.median(off))) < 1.0
    assert refined.coherence_after > 2 * refined.coherence_before


def test_a_change_of_tempo_keeps_both() -> None:
    slow, fast = _song(), _song(10_800.0)[:, FIRST:]
    song = np.concatenate([slow[:, : FIRST + int(BAR) * BARS], fast], axis=1)
    starts = np.concatenate(
        [FIRST + BAR * np.arange(BARS), FIRST + BAR * BARS + 10_800 * np.arange(BARS + 1)]
    ) + np.random.default_rng(3).integers(-8, 9, 2 * BARS + 1)
    for origin in ("host", "tracker"):
        refined = refine(song, BarGrid(starts.astype(np.int64), 4, origin), rate=RATE)
        assert refined.bar_frames is None
        assert set(refined.grid.lengths[: BARS - 1].tolist()) == {12_000}
        assert set(refined.grid.lengths[BARS:].tolist()) == {10_800}
        assert refined.coherence_after > 0.7


def test_bars_of_a_changing_metre_are_left_or_fitted_in_groups() -> None:
    song = _song()
    halves = np.sort(np.concatenate([np.arange(BARS + 1), [20.5, 21.5]]))  # 2/4 bars among 4/4 ones
    given = BarGrid(np.round(FIRST + BAR * halves).astype(np.int64), 4, "host")
    refined = refine(song, given, rate=RATE)
    assert refined.grid.starts.tolist() == given.starts.tolist()


@pytest.mark.parametrize("origin", ["host", "file", "tracker"])
def test_what_never_repeats_is_left_alone(origin: str) -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal((2, int(FIRST + BAR * BARS) + 900)).astype(np.float32)
    given = _grid(jitter=0.03, origin=origin)
    refined = refine(noise, given, rate=RATE)
    assert refined.grid is given
    assert not refined.shifts.any()
    assert (refined.bar_frames, refined.changes) == (None, ())


def test_a_trackers_scatter_around_a_steady_beat_is_evened_where_nothing_repeats() -> None:
    noise = 0.1 * np.random.default_rng(1).standard_normal((2, int(FIRST + BAR * BARS) + 900)).astype(np.float32)
    refined = refine(noise, _grid(jitter=0.008, origin="tracker"), rate=RATE)
    assert refined.changes == ("evened",)
    assert _true(refined, within=0.008 * RATE)


# Odd songs


def test_silence_in_the_middle_moves_nothing() -> None:
    song = _song()
    song[:, int(FIRST + 10 * BAR) : int(FIRST + 17 * BAR)] = 0.0
    for origin in ("host", "tracker"):
        refined = refine(song, _grid(jitter=0.002, origin=origin), rate=RATE)
        assert _true(refined, within=0.0)
        assert refined.grid.bars == BARS


def test_silence_alone_is_left_alone() -> None:
    given = _grid(origin="tracker")
    refined = refine(np.zeros((2, int(given.starts[-1])), dtype=np.float32), given, rate=RATE)
    assert refined.grid.starts.tolist() == given.starts.tolist()
    assert refined.coherence_after == 0.0


@pytest.mark.parametrize("pan", [(1.0,), (1.0, -1.0), (0.0, 1.0), (1.0, 0.5, -0.5)])
def test_any_channels_will_do(pan: tuple[float, ...]) -> None:
    song = np.float32(pan)[:, None] * _song()[:1]
    assert _true(refine(song, _grid(jitter=0.002, origin="host"), rate=RATE), within=0.0)


@pytest.mark.parametrize("bars", [4, 5, 9])
@pytest.mark.parametrize("origin", ["host", "tracker"])
def test_short_songs_keep_their_bars(bars: int, origin: str) -> None:
    refined = refine(_song(bars=bars), _grid(bars=bars, origin=origin), rate=RATE)
    assert refined.grid.bars == bars
    assert _true(refined, within=0.5)


def test_progress_can_stop_it() -> None:
    def stop(fraction: float, stage: str) -> None:
        raise Cancelled(f"{stage} {fraction}")

    with pytest.raises(Cancelled):
        refine(_song(), _grid(origin="host"), rate=RATE, progress=stop)
