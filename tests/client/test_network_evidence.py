"""Evidence of a network: proved by commits of validators followed from genesis on; forged, it is refused."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest

from hansa.apps.consortium.handovers import Handover
from hansa.apps.consortium.messages_validators import ValidatorPower, ValidatorsChanged
from hansa.client.bundle import Bundle
from hansa.client.evidence import gather
from hansa.client.verify import Report, check_bundle, not_proved, proved
from hansa.client.verify_commit import Checkpoint, CheckpointUnreadable, checkpoint_of
from hansa.client.verify_quorum import finality_text
from hansa.kernel import encode, merkle, replace
from hansa.kernel.canonical import decode
from hansa.kernel.commit import FOR_NIL, Commit, Precommit, Seat, header_hash, ordered, validators_hash
from hansa.kernel.evidence import SignedHeader
from tests.client.evidence_world import AGREEMENT, EvidenceWorld, made
from tests.client.network import NEW, OLD, Network, network_of, voted
from tests.client.test_verify import checked, failed
from tests.consortium import MEMBERS, genesis, signer

KEYS = {signer(m, k).public: signer(m, k) for m in MEMBERS for k in (OLD, NEW, "rival")}


class Made(NamedTuple):
    world: EvidenceWorld
    before: Bundle
    """Under the founding set."""
    after: Bundle
    """Under the third set, with a checkpoint."""


@pytest.fixture(scope="module")
def it(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    network = Network()
    world = made(tmp_path_factory.mktemp("network"), network, days=2)
    before = world.gather(0)
    network.rotate("bank")
    network.node.wake()
    network.rotate("plant")
    period = world.statements()[0].period
    client = network.client("auditor")
    after = gather(client, AGREEMENT, period.from_ms, {"plant": world.store}, checkpoint=20)
    yield Made(world, before, after)
    world.store.close()
    network.close()


def detail(report: Report, name: str) -> str:
    return next(check.detail.en for check in report.checks if check.name == name)


def test_it_is_proved_by_the_validators(it: Made) -> None:
    for bundle, changes in ((it.before, 0), (it.after, 2)):
        report = check_bundle(encode(bundle), it.world.genesis)
        assert failed(report) == []
        assert report.finality.final
        assert (report.finality.power, report.finality.whole, report.finality.changes) == (4, 4, changes)
        assert detail(report, "finality").startswith("proved by 4 of 4 validators")
        assert finality_text(report.finality).en == detail(report, "finality")
        assert checked(encode(bundle), it.world.genesis)
    words = " ".join(text.en for text in (*proved(report), *not_proved(report)))
    assert "more than two thirds of the power was honest" in words
    assert "old consensus keys were destroyed" in words
    assert "operator's word" not in words
    assert all(text.zh for text in (*proved(report), *not_proved(report)))


def test_one_of_four_may_be_absent_and_not_two(it: Made) -> None:
    head = it.after.head
    assert head.commit is not None
    for absent, fine in ((("maker",), True), (("maker", "bank"), False)):
        commit = voted(head.commit.header, seats_of(it, 2), KEYS, absent)
        data = encode(replace(it.after, head=replace(head, commit=commit)))
        report = check_bundle(data, it.world.genesis)
        assert report.ok is fine is checked(data, it.world.genesis)
    assert "too little power: 2 of 4" in detail(report, "finality")
    left = not_proved(report)
    assert not any("operator" in text.en or "运营方" in text.zh for text in left), "a network has none"
    assert any("weighted median" in text.en for text in left)


def seats_of(it: Made, changes: int) -> tuple[Seat, ...]:
    """The set after so many changes."""
    new = ("bank", "plant")[:changes]
    return ordered(Seat(m, signer(m, NEW if m in new else OLD).public, 1) for m in MEMBERS)


# Forging. A forger has any key that was ever in force but two thirds of the set in force, and all data.

Forge = Callable[[Made], Bundle]
FORGERIES: dict[str, Forge] = {}


def forgery(make: Forge) -> Forge:
    FORGERIES[make.__name__] = make
    return make


def with_commit(bundle: Bundle, **changed: Any) -> Bundle:
    assert bundle.head.commit is not None
    return replace(bundle, head=replace(bundle.head, commit=replace(bundle.head.commit, **changed)))


def with_votes(bundle: Bundle, change: Callable[[tuple[Precommit, ...]], Sequence[Precommit]]) -> Bundle:
    assert bundle.head.commit is not None
    return with_commit(bundle, votes=tuple(change(bundle.head.commit.votes)))


def resigned(bundle: Bundle, seats: Sequence[Seat], absent: Sequence[str] = (), **changed: Any) -> Bundle:
    """The head's engine header changed and signed by other seats."""
    head = bundle.head
    assert head.commit is not None
    engine = replace(head.commit.header, validators_hash=validators_hash(seats))
    commit = voted(replace(engine, **changed), seats, KEYS, absent)
    return replace(bundle, head=replace(head, commit=commit))


