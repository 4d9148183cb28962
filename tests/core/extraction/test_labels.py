"""Labels are guesses: right for most loops of a known kind, and the same for the same loop at any level and rate."""

from collections.abc import Callable

import numpy as np
import pytest

from core.audio.clip import Samples
from core.evaluation.songs import grooves, tunes
from core.evaluation.songs.arrangement import METRES, SCALES
from core.evaluation.songs.notes import Loop, Setting, clip
from core.extraction.labels import Features, guess, labels_of, measure

RATE, BAR = 44_100, 88_200
SETTING = Setting(RATE, float(BAR), METRES[0], 0, SCALES["minor"], (0, 5, 2, 6), 0.0)
KNOWN: list[tuple[Callable[..., Loop], str]] = [
    (grooves.kit, "drums"),
    (grooves.beat, "drums"),
    (tunes.bass, "bass"),
    (grooves.hats, "percussion"),
    (grooves.percussion, "percussion"),
    (tunes.pad, "pad"),
    (tunes.lead, "melody"),
    (tunes.bell, "melody"),
]


def _played(maker: Callable[..., Loop], seed: int) -> Samples:
    return clip(maker(np.random.default_rng(seed), SETTING, 1), SETTING.bar_frames, RATE, folded=True)


def test_most_loops_of_a_known_kind_are_called_by_it() -> None:
    said = [
        (guess(measure(_played(maker, seed), RATE)).partition(" ")[0], kind) for maker, kind in KNOWN for seed in (1, 2)
    ]
    right = [label == kind for label, kind in said]
    assert np.mean(right) >= 0.8, said
    assert np.mean([label == kind for label, kind in said if kind in ("drums", "bass")]) == 1, said


def test_a_kick_alone_is_no_bass() -> None:
    seconds = np.arange(RATE // 2) / RATE
    phase = 50 * seconds + 12 * (1 - np.exp(-seconds / 0.03))  # from 450 Hz down to 50
    kick = np.sin(2 * np.pi * phase) * np.exp(-seconds / 0.12)
    assert labels_of([np.tile(kick, 4)[None].astype(np.float32)], RATE) == ["drums"]


def _tone(hertz: float, rate: int = RATE) -> Samples:
    return (0.3 * np.sin(2 * np.pi * hertz * np.arange(rate) / rate)).astype(np.float32)[None]


def _clicks(rate: int = RATE) -> Samples:
    clicks = np.zeros((1, rate), dtype=np.float32)
    clicks[:, rate // 8 :: rate // 4] = 0.5
    return clicks


def test_what_is_measured_is_what_sounds() -> None:
    high, deep, click = measure(_tone(2_000), RATE), measure(_tone(60), RATE), measure(_clicks(), RATE)
    assert high.centre == pytest.approx(2_000, rel=0.02)
    assert deep.deep > 0.99
    assert high.deep < 0.01
    assert high.percussive < 0.05
    assert click.percussive > 0.9
    assert high.steady > 0.7
    assert click.steady < 0.1


@pytest.mark.parametrize("rate", [8_000, 48_000, 192_000])
def test_rate_level_and_channels_change_nothing(rate: int) -> None:
    for hertz, label in ((60, "bass"), (300, "pad"), (1_000, "melody mid"), (3_000, "melody high")):
        tone = _tone(hertz, rate)
        assert labels_of([tone, tone * np.float32(1e-3), np.repeat(tone, 8, axis=0)], rate) == [
            label,
            f"{label} 2",
            f"{label} 3",
        ]
    assert labels_of([_clicks(rate)], rate) == ["percussion"]


def test_silence_and_the_shortest_bar_get_some_label() -> None:
    assert len(labels_of([np.zeros((2, 1_600), dtype=np.float32), _tone(100, 8_000)[:, :1_600]], 8_000)) == 2


def test_a_low_melody_is_no_pad_when_it_has_gaps() -> None:
    assert guess(Features(percussive=0.1, deep=0.1, centre=300.0, steady=0.1)) == "melody low"
