"""From the spec to the patcher as Max writes it: JSON, the same bytes each time."""

import json
from typing import Any

from max_for_live.spec import HEIGHT, WIDTH, Box, boxes, cords

NAME = "LoopCube"
CREATED = 3_850_070_400  # 1 January 2026 in seconds since 1904
AMXD_TYPE = int.from_bytes(b"aaaa", "big")
FONT_SIZE = 10.0
MINIMUM_LIVE, MINIMUM_MAX = "11.3.25", "8.5.8"


def patcher_json(script: str) -> str:
    """The patcher of a device whose script has this file name."""
    return json.dumps({"patcher": _patcher(script)}, indent="\t", ensure_ascii=True)


def _patcher(script: str) -> dict[str, Any]:
    all_boxes = boxes(script)
    identity = {box.name: f"obj-{number}" for number, box in enumerate(all_boxes, start=1)}
    return {
        "fileversion": 1,
        "appversion": {"major": 8, "minor": 5, "revision": 8, "architecture": "x64", "modernui": 1},
        "classnamespace": "box",
        "rect": [100.0, 100.0, 760.0, 560.0],
        "openrect": [0.0, 0.0, float(WIDTH), float(HEIGHT)],
        "openinpresentation": 1,
        "default_fontsize": FONT_SIZE,
        "default_fontface": 0,
        "default_fontname": "Arial Bold",
        "gridsize": [8.0, 8.0],
        "boxanimatetime": 500,
        "latency": 0,
        "is_mpe": 0,
        "external_mpe_tuning_enabled": 0,
        "minimum_live_version": MINIMUM_LIVE,
        "minimum_max_version": MINIMUM_MAX,
        "platform_compatibility": 0,
        "devicewidth": float(WIDTH),
        "description": "Takes a clip apart into its loops.",
        "digest": "",
        "tags": "",
        "style": "",
        "boxes": [{"box": _box(box, identity[box.name], row)} for row, box in enumerate(all_boxes)],
        "lines": [
            {"patchline": {"source": [identity[source], outlet], "destination": [identity[target], inlet]}}
            for source, outlet, target, inlet in cords()
        ],
        "parameters": _parameters(all_boxes, identity),
        "dependency_cache": [{"name": script, "bootpath": ".", "patcherrelativepath": ".", "type": "TEXT",
                              "implicit": 1}],
        "autosave": 0,
        "project": _project(),
    }  # fmt: skip


def _box(box: Box, identity: str, row: int) -> dict[str, Any]:
    inlets, outlets = box.ports
    column = row // 14
    width, height = (box.panel[2], box.panel[3]) if box.panel else (200, 20)
    made: dict[str, Any] = {
        "id": identity,
        "maxclass": box.kind,
        "numinlets": inlets,
        "numoutlets": outlets,
        "outlettype": ["signal" if box.text.endswith("~") else ""] * outlets,
        "patching_rect": [20.0 + 320.0 * column, 20.0 + 36.0 * (row % 14), float(width), float(height)],
        "varname": box.name,
    }
    if box.kind in ("newobj", "live.comment"):
        made["text"] = box.text
    if box.panel:
        made |= {"presentation": 1, "presentation_rect": [float(edge) for edge in box.panel]}
    if box.kind == "live.comment":
        made |= {"textjustification": 0, "fontsize": FONT_SIZE}
    if box.info:
        made |= {"annotation_name": box.info[0], "annotation": box.info[1]}
    if box.parameter:
        made |= {"parameter_enable": 1, "saved_attribute_attributes": {"valueof": _value_of(box.parameter)}}
    return made | box.more


def _value_of(parameter: dict[str, Any]) -> dict[str, Any]:
    return {f"parameter_{key}": value for key, value in sorted(parameter.items())}


def _parameters(all_boxes: list[Box], identity: dict[str, str]) -> dict[str, Any]:
    kept = [box for box in all_boxes if box.parameter]
    names: dict[str, Any] = {
        identity[box.name]: [box.parameter["longname"], box.parameter["shortname"], 0] for box in kept if box.parameter
    }
    options = [box.parameter["longname"] for box in kept if box.kind == "live.menu" and box.parameter]
    bank = {"index": 0, "name": "Options", "parameters": [*options, *["-"] * (8 - len(options))]}
    return names | {"parameterbanks": {"0": bank}, "inherited_shortname": 1}


def _project() -> dict[str, Any]:
    """What Max wants to know of a device as a project; without it the device is not opened."""
    return {
        "version": 1,
        "creationdate": CREATED,
        "modificationdate": CREATED,
        "viewrect": [0.0, 0.0, 300.0, 500.0],
        "autoorganize": 1,
        "hideprojectwindow": 1,
        "showdependencies": 1,
        "autolocalize": 0,
        "contents": {"patchers": {}, "code": {}},
        "layout": {},
        "searchpath": {},
        "detailsvisible": 0,
        "amxdtype": AMXD_TYPE,
        "readonly": 0,
        "devpathtype": 0,
        "devpath": ".",
        "sortmode": 0,
        "viewmode": 0,
        "includepackages": 0,
    }
