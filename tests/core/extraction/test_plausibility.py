"""Results that cannot be right are not delivered, those that may be wrong carry a warning, and good ones none."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pytest

import core.extraction.bars_and_layout
import core.extraction.ladder
from core.audio.bars import BarGrid
from core.audio.clip import Clip, Samples, rest_of
from core.audio.cube import analyse, frame
from core.base.errors import Code, LoopError
from core.evaluation.scoring import match
from core.extraction.ladder import Settings, extract
from core.extraction.likeness import ALIKE, likeness, require_likeness
from core.extraction.parts import Parts
from core.extraction.plausibility import Judgement, judged, warnings_of
from core.layout.layout import Layout, one_bar_layout
from core.layout.search.search import Found
from core.separation.waveforms.separate import separate
from tests.core.loop_songs import BAR, RATE, tiny_song

BARS = 24
GRID = BarGrid(BAR * np.arange(BARS + 1, dtype=np.int64), 4, "host")
FRAMES = BAR * BARS


def white_noise() -> Samples:
    return (0.1 * np.random.default_rng(1).standard_normal((2, FRAMES))).astype(np.float32)


def one_shots() -> Samples:
    """A hundred decaying tones and bursts, each at a moment and with a pitch of its own."""
    random, time = np.random.default_rng(2), np.arange(RATE // 2) / RATE
    sound = np.zeros((2, FRAMES + len(time)))
    for _ in range(100):
        tone = np.sin(2 * np.pi * random.uniform(60, 3_000) * time)
        burst = random.standard_normal(len(time))
        start = int(random.integers(FRAMES))
        shot = (tone if random.random() < 0.5 else burst) * np.exp(-random.uniform(5, 30) * time)
        sound[:, start : start + len(time)] += 0.2 * random.uniform(0.2, 1.0, (2, 1)) * shot
    return sound[:, :FRAMES].astype(np.float32)


def pieces(count: int, seed: int = 0) -> Samples:
    """Bars of smoothed noise, mono, [count, 1, frames of a bar]."""
    noise = np.random.default_rng(seed).standard_normal((count, BAR))
    smooth = np.apply_along_axis(np.convolve, 1, noise, np.hanning(9) / 5, mode="same")
    return (0.1 * smooth * np.hanning(BAR) ** 0.2).astype(np.float32)[:, None]


def played(rows: list[str], sounds: Samples) -> Samples:
    """Stems [loops, 1, frames] of one-bar loops by rows of # and . ."""
    on = np.array([[c == "#" for c in row] for row in rows], dtype=np.float32)
    return np.einsum("kb,kcf->kcbf", on, sounds).reshape(len(rows), 1, -1)


@pytest.mark.parametrize("sound", [white_noise, one_shots])
@pytest.mark.parametrize("method", ["auto", "tucker"])
def test_what_never_returns_is_refused_and_says_what_to_do(sound: object, method: str) -> None:
    clip = Clip(sound(), RATE, "static")  # type: ignore[operator]
    with pytest.raises(LoopError, match=r"static: no bar of it repeats.*choose a part that repeats") as refused:
        extract(clip, Settings(method=method), grid=GRID)  # type: ignore[arg-type]
    assert refused.value.code == Code.MUSIC_NOT_USABLE


def test_bars_of_noise_and_of_one_steady_sound_are_alike_by_chance_only() -> None:
    hum = np.sin(2 * np.pi * 110.3 * np.arange(FRAMES) / RATE) + 0.1 * white_noise()
    for sound in (white_noise(), one_shots(), hum.astype(np.float32)):
        assert likeness(analyse(sound, frame(GRID, RATE))) < ALIKE


@pytest.mark.parametrize("share", [1.0, 0.25])
def test_a_loop_among_much_that_never_returns_is_enough(share: float) -> None:
    """Played by hand: each time by a few ms elsewhere and with other noise."""
    random, sound = np.random.default_rng(3), one_shots()
    loop = np.tile(one_shots()[:, :BAR] * 3, 2)
    for bar in range(0, BARS, round(1 / share)):
        sound[:, bar * BAR : (bar + 1) * BAR] = loop[:, BAR - int(random.integers(24)) :][:, :BAR]
    assert require_likeness(analyse(sound, frame(GRID, RATE)), "song") > ALIKE


