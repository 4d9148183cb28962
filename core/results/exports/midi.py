"""How strongly each loop plays in each bar, as a standard MIDI file: one track for each loop, one note for each bar.

The file has the tempo and the metre of every bar, so a sequencer's bar lines agree with the song's. Loop k has key
36 + k, because drum racks begin at 36. Its velocity is its activation. MIDI stores the tempo in whole microseconds a
quarter note, so in a steady song of five minutes bar lines are at most 0.3 ms off.
"""

from fractions import Fraction
from pathlib import Path

import mido

from core.base.names import one_line
from core.results.exports.tempo import TempoMap, tempo_map
from core.results.piece import Part, Piece

TICKS = 960  # for each quarter note; bars of any metre are a whole number of ticks
FIRST_KEY, KEYS = 36, 92


def write_midi(piece: Piece, path: Path) -> None:
    """Write the activations of a piece as MIDI.

    Raises:
        OSError: the file cannot be written.
    """
    tempo = tempo_map(piece)
    tracks = [_conductor(piece, tempo)]
    tracks += [_track(part, number, tempo) for number, part in enumerate(piece.parts)]
    mido.MidiFile(type=1, ticks_per_beat=TICKS, charset="utf-8", tracks=tracks).save(path)


def _conductor(piece: Piece, tempo: TempoMap) -> mido.MidiTrack:
    events = [(0, mido.MetaMessage("track_name", name=one_line(piece.name)))]
    spent, metre = 0.0, None  # spent: the seconds that all stretches written so far last
    ends = [*tempo.stretches[1:], None]
    for stretch, following in zip(tempo.stretches, ends, strict=True):
        end_quarter = following.quarter if following else tempo.quarter(piece.grid.bars)
        end_frame = following.frame if following else int(piece.grid.starts[-1])
        quarters = float(end_quarter - stretch.quarter)
        microseconds = round((end_frame / piece.rate - spent) / quarters * 1e6)
        spent += microseconds * quarters / 1e6
        at = _ticks(stretch.quarter)
        if stretch.metre != metre:
            metre = stretch.metre
            events.append((at, mido.MetaMessage("time_signature", numerator=metre[0], denominator=metre[1])))
        events.append((at, mido.MetaMessage("set_tempo", tempo=microseconds)))
    return _in_order(events, _ticks(tempo.quarter(piece.grid.bars)))


def _track(part: Part, number: int, tempo: TempoMap) -> mido.MidiTrack:
    key = FIRST_KEY + number % KEYS
    events = [(0, mido.MetaMessage("track_name", name=f"{number + 1:02d} {one_line(part.label)}"))]
    for bar in part.plays.nonzero()[0].tolist():
        velocity = max(1, min(127, round(127 * float(part.activations[bar]))))
        events.append((_ticks(tempo.quarter(bar)), mido.Message("note_on", note=key, velocity=velocity)))
        events.append((_ticks(tempo.quarter(bar + 1)), mido.Message("note_off", note=key)))
    return _in_order(events, _ticks(tempo.quarter(len(part.heard))))


def _in_order(events: list[tuple[int, mido.Message]], end: int) -> mido.MidiTrack:
    """A track of events that are sorted by time and given in ticks from its start."""
    track, now = mido.MidiTrack(), 0
    for at, message in (*events, (end, mido.MetaMessage("end_of_track"))):
        track.append(message.copy(time=at - now))
        now = at
    return track


def _ticks(quarter: Fraction) -> int:
    return int(quarter * TICKS)
