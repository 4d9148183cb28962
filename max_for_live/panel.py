"""A picture of the panel from the spec, for the documentation: where things lie, not how Live will draw them."""

from html import escape

from max_for_live.spec import HEIGHT, WIDTH, Box, boxes

SCALE = 2
PAPER, INK, FIELD, ACCENT, LINE = "#2b2b2b", "#e3e3e3", "#1b1b1b", "#ffad56", "#5a5a5a"
SHOWN = {  # words as they are seen once a clip was taken apart
    "target": "Night Drive: 32 bars",
    "status": "Placed 6 tracks. Collect All and Save keeps the files with the set.",
}
TEXT_WIDTH = 5.3  # pixels a character takes, about


def panel_svg() -> str:
    """The panel as SVG."""
    shapes = "\n".join(_shape(box) for box in boxes("") if box.panel)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH * SCALE}" height="{HEIGHT * SCALE}" '
        f'viewBox="0 0 {WIDTH} {HEIGHT}" font-family="Arial, Helvetica, sans-serif" font-size="10">\n'
        f'<title>The panel of the device in Live</title>\n<rect width="100%" height="100%" fill="{PAPER}"/>\n'
        f"{shapes}\n</svg>\n"
    )


def _shape(box: Box) -> str:
    x, y, width, height = box.panel or (0, 0, 0, 0)
    if box.kind == "live.comment":
        return _words(SHOWN.get(box.name, box.text), x, y, width)
    if box.kind == "live.numbox":
        return _frame(x, y, width, height, FIELD)
    parameter = box.parameter or {}
    label = parameter["enum"][parameter["initial"][0]] if box.kind == "live.menu" else box.text
    fill, ink = (ACCENT, "#000000") if "initial" in parameter and box.kind == "live.text" else (FIELD, INK)
    mark = f'<path d="M{x + width - 10} {y + 6}h6l-3 4z" fill="{INK}"/>' if box.kind == "live.menu" else ""
    middle = f'x="{x + width / 2:g}" y="{y + height / 2 + 3.5:g}" text-anchor="middle"'
    return f'{_frame(x, y, width, height, fill)}<text {middle} fill="{ink}">{escape(label)}</text>{mark}'


def _frame(x: int, y: int, width: int, height: int, fill: str) -> str:
    return f'<rect x="{x}" y="{y}" width="{width}" height="{height}" fill="{fill}" stroke="{LINE}"/>'


def _words(text: str, x: int, y: int, width: int) -> str:
    lines: list[str] = [""]
    for word in text.split():
        if lines[-1] and len(f"{lines[-1]} {word}") * TEXT_WIDTH > width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "".join(
        f'<text x="{x + 2}" y="{y + 12 + 12 * row}" fill="{INK}">{escape(line)}</text>'
        for row, line in enumerate(lines)
    )
