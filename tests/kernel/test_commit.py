"""Commits of the real engine, vectors of its published tests, and what must never count."""

import hashlib
import json
from itertools import chain
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.client.engine_answers import EngineAnswerUnusable, commit_of, reply_of, seats_of
from hansa.kernel import commit as commits
from hansa.kernel import encode, replace
from hansa.kernel.canonical import decode_strict
from hansa.kernel.commit import (
    ABSENT,
    FOR_BLOCK,
    FOR_NIL,
    BlockId,
    Commit,
    EngineHeader,
    Parts,
    Precommit,
    Seat,
    counted,
    header_hash,
    merged,
    ordered,
    validators_hash,
    vote_bytes,
    without_false_votes,
)
from hansa.kernel.signatures import Signer

REAL = json.loads((Path(__file__).parent / "vectors" / "cometbft-0.38.25.json").read_bytes())
CHAIN = "ab" * 32
SMALL_ORDER_R = bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f")


def real(name: str, at: int) -> tuple[Commit, tuple[Seat, ...], Any]:
    found = REAL[name][at]
    commit = commit_of(json.dumps({"signed_header": found["signed_header"]}).encode())
    seats, _ = seats_of(json.dumps({"validators": found["validators"]}).encode())
    return commit, seats, found["signed_header"]


@pytest.mark.parametrize(
    ("name", "at"), [(name, at) for name in REAL if name != "_about" for at in range(len(REAL[name]))]
)
def test_a_commit_of_the_real_engine_counts(name: str, at: int) -> None:
    commit, seats, told = real(name, at)
    assert header_hash(commit.header) == told["commit"]["block_id"]["hash"].lower()
    assert validators_hash(seats) == told["header"]["validators_hash"].lower()
    count = counted(commit, seats, commit.header.chain_id)
    assert count.holds
    assert count.power > 0
    assert decode_strict(encode(commit), Commit) == commit
    assert without_false_votes(commit, seats) == commit


def test_the_real_vectors_show_what_they_are_for() -> None:
    before, old, _ = real("change", 0)
    after, new, _ = real("change", 1)
    assert before.header.validators_hash != before.header.next_validators_hash == after.header.validators_hash
    assert validators_hash(new) == before.header.next_validators_hash
    assert {seat.power for seat in old} != {seat.power for seat in new}
    missing, seats, _ = real("absent", 0)
    count = counted(missing, seats, missing.header.chain_id)
    assert [vote.flag for vote in missing.votes].count(ABSENT) == 1
    assert (count.power, count.whole) == (5, 6)
    assert not counted(after, old, after.header.chain_id).holds
    assert counted(after, old, after.header.chain_id).faults[0].kind == "set"


def test_the_published_vector_of_a_header() -> None:
    def text(name: str) -> str:
        return hashlib.sha256(name.encode()).hexdigest()

    header = EngineHeader(
        version_block=1,
        version_app=2,
        chain_id="chainId",
        height=3,
        time_s=1_570_983_284,
        last_block=BlockId(hash="00" * 32, parts=Parts(hash="00" * 32, total=6)),
        last_commit_hash=text("last_commit_hash"),
        data_hash=text("data_hash"),
        validators_hash=text("validators_hash"),
        next_validators_hash=text("next_validators_hash"),
        consensus_hash=text("consensus_hash"),
        app_hash=text("app_hash"),
        last_results_hash=text("last_results_hash"),
        evidence_hash=text("evidence_hash"),
        proposer=text("proposer_address")[:40],
    )
    assert header_hash(header) == "f740121f553b5418c3efbd343c2dbfe9e007bb67b0d020a0741374bab65242a4"


def test_the_published_vector_of_a_vote_for_no_block() -> None:
    """vote_test.go, case 1: height 1, round 1, the zero time of Go, no chain id."""
    found = replace(one_signed(), round=1)
    found = replace(found, header=replace(found.header, height=1, chain_id=""))
    vote = Precommit(flag=FOR_NIL, time_s=-62_135_596_800)
    told = "2108021101000000000000001901000000000000002a0b088092b8c398feffffff01"
    assert vote_bytes(found, vote).hex() == told
    named = replace(found, header=replace(found.header, chain_id="test_chain_id"))
    assert vote_bytes(named, vote).hex().endswith("320d" + b"test_chain_id".hex())


# A set of one's own, to lie with.

KEYS = [Signer(bytes([n]) * 32) for n in range(1, 8)]


def seats_with(*powers: int) -> tuple[Seat, ...]:
    return ordered(Seat(f"m{n}", KEYS[n].public, power) for n, power in enumerate(powers))


def header_for(seats: tuple[Seat, ...]) -> EngineHeader:
    return EngineHeader(
        app_hash="aa" * 32,
        chain_id=CHAIN[:50],
        consensus_hash="01" * 32,
        data_hash="02" * 32,
        evidence_hash="03" * 32,
        height=7,
        last_commit_hash="04" * 32,
        last_results_hash="05" * 32,
        next_validators_hash=validators_hash(seats),
        proposer="06" * 20,
        time_s=1_800_000_000,
        validators_hash=validators_hash(seats),
        version_block=11,
    )


