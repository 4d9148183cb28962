"""Where loops are switched tells where bars begin, even under a layer that drowns every attack."""

from dataclasses import replace

import numpy as np
import pytest

from core.audio.bars import BarGrid
from core.audio.clip import Clip, Samples
from core.base.settings import Settings
from core.downbeats.refine.refine import Refined
from core.extraction.ladder import extract
from core.layout.layout import Layout, one_bar_layout
from core.layout.realign_bars import confirmed, moved_on_trial, moved_to_switches

RATE, BAR, BARS, LOOPS = 8_000, 4_000, 48, 4
LAYOUT = one_bar_layout((np.random.default_rng(5).random((BARS, LOOPS)) < 0.5).astype(np.float32))


def song(*, layer: float = 0.0, channels: int = 2) -> tuple[Samples, np.ndarray]:
    """Loops of steady noise, without any attack to go by, under noise `layer` times as loud; and where bars begin."""
    random = np.random.default_rng(1)
    pieces = random.standard_normal((LOOPS, channels, BAR))
    played = np.einsum("bl,lct->cbt", LAYOUT.activations, pieces).reshape(channels, -1)
    loops = np.pad(played, ((0, 0), (700, 900)))
    noise = layer * loops.std() * random.standard_normal(loops.shape)
    return 0.1 * (loops + noise).astype(np.float32), 700 + BAR * np.arange(BARS + 1)


def begun(starts: np.ndarray) -> Refined:
    return Refined(BarGrid(starts, 4, "tracker"), np.zeros(BARS), float(BAR), 0.5, 0.5, 0.5, ("evened",))


@pytest.mark.parametrize("off", [-1_900, -600, -50, 50, 640, 1_800])
@pytest.mark.parametrize("channels", [1, 2, 3])
def test_bars_begun_early_or_late_are_moved_back(off: int, channels: int) -> None:
    mixture, true = song(channels=channels)
    moved = moved_to_switches(mixture, begun(true + off), LAYOUT, rate=RATE)
    assert np.abs(moved.grid.starts[1:-1] - true[1:BARS][-moved.grid.bars + 1 :]).max() <= 4
    assert moved.changes[0] == "evened"
    assert "bar lines moved by" in moved.changes[1]


@pytest.mark.parametrize("off", [-600, 250])
def test_a_layer_as_loud_costs_a_few_frames(off: int) -> None:
    mixture, true = song(layer=1.0)
    moved = moved_to_switches(mixture, begun(true + off), LAYOUT, rate=RATE)
    assert np.abs(moved.grid.starts - true).max() <= 16


@pytest.mark.parametrize("layer", [0.0, 0.5, 2.0, 10.0])
def test_true_bars_stay(layer: float) -> None:
    mixture, true = song(layer=layer)
    given = begun(true)
    assert moved_to_switches(mixture, given, LAYOUT, rate=RATE) is given


@pytest.mark.parametrize("layout", [LAYOUT, one_bar_layout(np.ones((BARS, 1), np.float32))])
@pytest.mark.parametrize("level", [0.0, 0.1])
def test_what_is_never_switched_is_left_alone(layout: Layout, level: float) -> None:
    mixture, true = song()
    noise = (level * np.random.default_rng(3).standard_normal(mixture.shape)).astype(np.float32)
    given = begun(true + 50)
    assert moved_to_switches(noise, given, layout, rate=RATE) is given


@pytest.mark.parametrize(("lacking", "bars"), [(20, BARS), (60, BARS - 1)])
def test_a_bar_that_lacks_its_first_frames_is_one_and_other_parts_of_bars_are_not(lacking: int, bars: int) -> None:
    mixture, true = song()
    cut = mixture[:, true[0] + lacking :]
    moved = moved_to_switches(cut, begun(true - true[0] - lacking + 300), LAYOUT, rate=RATE)
    assert moved.grid.bars == bars == len(moved.shifts)
    assert moved.grid.starts[0] == pytest.approx(0 if bars == BARS else BAR - lacking, abs=4)


@pytest.mark.parametrize("off", [-900, 300])
def test_a_clip_that_begins_near_a_line_begins_on_it(off: int) -> None:
    mixture, true = song()
    cut = mixture[:, true[0] :]
    moved = moved_to_switches(cut, begun(true - true[0] + off), LAYOUT, rate=RATE)
    assert np.array_equal(moved.grid.starts, true - true[0])


