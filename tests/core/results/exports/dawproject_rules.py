"""What the published schema of DAWproject 1.0 says of the elements that are written here, checked by code of its own.

Of each element: the elements inside it, in this order, with how many there may be; and its attributes with their kinds,
those that must be there marked. An element of another name, out of its order, or with another attribute is an error.
"""

from collections import Counter
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element

MANY = 10**6
NAMED = {"name": "text", "color": "text", "comment": "text"}
KEYED = NAMED | {"id": "id"}
TIMELINE = KEYED | {"timeUnit": "time unit", "track": "reference"}
UNITS = {"linear", "normalized", "percent", "decibel", "hertz", "semitones", "seconds", "beats", "bpm"}
TIME_UNITS = {"beats", "seconds"}
CONTENT = {"audio", "automation", "notes", "video", "markers", "tracks"}
CLIP_TIMES = ("time", "duration", "playStart", "playStop", "loopStart", "loopEnd", "fadeInTime", "fadeOutTime")
TIMELINES = "Timeline Lanes Notes Clips ClipSlot markers Warps Audio Video Points"


@dataclass(frozen=True)
class Rule:
    """Slots: names of which one may stand there, fewest, most. Attributes: kinds; `must` names those needed."""

    slots: tuple[tuple[str, int, int], ...] = ()
    attributes: dict[str, str] = field(default_factory=dict)
    must: str = ""


PARAMETER = KEYED | {"parameterID": "int"}
REAL = Rule((), PARAMETER | {"max": "text", "min": "text", "unit": "unit", "value": "text"}, "unit")
POINTS = Rule(
    (("Target", 1, 1), ("Point RealPoint EnumPoint BoolPoint IntegerPoint TimeSignaturePoint", 0, MANY)),
    TIMELINE | {"unit": "unit"},
)
RULES = {
    "Project": Rule(
        (("Application", 1, 1), ("Transport", 0, 1), ("Structure", 0, 1), ("Arrangement", 0, 1), ("Scenes", 0, 1)),
        {"version": "text"},
        "version",
    ),
    "Application": Rule((), {"name": "text", "version": "text"}, "name version"),
    "Transport": Rule((("Tempo", 0, 1), ("TimeSignature", 0, 1))),
    "Tempo": REAL,
    "Volume": REAL,
    "Mute": Rule((), PARAMETER | {"value": "bool"}),
    "TimeSignature": Rule((), PARAMETER | {"numerator": "int", "denominator": "int"}, "numerator denominator"),
    "Structure": Rule((("Track Channel", 0, MANY),)),
    "Track": Rule((("Channel", 0, 1), ("Track", 0, MANY)), KEYED | {"contentType": "content types", "loaded": "bool"}),
    "Channel": Rule(
        (("Devices", 0, 1), ("Mute", 0, 1), ("Pan", 0, 1), ("Sends", 0, 1), ("Volume", 0, 1)),
        KEYED | {"audioChannels": "int", "destination": "reference", "role": "role", "solo": "bool"},
    ),
    "Arrangement": Rule(
        (("Lanes", 0, 1), ("Markers", 0, 1), ("TempoAutomation", 0, 1), ("TimeSignatureAutomation", 0, 1)), KEYED
    ),
    "Lanes": Rule(((TIMELINES, 0, MANY),), TIMELINE),
    "Clips": Rule((("Clip", 0, MANY),), TIMELINE),
    "Clip": Rule(
        ((TIMELINES, 0, 1),),
        NAMED
        | dict.fromkeys(CLIP_TIMES, "double")
        | {"contentTimeUnit": "time unit", "fadeTimeUnit": "time unit", "enable": "bool", "reference": "reference"},
        "time",
    ),
    "Warps": Rule(
        ((TIMELINES, 1, 1), ("Warp", 1, MANY)), TIMELINE | {"contentTimeUnit": "time unit"}, "contentTimeUnit"
    ),
    "Warp": Rule((), {"time": "double", "contentTime": "double"}, "time contentTime"),
    "Audio": Rule(
        (("File", 1, 1),),
        TIMELINE | {"duration": "double", "algorithm": "text", "channels": "int", "sampleRate": "int"},
        "duration channels sampleRate",
    ),
    "File": Rule((), {"path": "text", "external": "bool"}, "path"),
    "TempoAutomation": POINTS,
    "TimeSignatureAutomation": POINTS,
    "Target": Rule((), {"parameter": "reference", "expression": "text", "channel": "int", "key": "int"}),
    "RealPoint": Rule((), {"time": "text", "value": "text", "interpolation": "interpolation"}, "time value"),
    "TimeSignaturePoint": Rule(
        (), {"time": "text", "numerator": "int", "denominator": "int"}, "time numerator denominator"
    ),
}
KINDS = {
    "text": lambda _: True,
    "id": lambda text: text[0].isalpha() and all(char.isalnum() or char in "-._" for char in text),
    "reference": lambda _: True,
    "int": lambda text: text.lstrip("-").isdecimal(),
    "double": lambda text: isinstance(float(text), float),
    "bool": lambda text: text in {"true", "false"},
    "unit": UNITS.__contains__,
    "time unit": TIME_UNITS.__contains__,
    "content types": lambda text: set(text.split()) <= CONTENT,
    "role": {"regular", "master", "effect", "submix", "vca"}.__contains__,
    "interpolation": {"hold", "linear"}.__contains__,
}


def faults(root: Element) -> list[str]:
    """What in a project breaks the rules; an empty list when nothing does."""
    ids = [element.get("id") for element in root.iter() if element.get("id") is not None]
    found = [f"id {key} twice" for key, count in Counter(ids).items() if count > 1]
    for element in root.iter():
        rule = RULES.get(element.tag)
        if rule is None:
            found.append(f"unknown element {element.tag}")
            continue
        found += _attributes(element, rule, set(ids)) + _children(element, rule)
    return found


def _attributes(element: Element, rule: Rule, ids: set[str | None]) -> list[str]:
    found = [f"{element.tag} lacks {name}" for name in rule.must.split() if name not in element.attrib]
    for name, text in element.attrib.items():
        kind = rule.attributes.get(name)
        if kind is None or not KINDS[kind](text):
            found.append(f"{element.tag}: {name}={text!r} is not allowed")
        elif kind == "reference" and text not in ids:
            found.append(f"{element.tag}: {name}={text!r} leads nowhere")
    return found


def _children(element: Element, rule: Rule) -> list[str]:
    names = [child.tag for child in element]
    for allowed, fewest, most in rule.slots:
        count = 0
        while names and names[0] in allowed.split() and count < most:
            names.pop(0)
            count += 1
        if count < fewest:
            return [f"{element.tag} lacks {allowed}"]
    return [f"{names[0]} has no place there in {element.tag}"] if names else []
