"""Songs with known stems add up and repeat as they claim, and sounds and layouts are what their names say."""

from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from core.audio.clip import Samples
from core.evaluation import scoring
from core.evaluation.songs import CLASSES, Song, build, demo_song, effects, layouts, tones, tunes
from core.evaluation.songs.arrangement import DRUMS, METRES, PITCHED, SCALES, Timeline, instances, play_notes
from core.evaluation.songs.layouts import Arrangement
from core.evaluation.songs.notes import Hit, Loop, Setting, clip, shifted

RATE = 44_100
RINGING = ("reverb", "played", "partly-played")  # classes whose stems sound on after the loop is switched off
SETTING = Setting(8_000, 16_000.0, METRES[0], 0, SCALES["minor"], (0, 5, 2, 6), 0.0)


@cache
def _song(kind: str) -> Song:
    return build(kind, 7, short=True)


def _rms(samples: Samples) -> float:
    return float(np.sqrt(np.mean(np.square(samples, dtype=np.float64))))


@pytest.mark.parametrize("kind", CLASSES)
def test_a_song_adds_up(kind: str) -> None:
    song = _song(kind)
    assert scoring.null_depth(song.mixture.samples, song.stems, song.rest) < -120
    assert np.isfinite(song.mixture.samples).all()
    assert 0.1 < np.abs(song.mixture.samples).max() < 1.0
    assert song.stems.dtype == song.mixture.samples.dtype == song.rest.dtype == np.float32
    assert song.stems.shape == (song.loops, 2, song.mixture.frames)
    assert song.activations.shape == (song.grid.bars, song.loops)
    assert song.grid.starts[0] >= 0
    assert song.grid.starts[-1] <= song.mixture.frames
    assert np.abs(song.grid.lengths - song.bar_frames).max() <= 1


@pytest.mark.parametrize("kind", CLASSES)
def test_loops_sound_where_they_are_on_and_only_there(kind: str) -> None:
    song = _song(kind)
    starts = song.grid.starts
    for k, stem in enumerate(song.stems):
        heard = np.array([_rms(stem[:, a:b]) for a, b in pairwise(starts)])
        on = song.activations[:, k] > 0
        assert heard[on].min() > 1e-4
        if kind not in RINGING and not on.all():
            assert heard[~on].max() < 0.02 * heard[on].max()  # a clip shifted between frames rings by a little
    levels = [20 * np.log10(_rms(stem) / _rms(song.mixture.samples)) for stem in song.stems]
    assert min(levels) > -40


@pytest.mark.parametrize("kind", ["exact", "pub-dense", "under-layer"])
def test_one_bar_loops_repeat_to_the_sample(kind: str) -> None:
    song = _song(kind)
    starts = song.grid.starts
    for stem, on in zip(song.stems, song.activations.T, strict=True):
        bars = [stem[:, starts[b] : starts[b + 1]] for b in np.flatnonzero(on)]
        assert all(np.array_equal(bars[0], bar) for bar in bars)


def test_notes_played_by_hand_are_as_unsteady_as_told() -> None:
    rng = np.random.default_rng(1)
    loop = Loop("drums", 1, (Hit(0.5, 0, 1.0),), (np.ones((2, 1), dtype=np.float32),))
    line = Timeline(0.0, 300, 300 * 16_000)
    stem = play_notes(rng, SETTING, loop, np.zeros(300, dtype=np.int64), line, timing=0.003, level=1.5)
    bars = stem[0].reshape(300, 16_000)
    late = bars.argmax(axis=1) - 8_000
    assert (np.count_nonzero(bars, axis=1) == 1).all()
    assert np.std(late) / SETTING.rate == pytest.approx(0.003, rel=0.15)
    assert np.std(20 * np.log10(bars.max(axis=1))) == pytest.approx(1.5, rel=0.15)


def test_the_same_seed_gives_the_same_song_and_another_another() -> None:
    one, again, other = build("lossy", 7, short=True), _song("lossy"), build("lossy", 8, short=True)
    assert np.array_equal(one.mixture.samples, again.mixture.samples)
    assert one.mixture.samples.shape != other.mixture.samples.shape


def test_the_layer_is_six_decibels_louder() -> None:
    song = _song("under-layer")
    assert song.rest_counts
    assert 20 * np.log10(_rms(song.rest) / _rms(song.stems.sum(axis=0))) == pytest.approx(6, abs=0.5)


def test_the_demo_has_the_four_parts_it_names() -> None:
    song = demo_song(rate=8_000)
    assert song.roles == ("drums", "bass", "pluck", "pad")
    assert song.grid.bars == 32
    assert song.traits == ()  # the layout tells its loops apart
    assert song.mixture.seconds == 64


