"""What an operator sees: whether the node is well, its figures, its incidents, its log."""

import ast
import json
import logging
import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

import hansa
from hansa.apps.consortium.messages import Attest, RevokeKey
from hansa.apps.consortium.messages_votes import Propose, Seat, SetCosigners, Vote
from hansa.engines import errors as engine_errors
from hansa.engines.store import StoreFault
from hansa.kernel import possession
from hansa.kernel.apply import Incident
from hansa.kernel.signatures import Signer
from hansa.node import limits, supervision_state
from hansa.node.incidents import TEXTS, noted
from hansa.node.logs import JsonFormatter, Sparse, note
from hansa.node.metrics import Metrics
from hansa.node.operator import check_clock, check_disk
from hansa.node.watchdog import TooSlow
from tests.consortium import signer
from tests.node.world import NODE_SEED, World

SHOW = Attest(table="consortium.members", key=("maker",))


def failing(node: World) -> list[str]:
    answer = node.get("/health")
    found = [check["name"] for check in answer.json["checks"] if not check["ok"]]
    assert answer.status == (503 if found else 200)
    assert answer.json["ok"] == (not found)
    return found


def test_a_node_at_rest_is_well(node: World) -> None:
    assert failing(node) == []
    assert node.get("/health").json["height"] == 0


def test_a_stopped_engine_is_not_well_and_says_why(node: World) -> None:
    node.operator.engine.ledger.stops.reason = engine_errors.Stopped(cause="OSError: disk")

    assert failing(node) == ["engine"]
    told = next(check for check in node.get("/health").json["checks"] if check["name"] == "engine")
    assert "OSError: disk" in told["zh"]
    assert "OSError: disk" in told["en"]


def engine_check(node: World) -> dict[str, str]:
    found: dict[str, str] = next(c for c in node.get("/health").json["checks"] if c["name"] == "engine")
    return found


def vote_for_plant(node: World) -> None:
    keys = {"maker": Signer(NODE_SEED), "plant": signer("plant", "node")}
    seats = tuple(
        Seat(
            member=m, public=k.public, proof=k.sign(possession(node.operator.chain, m, "cosigner", k.public))
        )
        for m, k in keys.items()
    )
    said = SetCosigners(seats=seats, quorum=2, operator="plant")
    for body in (
        node.sign("maker", Propose(proposal="p-1", subject=said)),
        *(node.sign(member, Vote(proposal="p-1", yes=True)) for member in ("maker", "plant", "bank")),
    ):
        assert node.submit(body).json["receipts"][0]["code"] == "ok"


def test_who_was_voted_out_as_the_operator_is_not_well_and_says_why(node: World) -> None:
    assert failing(node) == []
    vote_for_plant(node)
    assert failing(node) == ["engine"], "before anybody was refused"
    assert node.submit(node.sign("bank", SHOW)).code == "engine.wrong_node_key"
    assert failing(node) == ["engine"]
    told = engine_check(node)
    assert f"已不是运营方：区块 {node.operator.height} 之后" in told["zh"]
    assert f"operator no more: after block {node.operator.height} another" in told["en"]


def test_who_signed_a_succession_is_not_well_until_it_is_taken_back(node: World) -> None:
    node.submit(node.sign("bank", SHOW))
    node.operator.engine.signed.hand_over(node.operator.height, "plant")
    assert node.submit(node.sign("bank", SHOW)).code == "engine.handed_over"
    assert failing(node) == ["engine"]
    assert "hansa succession withdraw" in engine_check(node)["en"]
    node.operator.engine.signed.withdraw(node.operator.height)
    assert failing(node) == []


