"""Commits that a node keeps: the newest, and every change of the set; an engine that lies or is away."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from hansa.apps.consortium.messages import Attest
from hansa.apps.consortium.messages_validators import RotateConsensusKey
from hansa.apps.consortium.validator_sets import sets_followed
from hansa.apps.consortium.validators import message
from hansa.apps.rooms import registry
from hansa.kernel import encode, limits, replace
from hansa.kernel.commit import (
    ABSENT,
    FOR_NIL,
    Commit,
    Precommit,
    Seat,
    counted,
    header_hash,
    vote_bytes,
)
from hansa.kernel.evidence import stands_on_its_commit
from hansa.kernel.facts import address
from hansa.kernel.transaction import sign
from hansa.node import limits as node_limits
from hansa.node import read_export
from hansa.node.commits import Commits, kept_changes
from hansa.node.engine_rpc import EngineRpc
from hansa.node.errors_engine import EngineAway, EngineSaid
from tests import consortium
from tests.client.network import NetworkNode, network_of
from tests.engine_double import told_commit, told_seat
from tests.engines.cometbft.network import validator_key

IN_MEMORY = Path(":memory:")
ATTEST = Attest(table="consortium.members", key=("maker",))


class Rpc:
    """The engine's answers, made of what the network's double has; `bend` changes a commit on its way."""

    def __init__(self, node: NetworkNode) -> None:
        self.node = node
        self.away = False
        self.raw: bytes | None = None
        self.bend: Callable[[int, Commit], Commit] = lambda height, commit: commit
        self.asked: list[int] = []

    async def ask(self, method: str, **params: str) -> bytes:
        if self.away:
            raise EngineAway(cause="gone", retry_s=1)
        if self.raw is not None:
            return self.raw
        height = int(params["height"])
        if method == "validators":
            seats = self.node.sets[height]
            return msgspec.json.encode(
                {"validators": [told_seat(one) for one in seats], "total": str(len(seats))}
            )
        self.asked.append(height)
        return msgspec.json.encode(told_commit(self.bend(height, self.node.commits[height])))


class World:
    """A network's double, and the commits that one node keeps of it."""

    def __init__(self, path: Path = IN_MEMORY) -> None:
        self.clock = consortium.VirtualClock()
        genesis = network_of(consortium.genesis(registry()))
        self.node = NetworkNode(encode(genesis), self.clock)
        self.rpc = Rpc(self.node)
        self.path = path
        self.commits = self.open()
        self.sequences: dict[str, int] = {}

    def open(self) -> Commits:
        rpc: EngineRpc = self.rpc  # type: ignore[assignment]
        return Commits(self.path, self.node.app.reader(), rpc)

    def follow(self) -> bool:
        return asyncio.run(self.commits.follow(self.node.app.engine_height))

    def block(self, *actions: Any, member: str = "maker") -> int:
        """One block with the member's actions; returns the ledger's height after it."""
        wires = []
        for action in actions:
            number = self.sequences[member] = self.sequences.get(member, 0) + 1
            wires.append(sign(
                registry(), consortium.signer(member), chain=self.node.chain.id, member=member, key="k1",
                sequence=number, valid_until_ms=self.clock() + limits.HOUR_MS, actions=(action,),
            ))  # fmt: skip
        self.node.block(wires)
        return self.node.height

    def rotate(self, member: str = "auditor") -> int:
        key = consortium.signer(member, "validator-2")
        proof = key.sign(message(self.node.chain.id, member, key.public))
        return self.block(RotateConsensusKey(public=key.public, proof=proof), member=member)

    def sets(self) -> int:
        """How many sets are followed from genesis by what is kept."""
        found = sets_followed(self.node.app.genesis, self.node.chain.id, self.commits.handovers())
        return len(found)


def false_vote(commit: Commit, at: int) -> Commit:
    votes = list(commit.votes)
    votes[at] = replace(votes[at], signature=bytes(64))
    return replace(commit, votes=tuple(votes))


