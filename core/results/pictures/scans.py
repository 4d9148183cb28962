"""The spectral cube of a song, looked through along each of its axes like a CAT scan: three animated pictures.

    bar by bar       frequency over the time in a bar, one bar after the other
    through the bar  frequency over the bars, from the first beat to the last
    low to high      the time in a bar over the bars, from the lowest frequency to the highest

They are animated PNG: every browser plays them, and programs that do not know how to show the first picture. Axes and
words are drawn once; then only the slice and the line that says where it was cut.
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

FLOOR = -60.0  # dB below the loudest: what is fainter is drawn as silence
MOST_SLICES = 120
SCAN_SECONDS = 18.0  # a whole scan, but
SLOWEST = 0.5  # seconds a slice at most
GREYS = 56  # of the 256 colours of the files, for letters; the rest are for levels
NO_LEVEL = 255
COLOURS = colormaps["magma"].resampled(256 - GREYS)


def draw_scan_by_bar(views: Views, path: Path) -> None:
    """Write frequency over the time in a bar, bar by bar, as animated PNG."""
    levels = _decibels(views.cube)
    playing = [", ".join(part.label for part in views.piece.parts if part.plays[bar]) for bar in range(levels.shape[2])]
    chosen = _chosen(levels.shape[2])
    said = [f"bar {bar + 1} of {levels.shape[2]}:  {short(playing[bar], LONGEST_NAME) or 'no loop'}" for bar in chosen]
    figure, axes = _canvas()
    number_beats(axes, views.piece, levels.shape[1])
    number_hertz(axes, views.hertz)
    _animate(figure, axes, views.piece, [levels[:, :, bar] for bar in chosen], said, path)


def draw_scan_through_bar(views: Views, path: Path) -> None:
    """Write frequency over the bars, from the first beat to the last, as animated PNG."""
    levels = _decibels(views.cube)
    frames, beats = levels.shape[1], views.piece.grid.beats_per_bar
    chosen = _chosen(frames)
    said = [f"beat {1 + frame * beats / frames:.2f} of {beats}" for frame in chosen]
    figure, axes = _canvas()
    number_bars(axes, levels.shape[2])
    number_hertz(axes, views.hertz)
    _animate(figure, axes, views.piece, [levels[:, frame] for frame in chosen], said, path)


def draw_scan_by_frequency(views: Views, path: Path) -> None:
    """Write the time in a bar over the bars, from the lowest frequency to the highest, as animated PNG."""
    levels = _decibels(views.cube)
    chosen = _chosen(len(levels))
    said = [f"{views.hertz[row]:.0f} Hz" for row in chosen]
    figure, axes = _canvas()
    number_bars(axes, levels.shape[2])
    number_beats(axes, views.piece, levels.shape[1], side="y")
    _animate(figure, axes, views.piece, [levels[row] for row in chosen], said, path)


def _decibels(cube: Array) -> Array:
    """Levels below the loudest of all, not below `FLOOR`."""
    floor = np.float32(10 ** (FLOOR / 20))
    levels: Array = 20 * np.log10(np.maximum(cube / cube.max(), floor))
    return levels


def _chosen(slices: int) -> list[int]:
    """All slices, or `MOST_SLICES` of them evenly."""
    return [int(k) for k in np.unique(np.linspace(0, slices - 1, min(slices, MOST_SLICES)).round())]


def _canvas() -> tuple[Figure, Axes]:
    figure = new_figure(6.75)
    return figure, figure.add_subplot()


def _animate(figure: Figure, axes: Axes, piece: Piece, slices: list[Array], said: list[str], path: Path) -> None:
    image = axes.imshow(
        slices[0], origin="lower", aspect="auto", cmap=COLOURS, vmin=FLOOR, vmax=0.0, interpolation="nearest"
    )
    legend_bar(figure, image, axes, "level below the loudest (dB)")
    without_frame(axes)
    axes.set_title(f"{short(piece.name, LONGEST_NAME)}\n ", loc="left", **words(TITLE))
    where = axes.text(0.0, 1.015, "", transform=axes.transAxes, **words(TITLE))
    pictures = _pictures(figure, axes, image, where, slices, said)
    milliseconds = round(1000 * min(SCAN_SECONDS / len(slices), SLOWEST))
    first, *others = pictures  # Pillow goes through them more than once
    first.save(path, format="PNG", save_all=True, append_images=others, duration=milliseconds, loop=0)


def _pictures(
    figure: Figure, axes: Axes, image: AxesImage, where: Text, slices: list[Array], said: list[str]
) -> Iterator[Image.Image]:
    canvas: Any = FigureCanvasAgg(figure)  # matplotlib publishes no types for what it draws with
    image.set_animated(True)
    where.set_animated(True)
    canvas.draw()
    still = canvas.copy_from_bbox(figure.bbox)
    places, palette = _palette()
    for values, words_there in zip(slices, said, strict=True):
        canvas.restore_region(still)
        image.set_data(values)
        where.set_text(words_there)
        axes.draw_artist(image)
        axes.draw_artist(where)
        picture = Image.fromarray(_indexed(np.asarray(canvas.buffer_rgba()), places))
        picture.putpalette(palette)
        yield picture


def _palette() -> tuple[NDArray[np.uint8], list[int]]:
    """Where each of all colours, by its code, is in the palette, `NO_LEVEL` unless it is a level's; and the palette.

    Files of 256 colours are a third as large and look the same.
    """
    exact = 255 * COLOURS(np.arange(COLOURS.N))[:, :3]
    places = np.full(1 << 24, NO_LEVEL, np.uint8)
    for levels in (exact.round(), np.floor(exact)):  # matplotlib rounds the colours of scales, not those of images
        places[_codes(levels)] = np.arange(COLOURS.N)
    greys = np.linspace(0, 255, GREYS).round().repeat(3)
    return places, [int(value) for value in (*np.floor(exact).ravel(), *greys)]


def _indexed(picture: NDArray[np.uint8], places: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A picture [height, width, RGBA] as places in the palette: the colours of levels as they are, all else as grey."""
    place = places[_codes(picture)]
    grey = COLOURS.N + (picture[..., 1] / 255 * (GREYS - 1)).round()
    return np.where(place == NO_LEVEL, grey, place).astype(np.uint8)


def _codes(colours: NDArray[Any]) -> NDArray[np.int32]:
    """One number for each colour [..., red green blue]."""
    red, green, blue = (colours[..., channel].astype(np.int32) for channel in range(3))
    return red << 16 | green << 8 | blue
