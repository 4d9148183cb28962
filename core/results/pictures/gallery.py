"""Draws all pictures of a result, one file for each picture."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from core.base.errors import Code, LoopError
from core.base.new_files import write_new
from core.base.progress import Progress, part_of, silent
from core.results.pictures.factors import draw_notes, draw_patterns, draw_recipes, draw_rhythms
from core.results.pictures.likeness import draw_coherence, draw_similarity
from core.results.pictures.map import draw_map
from core.results.pictures.scans import draw_scan_by_bar, draw_scan_by_frequency, draw_scan_through_bar
from core.results.pictures.views import Views, views_of
from core.results.read import Result

PICTURES: dict[str, Callable[[Views, Path], None]] = {
    "map.png": lambda views, path: draw_map(views.piece, path),
    "scan-bar-by-bar.png": draw_scan_by_bar,
    "scan-through-the-bar.png": draw_scan_through_bar,
    "scan-low-to-high.png": draw_scan_by_frequency,
    "notes.png": draw_notes,
    "rhythms.png": draw_rhythms,
    "patterns.png": draw_patterns,
    "recipes.png": draw_recipes,
    "similarity.png": draw_similarity,
    "coherence.png": draw_coherence,
}


def draw_gallery(result: Result, folder: Path, progress: Progress = silent) -> list[Path]:
    """Draw those of `PICTURES` that a folder does not contain yet. A missing folder is made.

    The same result gives the same pictures, so existing pictures are not drawn again.

    Returns:
        The new files.

    Raises:
        LoopError: as `views_of`; WRITE_FAILED with the system's reason.
    """
    missing = [name for name in PICTURES if not (folder / name).exists()]
    if not missing:
        return []
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LoopError(
            Code.WRITE_FAILED, f"{folder}: cannot be made ({error.strerror or error}); choose another folder"
        ) from error
    views = views_of(result, part_of(progress, 0.0, 0.7))
    written = []
    for done, name in enumerate(missing):
        progress(0.7 + 0.3 * done / len(missing), "pictures")
        written.append(write_new(folder / name, partial(PICTURES[name], views)))
    progress(1.0, "pictures")
    return written