@forgery
def no_commit(it: Made) -> Bundle:
    return replace(it.after, head=replace(it.after.head, commit=None))


@forgery
def no_tip(it: Made) -> Bundle:
    return replace(it.after, head=replace(it.after.head, tip=None))


@forgery
def signed_like_an_operator(it: Made) -> Bundle:
    return replace(it.after, head=replace(it.after.head, suite=1, signature=b"s" * 64))


@forgery
def another_time(it: Made) -> Bundle:
    header = replace(it.after.head.header, time_ms=it.after.head.header.time_ms + 1)
    return replace(it.after, head=replace(it.after.head, header=header))


@forgery
def another_time_with_its_tip(it: Made) -> Bundle:
    head = it.after.head
    assert head.tip is not None
    later = head.header.time_ms + 1
    tip = replace(head.tip, block=replace(head.tip.block, time_ms=later))
    return replace(it.after, head=replace(head, header=replace(head.header, time_ms=later), tip=tip))


@forgery
def another_height(it: Made) -> Bundle:
    header = replace(it.after.head.header, height=it.after.head.header.height - 1)
    return replace(it.after, head=replace(it.after.head, header=header))


@forgery
def another_root(it: Made) -> Bundle:
    assert it.after.head.commit is not None
    return with_commit(it.after, header=replace(it.after.head.commit.header, app_hash="aa" * 32))


@forgery
def a_changed_field_of_the_header(it: Made) -> Bundle:
    assert it.after.head.commit is not None
    return with_commit(it.after, header=replace(it.after.head.commit.header, time_ns=7))


@forgery
def another_round(it: Made) -> Bundle:
    return with_commit(it.after, round=1)


@forgery
def one_signature_twice(it: Made) -> Bundle:
    return with_votes(it.after, lambda votes: (votes[1], *votes[1:]))


@forgery
def one_signature_under_two_names(it: Made) -> Bundle:
    return with_votes(it.after, lambda votes: (replace(votes[1], address=votes[0].address), *votes[1:]))


@forgery
def another_order_of_seats(it: Made) -> Bundle:
    return with_votes(it.after, lambda votes: votes[::-1])


@forgery
def a_seat_less(it: Made) -> Bundle:
    return with_votes(it.after, lambda votes: votes[:-1])


@forgery
def votes_for_no_block(it: Made) -> Bundle:
    return with_votes(it.after, lambda votes: [replace(vote, flag=FOR_NIL) for vote in votes])


@forgery
def one_false_vote_among_enough(it: Made) -> Bundle:
    return with_votes(it.after, lambda votes: (replace(votes[0], signature=bytes(64)), *votes[1:]))


@forgery
def an_absent_vote_that_says_something(it: Made) -> Bundle:
    return with_votes(it.after, lambda votes: (replace(votes[0], flag=1), *votes[1:]))


@forgery
def one_third_signed(it: Made) -> Bundle:
    return resigned(it.after, seats_of(it, 2), ("maker", "bank", "auditor"))


@forgery
def half_voted_for_no_block(it: Made) -> Bundle:
    assert it.after.head.commit is not None
    commit = voted(it.after.head.commit.header, seats_of(it, 2), KEYS, (), ("maker", "bank"))
    return replace(it.after, head=replace(it.after.head, commit=commit))


@forgery
def a_log_of_ones_own_under_a_true_commit(it: Made) -> Bundle:
    """Block, path and root agree with each other; the commit is over another root."""
    head = it.after.head
    assert head.tip is not None
    block = replace(head.tip.block, state_digest="ab" * 32)
    path = [bytes.fromhex(step) for step in head.tip.within_log.path]
    where = head.tip.within_log
    root = merkle.root_from_path(merkle.leaf_hash(encode(block)), where.index, where.size, path)
    assert root is not None
    header = replace(head.header, app_hash=root.hex())
    return replace(it.after, head=replace(head, header=header, tip=replace(head.tip, block=block)))