def without(commit: Commit, at: int) -> Commit:
    votes = list(commit.votes)
    votes[at] = Precommit(flag=ABSENT)
    return replace(commit, votes=tuple(votes))


def for_nil(commit: Commit, at: int) -> Commit:
    """One votes for no block, in good form."""
    keys = {address(key.public): key for key in map(validator_key, consortium.MEMBERS)}
    votes = list(commit.votes)
    votes[at] = vote = replace(votes[at], flag=FOR_NIL)
    signed = keys[vote.address].sign(vote_bytes(commit, vote, header_hash(commit.header)))
    votes[at] = replace(vote, signature=signed)
    return replace(commit, votes=tuple(votes))


def test_the_newest_head_stands_on_its_commit_and_is_kept_on_disk(tmp_path: Path) -> None:
    world = World(tmp_path / "commits.db")
    world.block(ATTEST)
    assert world.follow()
    assert world.commits.final() is None  # Nothing proves a block before the next one is made.
    world.block()
    assert world.follow()
    head = world.commits.final()
    assert head is not None
    assert stands_on_its_commit(head)
    assert head.commit is not None
    assert counted(head.commit, world.node.sets[2], world.node.chain.id).holds
    assert world.commits.final_height == 1
    with world.node.app.reader().snapshot() as reading:
        bare = reading.header(1)
    assert bare.commit is None
    assert world.commits.dressed(bare) == head
    world.commits.close()
    world.commits = world.open()
    assert world.commits.final() == head


def test_a_change_of_the_set_is_kept_though_the_node_looked_later(tmp_path: Path) -> None:
    world = World(tmp_path / "commits.db")
    height = world.rotate()
    for _ in range(5):
        world.block(ATTEST)
    assert world.follow()
    (change,) = world.commits.handovers()
    assert change.head.header.height == height
    assert world.sets() == 2
    world.rotate("bank")
    world.block()
    assert world.follow()
    assert world.sets() == 3
    assert kept_changes(tmp_path / "commits.db") == world.commits.handovers()
    assert kept_changes(tmp_path / "none.db") == ()


def test_old_heads_are_dropped_and_changes_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(node_limits, "COMMITS_KEPT", 2)
    world = World()
    world.rotate()
    for _ in range(5):
        world.block(ATTEST)
        assert world.follow()
    with world.node.app.reader().snapshot() as reading:
        dressed = [world.commits.dressed(reading.header(h)).commit is not None for h in range(1, 6)]
    assert dressed == [False, False, False, True, True]
    assert world.sets() == 2


def test_false_votes_are_left_out_and_too_few_true_ones_are_no_commit() -> None:
    world = World()
    world.block(ATTEST)
    world.block()
    world.rpc.bend = lambda height, commit: false_vote(commit, 0)
    assert world.follow()
    head = world.commits.final()
    assert head is not None
    assert head.commit is not None
    assert [vote.flag == ABSENT for vote in head.commit.votes] == [True, False, False, False]
    world.block(ATTEST)
    world.block()
    world.rpc.bend = lambda height, commit: without(false_vote(commit, 0), 1)
    assert world.follow()
    assert world.commits.final() == head


def test_votes_that_this_node_saw_make_up_for_what_a_proposer_left_out() -> None:
    """A hostile seat signs as only the engine takes it, and the next proposer leaves an honest vote out."""
    world = World()
    height = world.rotate()
    world.block()
    world.rpc.bend = lambda engine, commit: false_vote(commit, 0)
    asyncio.run(world.commits._newest_head(world.node.app.engine_height))
    world.rpc.bend = lambda engine, commit: without(false_vote(commit, 0), 1)
    world.block(ATTEST)
    assert world.follow()
    (change,) = world.commits.handovers()
    assert change.head.header.height == height
    assert world.sets() == 2
    assert not world.commits.lacking


