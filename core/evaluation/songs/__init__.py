"""Songs synthesised from loops, with known stems, for the demo, the tests and the benchmarks.

song = build("dense", seed=7)
song.mixture, song.stems, song.activations, song.grid
"""

from core.evaluation.songs.arrangement import Song
from core.evaluation.songs.classes import CLASSES, build
from core.evaluation.songs.demo import demo_song

__all__ = ["CLASSES", "Song", "build", "demo_song"]
