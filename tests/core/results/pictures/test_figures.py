"""Figures: the numbers behind each, its size, and what is written at its axes."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from core.results.pictures import gallery, scans
from core.results.pictures.factors import draw_notes, draw_patterns, draw_recipes, draw_rhythms
from core.results.pictures.gallery import PICTURES, draw_gallery
from core.results.pictures.likeness import draw_coherence, draw_similarity
from core.results.pictures.map import draw_map
from core.results.pictures.style import LEFT_TO_RIGHT, part_names, short
from core.results.pictures.views import Views
from core.results.read import read_result
from tests.core.results.pictures.made_up import figure_of, made_up_views

VIEWS = made_up_views()
F = VIEWS.factors


def shares(factor: np.ndarray) -> np.ndarray:
    return np.asarray(factor / factor.max(axis=0))


def decibels(values: np.ndarray) -> np.ndarray:
    return np.asarray(20 * np.log10(np.maximum(values, 0.01)))


# draw; height in pixels; the images; title; label of x, of y; label of the shades
FIGURES: dict[str, tuple[Callable[[Views, Path], None], int, list[np.ndarray], str, str, str, str]] = {
    "map": (
        lambda views, path: draw_map(views.piece, path),
        234,
        [VIEWS.piece.activations.T],
        "made up: 2 loops, 240.0 bpm",
        "bar",
        "",
        "",
    ),
    "notes": (
        draw_notes,
        675,
        [decibels(shares(F.notes))],
        "made up: 5 notes (W)",
        "note, from low to high",
        "frequency (Hz)",
        "level below the note's strongest (dB)",
    ),
    "rhythms": (
        draw_rhythms,
        675,
        [shares(F.rhythms).T],
        "made up: 4 rhythms (H)",
        "beat in the bar",
        "rhythm, from early to late",
        "share of the rhythm's strongest moment",
    ),
    "patterns": (draw_patterns, 250, [shares(F.loops).T], "made up: 3 patterns of one bar (D)", "bar", "", ""),
    "recipes": (
        draw_recipes,
        420,
        [decibels(F.recipes[..., k] / F.recipes[..., k].max()) for k in range(3)],
        "made up: recipes (C), which notes in which rhythms",
        "rhythm, from early to late",
        "note, from low to high",
        "level below the pattern's strongest pair (dB)",
    ),
    "similarity": (draw_similarity, 600, list(VIEWS.alike), "made up: how similar its bars are", "bar", "bar", ""),
}


def texts(figure: Figure) -> set[str]:
    found = {text.get_text() for text in figure.texts}
    for axes in figure.axes:
        found |= {axes.get_title(), axes.get_xlabel(), axes.get_ylabel()}
    return found


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_shows_its_numbers_under_their_names(name: str, tmp_path: Path) -> None:
    draw, height, values, *said = FIGURES[name]
    figure = figure_of(draw, VIEWS, tmp_path / "figure.png")
    shown = [image.get_array() for axes in figure.axes for image in axes.get_images()]
    assert len(shown) == len(values)
    for image, wanted in zip(shown, values, strict=True):
        np.testing.assert_allclose(image, wanted, atol=1e-5)
    assert set(said) <= texts(figure)
    with Image.open(tmp_path / "figure.png") as picture:
        assert picture.size == (1200, height)


def test_coherence_is_drawn_band_by_band(tmp_path: Path) -> None:
    figure = figure_of(draw_coherence, VIEWS, tmp_path / "figure.png")
    steps = figure.axes[0].patches[0].get_data()
    np.testing.assert_allclose(steps.values, [20, 90, 50])
    np.testing.assert_allclose(steps.edges, [50, 100, 1_000, 4_000])
    said = "made up: how much of its sound is exact repetition of loops"
    assert {said, "frequency (Hz)", "explained by repeating loops (%)"} <= texts(figure)
    assert figure.axes[0].get_ylim() == (0, 100)


def test_frequencies_and_beats_stand_where_they_are(tmp_path: Path) -> None:
    notes = figure_of(draw_notes, VIEWS, tmp_path / "a.png").axes[0]
    marks = {label.get_text(): place for label, place in zip(notes.get_yticklabels(), notes.get_yticks(), strict=True)}
    assert list(marks) == ["50", "100", "200", "500", "1\u202f000", "2\u202f000"]
    for label, place in marks.items():
        hertz = np.exp(np.interp(place, np.arange(len(VIEWS.hertz)), np.log(VIEWS.hertz)))
        assert hertz == pytest.approx(float(label.replace("\u202f", "")))
    rhythms = figure_of(draw_rhythms, VIEWS, tmp_path / "b.png").axes[0]
    assert [label.get_text() for label in rhythms.get_xticklabels()] == ["1", "2", "3", "4"]
    np.testing.assert_allclose(rhythms.get_xticks(), [-0.5, 2.0, 4.5, 7.0])


def test_labels_are_drawn_as_they_are() -> None:
    assert short("a$b$", 9) == r"a\$b\$"
    assert short("x" * 30, 10) == "x" * 9 + "…"
    assert short("new\nline", 20) == "new line"
    assert short("طبول", 20) == f"{LEFT_TO_RIGHT}طبول{LEFT_TO_RIGHT}"
    assert part_names(VIEWS.piece) == ["drums  (1 bar)", r"bass \$  (2 bars)"]


ODD_PICTURES = {
    "no loops": list(PICTURES),
    "400 bars": ["map.png", "scan-through-the-bar.png", "patterns.png", "similarity.png"],
}


@pytest.mark.parametrize("case", ODD_PICTURES)
def test_odd_results_are_drawn(
    odd_result: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    wanted = ODD_PICTURES[case]
    monkeypatch.setattr(scans, "MOST_SLICES", 2)
    monkeypatch.setattr(gallery, "PICTURES", {name: PICTURES[name] for name in wanted})
    written = draw_gallery(read_result(odd_result(case)), tmp_path / "new" / "figures")
    assert [path.name for path in written] == wanted
    for path in written:
        with Image.open(path) as picture:
            assert picture.width == 1200
            assert picture.height >= 192
            picture.load()
    assert {path.name for path in (tmp_path / "new" / "figures").iterdir()} == set(wanted)


def test_a_map_of_many_loops_has_a_row_for_each(odd_result: Callable[[str], Path]) -> None:
    with Image.open(odd_result("40 loops") / "figures" / "map.png") as picture:
        assert picture.size == (1200, 150 + 40 * 42)