@forgery
def dated_back_before_its_set(it: Made) -> Bundle:
    """The set in force signs a header of a height at which another one voted."""
    return resigned(it.after, seats_of(it, 2), height=5)


@forgery
def half_signed(it: Made) -> Bundle:
    return resigned(it.after, seats_of(it, 2), ("maker", "bank"))


@forgery
def signed_by_the_set_before(it: Made) -> Bundle:
    """Stolen old keys: the whole founding set signs a header of now."""
    return resigned(it.after, seats_of(it, 0))


@forgery
def signed_by_strangers(it: Made) -> Bundle:
    return resigned(it.after, ordered(Seat(m, signer(m, "rival").public, 1) for m in MEMBERS))


@forgery
def powers_that_were_not_voted(it: Made) -> Bundle:
    """Two members give themselves a thousand each."""
    seats = [seat._replace(power=1000 if seat.member in ("maker", "bank") else 1) for seat in seats_of(it, 2)]
    return resigned(it.after, ordered(seats), ("plant", "auditor"))


@forgery
def powers_beyond_all_bounds(it: Made) -> Bundle:
    seats = [seat._replace(power=2**53 - 1) for seat in seats_of(it, 2)]
    return resigned(it.after, ordered(seats))


@forgery
def a_commit_of_another_chain(it: Made) -> Bundle:
    return resigned(it.after, seats_of(it, 2), chain_id="ab" * 25)


@forgery
def without_the_changes(it: Made) -> Bundle:
    return replace(it.after, handovers=())


@forgery
def without_the_first_change(it: Made) -> Bundle:
    return replace(it.after, handovers=it.after.handovers[1:])


@forgery
def without_the_last_change(it: Made) -> Bundle:
    return replace(it.after, handovers=it.after.handovers[:1])


@forgery
def a_change_twice(it: Made) -> Bundle:
    return replace(it.after, handovers=(it.after.handovers[0], *it.after.handovers))


@forgery
def changes_in_another_order(it: Made) -> Bundle:
    return replace(it.after, handovers=it.after.handovers[::-1])


@forgery
def a_change_after_the_head(it: Made) -> Bundle:
    return replace(it.before, handovers=it.after.handovers)


def changed(it: Made, n: int, make: Callable[[Handover], Handover]) -> Bundle:
    changes = list(it.after.handovers)
    changes[n] = make(changes[n])
    return replace(it.after, handovers=tuple(changes))


def recommitted(head: SignedHeader, commit: Commit) -> SignedHeader:
    return replace(head, commit=commit)


@forgery
def a_change_without_quorum(it: Made) -> Bundle:
    def make(handover: Handover) -> Handover:
        assert handover.head.commit is not None
        commit = voted(handover.head.commit.header, seats_of(it, 0), KEYS, ("maker", "bank"))
        return replace(handover, head=recommitted(handover.head, commit))

    return changed(it, 0, make)


@forgery
def a_change_signed_by_the_set_that_it_makes(it: Made) -> Bundle:
    def make(handover: Handover) -> Handover:
        assert handover.head.commit is not None
        own = seats_of(it, 1)
        header = replace(handover.head.commit.header, validators_hash=validators_hash(own))
        return replace(handover, head=recommitted(handover.head, voted(header, own, KEYS)))

    return changed(it, 0, make)


@forgery
def a_change_to_another_set_than_the_header_names(it: Made) -> Bundle:
    """The old set signs a header whose next set is not that of the event."""

    def make(handover: Handover) -> Handover:
        assert handover.head.commit is not None
        rivals = ordered(Seat(m, signer(m, "rival").public, 1) for m in MEMBERS)
        header = replace(handover.head.commit.header, next_validators_hash=validators_hash(rivals))
        return replace(handover, head=recommitted(handover.head, voted(header, seats_of(it, 0), KEYS)))

    return changed(it, 0, make)


@forgery
def a_change_that_names_other_members(it: Made) -> Bundle:
    """Keys and powers are those of the header, so its hash agrees; the event is not in the log."""

    def make(handover: Handover) -> Handover:
        said = decode(handover.event.item, ValidatorsChanged)
        names = [each.member for each in said.validators]
        others = tuple(
            ValidatorPower(member=name, public=each.public, power=each.power)
            for name, each in zip(names[::-1], said.validators, strict=True)
        )
        item = encode(replace(said, validators=others))
        return replace(handover, event=replace(handover.event, item=item))

    return changed(it, 0, make)