def test_a_wrong_layout_of_as_many_parts_as_bars_gives_no_loops_louder_than_the_song() -> None:
    """17 parts for 17 bars: least squares explain all bars, with 39 times the energy of the song."""
    random, bars = np.random.default_rng(0), 17
    grid = BarGrid(BAR * np.arange(bars + 1, dtype=np.int64), 4, "host")
    true = (random.random((8, bars)) < 0.4).astype(np.float32)
    song = np.einsum("kb,kcf->cbf", true, pieces(8)).reshape(1, -1)
    song = (song + 0.02 * random.standard_normal(song.shape)).astype(np.float32)
    lengths = tuple(int(n) for n in random.choice([1, 1, 2, 4], 6))
    on = random.random((bars // 2 + 1, 6)).repeat(2, axis=0)[:bars] < 0.6
    loop_bars = np.where(on, np.arange(bars)[:, None] % np.array(lengths), -1).astype(np.int16)
    found = separate(song, grid, Layout(on.astype(np.float32), lengths, loop_bars), rate=RATE)
    assert judged(song, found.stems, grid).energy < 1.5


TURNS = ["########....########....", "....####....####....####"]
SUM = ["########....########....", "########....############"]


def test_a_loop_that_cancels_a_louder_one_is_seen() -> None:
    stems = played(["#" * 12, "#" * 12], pieces(2))
    song = stems.sum(axis=0)
    grid = BarGrid(GRID.starts[:13], 4, "host")
    assert judged(song, stems, grid).failure is None
    assert judged(song, stems, grid).energy == pytest.approx(1.0, abs=0.1)
    undone = np.stack([stems[0] + 2 * stems[1], -2 * stems[1]])
    seen = judged(stems[0], undone, grid)
    assert seen.pairs[0][1:] == seen.undoing == (0, 1)
    assert "cancel" in str(seen.failure)


@pytest.mark.parametrize(("share", "failure"), [(0.021, "some of the loops found cancel each other"), (0.019, None)])
def test_two_loops_that_cancel_each_other_count_from_two_percent_of_the_song_on(
    share: float, failure: str | None
) -> None:
    """A loud third loop keeps the energy of all stems near the song's, so that only the pair shows the error."""
    loud, quiet = played(["#" * 12, "#" * 12], pieces(2))
    quiet *= np.sqrt(share * np.square(loud).sum() / np.square(quiet).sum())
    stems = np.stack([loud, quiet, -0.95 * quiet])
    seen = judged(loud, stems, BarGrid(GRID.starts[:13], 4, "host"))
    assert seen.energy < 1.1
    assert seen.failure == failure
    assert seen.undoing == ((1, 2) if failure else None)


@pytest.mark.parametrize(
    ("energy", "left", "words", "undoing"),
    [
        (1.49, 0.91, "None", None),
        (1.49, 0.89, "None", (0, 1)),
        (1.49, 0.51, "None", (0, 1)),
        (1.49, 0.49, "some of the loops found cancel each other", (0, 1)),
        (1.51, 0.91, "the loops found have 1.5 times the song's energy and cancel each other", None),
    ],
)
def test_judgements_begin_at_their_thresholds(
    energy: float, left: float, words: str, undoing: tuple[int, int] | None
) -> None:
    judgement = Judgement(energy, ((left, 0, 1), (2.0, 0, 2)))
    assert str(judgement.failure) == words
    assert judgement.undoing == undoing


def misread(monkeypatch: pytest.MonkeyPatch, rows: list[str]) -> None:
    """Let the search find these rows, whatever is heard."""
    on = np.array([[c == "#" for c in row] for row in rows], dtype=np.float32).T
    wrong = Found(one_bar_layout(on), 0.9, np.ones(len(rows)))
    monkeypatch.setattr(core.extraction.bars_and_layout, "layout_of", lambda *_: wrong)


def test_a_loop_that_takes_the_place_of_another_is_not_added_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of "A, then B in its place", the misreading "A throughout, and B less A" has another sound and more energy."""
    stems = played(["####........" * 2, "....########" * 2], pieces(2))
    misread(monkeypatch, ["############" * 2, "....########" * 2])
    clip = Clip(stems.sum(axis=0), RATE, "turns")
    found = extract(clip, Settings(method="coherent"), grid=GRID)
    assert match(stems, found.stems).sdr.min() > 40
    assert found.warnings == []


def exploded(parts: Parts) -> Parts:
    """The same, with a loop more that two others cancel."""
    more = 2 * np.roll(parts.stems[:1], 400, axis=2)
    stems = np.concatenate([parts.stems, more, -more])
    order = np.array([*range(len(parts.stems)), 0, 0])
    report = {**parts.diagnostics, "noise_gain": [0.2] * len(stems)}
    return replace(parts, stems=stems, layout=parts.layout.of(order), diagnostics=report)


def explode(monkeypatch: pytest.MonkeyPatch, rungs: int) -> None:
    """The first so many results of the ladder cancel themselves."""
    real, left = core.extraction.ladder._rungs, iter([True] * rungs)

    def spoilt(*args: object) -> Iterator[Parts]:
        for parts in real(*args):  # type: ignore[arg-type]
            yield exploded(parts) if next(left, False) else parts

    monkeypatch.setattr(core.extraction.ladder, "_rungs", spoilt)


@pytest.mark.parametrize(("rungs", "method"), [(1, "played"), (2, "tucker")])
def test_a_result_that_cannot_be_right_gives_way_to_the_next(
    monkeypatch: pytest.MonkeyPatch, rungs: int, method: str
) -> None:
    explode(monkeypatch, rungs)
    tiny, told = tiny_song(), []
    found = extract(tiny.clip, Settings(), lambda fraction, _: told.append(fraction), grid=tiny.grid)
    assert found.diagnostics["method"] == method
    assert len(found.diagnostics["given_up"]) == rungs
    assert "times the song's energy" in found.diagnostics["given_up"][0]
    assert "separated by another method" in found.warnings[0]
    assert told == sorted(told)
    left = rest_of(found.clip.samples, found.stems)
    np.testing.assert_allclose(left, found.rest, atol=1e-5)


def test_where_nothing_can_be_right_nothing_is_delivered(monkeypatch: pytest.MonkeyPatch) -> None:
    tiny = tiny_song()
    for method, rungs in (("coherent", 1), ("tucker", 1), ("auto", 3)):
        with monkeypatch.context() as patched:
            explode(patched, rungs)
            with pytest.raises(LoopError, match=r"tiny song: the loops found have .* try") as refused:
                extract(tiny.clip, Settings(method=method), grid=tiny.grid)  # type: ignore[arg-type]
            assert refused.value.code == Code.MUSIC_NOT_USABLE


def test_a_good_song_carries_no_warning() -> None:
    stems = played(TURNS, pieces(2))
    found = extract(Clip(stems.sum(axis=0), RATE, "clean"), grid=GRID)
    assert match(stems, found.stems).sdr.min() > 40
    assert found.warnings == []
    assert found.diagnostics["confidence"] > 0.5
    assert found.diagnostics["stems_energy"] == pytest.approx(1.0, abs=0.1)


def test_a_voice_over_loops_is_mentioned() -> None:
    stems = played(TURNS, pieces(2))
    moments = np.arange(FRAMES) / RATE
    voice = np.sin(2 * np.pi * (300 * moments + 30 * np.cumsum(np.sin(2 * np.pi * 0.37 * moments)) / RATE))
    voice *= 0.3 * np.sqrt(np.square(stems).sum() / np.square(voice).sum())
    clip = Clip((stems.sum(axis=0) + voice).astype(np.float32), RATE, "sung")
    found = extract(clip, Settings(method="coherent"), grid=GRID)
    assert 0.05 < found.diagnostics["rest_share"] < 0.3
    assert [warning for warning in found.warnings if "belongs to no loop and is kept in the rest" in warning]


@pytest.mark.parametrize(
    ("rest", "confidence", "words"),
    [
        (0.009, 0.51, []),
        (0.011, 0.51, ["1% of the sound belongs to no loop and is kept in the rest: voices"]),
        (0.49, 0.51, ["49% of the sound belongs to no loop and is kept in the rest: voices"]),
        (0.51, 0.51, ["51% of the sound belongs to no loop and is kept in the rest; are the bars right"]),
        (0.009, 0.49, ["these are probably not the loops"]),
    ],
)
def test_warnings_begin_at_their_thresholds(rest: float, confidence: float, words: list[str]) -> None:
    told = warnings_of({"rest_share": rest, "confidence": confidence})
    assert len(told) == len(words)
    assert all(sentence.startswith(start) for sentence, start in zip(told, words, strict=True))


def test_loops_that_cannot_be_separated_are_not_trusted() -> None:
    stems = played(["#" * 12, "#" * 12], pieces(2))
    seen = judged(stems.sum(axis=0), stems, BarGrid(GRID.starts[:13], 4, "host"))
    assert seen.confidence([0.2, 0.3]) > 0.5
    assert seen.confidence([0.2, 1.1]) < 0.5
    assert seen.confidence([0.2, 30_000.0]) < 0.001


def test_loops_that_cancel_each_other_are_not_trusted() -> None:
    """The confidence falls with what is left of both, and two loops that add up do not raise it."""
    for left, confidence in ((0.4, 0.32), (0.0, 0.0), (1.0, 0.8), (2.0, 0.8)):
        assert Judgement(1.0, ((left, 0, 1),)).confidence([0.25]) == pytest.approx(confidence)
    assert Judgement(1.0, ()).confidence([0.25]) == pytest.approx(0.8)