def test_where_nobody_here_saw_enough_others_are_asked() -> None:
    world, other = World(), World()
    for each in (world, other):
        each.rotate()
        each.block()
    world.rpc.bend = lambda engine, commit: without(false_vote(commit, 0), 1)
    assert world.follow()
    assert world.commits.handovers() == ()
    assert world.commits.lacking == 1
    assert other.follow()
    world.commits.adopt(other.commits.handovers())
    assert not world.commits.lacking
    assert world.sets() == 2
    world.block(ATTEST)
    assert world.follow()
    assert not world.commits.lacking


def test_a_change_that_the_engine_has_pruned_holds_up_nothing() -> None:
    world = World()
    world.rotate()
    for _ in range(4):
        world.block(ATTEST)

    def pruned(height: int, commit: Commit) -> Commit:
        if height < world.node.app.engine_height:
            raise EngineSaid(method="commit", detail=f"height {height} is not available")
        return commit

    world.rpc.bend = pruned
    assert world.follow()
    assert world.commits.final_height == 4
    assert world.commits.handovers() == ()
    assert world.commits.lacking == 1


def test_what_two_changes_of_one_block_undo_is_no_change() -> None:
    world = World()
    world.block(ATTEST)
    world.commits._db.execute("INSERT INTO wanted VALUES (1, 2)")  # As if its block had told of one.
    world.block(ATTEST)
    assert world.follow()
    assert world.commits.handovers() == ()
    assert world.commits._wanted() == []
    assert not world.commits.lacking


@pytest.mark.parametrize("raw", [b"null", b"{}", b"[]", b'{"signed_header":5}', b"\xff"])
def test_an_engine_that_answers_nonsense_or_nothing_is_asked_again(raw: bytes) -> None:
    world = World()
    world.block(ATTEST)
    world.block()
    world.rpc.raw = raw
    assert not world.follow()
    world.rpc.raw, world.rpc.away = None, True
    assert not world.follow()
    world.rpc.away = False
    assert world.follow()
    assert world.commits.final_height == 1


def test_a_set_that_is_not_the_headers_is_not_believed() -> None:
    world = World()
    world.block(ATTEST)
    world.block()
    true = world.node.sets[2]
    world.node.sets[2] = (replace_power(true[0]), *true[1:])
    assert not world.follow()
    assert world.commits.final() is None
    world.node.sets[2] = true
    assert world.follow()
    assert world.commits.final() is not None


def replace_power(seat: Seat) -> Seat:
    return seat._replace(power=seat.power + 1)


@pytest.mark.parametrize("bent", [without, for_nil])
@pytest.mark.parametrize(("late", "missed"), [(True, 1), (False, 6)])
def test_a_seat_that_signs_late_is_not_silent_and_one_that_signs_no_block_is(
    late: bool, missed: int, bent: Callable[[Commit, int], Commit]
) -> None:
    world = World()
    world.block(ATTEST)
    assert world.follow()
    seats = world.node.sets[1]

    def bend(height: int, commit: Commit) -> Commit:
        return commit if late and height < world.node.app.engine_height else bent(commit, 0)

    world.rpc.bend = bend
    for _ in range(6):
        world.block(ATTEST)
        assert world.follow()
    found = [world.commits.engine_height - world.commits.seen[seat.address] for seat in seats]
    assert found == [missed, 0, 0, 0]


def test_that_the_state_differs_is_known_after_a_restart_at_that_very_state(tmp_path: Path) -> None:
    world = World(tmp_path / "commits.db")
    world.commits.note_differs(7, "aa", "bb")
    world.commits.close()
    world.commits = world.open()
    assert world.commits.differs(7, "aa") == "bb"
    assert world.commits.differs(7, "cc") == ""
    assert world.commits.differs(8, "aa") == ""


def exported(world: World) -> tuple[list[Any], dict[int, str]]:
    """The rows of an export's commits.jsonl, and the roots of the log at their heights."""
    rows = []
    for change in world.commits.handovers():
        changed = msgspec.json.decode(change.event.item)["validators"]
        rows.append({"head": plain(change.head), "validators": changed})
    rows.append({"head": plain(world.commits.final())})
    with world.node.app.reader().snapshot() as reading:
        heights = [row["head"]["header"]["height"] for row in rows]
        return rows, {height: reading.header(height).header.app_hash for height in heights}


