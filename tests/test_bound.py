"""A test that hangs fails by itself, wherever it waits."""

import signal
import threading
import time
from collections.abc import Callable

import pytest

from tests import conftest

needs_alarm = pytest.mark.skipif(not hasattr(signal, "SIGALRM"), reason="no alarm on this system")


@needs_alarm
@pytest.mark.parametrize("hang", [lambda: time.sleep(60), threading.Event().wait], ids=["sleep", "event"])
def test_what_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, hang: Callable[[], object]) -> None:
    monkeypatch.setattr(conftest, "BOUND_S", 1)
    monkeypatch.setattr(conftest.faulthandler, "dump_traceback", lambda file: None)
    began_s = time.monotonic()
    with pytest.raises(pytest.fail.Exception, match="hangs"), conftest.bounded():
        hang()
    assert time.monotonic() - began_s < 30


@needs_alarm
def test_what_ends_in_time_leaves_no_alarm() -> None:
    before = signal.getsignal(signal.SIGALRM)
    with conftest.bounded():
        assert signal.getsignal(signal.SIGALRM) is not before
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.alarm(0) == 0
