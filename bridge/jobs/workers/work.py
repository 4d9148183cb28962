"""The work of a job: the core extracts the requested song into a result folder."""

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bridge.jobs.paths import check_space, open_source
from bridge.jobs.request import JobRequest
from bridge.jobs.workers.process import Work
from bridge.system.settings import BridgeSettings, default_cache
from core.audio.bars import BarGrid, bars_from_frames
from core.audio.clip import Clip, read_clip
from core.base.disk_cache import Cache
from core.base.errors import Code, LoopError
from core.base.progress import Progress, part_of

USUAL_LOOPS = 6  # stems that must fit on the disk when the request gives no number of loops


def warm_up() -> None:
    """Load everything that `extract_to_folder` needs, before the first job."""
    from bridge.jobs.workers.warm_up import (
        warm_up as warm_up_core,  # slow to import, and the daemon only refers to this function
    )

    warm_up_core()


def work_of(settings: BridgeSettings) -> Work:
    """`extract_to_folder` with a daemon's limits, to be sent to a worker process."""
    return partial(extract_to_folder, minutes=settings.minutes, cache_mib=settings.cache_mib)


def song_cache(mib: int) -> Cache | None:
    """The song cache of at most `mib` MiB; None for 0."""
    return Cache(default_cache(), mib * 1024**2) if mib else None


def extract_to_folder(
    request: JobRequest, folder: Path, progress: Progress, *, minutes: int = 30, cache_mib: int = 0
) -> Path:
    """Extract the requested song into a result folder inside `folder`. Raises as the core and `jobs.paths` do.

    Args:
        minutes: the longest accepted song; a longer song raises LIMIT.
        cache_mib: size of the song cache in MiB.
    """
    clip = _source(request)
    if clip.seconds > 60 * minutes:
        rule = f"at most {minutes}; cut it first, or raise `minutes`"
        raise LoopError(Code.LIMIT, f"{clip.name}: {clip.seconds / 60:.1f} minutes long, {rule}")
    check_space(request.out, clip.samples.nbytes * (1 + (request.loops or USUAL_LOOPS)))

    from core.extraction.ladder import (  # slow to import, therefore after all checks that do not need it
        Settings,
        extract,
    )
    from core.results.write import write_result

    scale = clip.rate / (request.rate or clip.rate)
    start, end = (round(frame * scale) for frame in request.region_frames or (0, clip.frames / scale))
    clip = replace(clip, samples=np.ascontiguousarray(clip.samples[:, start:end]))
    extraction = extract(
        clip,
        Settings(**_chosen(request)),
        part_of(progress, 0.0, 0.95),
        _grid(request, clip, start, scale),
        song_cache(cache_mib),
    )
    return write_result(extraction, folder, part_of(progress, 0.95, 1.0))


def _source(request: JobRequest) -> Clip:
    """Read the requested file, and check that it has not been replaced since the request."""
    with open_source(str(request.path)) as source:
        if request.content and source.content_hash() != request.content:
            raise LoopError(Code.INCOMPLETE, f"{request.path.name}: has changed since it was sent; send it again")
        clip = read_clip(source.path)
        source.check_unchanged()
    return clip


def _chosen(request: JobRequest) -> dict[str, Any]:
    """The core's settings that the request sets. All others keep the core's defaults."""
    chosen: dict[str, Any] = {name: getattr(request, name) for name in ("method", "loops", "max_loop_bars")}
    if request.beats_per_bar is not None and request.bars_frames is None:  # else it is the given bars' metre
        chosen["beats_per_bar"] = (request.beats_per_bar,)
    return {name: value for name, value in chosen.items() if value is not None}


def _grid(request: JobRequest, clip: Clip, start: int, scale: float) -> BarGrid | None:
    """The request's bars as frames of the clip, which starts at frame `start` of the file."""
    if request.bars_frames is None:
        return None
    frames = np.round(np.array(request.bars_frames) * scale).astype(np.int64) - start
    beats, unit = request.beats_per_bar or 4, request.beat_unit or 4
    return bars_from_frames(frames, clip.frames, clip.rate, beats_per_bar=beats, beat_unit=unit, origin="host")
