"""Heads compared directly: two histories are found by whoever talks to the other; nobody else is accused."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.client.case import Case
from hansa.client.verify import check_bundle, proved
from hansa.kernel import encode, limits, replace
from hansa.kernel.evidence import Cosignature, SignedHeader
from hansa.kernel.signatures import HEADER_DOMAIN
from hansa.kernel.transaction import sign
from hansa.node import errors_follower as errors
from hansa.node.casebook import Casebook
from hansa.node.cosigning import Cosignatures
from hansa.node.follower import Follower
from hansa.node.peers import Comparison
from tests.consortium import VirtualClock, signer
from tests.kernel.room import Register
from tests.node.following_world import Line, Net, Operator, cosigner_key, follower, following, until


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


def submit(operator: Operator, *tools: str) -> None:
    """A block for each tool; sequences are those that the ledger has not seen."""
    for tool in tools:
        used = operator.node.query("consortium.sequence", {"member": "bank", "key": "k1"})
        wire = sign(
            operator.registry, signer("bank"), chain=operator.node.chain.id, member="bank", key="k1",
            sequence=used + 1, valid_until_ms=operator.clock() + limits.HOUR_MS,
            actions=(Register(tool=tool),),
        )  # fmt: skip
        assert operator.node.submit([wire])[0].code == "ok"


@pytest.fixture
def both(tmp_path: Path, clock: VirtualClock) -> Iterator[tuple[Operator, Operator]]:
    """The operator's two faces: the same up to block 3, then each its own."""
    first = Operator(tmp_path / "one", clock)
    submit(first, "a", "b", "c")
    first.close()
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    one, other = Operator(tmp_path / "one", clock), Operator(tmp_path / "other", clock)
    submit(one, "d", "e", "f", "g", "h")
    submit(other, "x", "y")
    yield one, other
    one.close()
    other.close()


def case_of(follower: Follower, kind: str) -> Case:
    case: Case = until(
        lambda: next((case for _, case in follower.casebook.all() if case.kind == kind), None), kind
    )
    return case


def test_two_histories_are_found_and_the_first_height_is_named(
    tmp_path: Path, both: tuple[Operator, Operator], clock: VirtualClock
) -> None:
    """Each follower executes a history that is right in itself; only together they see the two."""
    nets = [Net(operator) for operator in both]
    with (
        following(tmp_path / "plant", nets[0], "plant", clock=clock, peers=["bank"]) as plant,
        following(tmp_path / "bank", nets[1], "bank", clock=clock, peers=["plant"]) as bank,
    ):
        until(lambda: (plant.height, bank.height) == (8, 5))
        nets[0].lines["bank"], nets[1].lines["plant"] = Line(bank), Line(plant)
        for finder in (plant, bank):
            case = case_of(finder, "two_histories")
            assert (case.height, case.against) == (4, "maker")
            assert {signed.header.height for signed in case.headers} == {4}
            assert len({signed.header.app_hash for signed in case.headers}) == 2
            report = check_bundle(encode(case), both[0].genesis)
            assert report.ok, report.checks
            assert "two different histories at height 4" in proved(report)[0].en
            assert finder.casebook.halt()
            until(lambda: {check.name for check in finder.checks() if not check.ok} >= {"peers", "evidence"})  # noqa: B023
        signed = plant.cosigner.signed_height
        submit(both[0], "i")
        until(lambda: plant.height == 9)
        assert plant.cosigner.signed_height == signed


