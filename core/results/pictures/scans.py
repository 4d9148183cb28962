"""The spectral cube of a song, sliced along each of its axes like a CAT scan: three animated pictures.

    bar by bar       frequency over the time in a bar, one bar after the other
    through the bar  frequency over the bars, from the first beat to the last
    low to high      the time in a bar over the bars, from the lowest frequency to the highest

They are animated PNG. Every browser plays them; programs without this feature show the first picture. The axes and
their labels are drawn once. For each picture only the slice and the line with its position are drawn.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.image import AxesImage
from matplotlib.text import Text
from numpy.typing import NDArray
from PIL import Image

from core.results.pictures.style import (
    LONGEST_NAME,
    TITLE,
    legend_bar,
    new_figure,
    number_bars,
    number_beats,
    number_hertz,
    short,
    without_frame,
    words,
)
from core.results.pictures.views import Views
from core.results.piece import Piece

Array = NDArray[np.float32]

FLOOR_DB = -60.0  # dB, relative to the loudest: lower levels are drawn as silence
MOST_SLICES = 120
SCAN_SECONDS = 18.0  # the duration of a whole scan; it is shorter where slices reach `SLOWEST`
SLOWEST = 0.5  # seconds for a slice at most
GREYS = 56  # of the 256 colours in a file, for letters; the other colours are for levels
NO_LEVEL = 255
COLOURS = colormaps["magma"].resampled(256 - GREYS)


def draw_scan_by_bar(views: Views, path: Path) -> None:
    """Write frequency over the time in a bar, bar by bar, as animated PNG."""
    levels = _decibels(views.cube)
    playing = [", ".join(part.label for part in views.piece.parts if part.plays[bar]) for bar in range(levels.shape[2])]
    chosen = _chosen(levels.shape[2])
    texts = [f"bar {bar + 1} of {levels.shape[2]}:  {short(playing[bar], LONGEST_NAME) or 'no loop'}" for bar in chosen]
    figure, axes = _canvas()
    number_beats(axes, views.piece, levels.shape[1])
    number_hertz(axes, views.hertz)
    _animate(figure, axes, views.piece, [levels[:, :, bar] for bar in chosen], texts, path)


def draw_scan_through_bar(views: Views, path: Path) -> None:
    """Write frequency over the bars, from the first beat to the last, as animated PNG."""
    levels = _decibels(views.cube)
    frames, beats = levels.shape[1], views.piece.grid.beats_per_bar
    chosen = _chosen(frames)
    texts = [f"beat {1 + frame * beats / frames:.2f} of {beats}" for frame in chosen]
    figure, axes = _canvas()
    number_bars(axes, levels.shape[2])
    number_hertz(axes, views.hertz)
    _animate(figure, axes, views.piece, [levels[:, frame] for frame in chosen], texts, path)


def draw_scan_by_frequency(views: Views, path: Path) -> None:
    """Write the time in a bar over the bars, from the lowest frequency to the highest, as animated PNG."""
    levels = _decibels(views.cube)
    chosen = _chosen(len(levels))
    texts = [f"{views.hertz[row]:.0f} Hz" for row in chosen]
    figure, axes = _canvas()
    number_bars(axes, levels.shape[2])
    number_beats(axes, views.piece, levels.shape[1], side="y")
    _animate(figure, axes, views.piece, [levels[row] for row in chosen], texts, path)


def _decibels(cube: Array) -> Array:
    """Levels in dB, relative to the loudest of the cube, at least `FLOOR`."""
    floor = np.float32(10 ** (FLOOR_DB / 20))
    levels: Array = 20 * np.log10(np.maximum(cube / cube.max(), floor))
    return levels


def _chosen(slices: int) -> list[int]:
    """The indices of all slices, or of `MOST_SLICES` evenly spaced ones."""
    return [int(k) for k in np.unique(np.linspace(0, slices - 1, min(slices, MOST_SLICES)).round())]


def _canvas() -> tuple[Figure, Axes]:
    figure = new_figure(6.75)
    return figure, figure.add_subplot()


def _animate(figure: Figure, axes: Axes, piece: Piece, slices: list[Array], texts: list[str], path: Path) -> None:
    image = axes.imshow(
        slices[0], origin="lower", aspect="auto", cmap=COLOURS, vmin=FLOOR_DB, vmax=0.0, interpolation="nearest"
    )
    legend_bar(figure, image, axes, "level below the loudest (dB)")
    without_frame(axes)
    axes.set_title(f"{short(piece.name, LONGEST_NAME)}\n ", loc="left", **words(TITLE))
    where = axes.text(0.0, 1.015, "", transform=axes.transAxes, **words(TITLE))
    pictures = _pictures(figure, axes, image, where, slices, texts)
    milliseconds = round(1000 * min(SCAN_SECONDS / len(slices), SLOWEST))
    first, *others = pictures  # a list, because Pillow iterates more than once
    first.save(path, format="PNG", save_all=True, append_images=others, duration=milliseconds, loop=0)


def _pictures(
    figure: Figure, axes: Axes, image: AxesImage, where: Text, slices: list[Array], texts: list[str]
) -> Iterator[Image.Image]:
    canvas: Any = FigureCanvasAgg(figure)  # matplotlib has no types for this class
    image.set_animated(True)
    where.set_animated(True)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    places, palette = _palette()
    for values, text in zip(slices, texts, strict=True):
        canvas.restore_region(still)
        image.set_data(values)
        where.set_text(text)
        axes.draw_artist(image)
        axes.draw_artist(where)
        picture = Image.fromarray(_indexed(np.asarray(canvas.buffer_rgba()), places))
        picture.putpalette(palette)
        yield picture


def _palette() -> tuple[NDArray[np.uint8], list[int]]:
    """The index in the palette for each colour code, `NO_LEVEL` if it is no colour of a level; and the palette.

    Files of 256 colours look the same and have a third of the size.
    """
    exact = 255 * COLOURS(np.arange(COLOURS.N))[:, :3]
    places = np.full(1 << 24, NO_LEVEL, np.uint8)
    for levels in (exact.round(), np.floor(exact)):  # matplotlib rounds the colours of scales, not those of images
        places[_codes(levels)] = np.arange(COLOURS.N)
    greys = np.linspace(0, 255, GREYS).round().repeat(3)
    return places, [int(value) for value in (*np.floor(exact).ravel(), *greys)]


def _indexed(picture: NDArray[np.uint8], places: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture [height, width, RGBA] as indices into the palette: exact for colours of levels, grey for all others."""
    place = places[_codes(picture)]
    grey = COLOURS.N + (picture[..., 1] / 255 * (GREYS - 1)).round()
    return np.where(place == NO_LEVEL, grey, place).astype(np.uint8)


def _codes(colours: NDArray[Any]) -> NDArray[np.int32]:
    """One number for each colour [..., (red, green, blue)]."""
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue
