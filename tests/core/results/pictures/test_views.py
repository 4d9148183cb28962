"""What the pictures show, against music whose tones, repeats and factors are known."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.audio.bars import BarGrid
from core.audio.clip import Clip
from core.base.errors import Code, LoopError
from core.base.progress import silent
from core.extraction.ladder import Extraction, Settings, extract
from core.extraction.loops import cut_loops
from core.layout.layout import Layout
from core.results.factor_file import write_factors
from core.results.pictures import views as module
from core.results.pictures.views import ROWS, on_rows, views_of
from core.results.read import read_result
from core.results.write import write_result
from tests.core.loop_songs import tiny_song
from tests.core.results.odd_results import quickly_drawn

RATE, BAR, BARS = 8_000, 4_000, 8
ON = np.array([1, 0, 1, 1, 0, 1, 0, 1], bool)  # the bars of the low tone; the high one has the others


@pytest.fixture(scope="module")
def tones(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A result of two loops that take turns: 250 Hz and 1500 Hz, each a whole number of times in a bar."""
    time = np.arange(BAR) / RATE
    pieces = [0.4 * np.sin(2 * np.pi * hertz * time) for hertz in (250, 1_500)]
    on = np.stack([ON, ~ON])
    stems = np.array([np.kron(row, piece) for row, piece in zip(on, pieces, strict=True)], np.float32)[:, None]
    rest = np.zeros((1, BAR * BARS), np.float32)
    grid = BarGrid(np.arange(BARS + 1) * BAR, 4, "host")
    layout = Layout(on.T.astype(np.float32), (1, 1), np.where(on.T, 0, -1).astype(np.int16))
    loops = cut_loops(stems, rest, grid=grid, layout=layout, rate=RATE)
    clip = Clip(stems.sum(axis=0), RATE, "tones")
    extraction = Extraction(clip, loops, stems, rest, layout, grid, diagnostics={"rest_share": 0.0})
    folder = write_result(extraction, tmp_path_factory.mktemp("tones"))
    return quickly_drawn(folder, notes=2, rhythms=2, iterations=30)


@pytest.fixture(scope="module")
def by_tucker(tmp_path_factory: pytest.TempPathFactory) -> tuple[Extraction, Path]:
    """A result of the paper's method, with its factors."""
    song = tiny_song()
    settings = Settings(method="tucker", loops=3, notes=6, rhythms=5, iterations=20)
    extraction = extract(song.clip, settings, grid=song.grid)
    return extraction, write_result(extraction, tmp_path_factory.mktemp("tucker"))


@pytest.mark.parametrize("hertz", [50, 120, 333, 1_000, 7_000, 19_000])
def test_a_tone_is_on_its_row(hertz: float) -> None:
    bins = np.zeros((1_025, 1), np.float32)
    spacing = 22_050 / 1_024
    bins[round(hertz / spacing)] = 1.0
    rows, centres = on_rows(bins, 44_100)
    assert len(rows) == len(centres) == ROWS
    found = centres[rows[:, 0] > 0]
    assert np.abs(found - hertz).min() <= spacing / 2 + 0.02 * hertz
    assert np.abs(found - hertz).max() <= spacing + 0.04 * hertz


def test_level_noise_is_level_on_rows() -> None:
    rows, _ = on_rows(np.full((513, 3), 0.7, np.float32), 8_000)
    np.testing.assert_allclose(rows, 0.7, rtol=1e-6)


def test_the_cube_has_the_tones_in_their_bars(tones: Path) -> None:
    views = views_of(read_result(tones), silent)
    middle = views.cube[:, views.cube.shape[1] // 2]
    loudest = views.hertz[middle.argmax(axis=0)]
    np.testing.assert_allclose(loudest, np.where(ON, 250, 1_500), rtol=0.05)


def test_bars_are_alike_where_the_same_loop_plays(tones: Path) -> None:
    views = views_of(read_result(tones), silent)
    same = ON[:, None] == ON
    for alike in views.alike:
        np.testing.assert_allclose(alike[same], 1.0, atol=0.03)
        assert alike[~same].max() < 0.3


def test_all_that_returns_is_explained_and_nothing_without_loops(tones: Path, tmp_path: Path) -> None:
    views = views_of(read_result(tones), silent)
    heard = (views.bands[1:] > 200) & (views.bands[:-1] < 2_000)
    assert views.returning[heard].min() > 0.99
    folder = shutil.copytree(tones, tmp_path / "copy")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "loops": []}))
    result = read_result(folder)
    shutil.copy(read_result(tones).stems[0], result.rest)
    assert views_of(result, silent).returning.tolist() == [0.0] * len(views.returning)


