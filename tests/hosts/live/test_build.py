"""The built device: as the sources say, as Max writes such files, and by Ableton's guidelines."""

import json
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from max_for_live.build import ROOT, SOURCES, built
from max_for_live.spec import HEIGHT, WIDTH, cords
from tests.hosts.live.amxd_reader import read_device

DEVICE = ROOT / "bridge" / "hosts" / "live_device" / "LoopCube.amxd"
UNFROZEN = ROOT / "max_for_live" / "unfrozen"
GOLDEN = Path(__file__).parent / "patcher.golden.txt"


@pytest.fixture(scope="module")
def patcher() -> dict[str, Any]:
    content = read_device((UNFROZEN / "LoopCube.amxd").read_bytes()).files[0].content
    assert content.endswith(b"\n\0")
    found: dict[str, Any] = json.loads(content[:-2])["patcher"]
    return found


@pytest.fixture(scope="module")
def boxes(patcher: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {item["box"]["varname"]: item["box"] for item in patcher["boxes"]}


def test_what_is_committed_is_what_the_sources_come_to() -> None:
    for path, content in built().items():
        assert (ROOT / path).read_bytes() == content, f"{path}: run python -m max_for_live.build"
    scripts = sorted(path.name for path in UNFROZEN.iterdir())
    assert len(scripts) == 2, scripts


def test_all_sources_are_in_the_script() -> None:
    assert sorted(SOURCES) == sorted(path.stem for path in (ROOT / "max_for_live" / "src").glob("*.js"))


def test_the_frozen_device_holds_its_patcher_and_its_script(script: Path) -> None:
    device = read_device(DEVICE.read_bytes())
    assert (device.kind, device.flags) == ("aaaa", 7)
    assert [(file.name, file.kind, file.flag) for file in device.files] == [
        ("LoopCube.amxd", "JSON", 0x11),
        (script.name, "TEXT", 0),
    ]
    assert device.files[1].content == script.read_bytes()
    assert device.files[0].content == read_device((UNFROZEN / "LoopCube.amxd").read_bytes()).files[0].content


def test_the_unfrozen_device_is_for_editing() -> None:
    device = read_device((UNFROZEN / "LoopCube.amxd").read_bytes())
    assert (device.kind, device.flags, len(device.files)) == ("aaaa", 0, 1)


def test_the_patcher_as_text(patcher: dict[str, Any]) -> None:
    names = {item["box"]["id"]: item["box"]["varname"] for item in patcher["boxes"]}
    lines = []
    for item in patcher["boxes"]:
        box = item["box"]
        text = "js loopcube-*.js" if box["varname"] == "script" else box.get("text", "")
        lines.append(f"{box['varname']}: {box['maxclass']} [{text}] {box['numinlets']}->{box['numoutlets']}")
    for item in patcher["lines"]:
        (source, outlet), (target, inlet) = item["patchline"]["source"], item["patchline"]["destination"]
        lines.append(f"{names[source]}.{outlet} -> {names[target]}.{inlet}")
    assert "\n".join(lines) + "\n" == GOLDEN.read_text()


def test_every_cord_fits_its_objects(tmp_path: Path, patcher: dict[str, Any]) -> None:
    path = tmp_path / "LoopCube.maxpat"
    path.write_text(json.dumps({"patcher": patcher}))
    checked = subprocess.run(  # noqa: S603 - our own command
        [str(Path(sys.executable).with_name("py2max")), "validate", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr


def test_audio_passes_untouched_and_without_delay(patcher: dict[str, Any]) -> None:
    signals = [cord for cord in cords() if "plug" in cord[0] or "plug" in cord[2]]
    assert signals == [("plugin", 0, "plugout", 0), ("plugin", 1, "plugout", 1)]
    assert patcher["latency"] == 0


def test_the_script_is_never_reached_from_another_thread() -> None:
    into_script = {source for source, _, target, _ in cords() if target == "script"}
    assert into_script == {"ready_low", "receive_low", "controls_low"}


def test_the_panel_is_whole_pixels_inside_its_height(boxes: dict[str, dict[str, Any]]) -> None:
    rects = {name: box["presentation_rect"] for name, box in boxes.items() if box.get("presentation")}
    assert len(rects) > 12
    for x, y, width, height in rects.values():
        assert all(float(edge).is_integer() for edge in (x, y, width, height))
        assert x >= 0
        assert y >= 0
        assert x + width <= WIDTH
        assert y + height <= HEIGHT == 169
    for (one, a), (other, b) in combinations(rects.items(), 2):
        apart = a[0] + a[2] <= b[0] or b[0] + b[2] <= a[0] or a[1] + a[3] <= b[1] or b[1] + b[3] <= a[1]
        assert apart, f"{one} lies over {other}"


def test_parameters_keep_to_the_guidelines(boxes: dict[str, dict[str, Any]], patcher: dict[str, Any]) -> None:
    kept = {
        name: box["saved_attribute_attributes"]["valueof"] for name, box in boxes.items() if box.get("parameter_enable")
    }
    longnames = [value["parameter_longname"] for value in kept.values()]
    assert len(set(longnames)) == len(longnames)
    for name in ("extract", "cancel", "report", "progress"):
        assert kept[name]["parameter_invisible"] == 2, "hidden: no undo, no automation"
    for name in ("longest", "loops", "place", "as", "mute", "memory"):
        assert kept[name]["parameter_invisible"] == 1, "kept with the set"
    for name, box in boxes.items():
        if box.get("presentation"):
            assert box["annotation"].endswith("."), name
            assert box["annotation_name"], name
    assert set(patcher["parameters"]) >= {box["id"] for name, box in boxes.items() if name in kept}


def test_options_mean_what_the_script_takes_them_for(boxes: dict[str, dict[str, Any]], script: Path) -> None:
    labels = {
        name: boxes[name]["saved_attribute_attributes"]["valueof"]["parameter_enum"]
        for name in ("longest", "loops", "place", "as")
    }
    assert labels["longest"] == ["Auto", "1 bar", "2 bars", "4 bars", "8 bars"]
    assert labels["loops"][:3] == ["Auto", "1", "2"]
    assert labels["place"] == ["Session", "Arrangement", "Both"]
    assert labels["as"] == ["Stems", "Loops"]
    assert "var LONGEST = [0, 1, 2, 4, 8];" in script.read_text()
