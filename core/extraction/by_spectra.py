"""The second rung of the ladder: loops that repeat only in their spectra, as music played by hand does."""

from core.audio.clip import Clip, rest_of
from core.audio.cube import frame
from core.base.progress import Progress, part_of
from core.base.settings import Settings
from core.extraction.bars_and_layout import BarsAndLayout, cube_of
from core.extraction.likeness import require_likeness
from core.extraction.parts import Parts, loudest_first
from core.layout.played import find_played_layout
from core.separation.spectra.wiener import template_stems

BY_HAND = (
    "no loop repeats exactly, as in music played by hand, or the bars are wrong; the loops are separated by their"
    " spectra and may leak into each other"
)


def separate_by_spectra(clip: Clip, bars: BarsAndLayout, settings: Settings, progress: Progress) -> Parts | None:
    """Stems of played loops, or None if no loop is found.

    Raises:
        LoopError: MUSIC_NOT_USABLE if bars resemble each other only by chance.
    """
    refined, exact = bars.refined, bars.found(settings.loops)
    progress(0.0, "spectra")
    cube = cube_of(clip, refined)
    alike = require_likeness(cube, clip.name)
    layout, _ = find_played_layout(
        cube,
        count=settings.loops,
        longest=settings.max_loop_bars,
        seed=settings.seed,
        progress=part_of(progress, 0.0, 0.2),
    )
    if not layout.loops:
        return None
    framing = frame(refined.grid, clip.rate)
    stems = template_stems(cube, framing, layout, clip.frames, progress=part_of(progress, 0.2, 1.0))  # overwritten
    del cube
    order = loudest_first(stems)
    diagnostics = {
        "method": "played",
        **refined.report(),
        "repeating_share": round(exact.repeating, 4),
        "bars_alike": round(alike, 3),
    }
    warnings = [] if exact.layout.loops else [BY_HAND]
    return Parts(stems, rest_of(clip.samples, stems), layout.of(order), refined.grid, None, None, diagnostics, warnings)
