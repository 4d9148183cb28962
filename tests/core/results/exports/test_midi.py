"""Activations as MIDI, played back by mido's own clock."""

from collections.abc import Callable
from pathlib import Path

import mido
import numpy as np
import pytest

from core.results.exports.midi import TICKS, write_midi
from core.results.read import read_result
from tests.core.results.exports.bar_lines import bar_lines
from tests.core.results.odd_results import ODD

OddResult = Callable[[str], Path]


def track_notes(track: mido.MidiTrack) -> list[tuple[int, int, int, int]]:
    """(start, end, key, velocity) of each note, in ticks."""
    now, sounding, notes = 0, {}, []
    for message in track:
        now += message.time
        if message.type == "note_on":
            assert message.note not in sounding, "it is struck again before it is let go"
            sounding[message.note] = (now, message.velocity)
        elif message.type == "note_off":
            start, velocity = sounding.pop(message.note)
            notes.append((start, now, message.note, velocity))
    assert not sounding
    return notes


@pytest.mark.parametrize("case", ODD)
def test_every_note_is_a_bar_of_its_loop(odd_result: OddResult, case: str) -> None:
    folder = odd_result(case)
    piece = read_result(folder).piece
    midi = mido.MidiFile(folder / "activations.mid", charset="utf-8")
    assert (midi.type, midi.ticks_per_beat) == (1, TICKS)
    conductor, *tracks = midi.tracks
    assert conductor.name == piece.name.replace("\t", " ")
    assert len(tracks) == len(piece.parts)
    seconds = _clock(conductor)
    for number, (track, part) in enumerate(zip(tracks, piece.parts, strict=True), start=1):
        assert track.name == f"{number:02d} {part.label}".replace("\n", " ").replace("\x07", " ")
        notes = track_notes(track)
        bars = np.flatnonzero(part.plays)
        starts = piece.grid.starts / piece.rate
        np.testing.assert_allclose([seconds(note[0]) for note in notes], starts[bars], atol=1e-3)
        np.testing.assert_allclose([seconds(note[1]) for note in notes], starts[bars + 1], atol=1e-3)
        assert [note[3] for note in notes] == np.clip(np.round(127 * part.activations[bars]), 1, 127).tolist()
    assert len({note[2] for track in tracks for note in track_notes(track)}) == len(tracks)


@pytest.mark.parametrize("case", ["plain", "three four", "seven eight", "uneven bars"])
def test_bars_of_the_metre_lie_on_bars_of_the_song(odd_result: OddResult, case: str) -> None:
    folder = odd_result(case)
    piece = read_result(folder).piece
    conductor = mido.MidiFile(folder / "activations.mid").tracks[0]
    now, metres, end = 0, [], 0
    for message in conductor:
        now += message.time
        if message.type == "time_signature":
            metres.append((now / TICKS, (message.numerator, message.denominator)))
        end = now
    assert metres[-1][1] == ODD[case].metre
    seconds = _clock(conductor)
    lines = [seconds(line * TICKS) for line in bar_lines(metres, end / TICKS)]
    np.testing.assert_allclose(lines[-piece.grid.bars - 1 :], piece.grid.starts / piece.rate, atol=1e-3)


def test_the_same_piece_gives_the_same_bytes(odd_result: OddResult, tmp_path: Path) -> None:
    write_midi(read_result(odd_result("uneven bars")).piece, tmp_path / "again.mid")
    assert (tmp_path / "again.mid").read_bytes() == (odd_result("uneven bars") / "activations.mid").read_bytes()


def _clock(conductor: mido.MidiTrack) -> Callable[[float], float]:
    """Seconds at a tick, from the file's own tempi."""
    now, tempi = 0, []
    for message in conductor:
        now += message.time
        if message.type == "set_tempo":
            tempi.append((now, message.tempo / 1e6 / TICKS))

    def seconds(tick: float) -> float:
        ends = [*(start for start, _ in tempi[1:]), np.inf]
        return float(sum(max(min(tick, e) - s, 0) * each for (s, each), e in zip(tempi, ends, strict=True)))

    return seconds
