"""Forged acts and keys: what was held passes for done by nobody's word, and a vote gives no key by itself."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.billing.messages import Accept, Accepted
from hansa.apps.consortium.messages import KeyRegistered, Recover, RegisterKey
from hansa.apps.consortium.messages_approvals import Approval, Approve, CarriedOut, Held, Reject
from hansa.apps.consortium.messages_votes import Propose as Put
from hansa.apps.metering.messages import RecordCounters, Recorded
from hansa.client.bundle import Bundle, Carried
from hansa.client.verify import check_bundle, not_proved
from hansa.kernel import encode, replace
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Proof
from hansa.kernel.transaction import identity
from tests.client.acting import guarded, world_of
from tests.client.evidence_world import AGREEMENT, EvidenceWorld, made
from tests.client.forging import (
    LEFT,
    actions_of,
    attested,
    edited,
    events_of,
    find,
    nth,
    relogged,
    resigned,
    without,
)
from tests.client.test_acts import first_lost, recovered, recovering
from tests.client.test_quorum import Cosigned, sign
from tests.client.test_verify import CLERK, MAKER, checked, checker, failed
from tests.consortium import Consortium, signer


def close(world: EvidenceWorld) -> None:
    world.store.close()
    world.consortium.close()


def refused(bundle: Bundle, world: EvidenceWorld) -> str:
    """The check that fails; the second checker must refuse it, too."""
    data = encode(bundle)
    assert not checked(data, world.genesis)
    return failed(check_bundle(data, world.genesis))[0]


def positions(bundle: Bundle, kind: type) -> list[int]:
    found = [decode(proof.item, LEFT) for proof in bundle.events]
    return [n for n, event in enumerate(found) if isinstance(event, kind)]


def dropped(bundle: Bundle, *gone: int) -> Bundle:
    """Without these events."""
    kept = tuple(proof for n, proof in enumerate(bundle.events) if n not in gone)
    return replace(bundle, events=kept)


def said(bundle: Bundle, n: int, **fields: Any) -> Bundle:
    """The operator's work: an event says otherwise, the log is built anew."""

    def of(proof: Proof) -> Proof:
        return replace(proof, item=encode(replace(decode(proof.item, LEFT), **fields)))

    return relogged(replace(bundle, events=nth(bundle.events, n, of)))


def taken_back(world: EvidenceWorld, bundle: Bundle, name: str) -> Carried:
    """A transaction of the ledger that the bundle does not carry."""
    node, height = world.consortium.node, bundle.head.header.height
    found = node.find(name)
    assert found is not None
    place = (found.height, found.index, height)
    return Carried(node.prove("transaction", *place), node.prove("outcome", *place))


def in_order(bundle: Bundle, carried: Carried) -> Bundle:
    def place(each: Carried) -> tuple[int, int]:
        return (each.transaction.block.height, each.transaction.within_block.index)

    return replace(bundle, transactions=tuple(sorted((*bundle.transactions, carried), key=place)))


def event_at(world: EvidenceWorld, bundle: Bundle, height: int, kind: bytes) -> Proof:
    node = world.consortium.node
    index = next(i for h, i, data in node.events_after(height, -1, 1_000) if h == height and kind in data)
    return node.prove("event", height, index, bundle.head.header.height)


def with_event(bundle: Bundle, proof: Proof) -> Bundle:
    def place(each: Proof) -> tuple[int, int]:
        return (each.block.height, each.within_block.index)

    return replace(bundle, events=tuple(sorted((*bundle.events, proof), key=place)))


# What was held, and what became of it.


@pytest.fixture(scope="module")
def approved(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvidenceWorld]:
    """The acceptance needs three people."""
    prepare = guarded("plant", "billing.accept", holders=3)
    world = world_of(tmp_path_factory.mktemp("approved"), prepare, approvers={Accept: ["k2", "k3"]})
    yield world
    close(world)


@pytest.fixture(scope="module")
def bundle(approved: EvidenceWorld) -> Bundle:
    found = approved.gather(0)
    assert failed(check_bundle(encode(found), approved.genesis)) == []
    assert checked(encode(found), approved.genesis)
    return found


def approvals(bundle: Bundle) -> list[int]:
    marks = [b'"consortium.approve"' in carried.transaction.item for carried in bundle.transactions]
    return [n for n, mark in enumerate(marks) if mark]