def voted(seats: tuple[Seat, ...], flags: dict[str, int] | None = None) -> Commit:
    """A commit in which every seat votes for the block, but those with another flag."""
    parts = Parts(hash="07" * 32, total=1)
    bare = Commit(header=header_for(seats), parts=parts, votes=())
    return replace(bare, votes=tuple(vote_of(bare, s, (flags or {}).get(s.member, FOR_BLOCK)) for s in seats))


def vote_of(commit: Commit, seat: Seat, flag: int) -> Precommit:
    if flag == ABSENT:
        return Precommit(flag=ABSENT)
    vote = Precommit(flag=flag, address=seat.address, time_s=1_800_000_001)
    signer = next(key for key in KEYS if key.public == seat.public)
    return replace(vote, signature=signer.sign(vote_bytes(commit, vote)))


def one_signed() -> Commit:
    return voted(seats_with(1))


def kinds(commit: Commit, seats: tuple[Seat, ...], chain_: str = CHAIN) -> set[str]:
    found = counted(commit, seats, chain_)
    assert found.holds is (not found.faults)
    return {fault.kind for fault in found.faults}


FOUR = seats_with(1, 1, 1, 1)


def test_more_than_two_thirds_and_not_one_vote_less() -> None:
    assert kinds(voted(FOUR), FOUR) == set()
    assert kinds(voted(FOUR, {"m1": ABSENT}), FOUR) == set()
    assert kinds(voted(FOUR, {"m1": ABSENT, "m2": ABSENT}), FOUR) == {"too_few"}
    three = seats_with(1, 1, 1)
    assert kinds(voted(three, {"m0": ABSENT}), three) == {"too_few"}, (
        "two of three are no more than two thirds"
    )


def test_votes_for_no_block_are_looked_at_and_have_no_power() -> None:
    found = voted(FOUR, {"m1": FOR_NIL})
    assert kinds(found, FOUR) == set()
    assert counted(found, FOUR, CHAIN).power == 3
    assert kinds(voted(FOUR, {"m1": FOR_NIL, "m2": FOR_NIL}), FOUR) == {"too_few"}
    turned = tuple(replace(v, flag=FOR_BLOCK) if v.flag == FOR_NIL else v for v in found.votes)
    assert kinds(replace(found, votes=turned), FOUR) == {"signature"}


def test_no_seat_counts_twice() -> None:
    found = voted(FOUR, {"m1": ABSENT, "m2": ABSENT})
    full = [vote for vote in found.votes if vote.flag == FOR_BLOCK]
    votes = tuple(full[0] if vote.flag == ABSENT else vote for vote in found.votes)
    assert kinds(replace(found, votes=votes), FOUR) == {"twice"}
    renamed = tuple(
        replace(full[0], address=seat.address) if vote.flag == ABSENT else vote
        for seat, vote in zip(FOUR, found.votes, strict=True)
    )
    assert kinds(replace(found, votes=renamed), FOUR) == {"signature"}


def test_each_vote_stands_at_its_own_seat() -> None:
    found = voted(FOUR)
    assert kinds(replace(found, votes=found.votes[::-1]), FOUR) == {"address"}
    assert kinds(replace(found, votes=found.votes[:3]), FOUR) == {"seats"}
    assert kinds(replace(found, votes=(*found.votes, Precommit(flag=ABSENT))), FOUR) == {"seats"}


def test_another_set_chain_or_power_is_no_proof() -> None:
    found = voted(FOUR)
    others = tuple(Seat(seat.member, KEYS[4 + n % 3].public, 1) for n, seat in enumerate(FOUR))
    assert kinds(found, others) == {"set"}
    assert kinds(found, tuple(seat._replace(power=2) for seat in FOUR)) == {"set"}
    assert kinds(found, FOUR, "cd" * 32) == {"chain"}
    assert kinds(replace(found, votes=()), ()) == {"set"}


def test_no_power_overflows() -> None:
    huge = seats_with(2**53 - 1, 1)
    assert kinds(voted(huge), huge) == {"set"}
    assert not commits.can_stand(tuple(Seat("m", n.to_bytes(32), 1) for n in range(257)))
    assert not commits.can_stand((*FOUR, FOUR[0]))
    assert not commits.can_stand((FOUR[0]._replace(power=0),))
    assert commits.can_stand(FOUR)


