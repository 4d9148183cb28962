"""JobRequest: a checked request for one extraction, and the job id that follows from it."""

import hashlib
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, Self, get_args

from core.base.errors import Code, LoopError
from core.base.settings import LOOP_BARS, Method

BEAT_UNITS = (1, 2, 4, 8, 16, 32)
MAX_LOOPS = 64
MAX_FRAME = 2**31 - 1
VERSION = 1  # of the JSON request
NEEDS = {"beat_unit": ("bars_frames",), "rate": ("bars_frames", "region_frames")}  # keys that need one of these


@dataclass(frozen=True)
class JobRequest:
    """One extraction. Positions are frames of the whole file.

    Attributes:
        path: the audio file, absolute, links resolved.
        out: the folder that receives the result folder.
        bars_frames: bar starts and the end of the last bar; None tracks them.
        beats_per_bar: beats in a bar; None is 4 for given bars, and estimated for tracked ones.
        beat_unit: the note value of a beat of given bars, one of `BEAT_UNITS`; None is 4.
        rate: frames a second of the positions; None is the file's own rate.
        region_frames: (start, end) of the part to work on; None is the whole file.
        loops: the number of loops; None estimates it.
        method: one of `core.base.settings.Method`.
        max_loop_bars: the length of the longest loop, one of `LOOP_BARS`; None is the default of the core.
        content: SHA-256 of the file at the time of the request; "" reads the file as it is when the job starts.
    """

    path: Path
    out: Path
    bars_frames: tuple[int, ...] | None = None
    beats_per_bar: int | None = None
    beat_unit: int | None = None
    rate: int | None = None
    region_frames: tuple[int, int] | None = None
    loops: int | None = None
    method: str = "auto"
    max_loop_bars: int | None = None
    content: str = ""

    def canonical(self) -> str:
        """The request as text. Equal requests have equal texts."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), default=str)

    @classmethod
    def from_canonical(cls, text: str) -> Self:
        """The request from the text that `canonical` returned.

        Raises:
            ValueError, TypeError: when the text is no request.
        """
        read: dict[str, Any] = json.loads(text)
        for name, value in read.items():
            if name in ("path", "out"):
                read[name] = Path(value)
            elif isinstance(value, list):
                read[name] = tuple(value)
        return cls(**read)

    def identity(self, content: str) -> str:
        """The job's id: 16 hex digits of SHA-256 over the request and its file's content hash."""
        return hashlib.sha256(f"{self.canonical()}\n{content}".encode()).hexdigest()[:16]


class Wanted(NamedTuple):
    """A client's request. Its folders are not checked yet.

    Attributes:
        path, out: as the client wrote them.
        options: fields of `JobRequest` without `path` and `out`.
        host: the client's description of its host, for the log.
    """

    path: str
    out: str
    options: dict[str, Any]
    host: dict[str, str | int | float]


def parse_request(text: str) -> Wanted:
    """A whole request from its JSON: `v`, `path`, `host`, and the keys of the options.

    >>> parse_request('{"v": 1, "path": "/music/song.wav", "loops": 4, "host": {"name": "REAPER"}}')
    Wanted(path='/music/song.wav', out='', options={'loops': 4}, host={'name': 'REAPER'})

    Raises:
        LoopError: VERSION for a request of a newer version; ARGUMENTS with the key, the rule and the value.
    """
    request = _json_object(text)
    version = _whole(1, MAX_FRAME)("v", request.pop("v", None))
    if version > VERSION:
        raise LoopError(Code.VERSION, f"v must be at most {VERSION}, got {version}; update loopcube")
    path = _text("path", request.pop("path", None))
    host = _host("host", request.pop("host", {}))
    options, out = _checked(request, known={"v", "path", "host", *_RULES})
    return Wanted(path, out, options, host)


def parse_options(text: str) -> tuple[dict[str, Any], str]:
    """Options of a request from their JSON: fields of `JobRequest` without `path` and `out`, and the requested `out`.

    >>> parse_options('{"loops": 4, "out": "/music"}')
    ({'loops': 4}, '/music')

    Raises:
        LoopError: ARGUMENTS with the key, the rule and the value.
    """
    return _checked(_json_object(text) if text.strip() else {}, known=set(_RULES))


def _json_object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LoopError(Code.ARGUMENTS, f"request and options must be JSON objects: {error}") from error
    if not isinstance(found, dict):
        raise LoopError(Code.ARGUMENTS, f"request and options must be JSON objects, got {type(found).__name__}")
    return found


def _checked(options: dict[str, Any], *, known: set[str]) -> tuple[dict[str, Any], str]:
    """The options, checked by their rules, without `out`; and `out`, "" if there is none."""
    unknown = sorted(set(options) - set(_RULES))
    if unknown:
        raise LoopError(Code.ARGUMENTS, f"no key {unknown[0][:40]!r}; known: {', '.join(sorted(known))}")
    parsed = {key: _RULES[key](key, value) for key, value in options.items()}
    for key, needed in NEEDS.items():
        if key in parsed and not any(name in parsed for name in needed):
            raise LoopError(Code.ARGUMENTS, f"{key} needs {' or '.join(needed)}; give both or neither")
    return parsed, parsed.pop("out", "")


def _refused(key: str, rule: str, value: object) -> LoopError:
    return LoopError(Code.ARGUMENTS, f"{key} must be {rule}, got {json.dumps(value)[:40]}")


def _whole(low: int, high: int) -> Callable[[str, object], int]:
    def rule(key: str, value: object) -> int:
        if type(value) is not int or not low <= value <= high:  # bool is a subclass of int, but no number here
            raise _refused(key, f"a whole number from {low} to {high}", value)
        return value

    return rule


def _loops(key: str, value: object) -> int | None:
    return None if value in ("auto", None) else _whole(1, MAX_LOOPS)(key, value)


def _one_of(*allowed: object) -> Callable[[str, object], object]:
    def rule(key: str, value: object) -> object:
        if value not in allowed or type(value) is not type(allowed[0]):
            raise _refused(key, f"one of {', '.join(map(str, allowed))}", value)
        return value

    return rule


def _positions(key: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) < 2:
        raise _refused(key, "a list of frames", value)
    frames = tuple(_whole(0, MAX_FRAME)(key, frame) for frame in value)
    if any(after <= before for before, after in pairwise(frames)):
        raise _refused(key, "increasing", value)
    return frames


def _region(key: str, value: object) -> tuple[int, ...]:
    if not isinstance(value, list) or len(value) != 2:
        raise _refused(key, "[start, end] in frames", value)
    return _positions(key, value)


def _text(key: str, value: object) -> str:
    if not isinstance(value, str):
        raise _refused(key, "text", value)
    return value


def _host(key: str, value: object) -> dict[str, str | int | float]:
    if not isinstance(value, dict) or not all(isinstance(entry, str | int | float) for entry in value.values()):
        raise _refused(key, "an object of texts and numbers", value)
    return value


_RULES: dict[str, Callable[[str, object], Any]] = {
    "bars_frames": _positions,
    "beats_per_bar": _whole(1, 32),
    "beat_unit": _one_of(*BEAT_UNITS),
    "rate": _whole(8_000, 192_000),
    "region_frames": _region,
    "loops": _loops,
    "method": _one_of(*get_args(Method)),
    "max_loop_bars": _one_of(*LOOP_BARS),
    "out": _text,
}