def alone(bundle: Bundle) -> Bundle:
    """The held acceptance without any approval, and without what it left."""
    for n in reversed(approvals(bundle)):
        bundle = without(bundle, n)
    return dropped(bundle, *positions(bundle, CarriedOut), *positions(bundle, Accepted))


def test_what_was_held_does_not_pass_for_done(approved: EvidenceWorld, bundle: Bundle) -> None:
    """The operator shows its true log, and leaves the event away that says that it was held."""
    shown = alone(bundle)
    assert refused(dropped(shown, *positions(shown, Held)), approved) == "effects"


def test_what_is_shown_to_be_held_counts_for_nothing(approved: EvidenceWorld, bundle: Bundle) -> None:
    assert refused(alone(bundle), approved) == "terms"


def test_an_effect_of_another_block_is_not_its_own(approved: EvidenceWorld, bundle: Bundle) -> None:
    """The acceptance took effect, but not where the thief's held one lies."""
    shown = alone(bundle)
    event = bundle.events[positions(bundle, Accepted)[0]]
    assert refused(with_event(dropped(shown, *positions(shown, Held)), event), approved) == "effects"
    assert refused(with_event(shown, event), approved) == "effects"


@pytest.mark.parametrize("gone", [0, 1])
def test_every_approval_must_be_there(approved: EvidenceWorld, bundle: Bundle, gone: int) -> None:
    assert refused(without(bundle, approvals(bundle)[gone]), approved) == "effects"


def test_an_approval_that_left_no_event_is_none(approved: EvidenceWorld, bundle: Bundle) -> None:
    first = events_of(bundle, approvals(bundle)[0])
    assert refused(dropped(bundle, first[0]), approved) == "effects"


def test_without_its_own_effect_or_end_nothing_was_carried_out(
    approved: EvidenceWorld, bundle: Bundle
) -> None:
    for kind in (Accepted, CarriedOut):
        assert refused(dropped(bundle, *positions(bundle, kind)), approved) == "effects"


def test_what_was_approved_must_be_shown_as_it_was_held(approved: EvidenceWorld, bundle: Bundle) -> None:
    assert refused(dropped(bundle, *positions(bundle, Held)), approved) == "effects"
    assert refused(without(bundle, find(bundle, Accept)), approved) == "effects"


@pytest.mark.parametrize(
    "change",
    [
        lambda e: replace(e, approvals=e.approvals[1:]),
        lambda e: replace(e, approvals=(e.approvals[1], e.approvals[1])),
        lambda e: replace(e, approvals=(replace(e.approvals[0], holder="plant-k9"), e.approvals[1])),
        lambda e: replace(e, approvals=(replace(e.approvals[0], key="k1"), e.approvals[1])),
        lambda e: replace(e, approvals=(Approval("k1", "plant-k1", "0" * 64), *e.approvals)),
        lambda e: replace(e, holder="plant-k9"),
        lambda e: replace(e, key="k2"),
        lambda e: replace(e, member="maker"),
        lambda e: replace(e, held="0" * 64),
    ],
)
def test_approvals_are_those_that_were_signed(
    approved: EvidenceWorld, bundle: Bundle, change: Callable[[CarriedOut], CarriedOut]
) -> None:
    """The operator writes others into the event; it has no key of the plant's."""
    (at,) = positions(bundle, CarriedOut)
    event: Any = decode(bundle.events[at].item, LEFT)
    changed = change(event)
    fields = {name: getattr(changed, name) for name in ("approvals", "holder", "key", "member", "held")}
    assert refused(said(bundle, at, **fields), approved) == "effects"


def test_the_one_who_proposed_approves_nothing(approved: EvidenceWorld, bundle: Bundle) -> None:
    """Operator and thief of k1: a second approval is signed with k1 in place of k2."""
    n = approvals(bundle)[0]
    carried = resigned(bundle.transactions[n], lambda a: a, CLERK, key="k1", sequence=999)
    changed = replace(bundle, transactions=nth(bundle.transactions, n, lambda _: carried))
    name = identity(carried.transaction.item)
    at = events_of(bundle, n)[0]
    changed = said(changed, at, key="k1", holder="plant-k1")
    (end,) = positions(bundle, CarriedOut)
    event: Any = decode(bundle.events[end].item, LEFT)
    own = Approval(key="k1", holder="plant-k1", transaction=name)
    assert refused(said(changed, end, approvals=(own, *event.approvals[1:])), approved) == "effects"


