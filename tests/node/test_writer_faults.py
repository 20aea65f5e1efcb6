"""Trouble of the machine met by the writer is told as what it is, and nobody waits for ever."""

import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages import Attest
from hansa.kernel.state import Damaged
from hansa.node.shares import Handed
from tests.node.world import World, world

SHOW = Attest(table="consortium.members", key=("maker",))


def codes(node: World) -> list[str]:
    return [incident.code for incident in node.operator.incidents()]


def test_a_damaged_key_is_damage_and_no_mistake_of_the_program(tmp_path: Path) -> None:
    with world(tmp_path) as node:
        assert node.submit(node.sign("plant", SHOW)).status == 200
    database = sqlite3.connect(tmp_path / "ledger.db")
    database.execute("UPDATE state SET value = ? WHERE tbl = 'kernel.keys'", (b"{}x",))
    database.commit()
    database.close()

    with world(tmp_path) as node:
        node.sequences["plant", "k1"] = 1
        answers = [node.submit(node.sign("plant", SHOW)) for _ in range(2)]

        assert [(one.status, one.code) for one in answers] == [(503, "engine.damaged")] * 2
        assert codes(node) == ["incident.damaged"]
        told = node.operator.incidents()[0]
        assert "hansa restore" in told.zh
        assert "hansa restore" in told.en
        assert told.at_ms == node.clock()
        assert node.operator.engine.ledger.stops.noted() is not None
        assert not node.operator.admission.failed
        assert node.get("/health").status == 503


def failing(fault: Exception) -> Callable[..., Any]:
    def fail(*_: object) -> Any:
        raise fault

    return fail


@pytest.mark.parametrize(
    ("fault", "code", "incident"),
    [
        (OSError("input/output error"), "engine.stopped", "incident.stopped"),
        (MemoryError(), "engine.stopped", "incident.stopped"),
        (Damaged("block 7 was damaged on disk"), "engine.damaged", "incident.damaged"),
    ],
)
@pytest.mark.parametrize("where", ["next_due_ms", "wake", "order", "highest"])
def test_whatever_the_writer_reads_a_fault_of_the_machine_stops_the_engine_by_name(
    node: World, where: str, fault: Exception, code: str, incident: str
) -> None:
    admission, engine = node.operator.admission, node.operator.engine
    if where == "highest":
        admission._ask_highest = failing(fault)
    else:
        if where == "wake":
            engine.next_due_ms = lambda: node.clock()  # type: ignore[method-assign]
        setattr(engine, where, failing(fault))

    answer = node.submit(node.sign("plant", SHOW))
    if answer.status == 200:  # Due work is looked at after it.
        answer = node.submit(node.sign("plant", SHOW))

    assert (answer.status, answer.code) == (503, code)
    assert codes(node) == [incident]
    assert not admission.failed


def test_what_is_offered_in_the_moment_in_which_the_writer_fails_is_answered(node: World) -> None:
    admission = node.operator.admission
    inbox = admission._inbox
    put = inbox.put

    class Late:
        """Lets the writer fail between the look at it and the request's coming in."""

        def put(self, handed: Any) -> None:
            if isinstance(handed, Handed):
                admission._do_due = failing(ZeroDivisionError())  # type: ignore[method-assign]
                put(threading.Event())
                admission._thread.join(20)
            put(handed)

        def __getattr__(self, name: str) -> Any:
            return getattr(inbox, name)

    admission._inbox = Late()  # type: ignore[assignment]

    answer = node.submit(node.sign("plant", SHOW))

    assert (answer.status, answer.code) == (503, "node.writer_failed")
    assert admission.waiting == 0
    assert codes(node) == ["incident.writer"]
