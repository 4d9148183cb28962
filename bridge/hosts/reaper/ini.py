"""Edit REAPER's own files: the list of actions, reaper-kb.ini, and the menus, reaper-menu.ini. Text in, text out.

Both files have CRLF line ends on Windows. The line ends of a file are kept, and so is every line that is not ours.

In reaper-kb.ini an action is `SCR <flags> <section> RS<id> "Custom: <file name>" <path>`, with its path below Scripts.
The id is the SHA-1 of that path in upper case. In reaper-menu.ini a menu is a section of lines `item_<n>=<command>
<text>`, numbered from 0 without gaps. Such a section replaces REAPER's built-in menu. Therefore no section is added: a
new one would hide the built-in menu.
"""

import hashlib
import re
from dataclasses import dataclass

NEW_INSTANCE = 516  # a second launch starts a second instance, which reports that the first one is running
MAIN_SECTION = 0
ITEM_MENU = "Media item context"

_ITEM = re.compile(r"item_(\d+)=(\S*)")


def command_id(path: str) -> str:
    """REAPER's id for the action of a script. `path` is below Scripts, with forward slashes.

    >>> command_id("Cockos/lyrics.lua")
    'RS1ee9bb229dabffe151848d7efa3c10f748e1a1cf'
    """
    upper = "".join(char.upper() if char.isascii() else char for char in path)
    return "RS" + hashlib.sha1(upper.encode(), usedforsecurity=False).hexdigest()


@dataclass(frozen=True)
class Script:
    """A script that is an action: its path below Scripts, and the text of its menu entry."""

    path: str
    text: str

    @property
    def id(self) -> str:
        return command_id(self.path)

    @property
    def line(self) -> str:
        """Its line in reaper-kb.ini."""
        name = self.path.rpartition("/")[2]
        return f'SCR {NEW_INSTANCE} {MAIN_SECTION} {self.id} "Custom: {name}" "{self.path}"'


def with_action(text: str, script: Script) -> str:
    """reaper-kb.ini with one line for this action. Keys bound to the action stay bound."""
    lines = _lines(text)
    if any(line.strip() == script.line for line in lines):
        return text
    others = [line for line in lines if line.split()[3:4] != [script.id]]
    return "".join([*others, script.line + _end(text)])


def without_action(text: str, script: Script) -> str:
    """reaper-kb.ini without this action, and without the keys that were bound to it."""
    return "".join(line for line in _lines(text) if not {script.id, f"_{script.id}"} & set(line.split()))


def has_menu(text: str) -> bool:
    """Whether the user has customised the item menu, so that an entry can be added."""
    return _section(_lines(text)) is not None


def with_entry(text: str, script: Script) -> str:
    """reaper-menu.ini with one entry at the end of the item menu. Without a section for that menu, it is unchanged."""
    lines = _lines(text)
    found = _section(lines)
    if found is None or any(_is_ours(line, script) for line in lines[found[0] : found[1]]):
        return text
    start, end = found
    numbers = [int(match[1]) for line in lines[start:end] if (match := _ITEM.match(line))]
    last = max((i for i in range(start, end) if _ITEM.match(lines[i])), default=start - 1)
    entry = f"item_{max(numbers, default=-1) + 1}=_{script.id} {script.text}{_end(text)}"
    return "".join([*lines[: last + 1], entry, *lines[last + 1 :]])


def without_entry(text: str, script: Script) -> str:
    """reaper-menu.ini without our entries. Later entries are renumbered, because numbers must be contiguous."""
    lines = _lines(text)
    found = _section(lines)
    if found is None or not any(_is_ours(line, script) for line in lines[found[0] : found[1]]):
        return text
    start, end = found
    kept: list[str] = []
    gone = 0
    for line in lines[start:end]:
        if _is_ours(line, script):
            gone += 1
        elif match := _ITEM.match(line):
            kept.append(f"item_{int(match[1]) - gone}={line.partition('=')[2]}")
        else:
            kept.append(line)
    if not any(_ITEM.match(line) for line in kept):  # an empty section would be an empty menu
        return "".join([*lines[: start - 1], *lines[end:]])
    return "".join([*lines[:start], *kept, *lines[end:]])


def _section(lines: list[str]) -> tuple[int, int] | None:
    """The section's range of lines: from the line after its head to the line after its last one."""
    for start, line in enumerate(lines, start=1):
        if line.strip().lower() == f"[{ITEM_MENU}]".lower():
            rest = (i for i in range(start, len(lines)) if lines[i].startswith("["))
            return start, next(rest, len(lines))
    return None


def _is_ours(line: str, script: Script) -> bool:
    match = _ITEM.match(line)
    return match is not None and match[2] == f"_{script.id}"


def _lines(text: str) -> list[str]:
    """The lines of a text, each with its own line end. A missing end of the last line is added."""
    lines = re.findall(r"[^\n]*\n|[^\n]+", text)
    if lines and not lines[-1].endswith("\n"):
        lines[-1] += _end(text)
    return lines


def _end(text: str) -> str:
    return "\r\n" if "\r\n" in text else "\n"
