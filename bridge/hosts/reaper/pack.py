"""The index from which ReaPack installs the scripts: `python -m bridge.hosts.reaper.pack URL > index.xml`.

URL is the address of the published files of reaper_scripts/, such as the raw files of a tag. The content of the index
comes from the head of the action's script: its description, author, version, changelog and about.

Reference: ReaPack's index format 1, as reapack-index writes it.
"""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote
from xml.etree import ElementTree

from bridge.hosts.reaper.install import ACTION, scripts_folder

CATEGORY = "Items Editing"
_TAG = re.compile(r"-- @(\w+)(?: (.*))?")


def header(script: Path) -> dict[str, str]:
    """The tags at the head of a script. Tags of several lines lose their indentation."""
    found: dict[str, list[str]] = {}
    lines: list[str] = []
    for line in script.read_text(encoding="utf-8").splitlines():
        if not line.startswith("--"):
            break
        if match := _TAG.fullmatch(line):
            lines = found.setdefault(match[1], [match[2]] if match[2] else [])
        else:
            lines.append(line.removeprefix("--").removeprefix("   "))
    return {tag: "\n".join(lines).strip() for tag, lines in found.items()}


def index(folder: Path, url: str, now: datetime) -> str:
    """The index of the scripts in a folder that are published at a URL."""
    main = folder / Path(ACTION.path).name
    tags = header(main)
    root = ElementTree.Element("index", version="1", name="loopcube")
    category = ElementTree.SubElement(root, "category", name=CATEGORY)
    package = ElementTree.SubElement(category, "reapack", name=main.name, type="script", desc=tags["description"])
    about = ElementTree.SubElement(ElementTree.SubElement(package, "metadata"), "description")
    about.text = _rtf(tags["about"])
    time = now.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    version = ElementTree.SubElement(package, "version", name=tags["version"], author=tags["author"], time=time)
    ElementTree.SubElement(version, "changelog").text = tags["changelog"]
    for path, is_action in _provided(folder, main, tags["provides"]):
        action = {"main": "main"} if is_action else {}
        name = {} if path == main else {"file": path.relative_to(folder).as_posix()}
        source = ElementTree.SubElement(version, "source", action | name)
        source.text = f"{url.rstrip('/')}/{quote(path.relative_to(folder).as_posix())}"
    ElementTree.indent(root)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{ElementTree.tostring(root, encoding="unicode")}\n'


def _provided(folder: Path, main: Path, text: str) -> Iterator[tuple[Path, bool]]:
    """The files that a script's head names, and whether each is an action."""
    for line in text.splitlines():
        option, pattern = line.split(maxsplit=1)
        for path in [main] if pattern == "." else sorted(folder.glob(pattern)):
            yield path, option == "[main]"


def _rtf(text: str) -> str:
    """A text as RTF, the format that ReaPack displays."""
    escaped = "".join(f"\\{char}" if char in "\\{}" else char for char in text)
    ascii_only = "".join(char if char.isascii() else f"\\u{ord(char)}?" for char in escaped)
    return "{\\rtf1 " + ascii_only.replace("\n", "\\line ") + "}"


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m bridge.hosts.reaper.pack URL > index.xml")
    sys.stdout.write(index(scripts_folder(), sys.argv[1], datetime.now(UTC)))