def test_what_it_has_signed_is_remembered_beside_an_older_copy(
    tmp_path: Path, both: tuple[Operator, Operator], clock: VirtualClock
) -> None:
    """Its ledger goes back to block 3, what it signed does not: another block 4 is another history."""
    ours = ("ledger.db", "ledger.db-wal", "ledger.db-shm")
    nets = [Net(operator) for operator in both]
    limit = Limited(both[0])
    nets[0].lines[""] = limit
    with following(tmp_path / "plant", nets[0], clock=clock) as plant:
        until(lambda: plant.height == 3)
    older = {
        name: (tmp_path / "plant" / name).read_bytes()
        for name in ours
        if (tmp_path / "plant" / name).exists()
    }
    limit.last = 99
    with following(tmp_path / "plant", nets[0], clock=clock) as plant:
        until(lambda: plant.cosigner.signed_height == 8)
    for name in ours:
        (tmp_path / "plant" / name).unlink(missing_ok=True)
    for name, data in older.items():
        (tmp_path / "plant" / name).write_bytes(data)
    submit(both[1], "more", "and", "more-still")
    with following(tmp_path / "plant", nets[1], clock=clock, peers=[]) as plant:
        case = case_of(plant, "two_histories")
        assert case.height == 8
        assert check_bundle(encode(case), both[0].genesis).ok
        assert plant.casebook.halt()
        assert plant.height == 7


class Limited(Line):
    """Shows blocks up to a height."""

    last = 3

    def blocks(self, first: int, limit: int, wait_ms: int) -> Any:
        return [block for block in super().blocks(first, limit, wait_ms) if block.leaf.height <= self.last]


@pytest.fixture
def reading(tmp_path: Path, clock: VirtualClock) -> Iterator[tuple[Operator, Casebook]]:
    operator = Operator(tmp_path / "op", clock)
    submit(operator, "a", "b", "c")
    yield operator, Casebook(tmp_path / "cases", "plant", clock)
    operator.close()


def compare(operator: Operator, casebook: Casebook, line: Line) -> Comparison:
    return Comparison("bank", line, operator.reader, operator.cosignatures, casebook)


def test_a_forged_header_accuses_nobody(reading: tuple[Operator, Casebook]) -> None:
    operator, casebook = reading

    def forge(signed: SignedHeader) -> SignedHeader:
        header = replace(signed.header, app_hash="ab" * 32)
        by = cosigner_key("bank").sign(HEADER_DOMAIN + encode(header))
        return replace(signed, header=header, signature=by)

    standing = compare(operator, casebook, Line(operator, bend_head=forge)).poll()

    assert standing.state == "forged"
    [(_, case)] = casebook.all()
    assert (case.kind, case.against) == ("note", "")
    assert casebook.halt() == ""
    assert casebook.accused() is None
    assert not check_bundle(encode(case), operator.genesis).ok


def test_a_forged_head_far_ahead_makes_nobody_wait_for_it(reading: tuple[Operator, Casebook]) -> None:
    """Who is in force there nobody here knows yet: what it has at our height counts, and is no forgery."""
    operator, casebook = reading

    class Ahead(Line):
        def head(self) -> SignedHeader | None:
            head = super().head()
            assert head is not None
            return replace(head, header=replace(head.header, height=1_000_000))

    comparison = compare(operator, casebook, Ahead(operator))
    standing = comparison.poll()
    assert (standing.state, standing.height, comparison.newest) == ("agrees", 3, 0)
    assert "waits until we are there" in standing.en
    assert "须等本节点追上" in standing.zh
    assert casebook.all() == []


