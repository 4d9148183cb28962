"""A result as a DAWproject, the open exchange format of Bitwig Studio, Studio One, Cubase and others.

A DAWproject is a zip file with project.xml, metadata.xml and the audio. The tracks form two groups: stems, which sum to
the song and are not warped, and loops, which are muted and whose clips follow the tempo. Positions are quarter notes
("beats"). The format's reference has no volume for a clip, so each loop has the level of the bars it was cut from.
"""

import zipfile
from importlib import metadata
from pathlib import Path
from shutil import copyfileobj
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

from core.base.names import one_line
from core.results.exports.passes import Pass, passes
from core.results.exports.tempo import TempoMap, tempo_map
from core.results.pictures.colours import loop_colour
from core.results.piece import Part, Piece
from core.results.read import Result

VERSION = "1.0"  # of the format
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time in a zip; a constant one, so the same result gives the same bytes
GREY = "#999999"  # the colour of tracks that are no loop
MASTER, TEMPO, METRE = "master", "tempo", "metre"


def write_dawproject(result: Result, path: Path) -> None:
    """Write a result as a DAWproject that contains the audio.

    Raises:
        OSError: the file cannot be written.
    """
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(_entry("project.xml", zipfile.ZIP_DEFLATED), _xml(_project(result)))
        archive.writestr(_entry("metadata.xml", zipfile.ZIP_DEFLATED), _xml(_metadata(result.piece)))
        for file in (*result.stems, result.rest, *result.loops):
            entry = _entry(_inside(result, file), zipfile.ZIP_STORED)
            entry.file_size = file.stat().st_size  # given in advance, so that files above 4 GB get a 64-bit header
            with file.open("rb") as source, archive.open(entry, "w") as target:
                copyfileobj(source, target)


def _project(result: Result) -> Element:
    piece = result.piece
    tempo = tempo_map(piece)
    project = Element("Project", version=VERSION)
    SubElement(project, "Application", name="loopcube", version=metadata.version("loopcube"))
    first = tempo.stretches[0]
    transport = SubElement(project, "Transport")
    SubElement(transport, "Tempo", id=TEMPO, unit="bpm", value=_number(first.bpm))
    _metre(SubElement(transport, "TimeSignature", id=METRE), first.metre)
    structure = SubElement(project, "Structure")
    _stem_tracks(structure, piece)
    if piece.parts:
        _loop_tracks(structure, piece)
    _track(structure, MASTER, "Master", GREY, content="audio notes", role="master")
    arrangement = SubElement(project, "Arrangement", id="arrangement")
    lanes = SubElement(arrangement, "Lanes", id="lanes", timeUnit="beats")
    _stem_clips(lanes, result, tempo)
    _loop_clips(lanes, result, tempo)
    if len(tempo.stretches) > 1:
        _tempo_points(arrangement, tempo)
    return project


def _stem_tracks(structure: Element, piece: Piece) -> None:
    group = _track(structure, "stems", "Stems", GREY, content="tracks", role="submix", to=MASTER)
    for k, part in enumerate(piece.parts):
        _track(group, f"stem-{k + 1}", f"{k + 1:02d} {part.label}", loop_colour(k), to="stems")
    _track(group, "rest", "rest", GREY, to="stems")


def _loop_tracks(structure: Element, piece: Piece) -> None:
    group = _track(structure, "loops", "Loops", GREY, content="tracks", role="submix", to=MASTER, muted=True)
    for k, part in enumerate(piece.parts):
        _track(group, f"loop-{k + 1}", f"{k + 1:02d} {part.label} (loop)", loop_colour(k), to="loops")


def _track(
    parent: Element,
    key: str,
    name: str,
    colour: str,
    *,
    content: str = "audio",
    role: str = "regular",
    to: str | None = None,
    muted: bool = False,
) -> Element:
    """A track and its channel. `to` is the track whose channel receives the sound."""
    track = SubElement(parent, "Track", id=key, name=one_line(name), color=colour, contentType=content, loaded="true")
    channel = SubElement(track, "Channel", id=f"{key}-channel", role=role, solo="false")
    if to is not None:
        channel.set("destination", f"{to}-channel")
    SubElement(channel, "Mute", id=f"{key}-mute", value=str(muted).lower())
    SubElement(channel, "Volume", id=f"{key}-volume", unit="linear", min="0", max="2", value="1")
    return track


