"""Bars of warped clips against a second way of counting them: NumPy's interpolation between the markers."""

import json
import math
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

HERE = Path(__file__).parent
RATE = 48_000
CLIPS = 60

Node = Callable[..., subprocess.CompletedProcess[str]]


def _clip(seed: int) -> dict[str, Any]:
    """A warped clip of the Arrangement, inside its first and last marker, in some metre, with or without a pick-up."""
    rng = np.random.default_rng(seed)
    gaps = rng.uniform(2.0, 20.0, int(rng.integers(1, 8)))
    seconds = np.concatenate([[0.0], np.cumsum(gaps)])
    beats = np.concatenate([[0.0], np.cumsum(gaps * rng.uniform(70, 170, len(gaps)) / 60)]) + rng.uniform(-3, 3)
    first, last = np.sort(rng.uniform(beats[0], beats[-1], 2))
    start = float(rng.integers(0, 40)) / 2
    return {
        "warped": True, "looping": False, "arrangement": True, "rate": RATE, "frames": math.ceil(seconds[-1] * RATE),
        "markers": [{"seconds": s, "beat": b} for s, b in zip(seconds.tolist(), beats.tolist(), strict=True)],
        "numerator": int(rng.integers(2, 8)), "denominator": int(rng.choice([4, 8])), "tempo": 120.0,
        "startMarker": first, "endMarker": last, "loopStart": first, "loopEnd": last,
        "startTime": start, "endTime": start + last - first,
    }  # fmt: skip


def _expected(clip: dict[str, Any]) -> list[int]:
    """Frames of the song's bar lines that lie in the clip, at least 5 ms from its ends or right on them."""
    bar = clip["numerator"] * 4 / clip["denominator"]
    lines = np.arange(math.ceil(clip["startTime"] / bar), math.floor(clip["endTime"] / bar) + 1) * bar
    beats = clip["loopStart"] + lines - clip["startTime"]
    known = clip["markers"]
    seconds = np.interp(beats, [each["beat"] for each in known], [each["seconds"] for each in known])
    return [round(frame) for frame in seconds * RATE]


@pytest.fixture(scope="module")
def planned(node: Node) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    clips = [_clip(seed) for seed in range(CLIPS)]
    done = node(HERE / "plans.js", json.dumps(clips))
    assert done.returncode == 0, done.stderr
    return list(zip(clips, json.loads(done.stdout), strict=True))


def test_bars_lie_where_the_markers_put_the_songs_bar_lines(
    planned: list[tuple[dict[str, Any], dict[str, Any]]],
) -> None:
    told = 0
    for clip, plan in planned:
        expected = _expected(clip)
        if "refused" in plan:
            assert len(expected) < 5
            continue
        told += 1
        inner = [frame for frame in plan["bars"] if plan["region"][0] + 250 < frame < plan["region"][1] - 250]
        assert set(inner) <= {frame + near for frame in expected for near in (-1, 0, 1)}
        assert len(expected) <= len(plan["bars"]) <= len(expected) + 2
        assert plan["region"][0] <= plan["bars"][0] < plan["bars"][-1] <= plan["region"][1]
    assert told > CLIPS / 2


def test_markers_of_the_stems_say_the_same_as_those_of_the_source(
    planned: list[tuple[dict[str, Any], dict[str, Any]]],
) -> None:
    for clip, plan in planned:
        if "refused" in plan:
            continue
        source, stem = clip["markers"], plan["markers"]
        start, end = (frame / RATE for frame in plan["region"])
        at = np.linspace(start, end, 200)
        in_source = np.interp(at, [each["seconds"] for each in source], [each["beat"] for each in source])
        in_stem = np.interp(at - start, [each["seconds"] for each in stem], [each["beat"] for each in stem])
        assert np.allclose(in_stem, in_source - in_source[0], atol=5e-3)
        assert stem[0] == {"seconds": 0, "beat": 0}
        assert stem[-1]["seconds"] == pytest.approx(end - start)
