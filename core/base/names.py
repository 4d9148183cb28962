"""File names that every file system takes, from whatever a song or a loop is called."""

import re
import unicodedata
from collections.abc import Iterator

UNSHOWN = {"Cc", "Zl", "Zp"}  # control characters, and what ends a line
NO_XML = "\ufffe\uffff"
LONGEST = 80  # bytes of UTF-8: leaves room for numbers, endings and a deep folder
MOST_ALIKE = 9_999  # names that differ in their number alone


def safe_name(text: str, *, fallback: str = "clip", longest: int = LONGEST) -> str:
    """Letters, digits, `-`, `_` and single spaces of a text; anything else becomes a dash.

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
    """A text as it is shown and written to files of other programs: without control characters or broken letters.

    >>> one_line("tab\\tnew\\nline"), one_line("ドラム")
    ('tab new line', 'ドラム')
    """
    readable = text.encode("utf-8", errors="replace").decode("utf-8")
    return "".join(" " if unicodedata.category(char) in UNSHOWN or char in NO_XML else char for char in readable)


def slug(text: str, *, fallback: str = "loop") -> str:
    """A safe name in lower case without spaces, for labels in file names.

    >>> slug("Loop 1"), slug("hats / shaker")
    ('loop-1', 'hats-shaker')
    """
    return safe_name(text, fallback=fallback, longest=40).lower().replace(" ", "-")


CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def has_control(text: str) -> bool:
    """Whether a text holds control characters."""
    return CONTROL.search(text) is not None


def numbered(name: str) -> Iterator[str]:
    """The names to try where one may be in use: the name itself, then with -2, -3 and so on.

    >>> from itertools import islice
    >>> list(islice(numbered("song-loops"), 3))
    ['song-loops', 'song-loops-2', 'song-loops-3']
    """
    yield name
    for number in range(2, MOST_ALIKE + 1):
        yield f"{name}-{number}"
