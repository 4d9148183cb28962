"""The table of an extraction's loops in a terminal."""

from collections.abc import Iterable, Mapping, Sequence

from rich import box
from rich.table import Table
from rich.text import Text

from core.extraction.ladder import Extraction

BLOCKS = " ▁▂▃▄▅▆▇█"
FAINT = 0.05  # a smaller activation is drawn as silence, so that the pattern is visible


def loop_table(extraction: Extraction, *, columns: Mapping[str, Sequence[str]] | None = None) -> Table:
    """A row for each loop: name, length and the bars in which it plays. `columns` adds columns, by title."""
    extra = columns or {}
    table = Table(box=box.SIMPLE_HEAD, title=f"{_title(extraction)}", title_justify="left", title_style="bold")
    table.add_column("loop")
    table.add_column("bars", justify="right")
    table.add_column("best in bar", justify="right")
    for title in extra:
        table.add_column(title, justify="right")
    table.add_column("where it plays", overflow="fold")
    for index, loop in enumerate(extraction.loops):
        cells = [values[index] for values in extra.values()]
        name = Text(f"{index + 1} {loop.label}")  # as Text, so that markup in a label has no effect
        table.add_row(name, str(loop.bars), str(loop.start_bar + 1), *cells, Text(activation_blocks(loop.activations)))
    return table


def activation_blocks(activations: Iterable[float]) -> str:
    """One character for each bar, higher where the loop is louder.

    >>> activation_blocks([0.0, 0.5, 1.0, 1.2])
    ' ▄██'
    """
    top = len(BLOCKS) - 1
    levels = [0 if value < FAINT else max(1, min(top, round(float(value) * top))) for value in activations]
    return "".join(BLOCKS[level] for level in levels)


def _title(extraction: Extraction) -> str:
    grid, clip = extraction.grid, extraction.clip
    share = extraction.diagnostics.get("rest_share")
    rest = f", {share:.0%} of the sound in the rest" if share is not None else ""
    return f"{len(extraction.loops)} loops in {grid.bars} bars at {grid.bpm(clip.rate):.1f} bpm{rest}"
