"""The one exception that users see, and its stable codes.

A message names the thing, the rule and the value, and the next step for the user. The code is sent over OSC unchanged
(see "Errors" in the wire protocol), so codes are never renumbered.
"""

from enum import IntEnum


class Code(IntEnum):
    """Stable error codes, the same on the command line, in Python and on the wire."""

    INTERNAL = -1
    VERSION = -2
    AUTH = -3
    UNKNOWN_ADDRESS = -4
    ARGUMENTS = -5
    PATH_NOT_ALLOWED = -6
    NO_SUCH_FILE = -7
    NOT_AUDIO = -8
    LIMIT = -9
    NO_SUCH_JOB = -10
    WRONG_STATE = -11
    ID_CONFLICT = -12
    SHUTTING_DOWN = -13
    MUSIC_NOT_USABLE = -14
    WRITE_FAILED = -15
    INCOMPLETE = -16


class LoopError(Exception):
    """A failure that the user can act on."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message

    def __reduce__(self) -> tuple[type["LoopError"], tuple[Code, str]]:
        # pickle carries exceptions between processes. Without this method it would call LoopError(message).
        return type(self), (self.code, self.message)


class Cancelled(Exception):  # noqa: N818 - an outcome that the user requested, not an error
    """Raised by a progress callback to stop the work. Nothing has been written when the caller receives it."""
