"""What samplers read of a loop's WAV, by libsndfile's parser and by one written here; the audio stays as it was."""

import re
import struct
from collections.abc import Callable
from pathlib import Path

import librosa
import numpy as np
import pytest
import soundfile

from core.results.read import read_result
from tests.core.results.odd_results import ODD, odd_extraction

OddResult = Callable[[str], Path]


def chunks_of(path: Path) -> dict[str, bytes]:
    """The chunks of a RIFF file, which must fill it to its end."""
    data = path.read_bytes()
    assert data[:4] == b"RIFF"
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8
    found, at = {}, 12
    while at < len(data):
        name, size = data[at : at + 4].decode(), struct.unpack("<I", data[at + 4 : at + 8])[0]
        found[name] = data[at + 8 : at + 8 + size]
        at += 8 + size + size % 2
    assert at == len(data)
    return found


@pytest.mark.parametrize("case", ["plain", "three four", "seven eight", "uneven bars", "one loop"])
def test_a_sampler_learns_beats_and_tempo(odd_result: OddResult, case: str) -> None:
    result = read_result(odd_result(case))
    piece = result.piece
    for path, part in zip(result.loops, piece.parts, strict=True):
        chunks = chunks_of(path)
        frames = soundfile.info(path).frames
        flags, _, _, _, beats, unit, per_bar, tempo = struct.unpack("<IHHfIHHf", chunks["acid"])
        assert flags == 4, "stretch; no one-shot, no root note"
        assert (per_bar, unit) == ODD[case].metre
        assert tempo == pytest.approx(60 * beats * piece.rate / frames, rel=1e-6)
        if unit == 4:
            assert beats == per_bar * part.bars
        *_, loops, _ = struct.unpack("<9I", chunks["smpl"][:36])
        _, kind, start, end, _, count = struct.unpack("<6I", chunks["smpl"][36:])
        assert (loops, kind, start, end, count) == (1, 0, 0, frames - 1, 0)


def test_every_beat_has_a_cue(odd_result: OddResult) -> None:
    result = read_result(odd_result("uneven bars"))
    grid = result.piece.grid
    for path, part in zip(result.loops, result.piece.parts, strict=True):
        body = chunks_of(path)["cue "]
        points = [struct.unpack("<II4sIII", body[k : k + 24]) for k in range(4, len(body), 24)]
        assert struct.unpack("<I", body[:4])[0] == len(points) == 4 * part.bars
        assert {point[2] for point in points} == {b"data"}
        own = grid.starts[part.start_bar : part.start_bar + part.bars + 1] - grid.starts[part.start_bar]
        assert [point[5] for point in points[::4]] == own[:-1].tolist()
        assert [point[5] for point in points] == sorted(point[1] for point in points)
        for bar, length in enumerate(np.diff(own)):
            steps = np.diff([*(point[5] for point in points[4 * bar : 4 * bar + 4]), own[bar + 1]])
            assert np.abs(steps - length / 4).max() <= 1


def test_libsndfile_understands_them(odd_result: OddResult) -> None:
    result = read_result(odd_result("plain"))
    with soundfile.SoundFile(result.loops[1]) as file:
        said = file.extra_info
    assert re.search(r"Beats *: *8", said)
    assert re.search(r"Meter *: *4/4", said)
    assert re.search(r"Tempo *: *480", said)
    assert re.search(r"Count *: *8", said)
    assert re.search(r"Loop Count *: *1", said)
    assert "Unknown" not in said


def test_the_audio_stays_bit_exact(odd_result: OddResult) -> None:
    extraction = odd_extraction(ODD["plain"])
    for path, loop in zip(read_result(odd_result("plain")).loops, extraction.loops, strict=True):
        np.testing.assert_array_equal(soundfile.read(path, dtype="float32")[0].T, loop.audio)
        np.testing.assert_array_equal(librosa.load(path, sr=None, mono=False)[0], loop.audio)