def plain(head: Any) -> Any:
    return msgspec.json.decode(encode(head))


def test_an_export_shows_whose_votes_the_log_stands_on() -> None:
    world = World()
    world.rotate()
    for _ in range(3):
        world.block(ATTEST)
    assert world.follow()
    rows, roots = exported(world)
    genesis = msgspec.json.decode(encode(world.node.app.genesis))
    assert len(rows) == 2
    chain = world.node.chain.id

    def proved(changed: Any = rows, at: dict[int, str] = roots, of: str = chain) -> int:
        return read_export.check_commits(changed, at, genesis["validators"], of)

    assert proved() == world.commits.final_height == 3
    assert proved([]) == 0

    def bent(change: Callable[[Any], None]) -> Any:
        made = msgspec.json.decode(msgspec.json.encode(rows))
        change(made)
        return made

    def forge(votes: Any) -> None:
        votes[0]["signature"] = votes[1]["signature"]

    for changed in (
        bent(lambda made: made.pop(0)),  # Without the change nobody knows the next set.
        bent(lambda made: forge(made[1]["head"]["commit"]["votes"])),
        bent(lambda made: made[1]["head"]["commit"]["votes"].__setitem__(slice(0, 2), [{"flag": 1}] * 2)),
        bent(lambda made: made[1]["head"]["commit"]["header"].update(time_s=5)),
        bent(lambda made: made[1]["head"]["commit"].update(round=1)),
        bent(lambda made: made[0]["validators"][0].update(power=7)),
        bent(lambda made: made[0]["validators"][0].update(power=7))[:1],
        bent(lambda made: made.reverse()),
    ):
        with pytest.raises(read_export.Broken):
            proved(changed)
    with pytest.raises(read_export.Broken):
        proved(at=dict.fromkeys(roots, "ab" * 32))
    with pytest.raises(read_export.Broken):
        proved(of="cd" * 32)
    weighed = [{**genesis["validators"][0], "power": 2}, *genesis["validators"][1:]]
    with pytest.raises(read_export.Broken):  # The same keys with other powers are another set.
        read_export.check_commits(rows[:1], roots, weighed, chain)


def test_what_others_have_to_show_is_noted_once() -> None:
    """However many blocks go by before they do: the file does not grow with them."""
    world = World()
    world.rotate()
    world.block(ATTEST)

    def pruned(height: int, commit: Commit) -> Commit:
        if height < world.node.app.engine_height:
            raise EngineSaid(method="commit", detail=f"height {height} is not available")
        return commit

    for _ in range(5):
        world.block(ATTEST)
        world.rpc.bend = pruned
        assert world.follow()
    assert world.commits.lacking == 1
    assert world.commits._db.execute("SELECT count(*) FROM lacking").fetchone() == (1,)


@pytest.mark.parametrize("damage", ["rubbish", "torn", "page"])
def test_a_damaged_file_is_set_aside_and_filled_again(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "commits.db"
    world = World(path)
    world.rotate()
    for _ in range(3):
        world.block(ATTEST)
        assert world.follow()
    head, changes = world.commits.final(), world.commits.handovers()
    assert head is not None
    assert len(changes) == 1
    world.commits._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    world.commits.close()
    whole = path.read_bytes()
    spoilt = {
        "rubbish": b"no database at all" * 500,
        "torn": whole[: len(whole) // 2],
        "page": whole[:4096] + b"\xff" * 4096 + whole[8192:],
    }[damage]
    path.write_bytes(spoilt)
    world.commits = world.open()
    assert (tmp_path / "commits.db.damaged").read_bytes() == spoilt
    world.block(ATTEST)
    assert world.follow()
    assert world.commits.handovers() == changes
    assert world.sets() == 2
