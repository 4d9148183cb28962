"""The work of a job: from the request to the result folder, by the core."""

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

USUAL_LOOPS = 6  # for how many stems there must be room when nobody said how many loops there are


def warm_up() -> None:
    """Load what `extract_to_folder` needs, before there is a job."""
    from bridge.jobs.workers.warm_up import (
        warm_up as warm_up_core,  # slow to import, and the daemon only needs to name this
    )

    warm_up_core()


def work_of(settings: BridgeSettings) -> Work:
    """`extract_to_folder` within a daemon's limits, to be sent to a worker process."""
    return partial(extract_to_folder, minutes=settings.minutes, cache_mib=settings.cache_mib)


def song_cache(mib: int) -> Cache | None:
    """Where songs are remembered, in at most so many MiB; None for 0."""
    return Cache(default_cache(), mib * 1024**2) if mib else None


def extract_to_folder(
    request: JobRequest, folder: Path, progress: Progress, *, minutes: int = 30, cache_mib: int = 0
) -> Path:
    """Extract the requested song into a result folder inside `folder`; raises as the core and `jobs.paths` do.

    Args:
        minutes: the longest song that is taken; a longer one raises LIMIT.
        cache_mib: MiB to remember songs in.
    """
    clip = _source(request)
    if clip.seconds > 60 * minutes:
        rule = f"at most {minutes}; cut it first, or raise `minutes`"
        raise LoopError(Code.LIMIT, f"{clip.name}: {clip.seconds / 60:.1f} minutes long, {rule}")
    check_space(request.out, clip.samples.nbytes * (1 + (request.loops or USUAL_LOOPS)))

    from core.extraction.ladder import (  # slow to import: what can be refused without it is refused at once
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
    """The file that was asked for, and not one that has taken its place since."""
    with open_source(str(request.path)) as source:
        if request.content and source.content_hash() != request.content:
            raise LoopError(Code.INCOMPLETE, f"{request.path.name}: is not what it was when it was sent; send it again")
        clip = read_clip(source.path)
        source.check_unchanged()
    return clip


def _chosen(request: JobRequest) -> dict[str, Any]:
    """The core's settings that the request chooses; what it leaves open keeps the core's default."""
    chosen: dict[str, Any] = {name: getattr(request, name) for name in ("method", "loops", "max_loop_bars")}
    if request.beats_per_bar is not None and request.bars_frames is None:  # else it is the given bars' metre
        chosen["beats_per_bar"] = (request.beats_per_bar,)
    return {name: value for name, value in chosen.items() if value is not None}


def _grid(request: JobRequest, clip: Clip, start: int, scale: float) -> BarGrid | None:
    """The request's bars as frames of the clip, which begins at frame `start` of the file."""
    if request.bars_frames is None:
        return None
    frames = np.round(np.array(request.bars_frames) * scale).astype(np.int64) - start
    beats, unit = request.beats_per_bar or 4, request.beat_unit or 4
    return bars_from_frames(frames, clip.frames, clip.rate, beats_per_bar=beats, beat_unit=unit, origin="host")