@pytest.mark.parametrize("off", [1_500, -1_500])
def test_bars_are_added_where_the_others_leave_room(off: int) -> None:
    mixture, true = song()
    bars = slice(1, None) if off < 0 else slice(None, -1)
    layout = one_bar_layout(LAYOUT.activations[bars])
    given = (true + off)[1:] if off < 0 else (true + off)[:-1]
    moved = moved_to_switches(mixture, replace(begun(true), grid=BarGrid(given, 4, "tracker")), layout, rate=RATE)
    assert np.allclose(moved.grid.starts, true, atol=4)


def test_silent_bars_are_not_added() -> None:
    mixture, true = song()
    mixture[:, : true[0]] = 0
    late = np.pad(mixture, ((0, 0), (2 * BAR, 0)))
    moved = moved_to_switches(late, begun(true + 2 * BAR - 300), LAYOUT, rate=RATE)
    assert np.allclose(moved.grid.starts, true + 2 * BAR, atol=4)


def test_few_bars_are_no_evidence() -> None:
    mixture, true = song()
    layout = one_bar_layout(LAYOUT.activations[:3])
    given = begun(true[:4] + 50)
    assert moved_to_switches(mixture, given, layout, rate=RATE) is given


@pytest.mark.parametrize("off", [300, -900, 1_700])
def test_a_trackers_bars_are_moved_in_a_song(off: int) -> None:
    mixture, true = song()
    found = extract(Clip(mixture, RATE, "loops"), grid=BarGrid((true + off)[1:-1], 4, "tracker"))
    assert len(found.stems) == LOOPS
    assert np.abs(found.grid.starts - true[:, None]).min(axis=0).max() <= 4
    assert "bar lines moved by" in found.diagnostics["bars_changed"][-1]


def test_bars_do_not_depend_on_the_number_of_loops_wanted() -> None:
    mixture, true = song()
    given = BarGrid((true + 300)[1:-1], 4, "tracker")
    all_, two = (extract(Clip(mixture, RATE, "loops"), Settings(loops=count), grid=given) for count in (None, 2))
    assert len(two.stems) == 2
    assert np.array_equal(two.grid.starts, all_.grid.starts)


def test_bars_that_find_no_rest_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    mixture, true = song()
    asked: list[int] = []

    def restless(_: Samples, refined: Refined, __: Layout, **___: int) -> Refined:
        asked.append(int(refined.grid.starts[0]))
        return replace(refined, grid=replace(refined.grid, starts=refined.grid.starts + 100))

    expected = extract(Clip(mixture, RATE, "loops"), grid=BarGrid(true, 4, "host")).stems
    monkeypatch.setattr("core.extraction.bars_and_layout.moved_to_switches", restless)
    given = begun(true)
    monkeypatch.setattr("core.extraction.bars_and_layout.refine", lambda *_, **__: given)
    found = extract(Clip(mixture, RATE, "loops"), grid=given.grid)
    assert asked == [700, 800, 900, 1_000]
    assert np.array_equal(found.grid.starts, true)
    assert np.allclose(found.stems, expected, atol=1e-4)


def struck_song(*, ringing: int = 0, before: int = 0) -> tuple[Samples, np.ndarray]:
    """Loops with an attack at every bar; the notes of a bar ring so many frames into the next, or begin before it."""
    random = np.random.default_rng(2)
    fade = np.exp(-np.arange(BAR) / 700)
    hit = 4 * random.standard_normal(BAR) * np.exp(-np.arange(BAR) / 200)
    notes = random.standard_normal((LOOPS, BAR + ringing + before))
    notes[:, :BAR] *= 0.3 + fade
    mono = np.zeros(before + BAR * (BARS + 1) + ringing)
    for bar, row in enumerate(LAYOUT.activations):
        mono[bar * BAR : (bar + 1) * BAR + ringing + before] += row @ notes
        mono[before + bar * BAR : before + (bar + 1) * BAR] += hit
    mono += 0.001 * random.standard_normal(len(mono))
    return 0.1 * np.tile(np.pad(mono, (700, 900)), (2, 1)).astype(np.float32), 700 + before + BAR * np.arange(BARS + 1)


