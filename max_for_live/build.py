"""Builds the device: `python -m max_for_live.build`. The same sources give the same bytes, and the build is committed.

    bridge/hosts/live_device/LoopCube.amxd   frozen: what `loopcube install live` puts into Live's User Library
    max_for_live/unfrozen/                   the same with its script beside it, to be opened and changed in Max

The script has its hash in its name, because Max remembers scripts by name for as long as it runs.
"""

from hashlib import sha256
from pathlib import Path

from max_for_live.amxd import frozen, unfrozen
from max_for_live.panel import panel_svg
from max_for_live.patcher import NAME, patcher_json

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
# In the order in which they need each other; all of them only when they are called.
SOURCES = (
    "text", "warp", "plan", "client", "lom", "clip", "adjust", "outputs", "steps", "recipes", "placement", "panel",
    "device", "main",
)  # fmt: skip


def built() -> dict[str, bytes]:
    """Every file of the build by its path in the project."""
    text = script()
    name = f"loopcube-{sha256(text.encode()).hexdigest()[:8]}.js"
    patcher = patcher_json(name)
    return {
        f"bridge/hosts/live_device/{NAME}.amxd": frozen(f"{NAME}.amxd", patcher, {name: text}),
        f"max_for_live/unfrozen/{NAME}.amxd": unfrozen(patcher),
        f"max_for_live/unfrozen/{name}": text.encode(),
        "docs/live-panel.svg": panel_svg().encode(),
    }


def script() -> str:
    """The JavaScript in one piece, in ASCII."""
    return "\n".join((HERE / "src" / f"{name}.js").read_text(encoding="ascii") for name in SOURCES)


def main() -> None:
    """Write the build in place of the one before."""
    files = built()
    for old in (HERE / "unfrozen").glob("loopcube-*.js"):
        old.unlink()
    for path, content in files.items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_bytes(content)


if __name__ == "__main__":
    main()