def test_one_that_is_ahead_across_a_change_of_the_operator_is_no_forger(
    tmp_path: Path, reading: tuple[Operator, Casebook], clock: VirtualClock
) -> None:
    """Our copy does not know the new operator yet; once it is there, it does."""
    operator, _ = reading
    behind = Net(operator)
    behind.lines[""] = limit = Limited(operator)
    with following(tmp_path / "plant", behind, clock=clock) as plant:
        until(lambda: plant.height == 3)
        later = operator.succeeded("bank")
        later.do("plant", Register(tool="under-another"))
        comparison = Comparison("bank", Line(later), plant.reader, plant.cosignatures, plant.casebook)
        standing = comparison.poll()
        assert (standing.state, standing.height, comparison.newest) == ("agrees", 3, 0)
        behind.serve(later)
        limit.last = 99
        until(lambda: plant.height == later.node.height)
        assert comparison.poll().state == "agrees"
        assert comparison.newest == later.node.height
        assert plant.casebook.all() == []
        # A forgery below our height is one, whoever is in force now.
        header = later.node.ledger.header(2).header
        forged = replace(header, app_hash="ab" * 32)
        by = cosigner_key("bank").sign(HEADER_DOMAIN + encode(forged))
        comparison = Comparison(
            "auditor", Line(later, bend_head=lambda signed: replace(signed, header=forged, signature=by)),
            plant.reader, plant.cosignatures, plant.casebook,
        )  # fmt: skip
        assert comparison.poll().state == "forged"
        assert plant.casebook.halt() == ""
    later.close()


def test_two_histories_under_a_later_operator_accuse_that_one(
    tmp_path: Path, reading: tuple[Operator, Casebook]
) -> None:
    operator, casebook = reading
    later = operator.succeeded("bank")
    submit(later, "d")
    height = later.node.height
    header = replace(later.node.ledger.header(height).header, app_hash="ab" * 32)

    def other(signed: SignedHeader) -> SignedHeader:
        if signed.header.height != height:
            return signed
        by = cosigner_key("bank").sign(HEADER_DOMAIN + encode(header))
        return replace(signed, header=header, signature=by)

    known = later.cosignatures
    comparison = Comparison("plant", Line(later, bend_head=other), later.reader, known, casebook)
    assert comparison.poll().state == "other_history"
    [(_, case)] = casebook.all()
    assert (case.kind, case.height, case.against) == ("two_histories", height, "bank")
    later.close()


def test_two_histories_are_searched_for_once(both: tuple[Operator, Operator], tmp_path: Path) -> None:
    one, other = both
    line = Line(other)
    comparison = compare(one, Casebook(tmp_path / "cases", "plant", one.clock), line)
    assert comparison.poll().state == "other_history"
    line.asked.clear()
    for _ in range(3):
        assert comparison.poll().state == "other_history"
    assert line.asked == ["head"] * 3
    # One that comes back to our history, and leaves it again, is a new finding.
    line.source = one
    assert comparison.poll().state == "agrees"
    assert not comparison._told