def test_another_member_approves_nothing(tmp_path: Path) -> None:
    """Operator and maker: the maker's person signs the approval, and the log says that it was enough."""
    world = world_of(tmp_path, guarded("plant", "billing.accept"), approvers={Accept: ["k2"]})
    good = world.gather(0)
    assert checked(encode(good), world.genesis)
    (n,) = approvals(good)
    at = next(at for at in events_of(good, n) if at not in positions(good, CarriedOut))
    other = resigned(good.transactions[n], lambda a: a, MAKER, member="maker", key="k1", sequence=999)
    changed = said(good, at, member="maker", key="k1", holder="maker-k1")
    changed = replace(changed, transactions=nth(changed.transactions, n, lambda _: other))
    (end,) = positions(good, CarriedOut)
    own = Approval(key="k1", holder="maker-k1", transaction=identity(other.transaction.item))
    forged = said(changed, end, approvals=(own,))
    assert refused(forged, world) == "effects"
    with pytest.raises(checker.Broken, match="approvals do not hold"):
        checker.check(encode(forged), world.genesis)
    close(world)


def test_a_program_approves_nothing(approved: EvidenceWorld, bundle: Bundle) -> None:
    """Operator and plant say that k2 is a worker's key: then one person fewer stood for it."""

    def worker(action: Any) -> Any:
        return replace(action, key=replace(action.key, kind="worker")) if action.key.id == "k2" else action

    n = find(bundle, RegisterKey, key=key_named(bundle, "k2"))
    found = [decode(proof.item, LEFT) for proof in bundle.events]
    at = next(at for at, event in enumerate(found) if isinstance(event, KeyRegistered) and event.key == "k2")
    forged = edited(said(bundle, at, kind="worker"), n, worker, CLERK)
    shown = attested(forged, "kernel.keys", lambda k: replace(k, kind="worker"), ("plant", "k2"))
    assert refused(shown, approved) == "effects"


def key_named(bundle: Bundle, name: str) -> Any:
    actions = [action for carried in bundle.transactions for action in actions_of(carried)]
    return next(a.key for a in actions if isinstance(a, RegisterKey) and a.key.id == name)


def test_who_proposed_must_still_have_the_key_when_it_is_carried_out(
    tmp_path: Path, consortium: Consortium
) -> None:
    """k2 proposes, k3 approves later; k2 was revoked in between, says the operator's log."""
    times: list[int] = []

    class Later(EvidenceWorld):
        def do(self, member: str, *actions: Any, key: str = "k1") -> None:
            if not isinstance(actions[0], Accept):
                self.consortium.do(member, *actions, key=key)
                return
            receipt = self.consortium.do(member, *actions, key="k2")
            times.append(self.consortium.clock())
            self.consortium.clock.advance(minutes=5)
            self.consortium.do(member, Approve(held=receipt.transaction), key="k3")

    guarded("plant", "billing.accept")(consortium)
    world = made(tmp_path, consortium, Later, days=1)
    good = world.gather(0)
    assert checked(encode(good), world.genesis)
    forged = attested(good, "kernel.keys", lambda k: replace(k, revoked_ms=times[0] + 1), ("plant", "k2"))
    assert refused(forged, world) == "signatures"
    close(world)


@pytest.mark.parametrize("ended", ["rejected", "withdrawn", "expired"])
def test_what_was_rejected_or_expired_is_no_acceptance(
    tmp_path: Path, consortium: Consortium, ended: str
) -> None:
    """Later it was accepted well: the forger shows the first try instead."""
    first: list[str] = []

    class Twice(EvidenceWorld):
        def do(self, member: str, *actions: Any, key: str = "k1") -> None:
            receipt = self.consortium.do(member, *actions, key=key)
            if isinstance(actions[0], Accept) and not first:
                first.append(receipt.transaction)
                if ended == "expired":
                    self.consortium.pass_days(1)
                else:
                    by = "k2" if ended == "rejected" else "k1"
                    self.consortium.do(member, Reject(held=receipt.transaction), key=by)
                self.do(member, *actions)
            elif isinstance(actions[0], Accept):
                self.consortium.do(member, Approve(held=receipt.transaction), key="k2")

    guarded("plant", "billing.accept", days=1)(consortium)
    world = made(tmp_path, consortium, Twice, days=1)
    good = world.gather(0)
    assert checked(encode(good), world.genesis)
    bad = in_order(alone(good), taken_back(world, good, first[0]))
    assert refused(bad, world) == "effects"
    height = world.consortium.node.find(first[0]).height  # type: ignore[union-attr]
    shown = with_event(bad, event_at(world, bad, height, b'"consortium.held"'))
    assert refused(shown, world) in ("effects", "terms")
    close(world)


