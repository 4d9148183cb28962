"""File names that every file system accepts, made from the name of a song or a loop."""

import re
import unicodedata
from collections.abc import Iterator

UNSHOWN = {"Cc", "Zl", "Zp"}  # Unicode categories: control characters, line and paragraph separators
NO_XML = "\ufffe\uffff"  # characters that XML forbids
LONGEST = 80  # bytes of UTF-8: leaves room for numbers, endings and a deep folder
MOST_ALIKE = 9_999  # names that differ only in their number


def safe_name(text: str, *, fallback: str = "clip", longest: int = LONGEST) -> str:
    """A text reduced to letters, digits, `-`, `_` and single spaces. Every other character becomes a dash.

    >>> safe_name("AC/DC: live?.."), safe_name("ドラム 1"), safe_name("///")
    ('AC-DC-live', 'ドラム 1', 'clip')
    """
    normal = unicodedata.normalize("NFC", text)
    kept = "".join(char if char.isalnum() or char in "-_ " else "-" for char in normal)
    words = [word.strip("-") for word in kept.replace("- ", "-").replace(" -", "-").split()]
    joined = " ".join(word for word in words if word)
    while "--" in joined:
        joined = joined.replace("--", "-")
    cut = joined.encode("utf-8")[:longest].decode("utf-8", errors="ignore")
    return cut.strip(" -") or fallback


def one_line(text: str) -> str:
    """A text for display and for files of other programs: no control characters, no invalid Unicode.

    >>> one_line("tab\\tnew\\nline"), one_line("ドラム")
    ('tab new line', 'ドラム')
    """
    readable = text.encode("utf-8", errors="replace").decode("utf-8")
    return "".join(" " if unicodedata.category(char) in UNSHOWN or char in NO_XML else char for char in readable)


def slug(text: str, *, fallback: str = "loop") -> str:
    """A safe name in lower case and without spaces, for labels in file names.

    >>> slug("Loop 1"), slug("hats / shaker")
    ('loop-1', 'hats-shaker')
    """
    return safe_name(text, fallback=fallback, longest=40).lower().replace(" ", "-")


CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def has_control(text: str) -> bool:
    """Whether a text contains control characters."""
    return CONTROL.search(text) is not None


def numbered(name: str) -> Iterator[str]:
    """The names to try until one is free: the name itself, then the name with -2, -3 and so on.

    >>> from itertools import islice
    >>> list(islice(numbered("song-loops"), 3))
    ['song-loops', 'song-loops-2', 'song-loops-3']
    """
    yield name
    for number in range(2, MOST_ALIKE + 1):
        yield f"{name}-{number}"
