"""Who holds up a height, read from votes as the engine writes them. On a real engine: tests/network."""

import asyncio
import time
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from hansa.node import limits
from hansa.node.engine_votes import ABSENT, NO_BLOCK, NOBODY, ROUNDS, HeldUp, RoundVotes, held_up
from hansa.node.engine_watch import LOOK_CLOSER_AFTER_S, EngineWatch
from hansa.node.network_checks import checks_of
from tests.node.test_engine_watch import NOW_MS, OWN, Rpc

SEATS = ("aa", "bb", "cc", "dd")
BLOCK, OTHER = "8B01023386C3", "9C01023386C3"
WAY = {"+": BLOCK, "*": OTHER, "0": NO_BLOCK}


def rounds(*votes: str) -> list[RoundVotes]:
    """A letter for each seat: + a block, * another, 0 none, . no vote. The last round is under way."""
    return [RoundVotes(tuple(written(n, way) for n, way in enumerate(each))) for each in (*votes, "....")]


def written(seat: int, way: str) -> str:
    if way == ".":
        return ABSENT
    return (
        f"Vote{{{seat}:{SEATS[seat] * 6} 7/02/SIGNED_MSG_TYPE_PREVOTE(Prevote) {WAY[way]} "
        "17AB0123456C 000000000000 @ 2026-11-22T10:00:00.5Z}"
    )


@pytest.mark.parametrize(
    ("votes", "absent", "against"),
    [
        ((), (), ()),
        (("++0.", "++0."), ("dd",), ("cc",)),
        (("++0.", "000.", "++0."), ("dd",), ("cc",)),
        (("++0.",), ("dd",), ()),  # Once: the proposal may have come late.
        (("++0.", "+++."), ("dd",), ()),
        (("++.0", "++0."), (), ()),
        (("0000", "0000"), (), ()),  # No proposal came: that is the proposer's doing.
        (("+*0.", "*+0."), ("dd",), ("cc",)),
        (("....", "...."), SEATS, ()),
    ],
)
def test_who_is_missing_and_who_is_against(
    votes: Sequence[str], absent: tuple[str, ...], against: tuple[str, ...]
) -> None:
    assert held_up(SEATS, rounds(*votes)) == HeldUp(absent, against)


def test_only_the_newest_rounds_count() -> None:
    """Who came back is not missing, and who went is."""
    assert held_up(SEATS, rounds(*["++.+"] * 20, *["+.++"] * ROUNDS)) == HeldUp(("bb",), ())


@pytest.mark.parametrize("odd", ["", "Vote", "Vote{", "x y", " ", "Vote{0:AA 7/02/x(y)"])
def test_what_is_no_vote_says_nothing(odd: str) -> None:
    assert held_up(("aa",), [RoundVotes((odd,))] * 3) == HeldUp(("aa",), ())
    assert held_up(("aa", "bb"), [RoundVotes((odd,))] * 3) == HeldUp()


def health(watch: EngineWatch, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The check of blocks, of a node that has this watch and nothing else."""
    for other in ("_blocked", "_application", "_engine", "_hash", "_peers", "_clock", "_validators"):
        monkeypatch.setattr(f"hansa.node.network_checks.{other}", lambda node: None)
    monkeypatch.setattr("hansa.node.network_checks.check_disk", lambda *_: None)
    names = dict(zip(SEATS, ("maker", "plant", "bank", "auditor"), strict=True))
    node: Any = SimpleNamespace(
        watch=watch,
        application=SimpleNamespace(engine_height=5),
        height=5,
        members_of=lambda addresses: [names[each] for each in addresses],
        settings=SimpleNamespace(
            directory=".",
            limits=SimpleNamespace(disk_free=None),
            engine=SimpleNamespace(empty_block_interval_s=30),
        ),
    )
    return next(check for check in checks_of(node) if check is not None)


def test_health_says_who_holds_up_the_chain_until_it_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    now = {"s": 1_000.0}
    monkeypatch.setattr(time, "monotonic", lambda: now["s"])
    rpc: Any = Rpc()
    watch = EngineWatch(rpc, lambda: NOW_MS, lambda: (5, OWN), lambda: True)
    votes = [{"prevotes": each.prevotes} for each in rounds("++0.", "++0.")]
    seats = {"validators": [{"address": seat.upper()} for seat in SEATS]}
    rpc.consensus = {"round_state": {"height": "6", "round": 2, "validators": seats, "votes": votes}}
    watch.made(5, NOW_MS)
    now["s"] += max(LOOK_CLOSER_AFTER_S, limits.STALLED_AFTER_S) + 1
    asyncio.run(watch.look())
    check = health(watch, monkeypatch)
    assert not check.ok
    assert "No vote came of: auditor. Votes against every block: bank." in check.en
    assert "没有收到其表决：auditor。对区块都投反对票：bank。" in check.zh
    watch.made(6, NOW_MS)
    assert watch.seen.held_up == NOBODY
    assert health(watch, monkeypatch).ok