def _stem_clips(lanes: Element, result: Result, tempo: TempoMap) -> None:
    piece = result.piece
    seconds = piece.frames / piece.rate
    beats = _song_quarters(piece, tempo)
    files = [*((f"stem-{k + 1}", file) for k, file in enumerate(result.stems)), ("rest", result.rest)]
    for key, file in files:
        clips = _clips(lanes, key)
        clip = SubElement(clips, "Clip", time="0", duration=_number(beats), contentTimeUnit="seconds", playStart="0")
        _audio(clip, result, file, seconds)


def _loop_clips(lanes: Element, result: Result, tempo: TempoMap) -> None:
    for k, (part, file) in enumerate(zip(result.piece.parts, result.loops, strict=True)):
        clips = _clips(lanes, f"loop-{k + 1}")
        for once in passes(part, result.piece.grid):
            clip = _loop_clip(clips, part, once, tempo)
            _warped(clip, result, part, file, tempo)


def _loop_clip(clips: Element, part: Part, once: Pass, tempo: TempoMap) -> Element:
    return SubElement(
        clips,
        "Clip",
        name=one_line(part.label),
        time=_number(float(tempo.quarter(once.bar))),
        duration=_number(float(once.bars * tempo.bar)),
        contentTimeUnit="beats",
        playStart=_number(float(once.offset * tempo.bar)),
    )


def _warped(clip: Element, result: Result, part: Part, file: Path, tempo: TempoMap) -> None:
    """Put the file of a loop into a clip, with each bar line of the file on a bar line of the project."""
    starts = result.piece.grid.starts[part.start_bar : part.start_bar + part.bars + 1]
    seconds = ((starts - starts[0]) / result.piece.rate).tolist()
    warps = SubElement(clip, "Warps", timeUnit="beats", contentTimeUnit="seconds")
    _audio(warps, result, file, seconds[-1])
    for bar, second in enumerate(seconds):
        SubElement(warps, "Warp", time=_number(float(bar * tempo.bar)), contentTime=_number(second))


def _clips(lanes: Element, track: str) -> Element:
    own = SubElement(lanes, "Lanes", id=f"{track}-lanes", track=track)
    return SubElement(own, "Clips", id=f"{track}-clips")


def _audio(parent: Element, result: Result, file: Path, seconds: float) -> None:
    piece = result.piece
    audio = SubElement(
        parent,
        "Audio",
        timeUnit="seconds",
        duration=_number(seconds),
        channels=str(piece.channels),
        sampleRate=str(piece.rate),
    )
    SubElement(audio, "File", path=_inside(result, file))


def _tempo_points(arrangement: Element, tempo: TempoMap) -> None:
    points = SubElement(arrangement, "TempoAutomation", id="tempo-points", timeUnit="beats", unit="bpm")
    SubElement(points, "Target", parameter=TEMPO)
    metres = SubElement(arrangement, "TimeSignatureAutomation", id="metre-points", timeUnit="beats")
    SubElement(metres, "Target", parameter=METRE)
    before = None
    for stretch in tempo.stretches:
        at = _number(float(stretch.quarter))
        SubElement(points, "RealPoint", time=at, value=_number(stretch.bpm), interpolation="hold")
        if stretch.metre != before:
            _metre(SubElement(metres, "TimeSignaturePoint", time=at), stretch.metre)
            before = stretch.metre


def _song_quarters(piece: Piece, tempo: TempoMap) -> float:
    """The length of the whole song in quarter notes."""
    last = tempo.stretches[-1]
    return float(last.quarter) + (piece.frames - last.frame) / piece.rate * last.bpm / 60


def _metadata(piece: Piece) -> Element:
    root = Element("MetaData")
    SubElement(root, "Title").text = one_line(piece.name)
    SubElement(root, "Comment").text = f"{len(piece.parts)} loops, taken apart by loopcube"
    return root


def _metre(element: Element, metre: tuple[int, int]) -> None:
    element.set("numerator", str(metre[0]))
    element.set("denominator", str(metre[1]))


def _inside(result: Result, file: Path) -> str:
    return file.relative_to(result.folder).as_posix()


def _number(value: float) -> str:
    return f"{value:.12f}".rstrip("0").rstrip(".")


def _entry(name: str, compression: int) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, EPOCH)
    entry.compress_type = compression
    entry.create_system = 3  # always Unix, so that all systems write the same bytes
    entry.external_attr = 0o644 << 16
    return entry


def _xml(root: Element) -> bytes:
    ElementTree.indent(root)
    return bytes(ElementTree.tostring(root, encoding="UTF-8", xml_declaration=True)) + b"\n"