@pytest.mark.parametrize("field", sorted(set(EngineHeader.__struct_fields__) - {"chain_id"}))
def test_no_field_of_the_header_can_be_changed(field: str) -> None:
    found = voted(FOUR)
    before = getattr(found.header, field)
    other: Any = before + 1 if isinstance(before, int) else "ee" * (len(before or "") // 2)
    if field == "last_block":
        other = BlockId(hash="ee" * 32, parts=Parts(hash="ee" * 32, total=1))
    header = replace(found.header, **{field: other})
    expected = {"set"} if field == "validators_hash" else {"signature"}
    assert kinds(replace(found, header=header), FOUR) == expected


def test_round_parts_and_time_are_signed() -> None:
    found = voted(FOUR)
    assert kinds(replace(found, round=1), FOUR) == {"signature"}
    assert kinds(replace(found, parts=Parts(hash="08" * 32, total=1)), FOUR) == {"signature"}
    assert kinds(replace(found, parts=replace(found.parts, total=2)), FOUR) == {"signature"}
    later = tuple(replace(vote, time_ns=1) for vote in found.votes)
    assert kinds(replace(found, votes=later), FOUR) == {"signature"}


def test_one_false_vote_is_not_let_pass_and_a_node_hands_on_none() -> None:
    found = voted(FOUR)
    spoilt = replace(found.votes[0], signature=SMALL_ORDER_R + found.votes[0].signature[32:])
    bad = replace(found, votes=(spoilt, *found.votes[1:]))
    assert kinds(bad, FOUR) == {"signature"}
    cleaned = without_false_votes(bad, FOUR)
    assert kinds(cleaned, FOUR) == set()
    assert counted(cleaned, FOUR, CHAIN).power == 3
    hidden = replace(bad, votes=(replace(spoilt, flag=ABSENT), *found.votes[1:]))
    assert kinds(hidden, FOUR) == {"signature"}, "an absent vote holds nothing"


def test_two_nodes_together_show_what_neither_could_alone() -> None:
    """One seat's signature holds for the engine alone; each node saw another honest vote beside it."""
    spoilt = [
        replace(v, signature=SMALL_ORDER_R + v.signature[32:]) if s.member == "m0" else v
        for s, v in zip(FOUR, voted(FOUR).votes, strict=True)
    ]
    halves = []
    for late in ("m1", "m2"):
        votes = [Precommit(flag=ABSENT) if s.member == late else v for s, v in zip(FOUR, spoilt, strict=True)]
        halves.append(replace(voted(FOUR), votes=tuple(votes)))
    for half in halves:
        assert kinds(without_false_votes(half, FOUR), FOUR) == {"too_few"}
    for one, other in (halves, halves[::-1]):
        whole = merged(one, other, FOUR)
        assert kinds(whole, FOUR) == set()
        assert counted(whole, FOUR, CHAIN).power == 3
    for other in (voted(FOUR[:3]), replace(halves[1], round=1)):
        assert merged(halves[0], other, FOUR) == without_false_votes(halves[0], FOUR)


@given(st.data())
def test_whatever_is_changed_it_never_counts_for_more(data: st.DataObject) -> None:
    powers = data.draw(st.lists(st.integers(1, 50), min_size=1, max_size=6))
    seats = seats_with(*powers)
    flags = {s.member: data.draw(st.sampled_from((ABSENT, FOR_BLOCK, FOR_NIL))) for s in seats}
    found = voted(seats, flags)
    honest = sum(seat.power for seat in seats if flags[seat.member] == FOR_BLOCK)
    assert counted(found, seats, CHAIN).power == honest
    assert counted(found, seats, CHAIN).holds is (3 * honest > 2 * sum(powers))
    shuffled = tuple(data.draw(st.permutations(found.votes)))
    again = counted(replace(found, votes=shuffled), seats, CHAIN)
    assert again.power <= honest


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda s: st.lists(s, max_size=3)))
def test_no_answer_of_an_engine_crashes_the_reader(value: Any) -> None:
    for answer in (value, {"result": value}, {"signed_header": value}, {"validators": value}):
        raw = msgspec.json.encode(answer)
        for read in (commit_of, seats_of):
            with pytest.raises(EngineAnswerUnusable):
                read(raw)
    assert reply_of(b'{"result":{"a":1}}') == b'{"a":1}'
    with pytest.raises(EngineAnswerUnusable):
        reply_of(b'{"error":{"code":-32603,"message":"height"}}')


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("header", "time"), "yesterday"),
        (("header", "height"), "-1"),
        (("header", "app_hash"), "zz"),
        (("header", "app_hash"), "00" * 33),
        (("header", "chain_id"), "x" * 51),
        (("commit", "round"), -1),
        (("commit", "signatures", 0, "block_id_flag"), 4),
        (("commit", "signatures", 0, "signature"), "!"),
    ],
)
def test_an_unfit_answer_is_named(path: tuple[Any, ...], value: Any) -> None:
    told = json.loads(json.dumps(REAL["one"][0]["signed_header"]))
    inner = told
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(EngineAnswerUnusable):
        commit_of(json.dumps({"signed_header": told}).encode())


def test_every_field_of_the_header_is_in_the_hash() -> None:
    """Fourteen fields of the engine: what names them here is all there is."""
    grouped = {"version_block", "version_app", "time_s", "time_ns", "last_block", "proposer"}
    names = set(EngineHeader.__struct_fields__) - grouped
    assert len(list(chain(names, ["version", "time", "last_block", "proposer"]))) == 14