@pytest.mark.parametrize("maker", [*DRUMS, *PITCHED])
@pytest.mark.parametrize("bars", [1, 2, 4, 8])
def test_the_bars_of_a_loop_differ_and_none_is_empty(maker, bars: int) -> None:  # type: ignore[no-untyped-def]
    for seed in range(3):
        loop = maker(np.random.default_rng(seed), SETTING, bars)
        sound = clip(loop, SETTING.bar_frames, SETTING.rate, folded=False)
        assert sound.shape == (2, bars * 16_000)
        each = np.split(sound, bars, axis=1)
        assert min(_rms(bar) for bar in each) > 1e-4
        assert bars == 1 or not np.array_equal(np.concatenate(each[: bars // 2]), np.concatenate(each[bars // 2 :]))


def test_a_folded_clip_keeps_what_rings_past_its_end() -> None:
    loop = tunes.bell(np.random.default_rng(1), SETTING, 1)
    cut, folded = (clip(loop, SETTING.bar_frames, SETTING.rate, folded=folded) for folded in (False, True))
    assert _rms(folded[:, :4_000] - cut[:, :4_000]) > 1e-4


@pytest.mark.parametrize("fraction", [0.25, 0.5, 0.9])
def test_shifting_by_a_fraction_of_a_frame(fraction: float) -> None:
    now = np.arange(4_000)
    bell = np.exp(-(((now - 2_000) / 300) ** 2))
    wave = (np.sin(0.5 * now) * bell).astype(np.float32)[None]
    wanted = np.sin(0.5 * (now - fraction)) * np.exp(-(((now - fraction - 2_000) / 300) ** 2))
    np.testing.assert_allclose(shifted(wave, fraction)[0, :4_000], wanted, atol=1e-5)


def test_published_layouts() -> None:
    rng = np.random.default_rng(5)
    for each in (1, 2):
        on = layouts.picked(rng, each).on
        assert on.shape == (16, 10)
        assert (on[:, :5].sum(axis=1) == each).all()
        assert (on[:, 5:].sum(axis=1) == each).all()
    assert layouts.composed().on.shape == (32, 4)
    codes = layouts.factorial(rng).on @ (1 << np.arange(4))
    assert np.bincount(codes).tolist() == [0, *([2] * 15)]


def test_loops_always_heard_together_are_refused() -> None:
    on = np.array([[1, 1, 0], [1, 1, 1], [0, 0, 1], [1, 1, 0]], dtype=np.bool_)
    assert not layouts.separable(layouts.one_bar(on))
    assert layouts.separable(layouts.one_bar(on[:, 1:]))


@pytest.mark.parametrize("restart", [False, True])
def test_arranged_loops_run_through_their_bars(restart: bool) -> None:
    layout = layouts.arranged(np.random.default_rng(3), 60, (1, 2, 4), off_phrase=0.3, restart=restart)
    for k, length in enumerate(layout.lengths):
        runs = instances(layout.phase[:, k])
        assert sum(end - start for start, end in runs) == layout.on[:, k].sum()
        assert max(end - start for start, end in runs) == length
        if restart:
            begins = np.flatnonzero(np.diff(layout.on[:, k].astype(int), prepend=0) == 1)
            assert (layout.phase[begins, k] == 0).all()


def test_a_layout_that_is_a_sum_is_called_deficient() -> None:
    first = np.arange(8) < 4
    layout: Arrangement = layouts.one_bar(np.stack([np.ones(8, dtype=np.bool_), first, ~first], axis=1))
    assert layouts.deficiency(layout) == 1
    assert layouts.deficiency(layouts.composed()) == 0


@pytest.mark.parametrize("late", [-321, 0, 1105])
def test_delay_finds_how_late_a_signal_is(late: int) -> None:
    noise = np.random.default_rng(1).standard_normal((2, 60_000)).astype(np.float32)
    assert effects.delay(noise[:, 4_000:50_000], noise[:, 4_000 - late : 50_000 - late]) == late


@pytest.mark.parametrize("coder", effects.CODERS, ids=lambda coder: coder[0])
def test_coded_sound_stays_where_it_was(coder: tuple[str, str]) -> None:
    loop = tunes.pluck(np.random.default_rng(1), Setting(RATE, 88_200.0, METRES[0], 0, SCALES["minor"], (0,), 0.0), 1)
    sound = np.tile(clip(loop, 88_200.0, RATE, folded=True) * 0.2, 4)
    heard = effects.coded(sound, RATE, coder, 0.3)
    assert heard.shape == sound.shape
    assert effects.delay(sound, heard) == 0
    assert scoring.sdr(sound, heard) > 12


def test_wavetables_have_their_pitch_and_no_aliases() -> None:
    frames = RATE
    tone = tones.wavetable(np.full(frames, 1_000.0), tones.harmonics("saw"), np.full(frames, 18_000.0), RATE)
    power = np.abs(np.fft.rfft(tone * np.hanning(frames))) ** 2  # a second: bins are Hz
    assert int(np.argmax(power)) == 1_000
    near = np.abs((np.arange(len(power)) + 500) % 1_000 - 500) <= 3
    assert power[~near].sum() < 1e-5 * power.sum()


def test_strings_are_in_tune() -> None:
    wave = tones.string(220.0, RATE, RATE, 0.5, np.random.default_rng(1))
    power = np.abs(np.fft.rfft(wave * np.hanning(RATE)))
    assert 218 <= int(np.argmax(power[150:300])) + 150 <= 222


def test_pitches_stay_in_the_key() -> None:
    allowed = set(SCALES["minor"])
    assert all(tunes.pitch(SETTING, steps, 40) % 12 in allowed for steps in range(-7, 20))
    assert tunes.pitch(SETTING, 0, 40) == 48
    assert tunes.pitch(SETTING, 7, 40) == 60