def test_factors_of_another_method_come_from_its_song(tones: Path) -> None:
    views = views_of(read_result(tones), silent)
    factors = views.factors
    assert views.loop_names == tuple(f"pattern {k + 1}" for k in range(factors.loops.shape[1]))
    np.testing.assert_allclose(views.hertz[factors.notes.argmax(axis=0)], [250, 1_500], rtol=0.05)
    played = np.einsum("nrk,bk->nb", factors.recipes, factors.loops)  # how much of each note is in each bar
    # Windows reach over the bar lines, so that a bar holds up to a third of what the one before it held.
    np.testing.assert_array_equal(played > 0.5 * played.max(axis=1, keepdims=True), [ON, ~ON])


def test_factors_of_the_result_are_shown_in_another_order(
    by_tucker: tuple[Extraction, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    extraction, folder = by_tucker
    monkeypatch.setattr(module, "factors_of", None)  # they are in the folder: nothing is fitted
    views = views_of(read_result(folder), silent)
    shown, stored = views.factors, extraction.factors
    assert stored is not None
    assert views.loop_names == tuple(loop.label for loop in extraction.loops)
    rows = on_rows(stored.notes, RATE)[0]
    for k in range(shown.loops.shape[1]):
        np.testing.assert_allclose(
            shown.notes @ shown.recipes[..., k] @ shown.rhythms.T,
            rows @ stored.recipes[..., k] @ stored.rhythms.T,
            rtol=1e-3,
            atol=1e-5,
        )
    np.testing.assert_array_equal(shown.loops, stored.loops)
    peaks = shown.rhythms.argmax(axis=0)
    assert (np.diff(peaks) >= 0).all()
    weights = np.square(shown.notes)
    assert (np.diff(np.arange(ROWS) @ weights / weights.sum(axis=0)) > 0).all()


def test_factors_of_another_song_are_refused(by_tucker: tuple[Extraction, Path], tmp_path: Path) -> None:
    extraction, folder = by_tucker
    copy = shutil.copytree(folder, tmp_path / "copy")
    assert extraction.factors is not None
    write_factors(copy / "factors.npz", replace(extraction.factors, loops=extraction.factors.loops[:-1]))
    with pytest.raises(LoopError, match="another song") as caught:
        views_of(read_result(copy), silent)
    assert caught.value.code == Code.INCOMPLETE


def test_silence_and_damaged_settings_are_told(tones: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tones, tmp_path / "copy")
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, "settings": {"notes": "many"}}))
    with pytest.raises(LoopError, match="settings is wrong") as caught:
        views_of(read_result(folder), silent)
    assert caught.value.code == Code.ARGUMENTS
    (folder / "manifest.json").write_text(json.dumps({**manifest, "loops": []}))  # its rest is silent
    with pytest.raises(LoopError, match="silent") as caught:
        views_of(read_result(folder), silent)
    assert caught.value.code == Code.MUSIC_NOT_USABLE


def test_the_progress_rises(tones: Path) -> None:
    told: list[float] = []
    views_of(read_result(tones), lambda fraction, _stage: told.append(fraction))
    assert told == sorted(told)
    assert told[-1] == pytest.approx(1.0)


def test_pictures_need_no_more_than_the_folder(tones: Path, tmp_path: Path) -> None:
    assert read_result(tones).manifest["source"]["path"] is None
    moved = shutil.copytree(tones, tmp_path / "elsewhere")
    np.testing.assert_array_equal(views_of(read_result(moved), silent).cube, views_of(read_result(tones), silent).cube)
