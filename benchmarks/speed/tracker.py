"""How fast bars are tracked: our tracker and madmom, step by step and as a whole, on the same song in one run.

uv run python -m benchmarks.speed.tracker
"""

import time
from collections.abc import Callable
from statistics import median
from typing import Any, NamedTuple

from threadpoolctl import threadpool_limits

from benchmarks.speed import madmom_peer
from benchmarks.speed.rows import Row
from core.base.progress import silent
from core.downbeats.tracker.decoder import decode
from core.downbeats.tracker.features import RATE, onset_features
from core.downbeats.tracker.lstm import activations
from core.downbeats.tracker.networks import read_networks
from core.evaluation.songs import build

SECONDS = 15  # of the song; madmom needs a quarter of this time in every run
RUNS = 5
METRES = (3, 4)


class _Step(NamedTuple):
    what: str
    ours: Callable[[Any], Any]
    peer: Callable[[Any], Any]
    target: str


def rows() -> list[Row]:
    """Features, networks, decoder, and all three: each the median of 5 runs, ours and madmom's in turn."""
    song = build("exact", seed=1_000, short=True).mixture
    excerpt = song.samples[:, : SECONDS * song.rate].mean(axis=0)
    networks = read_networks()
    steps = (
        _Step("features", lambda mono: onset_features(mono, silent), madmom_peer.features, ""),
        _Step("networks", lambda inputs: activations(inputs, networks, silent), madmom_peer.activations, "30 times"),
        _Step(
            "decoder", lambda found: decode(found, METRES, silent), lambda found: madmom_peer.beats(found, METRES), ""
        ),
    )
    note = f"{len(excerpt) / RATE:.0f} s of a song at {RATE} Hz, one thread, compiled code warm"
    found = []
    handed: Any = excerpt
    with threadpool_limits(1):
        for step in steps:
            ours, peers = _timed(step, handed)
            found.append(Row(f"tracker: {step.what}", ours, "madmom", peers, step.target, note))
            handed = step.peer(handed)
    whole = Row(
        "tracker: whole",
        sum(r.ours_seconds for r in found),
        "madmom",
        sum(r.peer_seconds for r in found),
        "12 times",
        note,
    )
    return [*found, whole]


def _timed(step: _Step, handed: Any) -> tuple[float, float]:
    """The median seconds of both. A first run is not counted, because it compiles code and reads models."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for _ in range(RUNS + 1):
        for side, run in zip(seconds, (step.ours, step.peer), strict=True):
            began = time.perf_counter()
            run(handed)
            side.append(time.perf_counter() - began)
    return median(seconds[0][1:]), median(seconds[1][1:])


if __name__ == "__main__":
    for row in rows():
        print(
            f"{row.what:<18} {row.ours_seconds:7.3f} s   {row.peer} {row.peer_seconds:7.3f} s   {row.ratio:5.1f} times"
        )
