"""What a supervisor met stands on disk, outlives it, and is told as the node's own incidents."""

from pathlib import Path

from hansa.node.incidents import noted
from hansa.node.supervision import Told
from hansa.node.supervision_state import CAUSE_CHARS_MAX, MET_MAX, STATE_FILE, keep, met, supervised


def told(state: str, cause: str = "", restarts: int = 0) -> Told:
    return Told(state, restarts, cause, {"engine": 8}, f"因：{cause}")


def test_what_it_does_is_written_and_what_it_met_is_kept(tmp_path: Path) -> None:
    assert supervised(tmp_path) is None
    assert met(tmp_path) == []
    for at_ms, now in enumerate(
        [told("starting"), told("running"), told("pausing", "engine: exit code 2", 1), told("running")], 1
    ):
        keep(tmp_path, now, at_ms)
    found = supervised(tmp_path)
    assert found is not None
    assert (found.state, found.since_ms, found.children) == ("running", 4, {"engine": 8})
    (incident,) = met(tmp_path)
    shown = noted(incident, 7)
    assert (shown.code, shown.at_ms, shown.height) == ("incident.restarted", 3, 7)
    assert "engine: exit code 2" in shown.en
    assert "因：engine: exit code 2" in shown.zh


def test_each_trouble_has_a_code_of_its_own(tmp_path: Path) -> None:
    for state in ("pausing", "waiting", "held", "stopped"):
        keep(tmp_path, told(state, f"since {state}"), 1)
    assert [one.what for one in met(tmp_path)] == ["restarted", "failing", "held"]


def test_one_that_is_held_is_told_once_and_one_that_keeps_failing_each_time(tmp_path: Path) -> None:
    for state in ("held", "held", "starting", "held", "pausing", "starting", "pausing"):
        keep(tmp_path, told(state, "the same"), 1)
    assert [one.what for one in met(tmp_path)] == ["held", "held", "restarted", "restarted"]


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    for number in range(2 * MET_MAX):
        keep(tmp_path, told("pausing", f"{number} " + "x" * 100_000), number)
    found = met(tmp_path)
    assert len(found) == MET_MAX
    assert found[-1].detail.startswith(f"{2 * MET_MAX - 1} ")
    assert len(found[-1].detail) == CAUSE_CHARS_MAX


def test_a_damaged_or_unwritable_file_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    (tmp_path / STATE_FILE).write_bytes(b"{")
    assert met(tmp_path) == []
    keep(tmp_path, told("pausing", "x"), 1)
    assert len(met(tmp_path)) == 1
    (tmp_path / "file").write_text("")
    keep(tmp_path / "file", told("running"), 1)