def test_trouble_of_this_machine_is_told_and_ends_no_comparison(
    tmp_path: Path, reading: tuple[Operator, Casebook], clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that failed for a moment, and an answer that hits a mistake of the program."""
    operator, _ = reading
    net = Net(operator)
    poll, faults = (
        Comparison.poll,
        iter([OSError(28, "No space left"), KeyError("odd"), OSError(28, "No space left")]),
    )

    def breaks(self: Comparison) -> Any:
        fault = next(faults, None)
        if fault is not None:
            raise fault
        return poll(self)

    monkeypatch.setattr(Comparison, "poll", breaks)
    with following(tmp_path / "plant", net, clock=clock) as plant:
        told = until(lambda: [s for s in plant.peers.standing.values() if s.state == "trouble"])
        assert "OSError" in told[0].en + told[0].zh or "KeyError" in told[0].en
        assert "could not compare" in told[0].en
        assert "未能" in told[0].zh
        until(lambda: plant.peers.standing["maker"].state == "agrees")
        assert {each.detail for each in plant.own_incidents()} == {
            "OSError: [Errno 28] No space left", "KeyError: 'odd'",
        }  # fmt: skip
        assert [each.code for each in plant.incidents()] == ["incident.peers"] * 2


def test_trouble_in_finding_addresses_ends_no_comparison(
    tmp_path: Path, reading: tuple[Operator, Casebook], clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, _ = reading
    monkeypatch.setattr("hansa.node.peers.ADDRESSES_EVERY_S", 0.01)
    made = follower(tmp_path / "plant", Net(operator), clock=clock)
    find, faults = made.peers._find, iter([OSError(5, "Input/output error")])

    def breaks(reading: Any) -> dict[str, str]:
        fault = next(faults, None)
        if fault is not None:
            raise fault
        return find(reading)

    made.peers._find = breaks
    made.begin()
    try:
        until(lambda: "maker" in made.peers.standing)
        assert "Input/output" in made.peers.incidents[0].detail
    finally:
        made.end()


def test_a_header_of_another_chain_or_height_accuses_nobody(reading: tuple[Operator, Casebook]) -> None:
    operator, casebook = reading

    def elsewhere(signed: SignedHeader) -> SignedHeader:
        header = replace(signed.header, chain="ab" * 32)
        return replace(
            signed, header=header, signature=cosigner_key("maker").sign(HEADER_DOMAIN + encode(header))
        )

    assert compare(operator, casebook, Line(operator, bend_head=elsewhere)).poll().state == "forged"

    class Shifted(Line):
        def head(self) -> SignedHeader | None:
            head = super().head()
            assert head is not None
            header = replace(head.header, height=head.header.height + 5)
            by = cosigner_key("maker").sign(HEADER_DOMAIN + encode(header))
            return replace(head, header=header, signature=by)

        def header(self, height: int) -> SignedHeader:
            return super().header(height - 1)

    assert compare(operator, casebook, Shifted(operator)).poll().state == "forged"
    assert casebook.halt() == ""


def test_one_that_is_behind_is_reported_not_accused(
    tmp_path: Path, reading: tuple[Operator, Casebook], clock: VirtualClock
) -> None:
    operator, casebook = reading
    shutil.copytree(operator.folder, tmp_path / "later", ignore=shutil.ignore_patterns("*-wal", "*-shm"))
    comparison = compare(operator, casebook, Line(operator))
    assert comparison.poll().state == "agrees"
    empty = Operator(tmp_path / "empty", clock)
    assert compare(operator, casebook, Line(empty)).poll().state == "behind"
    submit(empty, "a")
    standing = compare(operator, casebook, Line(empty)).poll()
    assert (standing.state, standing.height) == ("behind", 1)
    assert "is 2 blocks behind" in standing.en
    assert "落后 2 个区块" in standing.zh
    assert casebook.all() == []
    empty.close()


def test_one_that_is_away_is_reported_not_accused(
    tmp_path: Path, reading: tuple[Operator, Casebook], clock: VirtualClock
) -> None:
    operator, _ = reading
    net = Net(operator)
    with following(tmp_path / "plant", net, clock=clock, peers=["bank"]) as plant:
        until(lambda: plant.peers.standing.get("bank"))
        assert plant.peers.standing["bank"].state == "away"
        until(lambda: "maker" in plant.peers.standing)
        until(lambda: plant.peers.standing["maker"].state == "agrees")
        assert all(check.ok for check in plant.checks()), plant.checks()
        assert plant.casebook.all() == []


def test_one_whose_address_is_gone_is_spoken_of_no_more(
    tmp_path: Path, reading: tuple[Operator, Casebook], clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, _ = reading
    monkeypatch.setattr("hansa.node.peers.ADDRESSES_EVERY_S", 0.01)
    monkeypatch.setattr("hansa.node.peers.POLL_S", 0.01)
    with following(tmp_path / "plant", Net(operator), clock=clock) as plant:
        until(lambda: "maker" in plant.peers.standing)
        find, plant.peers._find = plant.peers._find, lambda _: {}
        until(lambda: not plant.peers.standing and not plant.peers._threads)
        plant.peers._find = find
        until(lambda: plant.peers.standing.get("maker"))


# Cosignatures: who may, what counts.


def given(operator: Operator, member: str, height: int, by: str = "") -> Cosignature:
    header = operator.node.ledger.header(height).header
    signature = cosigner_key(by or member).sign(HEADER_DOMAIN + encode(header))
    return Cosignature(member=member, suite=1, signature=signature)


def root(operator: Operator, height: int) -> str:
    return operator.node.ledger.header(height).header.app_hash


def test_a_quorum_makes_a_height_final(reading: tuple[Operator, Casebook]) -> None:
    operator, _ = reading
    known = operator.cosignatures
    known.take(2, root(operator, 2), given(operator, "plant", 2))
    known.take(2, root(operator, 2), given(operator, "plant", 2))
    assert known.final() is None
    known.take(2, root(operator, 2), given(operator, "bank", 2))
    final = known.final()
    assert final is not None
    assert (final.header.height, [c.member for c in final.cosignatures]) == (2, ["bank", "plant"])
    known.take(1, root(operator, 1), given(operator, "plant", 1))
    known.take(1, root(operator, 1), given(operator, "bank", 1))
    assert known.final_height == 2


def test_what_a_peer_shows_is_checked_once_per_cosigner(
    reading: tuple[Operator, Casebook], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may fill its answer with signatures that do not hold: they cost no more than a set of cosigners."""
    operator, _ = reading
    known, checked = operator.cosignatures, 0
    take = known.take

    def counted(*given: Any) -> None:
        nonlocal checked
        checked += 1
        take(*given)

    monkeypatch.setattr(known, "take", counted)
    head = operator.node.ledger.header(2)
    true, false = given(operator, "plant", 2), given(operator, "plant", 2, by="bank")
    assert known.learn(replace(head, cosignatures=(*[false] * 5, true))) == 1
    assert checked == 1
    many = tuple(replace(false, member=f"m-{n}") for n in range(1_000))
    assert known.learn(replace(head, cosignatures=many)) == 0
    assert checked == 1 + limits.COSIGNERS_MAX


def test_what_is_final_stays_so_after_a_restart(reading: tuple[Operator, Casebook]) -> None:
    operator, _ = reading
    for member in ("plant", "auditor"):
        operator.cosignatures.take(3, root(operator, 3), given(operator, member, 3))
    again = Cosignatures(operator.folder / "cosignatures.db", operator.reader)
    assert again.final_height == 3
    head = again.final()
    assert head is not None
    assert len(head.cosignatures) == 2
    again.close()


def test_cosignatures_that_do_not_hold_are_refused_by_name(reading: tuple[Operator, Casebook]) -> None:
    operator, _ = reading
    take, root_2 = operator.cosignatures.take, root(operator, 2)
    replayed = given(operator, "plant", 1)
    for cosignature in (
        given(operator, "plant", 2, by="bank"),
        given(operator, "insurer", 2),
        replayed,
        replace(given(operator, "plant", 2), suite=2),
        replace(given(operator, "plant", 2), signature=b""),
    ):
        with pytest.raises(errors.CosignatureUnfit):
            take(2, root_2, cosignature)
    with pytest.raises(errors.CosignatureOther):
        take(2, root(operator, 1), given(operator, "plant", 2))
    for height in (0, 4):
        with pytest.raises(errors.CosignatureEarly):
            take(height, root_2, given(operator, "plant", 2))
    assert operator.cosignatures.dressed(operator.node.ledger.header(2)).cosignatures == ()


def test_old_heights_are_let_go_by_name(
    reading: tuple[Operator, Casebook], monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, _ = reading
    monkeypatch.setattr("hansa.node.cosigning.HEIGHTS_MAX", 1)
    with pytest.raises(errors.CosignatureLate):
        operator.cosignatures.take(1, root(operator, 1), given(operator, "plant", 1))
    for member in ("plant", "bank"):
        operator.cosignatures.take(3, root(operator, 3), given(operator, member, 3))
    submit(operator, "d", "e")
    operator.cosignatures.take(5, root(operator, 5), given(operator, "plant", 5))
    assert set(operator.cosignatures._known) == {5}
