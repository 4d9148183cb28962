"""How strongly each loop plays in each bar, as CSV for spreadsheets and as JSON for programs."""

import csv
import io
import json
from collections.abc import Iterable
from pathlib import Path

from core.results.piece import Piece

DECIMALS = 4  # of an activation: a resolution of -80 dB


def write_csv(piece: Piece, path: Path) -> None:
    """Write one row for each bar and loop. Bars and loops are numbered from 1 here, as in a host.

    Raises:
        OSError: the file cannot be written.
    """
    seconds = piece.grid.starts / piece.rate
    values = [rounded(part.activations) for part in piece.parts]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["bar", "start_seconds", "end_seconds", "loop", "label", "activation"])
    for bar in range(piece.grid.bars):
        span = [bar + 1, f"{seconds[bar]:.6f}", f"{seconds[bar + 1]:.6f}"]
        for number, part in enumerate(piece.parts, start=1):
            rows.writerow([*span, number, part.label, f"{values[number - 1][bar]:.{DECIMALS}f}"])
    path.write_text(text.getvalue(), encoding="utf-8", newline="\n")


def write_json(piece: Piece, path: Path) -> None:
    """Write the starts of bars in seconds, with the end of the last bar, and a list of activations for each loop.

    Raises:
        OSError: the file cannot be written.
    """
    seconds = (piece.grid.starts / piece.rate).tolist()
    table = {
        "bar_starts_seconds": [round(second, 6) for second in seconds],
        "loops": [
            {"label": part.label, "bars": part.bars, "activations": rounded(part.activations)} for part in piece.parts
        ],
    }
    text = json.dumps(table, ensure_ascii=False, indent=2, allow_nan=False)
    path.write_text(f"{text}\n", encoding="utf-8", newline="\n")


def rounded(activations: Iterable[float]) -> list[float]:
    """Activations with the precision used in files."""
    return [round(float(value), DECIMALS) for value in activations]
