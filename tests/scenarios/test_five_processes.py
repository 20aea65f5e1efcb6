"""The demo as its user runs it: five processes that agree, four cheats found, nothing left behind."""

import os
import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from hansa.client.verify import check_bundle
from tests.demo_run import PROC, DemoRun, descendants, lives, nodes_of, ports_of, run_demo, start_demo
from tests.waiting import until

FOLLOWERS = ["plant", "bank", "auditor"]
ENDED_WITHIN_S = 30
needs_proc = pytest.mark.skipif(not PROC.is_dir(), reason="needs /proc")


def cheat(demo_run: DemoRun, kind: str) -> Any:
    (found,) = [each for each in demo_run.json["cheats"] if each["kind"] == kind]
    return found


@needs_proc
def test_four_nodes_and_the_client_are_processes_of_their_own(demo_run: DemoRun) -> None:
    assert demo_run.status == 0, demo_run.err
    assert demo_run.processes >= 5


def test_every_follower_arrives_at_what_the_operator_signed(demo_run: DemoRun) -> None:
    shown = demo_run.json
    assert [follower["member"] for follower in shown["followers"]] == FOLLOWERS
    for follower in shown["followers"]:
        assert (follower["height"], follower["app_hash"]) == (shown["height"], shown["app_hash"])


def test_a_quorum_of_cosigners_stands_behind_the_evidence(demo_run: DemoRun) -> None:
    evidence = Path(demo_run.json["evidence_file"]).read_bytes()
    report = check_bundle(evidence, Path(demo_run.json["genesis_file"]).read_bytes())
    assert report.ok
    assert report.finality.final
    assert len(report.finality.signed) >= report.finality.quorum == 3


def test_each_cheat_is_found_by_another_members_follower(demo_run: DemoRun) -> None:
    kinds = [each["kind"] for each in demo_run.json["cheats"]]
    assert kinds == ["altered_record", "dropped_transaction", "two_histories", "other_amount"]
    for each in demo_run.json["cheats"]:
        assert each["caught_by"] in FOLLOWERS, each
        assert each["what"]
        assert re.search("[\u4e00-\u9fff]", each["what_zh"])


def test_an_altered_record_is_named_with_its_block_table_and_field(demo_run: DemoRun) -> None:
    what = cheat(demo_run, "altered_record")["what"]
    assert f"block {demo_run.json['height'] + 1}" in what
    assert "metering.records" in what
    found = re.search(r"value (\d+) ≠ (\d+)", what)
    assert found, what
    assert int(found[1]) == int(found[2]) + 1


def test_a_dropped_transaction_is_named_by_its_hash_and_place(demo_run: DemoRun) -> None:
    found = cheat(demo_run, "dropped_transaction")
    assert found["code"] == "incident.dropped"
    assert re.search(rf"[0-9a-f]{{16}}… in block {demo_run.json['height'] + 1} at 0", found["what"])


def test_two_histories_are_told_with_both_hashes(demo_run: DemoRun) -> None:
    found = cheat(demo_run, "two_histories")
    assert found["code"] == "incident.two_histories"
    one, other = re.findall(r"[0-9a-f]{12}(?=…)", found["what"])
    assert one != other
    assert f"height {demo_run.json['height'] + 1}" in found["what"]
    assert "bank" in found["what"]


def test_another_amount_is_told_with_both_amounts(demo_run: DemoRun) -> None:
    found = cheat(demo_run, "other_amount")
    honest = demo_run.json["statements"][-1]["gross_minor"]
    assert "billing.stated" in found["what"]
    assert f"gross_minor {honest + 100_000} ≠ {honest}" in found["what"]


def test_a_cheating_operator_hurts_the_copies_only(demo_run: DemoRun) -> None:
    """What the report and the evidence rest on is what the honest nodes left."""
    cases = [path.relative_to(demo_run.folder).parts[0] for path in demo_run.folder.rglob("cases/*.json")]
    assert cases
    assert set(cases) == {"cheats"}


def test_the_report_tells_all_of_it(demo_run: DemoRun) -> None:
    page = Path(demo_run.json["report_file"]).read_text("utf-8")
    for each in demo_run.json["cheats"]:
        assert each["what"].split("(")[0].strip() in page
    for follower in demo_run.json["followers"]:
        assert f'"member":"{follower["member"]}","role":"follower"' in page
    assert '"made_up":true' in page


def test_the_same_month_gives_the_same_ledger_and_the_same_findings(
    demo_run: DemoRun, tmp_path: Path
) -> None:
    again = run_demo(tmp_path / "again")
    assert again.status == 0, again.err
    assert again.out.replace(str(tmp_path / "again"), str(demo_run.folder)) == demo_run.out


# Whatever ends the client, nothing is left.


@contextmanager
def running(folder: Path, playing: bool) -> Iterator["subprocess.Popen[bytes]"]:
    """A demo whose four nodes are coming up, or have done so and serve the play."""
    client = start_demo(folder)

    def there() -> bool:
        started = len(nodes_of(client.pid)) == 4
        return (started and (not playing or (folder / "readings.db").exists())) or client.poll() is not None

    try:
        assert until(there, 120)
        assert client.poll() is None, Path(f"{folder}.err").read_text("utf-8")
        yield client
    finally:
        client.kill()
        client.wait()


def bind(port: int) -> None:
    with socket.socket() as own:
        own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        own.bind(("127.0.0.1", port))


@needs_proc
def test_after_its_end_the_ports_are_free(demo_run: DemoRun) -> None:
    ports = ports_of(demo_run.folder)
    assert len(ports) >= 4 + 2 + 3 + 4 + 2
    for port in ports:
        bind(port)


@needs_proc
@pytest.mark.parametrize("playing", [False, True], ids=["starting", "playing"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL], ids=lambda number: number.name)
def test_no_process_is_left_and_no_port_taken(number: signal.Signals, playing: bool, tmp_path: Path) -> None:
    folder = tmp_path / "data"
    with running(folder, playing) as client:
        below = list(descendants(client.pid))
        assert len(below) >= 4
        if number == signal.SIGINT:
            os.killpg(client.pid, number)  # As a terminal does: to all of the group.
        else:
            client.send_signal(number)
        client.wait(ENDED_WITHIN_S)
    assert until(lambda: not any(map(lives, below)), ENDED_WITHIN_S), [pid for pid in below if lives(pid)]
    for port in ports_of(folder):
        bind(port)
    if number == signal.SIGINT:
        assert client.returncode == 130