@pytest.mark.parametrize(("ringing", "before"), [(600, 0), (1_200, 0), (0, 700), (0, 1_300)])
def test_notes_across_a_line_do_not_move_it(ringing: int, before: int) -> None:
    mixture, true = struck_song(ringing=ringing, before=before)
    given = begun(true)
    assert moved_to_switches(mixture, given, LAYOUT, rate=RATE) is given


@pytest.mark.parametrize("off", [-900, 480])
def test_bars_between_attacks_are_moved_onto_them(off: int) -> None:
    mixture, true = struck_song()
    moved = moved_to_switches(mixture, begun(true + off), LAYOUT, rate=RATE)
    assert np.abs(moved.grid.starts[:, None] - true).min(axis=1)[1:-1].max() <= 4


def off_beat_song(hit: int) -> tuple[Samples, np.ndarray]:
    """Loops of steady noise switched at the lines, and under them a hit so many frames after every line."""
    mixture, true = song()
    random = np.random.default_rng(4)
    once = 0.4 * random.standard_normal((2, BAR)) * np.exp(-np.arange(BAR) / 200)
    hits = np.tile(np.roll(once, hit, axis=1), BARS)
    mixture[:, true[0] : true[-1]] += hits.astype(np.float32)
    return mixture, true


def extracted_starts(monkeypatch: pytest.MonkeyPatch, mixture: Samples, starts: np.ndarray) -> np.ndarray:
    """Starts found from a tracker's bars that only the layout may move."""
    given = replace(begun(starts), grid=BarGrid(starts, 4, "tracker"), shifts=np.zeros(len(starts) - 1))
    monkeypatch.setattr("core.extraction.bars_and_layout.refine", lambda *_, **__: given)
    return extract(Clip(mixture, RATE, "loops"), grid=given.grid).grid.starts


def test_bars_on_attacks_are_tried_where_loops_are_switched(monkeypatch: pytest.MonkeyPatch) -> None:
    hit = 1_000
    mixture, true = off_beat_song(hit)
    assert moved_to_switches(mixture, begun(true + hit), LAYOUT, rate=RATE).grid.starts[0] == true[0] + hit
    starts = extracted_starts(monkeypatch, mixture, (true + hit)[1:-1])
    assert np.abs(starts[:, None] - true).min(axis=1).max() <= 4


@pytest.mark.parametrize("hit", [700, 1_000])
def test_true_bars_stay_beside_attacks(hit: int, monkeypatch: pytest.MonkeyPatch) -> None:
    mixture, true = off_beat_song(hit)
    assert np.array_equal(extracted_starts(monkeypatch, mixture, true), true)


@pytest.mark.parametrize("ignored", ["confirmed", "SHORTER"])
def test_bars_on_trial_need_a_layout_that_is_shorter_and_confirms_them(
    ignored: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixture, true = song()
    tried: list[int] = []

    def astray(_: Samples, refined: Refined, __: Layout, **___: int) -> Refined:
        tried.append(int(refined.grid.starts[0]))
        late = replace(refined, grid=replace(refined.grid, starts=refined.grid.starts + 250))
        return late if len(tried) == 1 else refined

    monkeypatch.setattr("core.extraction.bars_and_layout.moved_on_trial", astray)
    passed = 9.0 if ignored == "SHORTER" else lambda *_, **__: True
    monkeypatch.setattr(f"core.extraction.bars_and_layout.{ignored}", passed)
    assert np.array_equal(extracted_starts(monkeypatch, mixture, true), true)
    assert tried == [700, 950]


def test_only_the_true_lines_are_confirmed() -> None:
    mixture, true = song(layer=1.0)
    right, wrong = begun(true), begun(true + 900)
    assert confirmed(mixture, right, wrong, LAYOUT, rate=RATE)
    assert not confirmed(mixture, wrong, right, LAYOUT, rate=RATE)
    assert not confirmed(mixture, right, begun(true + 1), LAYOUT, rate=RATE)


def test_bars_are_tried_elsewhere_only_on_strong_evidence() -> None:
    mixture, true = song()
    right = begun(true)
    assert moved_on_trial(mixture, right, LAYOUT, rate=RATE) is right
    tried = moved_on_trial(mixture, begun(true + 900), LAYOUT, rate=RATE)
    assert np.abs(tried.grid.starts - true).max() <= 4
