"""Rooms from outside can neither fork nor hang nor crash the nodes, whatever stands in them."""

import importlib
import os
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from hansa.engines.foreign_rooms import examine
from hansa.engines.room_check import check
from hansa.engines.room_package import Package
from hansa.engines.trial import Trial
from hansa.kernel import Refusal, limits
from tests.engines.hostile_rooms import ALLOWED, HEAD_MORE, READ, RUN, room_of
from tests.engines.test_foreign_rooms import project
from tests.engines.test_room_check import HEAD, MESSAGES, codes, package

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(("code", "step"), READ, ids=[step[:60] for _, step in READ])
def test_it_is_refused_when_it_is_read(code: str, step: str) -> None:
    found = check(package(step=step, head=HEAD_MORE))
    assert code in codes(found), [str(refusal) for refusal in found]


@pytest.mark.parametrize(("code", "step"), RUN, ids=[step[:60] for _, step in RUN])
def test_it_is_refused_by_name_when_it_runs(code: str, step: str) -> None:
    room, refusals = room_of(step)
    assert room is not None, refusals
    trial = Trial(room)
    (lend,) = room.actions
    assert trial.refused("plant", lend(tool="w-17")) == code  # type: ignore[call-arg]
    assert trial.incidents == []
    assert trial.query("tools.known", owner="plant") == []


@pytest.mark.parametrize("step", ALLOWED, ids=[step[:60] for step in ALLOWED])
def test_plain_work_is_done(step: str) -> None:
    room, refusals = room_of(step)
    assert [str(refusal) for refusal in refusals] == []
    assert room is not None
    trial = Trial(room)
    (lend,) = room.actions
    for times in (0, 9, 600):
        trial.do("plant", lend(tool="w-17", times=times))  # type: ignore[call-arg]
    trial.wait(10)
    assert trial.incidents == []
    assert trial._events or trial.query("tools.known", owner="plant")


def test_whatever_may_be_loaded_comes_to_the_same_under_every_hash_seed() -> None:
    """And with other figures on every run of this test."""
    seed = str(random.randrange(10**9))
    runs = [
        subprocess.run(
            [sys.executable, "-m", "tests.engines.hostile_rooms", seed],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
            timeout=300,
        ).stdout.splitlines()
        for hash_seed in ("1", "2")
    ]
    assert len(runs[0]) > len(ALLOWED)
    for one, two in zip(*runs, strict=True):
        assert one == two, seed


# What does not show in one action.


def made(more: str, *, step: str = "return", messages: str = MESSAGES, **files: str) -> Package:
    return package(step=step, more=f"\n\n{more}\n\n", head=HEAD_MORE, messages=messages, **files)


def test_a_module_that_takes_the_place_of_a_name_is_refused() -> None:
    """Else a call through it would not be seen, and functions could call each other in a circle."""
    inner = {
        "inner/__init__": "box = 5\n\n\ndef start(n: int) -> int:\n    return box.get(n)\n",
        "inner/box": "from tools.inner import start\n\n\ndef get(n: int) -> int:\n    return start(n)\n",
    }
    found = check(package(head=HEAD + "from tools.inner import box, start\n", **inner))
    assert "room.name" in codes(found)
    inner["inner/__init__"] = "from tools.inner import box\n"
    inner["inner/box"] = "def get(n: int) -> int:\n    return n\n"
    assert check(package(head=HEAD + "from tools.inner import box\n", step="box.get(1)", **inner)) == []


def row(length: int) -> str:
    """So many functions, each of which calls the next one."""
    steps = [f"def f{n}(n: int) -> int:\n    return f{n + 1}(n)" for n in range(length - 1)]
    return "\n\n\n".join([*steps, f"def f{length - 1}(n: int) -> int:\n    return n"])


def test_functions_call_each_other_in_short_rows_only() -> None:
    assert codes(check(made(row(25)))) == ["room.calls_deep"]
    assert check(made(row(24))) == []
    assert codes(check(made(row(2_000)))) != []


@pytest.mark.parametrize("first", ["", "ctx: Context, "])
def test_functions_that_call_two_each_end_at_the_budget(first: str) -> None:
    doubled = re.sub(r"return (f\d+)\(n\)", r"return \1(n) and \1(n)", row(23))
    doubled = doubled.replace("(n: int)", f"({first}n: int)").replace(
        "(n)", f"({first[:3]}, n)" if first else "(n)"
    )
    assert refused(made(doubled, step=f"n = f0({'ctx, ' if first else ''}1)")) == "kernel.over_budget"


