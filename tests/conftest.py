"""Shared fixtures. Tests on real logs need ../shared/data; without it they are left out, named at the end."""

import os
from pathlib import Path

import pytest
from hypothesis import settings

# No test is timed: a busy machine is no fault of the code.
settings.register_profile("hansa", deadline=None)
settings.load_profile("hansa")

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    if not SHARED_DATA.is_dir():
        pytest.skip("needs ../shared/data")
    return SHARED_DATA


@pytest.fixture(scope="session")
def engine_binary() -> Path:
    """The consensus engine's program. Without it tests of networks are left out, unless it is required."""
    from hansa.kernel.refusal import Refusal
    from hansa.node.engine_binary import find

    try:
        return find()
    except Refusal as refusal:
        if os.environ.get("HANSA_ENGINE_REQUIRED"):
            pytest.fail(f"the consensus engine is required: {refusal.en}")
        pytest.skip(f"needs the consensus engine: {refusal.en}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    left_out = terminalreporter.stats.get("skipped", [])
    if left_out:
        terminalreporter.section(f"{len(left_out)} tests left out")
        for report in left_out:
            reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else report.longrepr
            terminalreporter.line(f"{report.nodeid}: {reason}")