@pytest.mark.parametrize("fault", [StoreFault("no disk"), engine_errors.DamagedOnDisk(cause="no disk")])
def test_a_ledger_that_cannot_be_read_is_not_well(
    fault: Exception, node: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def snapshot() -> None:
        raise fault

    monkeypatch.setattr(node.operator.reader, "snapshot", snapshot)
    assert failing(node) == ["engine"]
    assert "no disk" in engine_check(node)["zh"]


def test_a_writer_that_says_nothing_is_not_well(node: World, monkeypatch: pytest.MonkeyPatch) -> None:
    now = time.monotonic()
    monkeypatch.setattr("hansa.node.operator.time.monotonic", lambda: now + limits.WRITER_SILENT_MAX_S + 5)

    assert failing(node) == ["writer"]


def test_a_clock_that_was_set_back_is_not_well(node: World) -> None:
    node.submit(node.sign("plant", SHOW))
    node.clock.advance(ms=-10_000)

    assert failing(node) == ["clock"]


def test_a_full_disk_is_not_well(tmp_path: Path) -> None:
    assert check_disk(tmp_path, 1).ok
    assert not check_disk(tmp_path, 2**60).ok


@pytest.mark.parametrize(("behind_ms", "ok"), [(-(10**9), True), (0, True), (5_000, True), (5_001, False)])
def test_the_clock_may_run_ahead_but_not_far_behind(behind_ms: int, ok: bool) -> None:
    assert check_clock(10**12, 10**12 + behind_ms).ok == ok


def figures(node: World) -> dict[str, float]:
    answer = node.get("/metrics")
    assert answer.status == 200
    assert answer.headers["content-type"].startswith("text/plain")
    rows = [line for line in answer.body.decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (row.rpartition(" ") for row in rows)}


def test_figures_follow_what_happens(node: World) -> None:
    node.submit(node.sign("plant", SHOW))
    node.submit(node.sign("plant", RevokeKey(id="nothing")))
    node.submit(b"rubbish")
    node.session("plant")
    node.get("/v1/transactions", content_type="x")
    node.ask("POST", "/v1/transactions", headers={"content-type": "text/plain"})

    found = figures(node)

    assert found["hansa_height"] == 2
    assert found['hansa_transactions_total{code="ok"}'] == 1
    assert found['hansa_transactions_total{code="kernel.malformed"}'] == 1
    assert found["hansa_group_transactions_count"] == 3
    assert found["hansa_submit_seconds_count"] == 3
    assert found["hansa_sessions"] == 1
    assert found['hansa_requests_refused_total{code="node.content_type_wrong"}'] == 1
    assert found["hansa_incidents"] == 0
    assert found["hansa_state_records"] >= 10
    assert found["hansa_disk_bytes"] > 10_000
    assert found["hansa_queue_transactions"] == 0


def test_labels_come_from_a_closed_set() -> None:
    metrics = Metrics()

    metrics.decided(Counter({f"made.up_{number}": 1 for number in range(100)}))
    metrics.decided(Counter({"ok": 2}))

    text = metrics.text().decode()
    assert 'hansa_transactions_total{code="other"} 100.0' in text
    assert "made" not in text


def test_incidents_are_told_in_two_languages_with_their_time(node: World) -> None:
    told_ms = node.clock()
    node.operator.engine.ledger.stops.tell(Incident("parked", "due billing.close_due('a')"))
    node.clock.advance(hours=1)
    first = node.get("/v1/incidents", node.session("maker")).json
    node.clock.advance(hours=1)

    again = node.get("/v1/incidents", node.session("maker")).json

    assert again == first
    assert first[0]["at_ms"] == told_ms
    assert first[0]["code"] == "incident.parked"
    assert "billing.close_due" in first[0]["zh"]
    assert "billing.close_due" in first[0]["en"]


@pytest.mark.parametrize("what", [*TEXTS, "something new"])
def test_an_incident_shows_its_detail_in_the_readers_language(what: str) -> None:
    alike = noted(Incident(what, "a {detail} with braces"), 2)
    apart = noted(Incident(what, "in English", "用中文"), 2)

    assert "a {detail} with braces" in alike.zh
    assert "a {detail} with braces" in alike.en
    assert "用中文" in apart.zh
    assert "in English" not in apart.zh
    assert "in English" in apart.en


def told_of() -> Iterator[tuple[str, ast.Call]]:
    """Every place in the program that tells of an incident: (file, the call)."""
    for path in Path(hansa.__file__).parent.rglob("*.py"):
        for found in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(found, ast.Call) and getattr(found.func, "id", "") == "Incident":
                yield path.name, found


NAMED_ELSEWHERE = {"supervision_state.py": "held", "watchdog.py": TooSlow.code}
"""Files that tell of incidents by names that are no literal, and one of these."""


def test_every_incident_that_is_told_of_has_texts_in_both_languages() -> None:
    codes = set(supervision_state.WHAT.values())
    for file, call in told_of():
        what = call.args[0]
        code = what.value if isinstance(what, ast.Constant) else NAMED_ELSEWHERE[file]
        assert code in TEXTS, f"{file}: {code}"
        codes.add(code)
        if TEXTS[str(code)] == ("{detail}", "{detail}"):
            assert len(call.args) == 3, f"{file}: {code} brings no Chinese text"
    assert codes == set(TEXTS)
    for code, (zh, en) in TEXTS.items():
        assert zh == en == "{detail}" or re.search(r"[\u4e00-\u9fff]", zh), code
        assert not re.search(r"[\u4e00-\u9fff]", en), code


def test_a_log_line_is_one_json_object() -> None:
    record = logging.LogRecord("hansa.node", logging.INFO, "", 0, "block", (), None)
    record.fields = {"height": 3, "path": "a\nb", "zh": "汉"}

    line = JsonFormatter().format(record)

    assert "\n" not in line
    found = json.loads(line)
    assert (found["event"], found["height"], found["level"], found["path"]) == ("block", 3, "info", "a\nb")


def test_a_block_and_a_refusal_leave_a_line_without_what_was_sent(
    node: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "hansa.node")

    node.submit(node.sign("plant", SHOW))
    node.submit(node.sign("plant", RevokeKey(id="secret-name"), by="bank"))
    node.operator.admission.wake()  # The lines are written after the answers.

    lines = [(record.getMessage(), getattr(record, "fields", {})) for record in caplog.records]
    assert ("block", 1) in [(event, fields.get("height")) for event, fields in lines]
    assert ("refused", "kernel.wrong_signature") in [(event, fields.get("code")) for event, fields in lines]
    assert "secret-name" not in repr(lines)


def test_lines_about_refusals_are_few_and_count_what_they_leave_out(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "hansa.node")
    now = [100.0]
    monkeypatch.setattr("hansa.node.logs.time.monotonic", lambda: now[0])
    sparse = Sparse(3)

    for _ in range(10):
        sparse.note("refused")
    now[0] += 1
    sparse.note("refused")

    fields = [getattr(record, "fields", {}) for record in caplog.records]
    assert len(fields) == 4
    assert fields[-1] == {"left_out": 7}


def test_a_trace_goes_into_the_log_and_not_to_the_caller(
    node: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.INFO, "hansa.node")
    monkeypatch.setattr(node.app.front.member, "checks", lambda: 1 // 0)

    answer = node.get("/health")

    assert (answer.status, answer.code) == (500, "node.internal")
    assert b"ZeroDivision" not in answer.body
    assert caplog.records[-1].exc_info is not None
    note("nothing")
