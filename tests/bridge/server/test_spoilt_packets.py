"""Spoilt packets of every kind through the whole service; benchmarks/bridge/network.py does the same with a million."""

from pathlib import Path

from benchmarks.bridge.spoilt_packets import MIB, spoil
from bridge.system.settings import BridgeSettings
from core.base.errors import Code


def test_twenty_thousand_spoilt_packets_do_no_harm(tmp_path: Path) -> None:
    outcome = spoil(tmp_path, 20_000)
    assert outcome.uncaught == 0
    assert outcome.worst < 2.0  # that is: nothing hangs; benchmarks/bridge/network.py tells how fast it is
    assert outcome.growth < 10 * MIB
    kept = BridgeSettings(tmp_path / "home", tmp_path).state
    assert {path for path in outcome.left if not path.is_relative_to(kept)} == set()
    refusals = {Code.ARGUMENTS, Code.UNKNOWN_ADDRESS, Code.NO_SUCH_JOB, Code.NO_SUCH_FILE, Code.AUTH, Code.ID_CONFLICT}
    assert {0, *refusals} <= set(outcome.codes)  # the mutants get everywhere
