"""CAT scans: every slice of the cube is there, as loud as it is, where the axes say."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.results.pictures import scans
from core.results.pictures.scans import FLOOR_DB, draw_scan_by_bar, draw_scan_by_frequency, draw_scan_through_bar
from core.results.pictures.views import Views
from tests.core.results.pictures.made_up import BARS, FRAMES, figure_of, made_up_views

Draw = Callable[[Views, Path], None]

# picture, axis of the cube that time runs along, slices, labels of x and y
SCANS: list[tuple[Draw, int, int, tuple[str, str]]] = [
    (draw_scan_by_bar, 2, BARS, ("beat in the bar", "frequency (Hz)")),
    (draw_scan_through_bar, 1, FRAMES, ("bar", "frequency (Hz)")),
    (draw_scan_by_frequency, 0, 4, ("bar", "beat in the bar")),
]


@pytest.mark.parametrize(("draw", "axis", "count", "labels"), SCANS)
def test_every_slice_is_shown_as_loud_as_it_is(
    draw: Draw, axis: int, count: int, labels: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scans, "MOST_SLICES", max(count, FRAMES) if axis else count)
    views = made_up_views()
    figure = figure_of(draw, views, tmp_path / "scan.png")
    axes = figure.axes[0]
    assert (axes.get_xlabel(), axes.get_ylabel()) == labels
    assert figure.axes[1].get_ylabel() == "level below the loudest (dB)"
    levels = np.maximum(20 * np.log10(views.cube / views.cube.max()), FLOOR_DB)
    chosen = np.linspace(0, levels.shape[axis] - 1, count).round().astype(int)
    with Image.open(tmp_path / "scan.png") as picture:
        assert (picture.size, picture.n_frames, picture.info["loop"]) == ((1200, 675), count, 0)
        for number, place in enumerate(chosen):
            picture.seek(number)
            shown = _levels_shown(picture, axes, np.take(levels, place, axis).shape)
            np.testing.assert_allclose(shown, np.take(levels, place, axis), atol=0.7 * -FLOOR_DB / scans.COLOURS.N)


def _levels_shown(picture: Image.Image, axes: object, shape: tuple[int, int]) -> np.ndarray:
    """The level of each cell, from the colour in its middle and the scale of colours alone."""
    box = axes.get_window_extent()  # type: ignore[attr-defined]
    rows = picture.height - box.y0 - (np.arange(shape[0]) + 0.5) * box.height / shape[0]
    columns = box.x0 + (np.arange(shape[1]) + 0.5) * box.width / shape[1]
    colours = np.asarray(picture.convert("RGB"))[rows.astype(int)][:, columns.astype(int)].astype(int)
    scale = (255 * scans.COLOURS(np.arange(scans.COLOURS.N))[:, :3]).astype(int)
    distances = np.abs(colours[:, :, None] - scale).sum(axis=-1)
    assert distances.min(axis=-1).max() == 0, "a colour that is no level's"
    return np.asarray(FLOOR_DB + (distances.argmin(axis=-1) + 0.5) * -FLOOR_DB / scans.COLOURS.N)


def test_the_bar_and_its_loops_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[list[str]] = []
    monkeypatch.setattr(scans, "_animate", lambda *given: said.append(given[4]))
    for draw in (draw_scan_by_bar, draw_scan_through_bar, draw_scan_by_frequency):
        draw(made_up_views(), tmp_path / "none")
    bars, beats, hertz = said
    assert bars[0] == "bar 1 of 6:  drums"
    assert bars[2] == r"bar 3 of 6:  drums, bass \$"
    assert bars[5] == "bar 6 of 6:  drums"
    assert (beats[0], beats[5], len(beats)) == ("beat 1.00 of 4", "beat 3.00 of 4", FRAMES)
    assert (hertz[0], hertz[-1], len(hertz)) == ("41 Hz", "3943 Hz", scans.MOST_SLICES)


def test_long_pieces_are_scanned_in_steps() -> None:
    chosen = scans._chosen(400)
    assert (len(chosen), chosen[0], chosen[-1]) == (scans.MOST_SLICES, 0, 399)
    assert set(np.diff(chosen)) == {3, 4}


def test_the_same_views_give_the_same_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        draw_scan_by_bar(made_up_views(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