LONG = [
    "for i in range(5000):\n    " + "\n    ".join(f"x{n} = (i, i, i, i)" for n in range(2_000)),
    f"n = max(range(20_000), key=lambda i: len(({'i, ' * 1_000})))",
    f"n = [len(({'i, ' * 1_000})) for i in range(20_000)]",
]


@pytest.mark.parametrize("step", LONG, ids=["loop", "lambda", "comprehension"])
def test_a_long_body_counts_for_as_much_as_it_holds(step: str) -> None:
    assert refused(made("", step=step)) == "kernel.over_budget"


def refused(package_: Package) -> str:
    room, refusals = examine(package_)
    assert room is not None, refusals
    return Trial(room).refused("plant", next(iter(room.actions))(tool="w-17"))  # type: ignore[call-arg]


def doubling(start: str, operator: str) -> str:
    """Constants, each made of the one before with itself."""
    return "\n".join([f"A0 = {start}", *(f"A{n} = A{n - 1} {operator} A{n - 1}" for n in range(1, 40))])


LOADS = [doubling("10000000", "*"), doubling("'ab'", "+"), "A = 'a' * 99999999999", "A = 1 // 0"]


@pytest.mark.parametrize("more", LOADS, ids=[more[:12] for more in LOADS])
def test_loading_a_room_is_counted_too(more: str) -> None:
    _, found = examine(made(more))
    assert codes(found) == ["room.load"]


@pytest.mark.parametrize("field", ["    name: Id\n    loans", "    tool: Id\n    times", "    tool: Id\n"])
def test_records_hold_nothing_that_could_be_changed_in_place(field: str) -> None:
    assert field in MESSAGES
    loose = MESSAGES.replace(field, field.replace(": Id", ": dict[Id, Natural]"))
    _, found = examine(package(messages=loose))
    assert codes(found) == ["room.type"]
    assert "is a dict" in found[0].en


def test_another_rooms_event_cannot_be_emitted_under_its_name() -> None:
    record = 'class Accepted(Record, version=1, readers="members", tag="billing.accepted"):\n    tool: Id\n'
    head = HEAD_MORE.replace("import Lend,", "import Accepted, Lend,")
    step = "ctx.emit(Accepted(tool=a.tool))"
    assert refused(package(step=step, messages=f"{MESSAGES}\n\n{record}", head=head)) == "room.operation"


# Its author tries it as a node runs it.


@pytest.mark.parametrize(
    ("code", "step"),
    [("room.operation", "n = a.tool\nm = n * 3"), ("room.while", "while a.times:\n    pass")],
)
def test_a_trial_runs_a_room_that_python_imported_as_a_node_would(
    code: str, step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    project(tmp_path, package(step=step))
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("tools.contract")
    try:
        with pytest.raises(Refusal) as refusal:
            Trial(module.ROOM).do("plant", module.Lend(tool="w"))
        assert refusal.value.code == code
    finally:
        for name in ("", ".contract", ".errors", ".messages"):
            sys.modules.pop(f"tools{name}", None)


# Records of an earlier version are brought up to date on a budget of their own.


BEFORE = 'class ToolBefore(Record, version=1, readers="members", tag="tool.1"):\n    name: Id\n'
UPGRADED = """
def upgraded(old: ToolBefore) -> Tool:
    n = sum(i for i in range(90_000))
    return Tool(name=old.name, loans=1)


TOOLS = """


def test_an_older_record_charges_no_transaction() -> None:
    """Whether it is read anew depends on a node's memory; each has a budget of its own."""
    messages = MESSAGES.replace("Tool(Record, version=1", "Tool(Record, version=2") + f"\n\n{BEFORE}"
    head = HEAD_MORE.replace("Lent, Tool", "Lent, Tool, ToolBefore").replace("\nTOOLS = ", UPGRADED)
    head = head.replace("record=Tool)", "record=Tool, older={ToolBefore: upgraded})")
    room, refusals = examine(package(head=head, messages=messages))
    assert room is not None, refusals
    decode = room.tables["tools.tools"].decode
    for _ in range(limits.WORK_MAX // 90_000 + 2):
        assert decode(b'{"_type":"tool.1","name":"w"}').loans == 1  # type: ignore[attr-defined]
