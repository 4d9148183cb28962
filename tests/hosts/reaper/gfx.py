"""A strict gfx window that draws into a picture, so that tests can click on words and docs can show pages."""

from pathlib import Path
from typing import Any

import matplotlib
from PIL import Image, ImageDraw, ImageFont

from tests.hosts.reaper.api import GFX
from tests.hosts.reaper.fake import Violation

FONTS = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
EM = 0.82  # of a font's height, which is what gfx.setfont is told
VARIABLES = ("x", "y", "w", "h", "mouse_x", "mouse_y", "mouse_cap", "ext_retina")


class FakeGfx:
    """The functions of `gfx`; `variables` is the Lua table that scripts read and set."""

    def __init__(self, *, scale: float = 1.0, paints: bool = True) -> None:
        self.scale = scale
        self.paints = paints
        self.variables: Any = None
        self.violations: list[str] = []
        self.open = False
        self.keys: list[int] = []
        self.picks: list[int] = []
        self.menus: list[str] = []
        self.texts: dict[str, tuple[float, float]] = {}  # of the last whole frame: the middle of each
        self._frame: dict[str, tuple[float, float]] = {}
        self.picture: Image.Image | None = None
        self._colour = (0, 0, 0)
        self._font: Any = None
        self._size = 0

    def call(self, name: str, *arguments: Any) -> Any:
        signature = GFX.get(name)
        problem = None
        if signature is None:
            problem = f"no function gfx.{name}"
        elif not signature.required <= len(arguments) <= len(signature.arguments):
            problem = f"gfx.{name}: {len(arguments)} arguments"
        else:
            kinds = {"number": (int, float), "integer": (int,), "string": (str,), "boolean": (bool,)}
            for kind, value in zip(signature.arguments, arguments, strict=False):
                if type(value) not in kinds[kind]:
                    problem = f"gfx.{name}: {kind} expected, got {value!r}"
        if problem:
            self.violations.append(problem)
            raise Violation(problem)
        return getattr(self, name)(*arguments)

    def init(self, title: str, width: int, height: int) -> int:  # noqa: ARG002
        self.variables["ext_retina"] = self.scale
        self.variables["w"], self.variables["h"] = round(width * self.scale), round(height * self.scale)
        self.picture = Image.new("RGB", (self.variables["w"], self.variables["h"]))
        self.open = True
        return 1

    def quit(self) -> None:
        self.open = False

    def getchar(self) -> int:
        return self.keys.pop(0) if self.keys else 0

    def update(self) -> None:
        self.texts, self._frame = self._frame, {}

    def set(self, red: float, green: float, blue: float, alpha: float) -> None:  # noqa: ARG002
        self._colour = (round(red * 255), round(green * 255), round(blue * 255))

    def _draw(self) -> Any:
        assert self.picture is not None
        return ImageDraw.Draw(self.picture)

    def rect(self, x: float, y: float, w: float, h: float, filled: int) -> None:  # noqa: ARG002
        if w > 0 and h > 0 and self.paints:
            self._draw().rectangle((x, y, x + w - 1, y + h - 1), fill=self._colour)

    def line(self, x: float, y: float, to_x: float, to_y: float) -> None:
        if self.paints:
            self._draw().line((x, y, to_x, to_y), fill=self._colour)

    def setfont(self, index: int, face: str, size: int, flags: int) -> int:  # noqa: ARG002
        if not self.paints:
            self._size = size
            return 1
        name = "DejaVuSans-Bold.ttf" if flags else "DejaVuSans.ttf"
        self._font = ImageFont.truetype(FONTS / name, size * EM)
        return 1

    def measurestr(self, text: str) -> tuple[float, float]:
        if not self.paints:
            return 0.5 * self._size * len(text), float(self._size)
        return self._font.getlength(text), self._font.size

    def drawstr(self, text: str, flags: int, right: float, bottom: float) -> float:
        x, y = self.variables["x"], self.variables["y"]
        room = right - x - self.measurestr(text)[0]
        left = x + (room / 2 if flags & 1 else room if flags & 2 else 0)
        if self.paints:
            self._draw().text((left, (y + bottom) / 2), text, fill=self._colour, font=self._font, anchor="lm")
        self._frame[text] = ((x + right) / 2, (y + bottom) / 2)
        return 0.0

    def showmenu(self, text: str) -> int:
        self.menus.append(text)
        return self.picks.pop(0)