def test_operator_and_one_stolen_key_have_the_operators_word_and_no_more(
    approved: EvidenceWorld, bundle: Bundle
) -> None:
    """They build a log of their own in which no rule ever held anything. That it is theirs alone is said."""
    n = find(bundle, Accept)
    shown = alone(bundle)
    held = shown.events[positions(shown, Held)[0]]
    told = replace(held, item=encode(Accepted(agreement=AGREEMENT, by="plant")))
    others = [proof for proof in shown.events if proof is not held]
    forged = relogged(with_event(replace(shown, events=tuple(others)), told))
    report = check_bundle(encode(forged), approved.genesis)
    assert failed(report) == []
    assert not report.finality.final
    assert n >= 0
    warned = [text for text in not_proved(report) if "was not merely held" in text.en]
    assert len(warned) == 1
    assert "搁置待批" in warned[0].zh
    assert "the operator's word" in checker.check(encode(forged), approved.genesis)


def test_no_quorum_signs_such_a_log(tmp_path: Path) -> None:
    """Cosigners sign what they executed: the true header. Their signatures fit no other."""
    prepare = guarded("plant", "billing.accept")
    world = world_of(tmp_path, prepare, consortium=Cosigned(), approvers={Accept: ["k2"]})
    true = world.gather(0)
    final = replace(true, head=sign(true.head, "plant", "bank", "auditor"))
    report = check_bundle(encode(final), world.genesis)
    assert report.ok
    assert report.finality.final
    assert not any("merely held" in text.en for text in not_proved(report))
    shown = alone(true)
    held = shown.events[positions(shown, Held)[0]]
    told = replace(held, item=encode(Accepted(agreement=AGREEMENT, by="plant")))
    others = tuple(proof for proof in shown.events if proof is not held)
    forged = relogged(with_event(replace(shown, events=others), told))
    lent = replace(forged, head=replace(forged.head, cosignatures=final.head.cosignatures))
    assert refused(lent, world) == "finality"
    close(world)


# Events.


def test_events_stand_once_in_ledger_order(approved: EvidenceWorld, bundle: Bundle) -> None:
    events = bundle.events
    for forged, why in (
        ((*events, events[-1]), "out of order"),
        ((events[1], events[0], *events[2:]), "out of order"),
        ((replace(events[0], kind="outcome"), *events[1:]), "not event there"),
    ):
        shown = replace(bundle, events=forged)
        assert refused(shown, approved) == "inclusion"
        with pytest.raises(checker.Broken, match=why):
            checker.check(encode(shown), approved.genesis)


def test_an_event_of_no_act_that_is_shown(approved: EvidenceWorld, bundle: Bundle) -> None:
    for n in (find(bundle, RecordCounters), len(bundle.transactions) - 1):
        kept = (*bundle.transactions[:n], *bundle.transactions[n + 1 :])
        assert refused(replace(bundle, transactions=kept, readings=()), approved) == "effects"


def test_a_record_that_left_no_event_was_not_recorded(approved: EvidenceWorld, bundle: Bundle) -> None:
    for n in positions(bundle, Recorded)[:2]:
        assert refused(dropped(bundle, n), approved) == "effects"


# Keys by vote.


@pytest.fixture(scope="module")
def voted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvidenceWorld]:
    world = world_of(tmp_path_factory.mktemp("voted"), recovered, keys={"maker": "v1"})
    yield world
    close(world)


@pytest.fixture(scope="module")
def by_vote(voted: EvidenceWorld) -> Bundle:
    found = voted.gather(0)
    assert checked(encode(found), voted.genesis)
    return found