@forgery
def a_change_under_a_later_header(it: Made) -> Bundle:
    return changed(it, 0, lambda handover: replace(handover, head=it.after.head))


@forgery
def a_change_told_later_than_it_was(it: Made) -> Bundle:
    """The founding set, its keys stolen, puts a log of long after under the header of the change."""

    def make(handover: Handover) -> Handover:
        head, event = it.after.head, handover.event
        assert handover.head.commit is not None
        header = replace(handover.head.commit.header, app_hash=head.header.app_hash)
        commit = voted(header, seats_of(it, 0), KEYS)
        place = (event.block.height, event.within_block.index, head.header.height)
        proof = it.world.consortium.node.prove("event", *place)
        return Handover(event=proof, head=recommitted(head, commit))

    return changed(it, 0, make)


@forgery
def a_header_that_changes_nothing(it: Made) -> Bundle:
    def make(handover: Handover) -> Handover:
        assert handover.head.commit is not None
        engine = handover.head.commit.header
        header = replace(engine, next_validators_hash=engine.validators_hash)
        return replace(handover, head=recommitted(handover.head, voted(header, seats_of(it, 0), KEYS)))

    return changed(it, 0, make)


@pytest.mark.parametrize("name", FORGERIES)
def test_forged_evidence_is_refused_with_the_reason(it: Made, name: str) -> None:
    bundle = FORGERIES[name](it)
    assert bundle not in (it.before, it.after)
    data = encode(bundle)
    report = check_bundle(data, it.world.genesis)
    assert failed(report)[:1] == ["finality"], report.checks
    assert not checked(data, it.world.genesis)


def test_evidence_of_another_chain_is_refused(it: Made, tmp_path: Any) -> None:
    other = encode(network_of(replace(genesis(it.world.consortium.registry), name_en="Other")))
    for data, file in (
        (encode(it.after), other),
        (encode(it.after), encode(genesis(it.world.consortium.registry))),
    ):
        report = check_bundle(data, file)
        assert failed(report) == ["genesis"]
        assert not checked(data, file)


# Checkpoints.


def test_a_known_block_agrees_or_it_is_another_history(it: Made) -> None:
    shown = it.after.checkpoint
    assert shown is not None
    assert shown.height == 20
    own = Checkpoint(20, header_hash(shown))
    good = check_bundle(encode(it.after), it.world.genesis, own)
    assert failed(good) == []
    assert "since the checkpoint (engine height 20)" in " ".join(text.en for text in proved(good))
    assert it.after.head.commit is not None
    engine = it.after.head.commit.header
    assert check_bundle(encode(it.after), it.world.genesis, Checkpoint(engine.height, header_hash(engine))).ok
    for given, why in (
        (Checkpoint(20, "aa" * 32), "another history"),
        (Checkpoint(21, own.hash), "shows no header of engine height 21"),
    ):
        report = check_bundle(encode(it.after), it.world.genesis, given)
        assert failed(report) == ["checkpoint"]
        assert why in detail(report, "checkpoint")


def test_a_checkpoint_finds_stolen_old_keys(it: Made) -> None:
    """All of the founding set's keys are stolen: a whole history without the changes looks true, but for who
    knows a block behind them.
    """
    forged = resigned(
        replace(it.after, handovers=()),
        seats_of(it, 0),
        next_validators_hash=validators_hash(seats_of(it, 0)),
    )
    assert it.after.head.commit is not None
    assert check_bundle(encode(forged), it.world.genesis).ok, "this is what is assumed"
    known = it.after.handovers[-1].head.commit
    assert known is not None
    with_known = replace(forged, checkpoint=known.header)
    report = check_bundle(
        encode(with_known), it.world.genesis, Checkpoint(known.header.height, header_hash(known.header))
    )
    assert failed(report) == ["checkpoint"]
    assert "one is missing" in detail(report, "checkpoint")


@pytest.mark.parametrize("text", ["", "12", "0:" + "a" * 64, "12:" + "a" * 63, "x:" + "a" * 64, "1:2:3"])
def test_an_unreadable_checkpoint_is_named(text: str) -> None:
    with pytest.raises(CheckpointUnreadable):
        checkpoint_of(text)
    assert checkpoint_of(" 12:" + "A" * 64) == Checkpoint(12, "a" * 64)
