"""What is remembered of a song changes how long an extraction takes, and nothing else."""

from pathlib import Path

import numpy as np
import pytest

from core.base.disk_cache import Cache
from core.base.errors import LoopError
from core.extraction.ladder import Extraction, Settings, extract
from tests.core.loop_songs import tiny_song

TRACKER = "core.downbeats.tracker.track.track_bars"
LONG_WORK = (
    "core.extraction.bars_and_layout.refine",
    "core.extraction.bars_and_layout.survey",
    "core.extraction.bars_and_layout.analyse",
)


def sound(extraction: Extraction) -> bytes:
    told = (extraction.diagnostics, extraction.warnings, extraction.grid.starts.tolist())
    return extraction.stems.tobytes() + extraction.rest.tobytes() + repr(told).encode()


def forbid(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    def never(*_: object, **__: object) -> None:
        raise AssertionError("computed again")

    for name in names:
        monkeypatch.setattr(name, never)


def test_a_song_is_worked_through_once_for_all_numbers_of_loops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny, kept = tiny_song(), Cache(tmp_path)
    plain = {count: extract(tiny.clip, Settings(loops=count), grid=tiny.grid) for count in (None, 2)}
    assert plain[None].diagnostics["method"] == "coherent"
    assert len(plain[2].loops) < len(plain[None].loops)
    assert sound(extract(tiny.clip, Settings(), grid=tiny.grid, cache=kept)) == sound(plain[None])
    forbid(monkeypatch, *LONG_WORK)
    for count, expected in plain.items():
        assert sound(extract(tiny.clip, Settings(loops=count), grid=tiny.grid, cache=kept)) == sound(expected)


def test_tracked_bars_are_remembered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny, kept = tiny_song(), Cache(tmp_path)
    monkeypatch.setattr(TRACKER, lambda *_, **__: tiny.grid)
    first = extract(tiny.clip, cache=kept)
    forbid(monkeypatch, TRACKER, *LONG_WORK)
    assert sound(extract(tiny.clip, cache=kept)) == sound(first)
    with pytest.raises(AssertionError):
        extract(tiny.clip, Settings(beats_per_bar=(5,)), cache=kept)


def test_other_samples_bars_and_seeds_are_other_songs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny, kept = tiny_song(), Cache(tmp_path)
    extract(tiny.clip, grid=tiny.grid, cache=kept)
    before = len(list(tmp_path.iterdir()))
    extract(tiny.clip, Settings(seed=1), grid=tiny.grid, cache=kept)
    assert len(list(tmp_path.iterdir())) == before + 1
    forbid(monkeypatch, *LONG_WORK)
    changed = tiny.clip.samples.copy()
    changed[0, 0] += np.float32(1e-3)
    for clip, grid in (
        (type(tiny.clip)(changed, tiny.clip.rate), tiny.grid),
        (tiny.clip, type(tiny.grid)(tiny.grid.starts[:-1], 4, "host")),
    ):
        with pytest.raises(AssertionError):
            extract(clip, grid=grid, cache=kept)


def test_damaged_memories_are_computed_again(tmp_path: Path) -> None:
    tiny, kept = tiny_song(), Cache(tmp_path)
    first = sound(extract(tiny.clip, grid=tiny.grid, cache=kept))
    for path in tmp_path.iterdir():
        path.write_bytes(path.read_bytes()[:-5])
    assert sound(extract(tiny.clip, grid=tiny.grid, cache=kept)) == first


def test_what_fails_is_not_remembered(tmp_path: Path) -> None:
    tiny, kept = tiny_song(), Cache(tmp_path)
    silent = type(tiny.clip)(np.zeros_like(tiny.clip.samples), tiny.clip.rate)
    with pytest.raises(LoopError):
        extract(silent, grid=tiny.grid, cache=kept)
    assert list(tmp_path.iterdir()) == []
