"""The fast store against SQLite, call by call; and what a crash leaves of it."""

from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from hansa.engines.store import Rows, SqliteStore
from hansa.kernel.state import Damaged
from hansa.simulation.simulator.fast_store import Crashed, FastStore

MADE_OF_OTHERS = {"block_at", "append_leaf", "note", "drop_records", "put_node"}


def test_nothing_of_the_store_s_interface_is_left_to_sqlite() -> None:
    asked = {name for kind in (SqliteStore, Rows) for name in vars(kind) if not name.startswith("_")}
    assert asked - MADE_OF_OTHERS - set(vars(FastStore)) == set()
    assert "_put_node" in vars(FastStore)


def changes(luck: Random) -> dict[tuple[str, bytes], bytes | None]:
    return {
        (luck.choice("ab"), luck.choice((b"k", b"l", b"m", b"n"))): luck.choice((None, luck.randbytes(9)))
        for _ in range(luck.randrange(4))
    }


def block(store: SqliteStore, luck: Random, height: int) -> None:
    """One commit of everything that a block writes."""
    rows = [
        (bytes((luck.randrange(9),)), luck.randbytes(5), b"ok", luck.random() < 0.5, "否", "no")
        for _ in range(luck.randrange(4))
    ]
    with store.commit():
        store.append_leaf(height - 1, luck.randbytes(32))
        store.write_block(height, luck.randbytes(3), luck.randbytes(3))
        store.write_transactions(height, rows)
        store.write_events(height, [luck.randbytes(4) for _ in range(luck.randrange(3))])
        store.write_records(changes(luck))
        store.write_writes(height, luck.randbytes(4))
        store.set_meta("sum", luck.randbytes(2))
        if luck.random() < 0.3:
            store.drop_meta("sum")
        store.prune("writes", height - 5, 4)
        for table in ("transactions", "events"):
            store.prune(table, height - 8, 1_000)


def read(store: SqliteStore, height: int) -> list[Any]:
    """Everything that can be read."""
    heights = range(height + 2)
    return [
        [store.get(table, key) for table in "abc" for key in (b"k", b"l", b"m", b"n")],
        [
            store.scan(table, start, b"m\x00", limit, reverse)
            for table in "abc" for start in (b"", b"l") for limit in (1, 9) for reverse in (True, False)
        ],
        store.counts(),
        list(store.records()),
        [store.block(at) for at in heights],
        store.height(),
        [store.transactions(at) for at in heights],
        [store.events(at) for at in heights],
        [store.events_after(at, place, height - 1, limit)
         for at in heights for place in (-1, 0, 1) for limit in (0, 3, 99)],
        [store.find_transaction(bytes((number,))) for number in range(10)],
        [store.writes(at) for at in heights],
        store.first_writes(),
        [store.meta(name) for name in ("sum", "none")],
    ]  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_it_answers_as_sqlite_does(seed: int) -> None:
    sqlite, fast = SqliteStore(Path(":memory:")), FastStore()
    for height in range(1, 30):
        for store in (sqlite, fast):
            luck = Random(f"{seed}/{height}")
            if luck.random() < 0.2:
                with suppress(ZeroDivisionError), store.commit():
                    store.write_records(changes(luck))
                    store.set_meta("sum", b"never")
                    raise ZeroDivisionError
            block(store, luck, height)
        assert read(fast, height) == read(sqlite, height)
    sqlite.close()


def test_a_node_that_is_missing_is_damage() -> None:
    with pytest.raises(Damaged):
        FastStore().node(0, 0)


def crash_at(store: FastStore, at: int, *, kept: bool) -> list[str]:
    """Let the process end at the `at`th step from now."""
    steps: list[str] = []

    def step(name: str) -> None:
        steps.append(name)
        if len(steps) == at:
            raise Crashed(kept=kept and name == "sync")

    store.step = step
    return steps


def test_a_crash_leaves_each_commit_whole_or_not_at_all() -> None:
    before, after = FastStore(), FastStore()
    for store in (before, after):
        block(store, Random("first"), 1)
    block(after, Random("second"), 2)
    seen = set()
    for kept in (False, True):
        for at in range(1, 99):
            store = FastStore()
            block(store, Random("first"), 1)
            steps = crash_at(store, at, kept=kept)
            with suppress(Crashed):
                block(store, Random("second"), 2)
            whole = steps[-1] == "synced" or (steps[-1] == "sync" and kept)
            assert read(store, 3) == read(after if whole else before, 3)
            seen.add((steps[-1], whole))
            if len(steps) < at:
                break
    assert {("begin", False), ("write", False), ("sync", False), ("sync", True), ("synced", True)} <= seen


def test_a_commit_within_a_commit_is_an_error() -> None:
    store = FastStore()
    with pytest.raises(RuntimeError), store.commit(), store.commit():
        pass
