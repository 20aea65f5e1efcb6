"""Shared fixtures. Tests on real logs need ../shared/data; without it they are left out, named at the end."""

import faulthandler
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

# No test is timed: a busy machine is no fault of the code.
settings.register_profile("hansa", deadline=None)
settings.load_profile("hansa")

# A script's background job ignores Ctrl-C, and so would whatever the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parent.parent
SHARED_DATA = ROOT.parent / "shared" / "data"


BOUND_S = 900
"""For one test, or its fixtures: more than any takes on a busy machine. What hangs must not hang all."""
LAST_S = 60
"""Whoever catches that and goes on hanging ends with its process so much later."""


@contextmanager
def bounded() -> Iterator[None]:
    """Within it the main thread fails after BOUND_S, wherever it waits; fixtures then clean up as ever."""

    def over(*_: object) -> NoReturn:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(LAST_S)
        faulthandler.dump_traceback(sys.__stderr__)
        pytest.fail(f"hangs: not done within {BOUND_S} s")

    if not hasattr(signal, "SIGALRM"):  # Windows.
        yield
        return
    before = signal.signal(signal.SIGALRM, over)
    signal.alarm(BOUND_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup() -> Iterator[None]:
    with bounded():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    with bounded():
        yield


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown() -> Iterator[None]:
    with bounded():
        yield


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
