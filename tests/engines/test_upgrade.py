"""A program that knows newer rules: old logs lead where they led, the vote decides from when on the new ones
count, and a node without them stops before that height and says so (rule 13)."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from hansa.apps import rooms
from hansa.apps.consortium.messages_votes import ActivateRules, Propose, SetParameter, Subject, Vote
from hansa.engines.embedded import Embedded
from hansa.engines.following import Following
from hansa.engines.replay import Replica
from hansa.kernel import Action, Context, Id, Record, Release, Room, Table, encode, limits, since
from hansa.kernel.active import Outdated
from hansa.kernel.apply import Block, BlockLeaf
from hansa.kernel.canonical import decode
from hansa.kernel.transaction import sign
from hansa.node import doctor_ledger
from tests.consortium import MEMBERS, START_MS, genesis, signer
from tests.engines.test_stored_logs import LOGS, read

NOW, NEXT = limits.RULES_MAX, limits.RULES_MAX + 1


class Mark(Record, version=1, readers="public", retention="business"):
    by: Id


class Sign(Action, tag="marks.sign"):
    """Leaves a mark: of another kind under the next rules."""

    name: Id


class Erase(Action, tag="marks.erase"):
    """Exists from the next rules on."""

    name: Id


MARKS = Table("marks.marks", key=("name",), record=Mark)


def leave(ctx: Context, a: Sign) -> None:
    MARKS.put(ctx, (a.name,), Mark(by=ctx.member if ctx.rules < NEXT else "all"))


@since(NEXT)
def erase(ctx: Context, a: Erase) -> None:
    MARKS.delete(ctx, (a.name,))


def marks(ctx: Context) -> list[tuple[str, str]]:
    return [(str(key[0]), mark.by) for key, mark in MARKS.scan(ctx)]


ROOM = Room("marks", actions=[leave, erase], queries=[marks], tables=[MARKS])


def program() -> Release:
    """A release with a room that has something new under the next rules."""
    return Release([*rooms.release().rooms, ROOM])


class Running:
    """The operator's node and its members, who all have the newer program."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.registry = program().registry(NEXT)
        self.genesis = encode(genesis(self.registry, rules=NOW))
        self.node = Embedded(
            folder / "ledger.db", self.genesis, signer("maker", "node"), lambda: START_MS, release=program()
        )
        self._sequences = {member: itertools.count(1) for member in MEMBERS}

    def do(self, member: str, *actions: Action) -> str:
        wire = sign(
            self.registry,
            signer(member),
            chain=self.node.chain.id,
            member=member,
            key="k1",
            sequence=next(self._sequences[member]),
            valid_until_ms=START_MS + limits.HOUR_MS,
            actions=actions,
        )
        return self.node.submit([wire])[0].code

    def decide(self, proposal: str, subject: Subject) -> None:
        assert self.do("plant", Propose(proposal=proposal, subject=subject)) == "ok"  # type: ignore[arg-type]
        codes = [self.do(member, Vote(proposal=proposal, yes=True)) for member in MEMBERS[:3]]
        assert codes == ["ok"] * 3


@pytest.fixture
def running(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    monkeypatch.setattr(limits, "RULES_MAX", NEXT)
    made = Running(tmp_path / "operator")
    yield made
    made.node.close()


def test_the_vote_decides_when_and_a_node_without_the_rules_stops_before_and_goes_on_once_upgraded(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    node = running.node
    assert (
        running.do(
            "plant",
            Sign(name="before"),
        )
        == "ok"
    )
    assert running.do("plant", Erase(name="before")) == "kernel.malformed"
    running.decide("notice", SetParameter(name="rules_notice_blocks", value=3))
    running.decide("rules", ActivateRules(version=NEXT))
    start = node.height + 3
    while node.height < start - 1:
        assert running.do("bank", Sign(name="between")) == "ok"
    assert running.do("plant", Sign(name="after"), Erase(name="before")) == "ok"
    assert node.height == start
    assert node.query("marks.marks", {}) == [("after", "all"), ("between", "bank")]

    # Another member's node runs the older program: it comes to the block before, and says why not further.
    blocks = [node.ledger.block(height) for height in range(1, node.height + 1)]
    monkeypatch.setattr(limits, "RULES_MAX", NOW)
    (tmp_path / "other").mkdir()
    other = Following(tmp_path / "other" / "ledger.db", running.genesis, program())
    for block in blocks[: start - 1]:
        other.follow(block)
    with pytest.raises(Outdated) as refusal:
        other.follow(blocks[start - 1])
    assert other.height == start - 1
    for text in (refusal.value.zh, refusal.value.en, other.incidents[-1].detail):
        assert str(NEXT) in text
    (told,) = doctor_ledger.look_at_rules(other.ledger)
    assert told.level == "wrong"
    assert str(NEXT) in told.en
    other.close()

    # It is upgraded, opens the same ledger and goes on.
    monkeypatch.setattr(limits, "RULES_MAX", NEXT)
    other = Following(tmp_path / "other" / "ledger.db", running.genesis, program())
    other.follow(blocks[start - 1])
    assert other.ledger.app_hash == node.app_hash
    other.close()


def test_doctor_tells_of_rules_that_are_scheduled_and_missing_before_it_is_too_late(
    running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running.decide("rules", ActivateRules(version=NEXT))
    assert [found.level for found in doctor_ledger.look_at_rules(running.node.ledger)] == ["ok"]
    monkeypatch.setattr(limits, "RULES_MAX", NOW)
    (told,) = doctor_ledger.look_at_rules(running.node.ledger)
    assert told.level == "wrong"
    assert str(running.node.height + 100) in told.en
    assert str(NEXT) in told.zh


@pytest.mark.parametrize("log", LOGS, ids=lambda log: log.name)
def test_an_old_log_leads_to_the_same_under_a_newer_program(
    log: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "RULES_MAX", NEXT)
    genesis_bytes, lines = read(log)
    replica = Replica(genesis_bytes, program())
    for height, line in enumerate(lines, 1):
        leaf = decode(line["leaf"], BlockLeaf)
        assert replica.execute(Block(height, leaf.time_ms, line["transactions"])).leaf == leaf
