"""Requests: options are checked by name, and equal requests have equal identities."""

import json
import re
from contextlib import suppress
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.jobs import request
from bridge.jobs.request import JobRequest, Wanted, parse_options, parse_request
from core.base.errors import Code, LoopError
from tests.conftest import ROOT


@pytest.mark.parametrize(
    ("text", "options", "out"),
    [
        ("", {}, ""),
        ("{}", {}, ""),
        ('{"loops": "auto"}', {"loops": None}, ""),
        (
            '{"loops": 4, "method": "tucker", "max_loop_bars": 8}',
            {"loops": 4, "method": "tucker", "max_loop_bars": 8},
            "",
        ),
        ('{"bars_frames": [0, 10, 20], "beats_per_bar": 3}', {"bars_frames": (0, 10, 20), "beats_per_bar": 3}, ""),
        ('{"beats_per_bar": 6}', {"beats_per_bar": 6}, ""),
        ('{"bars_frames": [0, 9], "beat_unit": 8}', {"bars_frames": (0, 9), "beat_unit": 8}, ""),
        ('{"region_frames": [5, 9], "rate": 44100, "out": "/x"}', {"region_frames": (5, 9), "rate": 44100}, "/x"),
    ],
)
def test_options_are_read(text: str, options: dict[str, object], out: str) -> None:
    assert parse_options(text) == (options, out)
    JobRequest(Path("/a"), Path("/b"), **options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "JSON object"),
        ("[]", "got list"),
        ("[" * 1_000, "JSON object"),
        ('{"path": "/etc/passwd"}', "no key 'path'"),
        ('{"loops": 0}', "loops must be a whole number from 1 to 64, got 0"),
        ('{"loops": true}', "loops"),
        ('{"loops": 2.0}', "loops"),
        ('{"loops": NaN}', "loops"),
        ('{"method": "magic"}', "method must be one of auto, coherent, tucker"),
        ('{"max_loop_bars": 3}', "max_loop_bars must be one of 1, 2, 4, 8, got 3"),
        ('{"max_loop_bars": true}', "max_loop_bars"),
        ('{"max_loop_bars": [1]}', "max_loop_bars"),
        ('{"bars_frames": 4}', "bars_frames must be a list of frames"),
        ('{"bars_frames": [0, 5, 5]}', "bars_frames must be increasing"),
        ('{"bars_frames": [-1, 5]}', "bars_frames must be a whole number from 0"),
        ('{"region_frames": [1, 2, 3]}', "region_frames must be"),
        ('{"rate": 1}', "rate must be a whole number from 8000"),
        ('{"beats_per_bar": "4"}', "beats_per_bar"),
        ('{"beat_unit": 6}', "beat_unit must be one of 1, 2, 4, 8, 16, 32, got 6"),
        ('{"out": 5}', "out must be text"),
        ('{"beats_per_bar": 6, "beat_unit": 8}', "beat_unit needs bars_frames"),
        ('{"loops": 3, "rate": 44100}', "rate needs bars_frames or region_frames"),
    ],
)
def test_wrong_options_are_refused_by_name(text: str, said: str) -> None:
    with pytest.raises(LoopError, match=said) as refused:
        parse_options(text)
    assert refused.value.code is Code.ARGUMENTS


def test_a_whole_request_is_read() -> None:
    host = {"name": "REAPER", "version": "7.22", "tempo": 120.5}
    text = json.dumps({"v": 1, "path": "/a.wav", "out": "/b", "bars_frames": [0, 9], "loops": "auto", "host": host})
    assert parse_request(text) == Wanted("/a.wav", "/b", {"bars_frames": (0, 9), "loops": None}, host)


@pytest.mark.parametrize(
    ("request_", "code", "said"),
    [
        ({"path": "/a"}, Code.ARGUMENTS, "v must be a whole number"),
        ({"v": 2, "path": "/a"}, Code.VERSION, "v must be at most 1, got 2"),
        ({"v": 1}, Code.ARGUMENTS, "path must be text, got null"),
        ({"v": 1, "path": 5}, Code.ARGUMENTS, "path must be text, got 5"),
        ({"v": 1, "path": "/a", "speed": 2}, Code.ARGUMENTS, "no key 'speed'"),
        ({"v": 1, "path": "/a", "loops": 0}, Code.ARGUMENTS, "loops"),
        ({"v": 1, "path": "/a", "host": []}, Code.ARGUMENTS, "host must be an object of texts and numbers"),
        ({"v": 1, "path": "/a", "host": {"x": {}}}, Code.ARGUMENTS, "host"),
    ],
)
def test_wrong_requests_are_refused_by_name(request_: dict[str, object], code: Code, said: str) -> None:
    with pytest.raises(LoopError, match=said) as refused:
        parse_request(json.dumps(request_))
    assert refused.value.code is code


KEYS = ["v", "path", "out", "bars_frames", "region_frames", "rate", "loops", "method", "max_loop_bars", "host", "x"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=100)
@given(st.fixed_dictionaries({"v": st.just(1), "path": st.just("/a")}, optional=dict.fromkeys(KEYS[2:], JSON)) | JSON)
def test_any_json_is_read_or_refused(document: object) -> None:
    with suppress(LoopError):
        wanted = parse_request(json.dumps(document))
        JobRequest(Path(wanted.path), Path(wanted.path), **wanted.options)


def test_beat_units_are_those_of_the_manifest() -> None:
    schema = json.loads(resources.files("core.results").joinpath("manifest.schema.json").read_text())
    assert tuple(schema["properties"]["bars"]["properties"]["beat_unit"]["enum"]) == request.BEAT_UNITS


def test_identity_follows_request_and_content() -> None:
    plain = JobRequest(Path("/a"), Path("/b"))
    others = [JobRequest(Path("/a"), Path("/c")), JobRequest(Path("/a"), Path("/b"), loops=3)]
    identities = {plain.identity("x"), plain.identity("y"), *(other.identity("x") for other in others)}
    assert len(identities) == 4
    assert JobRequest(Path("/a"), Path("/b")).identity("x") == plain.identity("x")


def test_the_protocol_page_lists_every_key() -> None:
    page = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")
    table = page.partition("## The request for a job")[2].partition("## Addresses")[0]
    listed = {
        key for row in table.splitlines() if row.startswith("| `") for key in re.findall(r"`(\w+)`", row.split("|")[1])
    }
    assert listed == {"v", "path", "host", *request._RULES}