def test_a_vote_needs_its_proposal_and_its_ballots(voted: EvidenceWorld, by_vote: Bundle) -> None:
    assert refused(without(by_vote, find(by_vote, Put)), voted) == "signatures"
    ballots = [n for n, c in enumerate(by_vote.transactions) if b'"consortium.vote"' in c.transaction.item]
    assert len(ballots) == 2
    for n in ballots:
        assert refused(without(by_vote, n), voted) == "signatures"


@pytest.mark.parametrize(
    "fields",
    [
        {"public": CLERK.public}, {"scopes": ("billing.*",)}, {"kind": "worker"}, {"holder": "other"},
        {"expires_ms": 2**52}, {"key": "v2"}, {"member": "plant"}, {"proposal": "p-9"},
    ],
)  # fmt: skip
def test_a_vote_gives_the_key_that_was_proposed(
    voted: EvidenceWorld, by_vote: Bundle, fields: dict[str, Any]
) -> None:
    (at,) = positions(by_vote, KeyRegistered)[:1]
    assert refused(said(by_vote, at, **fields), voted) == "signatures"


def test_a_vote_against_is_none_for_it(voted: EvidenceWorld, by_vote: Bundle) -> None:
    """The bank signs anew that it is against."""
    n = next(
        n
        for n, carried in enumerate(by_vote.transactions)
        if b'"consortium.vote"' in carried.transaction.item and b'"bank"' in carried.transaction.item
    )
    (at,) = events_of(by_vote, n)
    changed = said(by_vote, at, yes=False)
    forged = edited(changed, n, lambda a: replace(a, yes=False), signer("bank"))
    assert refused(forged, voted) == "signatures"


def test_nobody_votes_on_keys_of_its_own(voted: EvidenceWorld, by_vote: Bundle) -> None:
    """Operator and thief of the maker's old key put its ballot in the place of the bank's."""
    n = next(
        n
        for n, carried in enumerate(by_vote.transactions)
        if b'"consortium.vote"' in carried.transaction.item and b'"bank"' in carried.transaction.item
    )
    (at,) = events_of(by_vote, n)
    changed = said(by_vote, at, member="maker", key="k1")
    own = resigned(by_vote.transactions[n], lambda a: a, MAKER, member="maker", key="k1", sequence=999)
    transactions = nth(changed.transactions, n, lambda _: own)
    assert refused(relogged(replace(changed, transactions=transactions)), voted) == "signatures"


def test_the_operator_alone_gives_nobody_a_key(bundle: Bundle, approved: EvidenceWorld) -> None:
    """It makes up the event of a vote; and even a proposal and ballot of its own are too few."""
    at = positions(bundle, KeyRegistered)[0]
    event: Any = decode(bundle.events[at].item, LEFT)
    forged = replace(event, key="x", public=signer("maker", "x").public, proposal="p")
    made_up = replace(bundle.events[at], item=encode(forged))
    events = (*bundle.events[: at + 1], made_up, *bundle.events[at + 1 :])
    assert refused(relogged(replace(bundle, events=events)), approved) == "effects"


# Recoveries.


def test_a_daily_key_recovers_nothing(tmp_path: Path) -> None:
    world = world_of(tmp_path, recovering, keys={"maker": "v1"})
    good = world.gather(0)
    assert checked(encode(good), world.genesis)
    n = find(good, Recover)
    daily = resigned(good.transactions[n], lambda a: a, MAKER, key="k1", sequence=999)
    forged = relogged(replace(good, transactions=nth(good.transactions, n, lambda _: daily)))
    assert refused(forged, world) == "signatures"
    close(world)


def test_a_held_recovery_stands_only_once_its_time_is_over(tmp_path: Path) -> None:
    world = world_of(tmp_path, first_lost, keys={"maker": "v1"})
    good = world.gather(0)
    assert checked(encode(good), world.genesis)
    at = positions(good, Held)[-1]
    assert refused(said(good, at, until_ms=2**52), world) == "signatures"
    assert refused(dropped(good, at), world) == "signatures"
    assert refused(dropped(good, positions(good, CarriedOut)[-1]), world) == "signatures"
    assert refused(without(good, find(good, Recover)), world) == "signatures"
    close(world)
