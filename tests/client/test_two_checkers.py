"""The two checkers say the same of every bundle, whatever becomes of it on the way."""

import copy
import json
import random
from collections.abc import Iterator
from typing import Any

import pytest

from hansa.client.verify import check_bundle
from hansa.client.verify_commit import checkpoint_of
from hansa.kernel import encode, replace
from hansa.kernel.commit import header_hash
from tests.client.evidence_world import made
from tests.client.network import voted
from tests.client.test_network_evidence import KEYS, Made, it, seats_of
from tests.client.test_verify import checker
from tests.consortium import Consortium

__all__ = ["it"]

Path = tuple[str | int, ...]
PARTS = ("checkpoint", "handovers", "head")
"""What a network adds to a bundle: all of it is changed, field by field."""
SEEDS = 16
CHANGES_PER_SEED = 25


def places(value: Any, path: Path = ()) -> Iterator[Path]:
    """Each value of a tree, the branches too."""
    yield path
    steps = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, inner in steps:
        yield from places(inner, (*path, step))


def others(value: Any, chance: random.Random) -> list[Any]:
    """What could stand in the place of a value: of its kind and of others, and what looks the same."""
    found: list[Any] = [True, False, None, 0, 1, -1, "", [], {}, "x", 2**53, 1.0]
    if type(value) is int:
        found += [value + 1, -value, float(value), str(value), bool(value)]
    if isinstance(value, str):
        at = chance.randrange(len(value) + 1)
        found += [value.upper(), value + " ", " " + value, value[:-1], value + value, value + "=", value[:at]]
        found += [value[:at] + "A" + value[at + 1 :], value.replace("+", "-")]
    if isinstance(value, list):
        found += [value[:-1], [*value, *value[-1:]], value[::-1]]
    if isinstance(value, dict):
        found += [{**value, "note": 1}, {**value, "time_ns": 0}, {**value, "path": []}]
        found += [{name: inner for name, inner in value.items() if name != left} for left in value]
    return found


def changed(bundle: Any, path: Path, value: Any) -> bytes:
    """Canonical bytes of the bundle with another value at a place."""
    whole = copy.deepcopy(bundle)
    inner = whole
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    return json.dumps(whole, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


@pytest.mark.parametrize("seed", range(SEEDS))
def test_they_agree_on_every_change(it: Made, seed: int) -> None:
    chance = random.Random(seed)
    assert it.after.checkpoint is not None
    bundle, given = json.loads(encode(it.after)), f"20:{header_hash(it.after.checkpoint)}"
    known = [path for name in PARTS for path in places(bundle[name], (name,))]
    for _ in range(CHANGES_PER_SEED):
        path = chance.choice(known)
        value: Any = bundle
        for step in path:
            value = value[step]
        other = chance.choice(others(value, chance))
        data = changed(bundle, path, other)
        ours = check_bundle(data, it.world.genesis, checkpoint_of(given)).ok
        theirs = says(data, it.world.genesis, given)
        assert ours is theirs, (path, value, other)
        assert not ours or data == encode(it.after), (path, value, other)


def test_true_is_not_one(it: Made) -> None:
    """A vote that did not come has the flag 1."""
    head = it.after.head
    assert head.commit is not None
    commit = voted(head.commit.header, seats_of(it, 2), KEYS, ("maker",))
    bundle = json.loads(encode(replace(it.after, head=replace(head, commit=commit))))
    (absent,) = (n for n, vote in enumerate(bundle["head"]["commit"]["votes"]) if vote == {"flag": 1})
    for value, holds in ((1, True), (True, False)):
        data = changed(bundle, ("head", "commit", "votes", absent, "flag"), value)
        assert check_bundle(data, it.world.genesis).ok is holds
        assert says(data, it.world.genesis, "") is holds


@pytest.mark.parametrize("shown", [{"height": 20}, {}, "20", ["20"], 20])
def test_a_block_that_is_shown_can_be_read_even_if_nobody_asks(it: Made, shown: Any) -> None:
    data = changed(json.loads(encode(it.after)), ("checkpoint",), shown)
    assert not check_bundle(data, it.world.genesis).ok
    assert not says(data, it.world.genesis, "")


def test_they_agree_on_checkpoints(it: Made) -> None:
    shown, head = it.after.checkpoint, it.after.head.commit
    assert shown is not None
    assert head is not None
    good, newest = f"20:{header_hash(shown)}", f"{head.header.height}:{header_hash(head.header)}"
    data = encode(it.after)
    for given, holds in (
        (good, True),
        (good.upper(), True),
        (f" {good} ", True),
        (newest, True),
        (f"21:{header_hash(shown)}", False),
        (f"20:{header_hash(head.header)}", False),
    ):
        assert check_bundle(data, it.world.genesis, checkpoint_of(given)).ok is holds
        assert says(data, it.world.genesis, given) is holds
    for given in ("20", "20:", "20:abc", good[:-1], ":" + good, "x"):
        assert not says(data, it.world.genesis, given)


def test_a_checkpoint_is_never_let_by(tmp_path: Any) -> None:
    """Of a chain with an operator there is none: whoever gives one must not read that all holds."""
    world = made(tmp_path, Consortium(), days=1)
    data, given = encode(world.gather(0)), "1:" + "ab" * 32
    assert says(data, world.genesis, "")
    assert not says(data, world.genesis, given)
    report = check_bundle(data, world.genesis, checkpoint_of(given))
    assert [check.name for check in report.checks if not check.ok] == ["checkpoint"]
    for file in (b'{"head":1}', b'{"format":"hansa-case-1"}'):
        report = check_bundle(file, world.genesis, checkpoint_of(given))
        assert [check.name for check in report.checks if not check.ok] == ["checkpoint"]
    world.store.close()
    world.consortium.close()


def says(data: bytes, genesis: bytes, known: str) -> bool:
    try:
        checker.check(data, genesis, known)
    except checker.Broken:
        return False
    return True
