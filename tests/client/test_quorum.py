"""Final, or the operator's word: cosigners by the set in force; both checkers refuse forged bundles."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.consortium.messages import CosignersChanged, Genesis
from hansa.apps.consortium.messages_succession import Succeed
from hansa.apps.consortium.messages_votes import Propose, Seat, SetCosigners, Vote
from hansa.client.bundle import Bundle, Handover
from hansa.client.case import Case
from hansa.client.verify import Report, check_bundle, not_proved, proved
from hansa.client.verify_quorum import follow_sets
from hansa.engines.embedded import Embedded
from hansa.kernel import Succession, encode, replace, succession_bytes
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Cosignature, Cosigner, SignedHeader
from hansa.kernel.signatures import HEADER_DOMAIN, Signer, possession
from tests.client.evidence_world import EvidenceWorld, made
from tests.client.test_verify import checked, failed
from tests.consortium import MEMBERS, Consortium, signer

LATER = "node-2"
"""The key of the auditor's next node."""


def key_of(member: str, key: str = "node") -> Signer:
    return signer(member, key)


class Cosigned(Consortium):
    """The consortium with its four members as cosigners."""

    def _open(self) -> Embedded:
        seats = tuple(Cosigner(member=m, public=key_of(m).public) for m in MEMBERS)
        self.genesis = replace(self.genesis, cosigners=seats, quorum=3)
        return super()._open()


def sign(signed: SignedHeader, *members: str, keys: dict[str, Signer] | None = None) -> SignedHeader:
    """A header with the cosignatures of members."""
    message = HEADER_DOMAIN + encode(signed.header)
    given = tuple(
        Cosignature(member=m, suite=1, signature=(keys or {}).get(m, key_of(m)).sign(message))
        for m in members
    )
    return replace(signed, cosignatures=given)


NEXT = {"auditor": key_of("auditor", LATER)}


def change_cosigners(consortium: Consortium) -> int:
    """By vote, the auditor's cosigner gets another key. Returns the height of the change."""
    later, chain = NEXT["auditor"], consortium.node.chain.id
    seats = tuple(
        Seat(
            member=m,
            public=later.public if m == "auditor" else key_of(m).public,
            proof=later.sign(possession(chain, m, "cosigner", later.public)) if m == "auditor" else b"",
        )
        for m in MEMBERS
    )
    consortium.do("plant", Propose(proposal="new-seat", subject=SetCosigners(seats=seats, quorum=3)))
    for member in ("maker", "plant", "bank"):
        consortium.do(member, Vote(proposal="new-seat", yes=True))
    assert consortium.events(CosignersChanged)
    return consortium.node.height


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EvidenceWorld]:
    built = made(tmp_path_factory.mktemp("cosigned"), Cosigned())
    yield built
    built.store.close()
    built.consortium.close()


@pytest.fixture(scope="module")
def before(world: EvidenceWorld) -> Bundle:
    """The operator's word, under the founding set."""
    return world.gather(0)


@pytest.fixture(scope="module")
def handover(world: EvidenceWorld, before: Bundle) -> Handover:
    """The change of the set, under the header of its height as the set before signed it."""
    height = change_cosigners(world.consortium)
    node = world.consortium.node
    index = next(
        index
        for at, index, data in node.events_after(height - 1, 10**6)
        if at == height and b"cosigners_changed" in data
    )
    return Handover(
        event=node.prove("event", height, index, height),
        head=sign(node.ledger.header(height), "plant", "bank"),
    )


@pytest.fixture(scope="module")
def after(world: EvidenceWorld, handover: Handover) -> Bundle:
    """Final, under the second set."""
    bundle = world.gather(1)
    return replace(bundle, head=sign(bundle.head, "plant", "auditor", keys=NEXT), handovers=(handover,))


def finality(report: Report) -> str:
    return next(check.detail.en for check in report.checks if check.name == "finality")


def test_without_cosignatures_it_is_the_operators_word(world: EvidenceWorld, before: Bundle) -> None:
    report = check_bundle(encode(before), world.genesis)
    assert report.ok
    assert not report.finality.final
    assert finality(report).startswith("the operator's word: of 4 cosigners")
    assert any("operator's word" in text.en for text in proved(report))
    assert any("一面之词" in text.zh for text in proved(report))
    assert checked(encode(before), world.genesis)


@pytest.mark.parametrize(("members", "count"), [(("plant", "bank"), 3), (("auditor", "bank", "plant"), 4)])
def test_with_a_quorum_it_is_final(
    world: EvidenceWorld, before: Bundle, members: Sequence[str], count: int
) -> None:
    data = encode(replace(before, head=sign(before.head, *members)))
    report = check_bundle(data, world.genesis)
    assert failed(report) == []
    assert report.finality.final
    assert finality(report).startswith(f"final: {count} of 4 cosigners, q=3")
    assert not any("operator's word" in text.en for text in [*proved(report), *not_proved(report)])
    assert checked(data, world.genesis)


def test_the_sets_are_followed_from_genesis(world: EvidenceWorld, after: Bundle) -> None:
    report = check_bundle(encode(after), world.genesis)
    assert failed(report) == []
    assert report.finality.final
    assert "the set changed 1 × since genesis" in finality(report)
    assert checked(encode(after), world.genesis)


def headed(bundle: Bundle, *members: str, keys: dict[str, Signer] | None = None) -> Bundle:
    return replace(bundle, head=sign(bundle.head, *members, keys=keys))


def forged(bundle: Bundle) -> Bundle:
    """A cosignature by another key than the cosigner's."""
    return headed(bundle, "plant", "bank", keys={"bank": key_of("bank", "k1")})


def stale(bundle: Bundle) -> Bundle:
    """Cosignatures of an earlier header."""
    earlier = replace(bundle.head.header, height=bundle.head.header.height - 1)
    given = sign(replace(bundle.head, header=earlier), "plant", "bank").cosignatures
    return replace(bundle, head=replace(bundle.head, cosignatures=given))


def of_another_chain(bundle: Bundle) -> Bundle:
    """Cosignatures of a header of another consortium."""
    other = replace(bundle.head.header, chain="ab" * 32)
    given = sign(replace(bundle.head, header=other), "plant", "bank").cosignatures
    return replace(bundle, head=replace(bundle.head, cosignatures=given))


def too_few(bundle: Bundle) -> Bundle:
    return headed(bundle, "plant")


def twice(bundle: Bundle) -> Bundle:
    """Enough without the second copy, and refused all the same: whoever counts lines is not misled."""
    return headed(bundle, "plant", "bank", "plant")


def under_another_name(bundle: Bundle) -> Bundle:
    """One key for two cosigners."""
    return headed(bundle, "plant", "bank", keys={"bank": key_of("plant")})


def stranger(bundle: Bundle) -> Bundle:
    return headed(bundle, "plant", "bank", "insurer")


def of_another_suite(bundle: Bundle) -> Bundle:
    head = sign(bundle.head, "plant", "bank")
    first = replace(head.cosignatures[0], suite=2)
    return replace(bundle, head=replace(head, cosignatures=(first, head.cosignatures[1])))


@pytest.mark.parametrize(
    "forge",
    [forged, stale, of_another_chain, too_few, twice, under_another_name, stranger, of_another_suite],
    ids=lambda forge: forge.__name__,
)
def test_false_or_too_few_cosignatures_are_refused(
    world: EvidenceWorld, before: Bundle, forge: Callable[[Bundle], Bundle]
) -> None:
    data = encode(forge(before))
    report = check_bundle(data, world.genesis)
    assert failed(report) == ["finality"]
    assert not checked(data, world.genesis)


def test_too_few_says_how_many_are_needed(world: EvidenceWorld, before: Bundle) -> None:
    report = check_bundle(encode(too_few(before)), world.genesis)
    assert "2 of 4 cosigners, 3 are needed" in finality(report)


def changed(bundle: Bundle, **fields: Any) -> Bundle:
    return replace(bundle, handovers=(replace(bundle.handovers[0], **fields),))


def left_out(bundle: Bundle) -> Bundle:
    """The set's change: the new key is then nobody's."""
    return replace(bundle, handovers=())


def old_set(bundle: Bundle) -> Bundle:
    """The auditor's old key still signs."""
    return headed(bundle, "plant", "auditor")


def self_appointed(bundle: Bundle) -> Bundle:
    """The new set signs its own beginning."""
    head = bundle.handovers[0].head
    return changed(bundle, head=sign(head, "plant", "auditor", keys=NEXT))


def handed_over_by_too_few(bundle: Bundle) -> Bundle:
    return changed(bundle, head=sign(bundle.handovers[0].head, "plant"))


def handed_over_by_nobody(bundle: Bundle) -> Bundle:
    return changed(bundle, head=replace(bundle.handovers[0].head, cosignatures=()))


def not_by_the_operator(bundle: Bundle) -> Bundle:
    """Enough cosigners, but the operator's signature is another's."""
    head = sign(bundle.handovers[0].head, "plant", "bank", "auditor")
    own = key_of("plant").sign(HEADER_DOMAIN + encode(head.header))
    return changed(bundle, head=replace(head, signature=own))


def another_event(bundle: Bundle) -> Bundle:
    """Another set than the ledger has."""
    event = bundle.handovers[0].event
    said = decode(event.item, CosignersChanged)
    return changed(bundle, event=replace(event, item=encode(replace(said, quorum=1))))


def no_change_at_all(bundle: Bundle) -> Bundle:
    """An event of the bundle in place of the change, under the bundle's own header."""
    return replace(
        bundle, handovers=(Handover(event=bundle.attests[0], head=sign(bundle.head, "plant", "bank")),)
    )


def given_twice(bundle: Bundle) -> Bundle:
    return replace(bundle, handovers=bundle.handovers * 2)


def under_a_later_header(bundle: Bundle) -> Bundle:
    """The change is proved under a header that is not of its own height."""
    return changed(bundle, head=replace(bundle.head, cosignatures=bundle.handovers[0].head.cosignatures))


@pytest.mark.parametrize(
    "forge",
    [
        left_out, old_set, self_appointed, handed_over_by_too_few, handed_over_by_nobody, not_by_the_operator,
        another_event, no_change_at_all, given_twice, under_a_later_header,
    ],
    ids=lambda forge: forge.__name__,
)  # fmt: skip
def test_forged_changes_of_the_set_are_refused(
    world: EvidenceWorld, after: Bundle, forge: Callable[[Bundle], Bundle]
) -> None:
    data = encode(forge(after))
    assert failed(check_bundle(data, world.genesis)) == ["finality"]
    assert not checked(data, world.genesis)


def test_a_change_proved_under_a_later_header_is_refused(world: EvidenceWorld, after: Bundle) -> None:
    """True in itself, and signed by a quorum of the set before; but that set no longer signed that header."""
    node = world.consortium.node
    [handover] = after.handovers
    block, index = handover.event.block.height, handover.event.within_block.index
    later = sign(node.ledger.header(block + 1), "plant", "bank")
    forged_later = Handover(event=node.prove("event", block, index, block + 1), head=later)
    data = encode(replace(after, handovers=(forged_later,)))
    assert failed(check_bundle(data, world.genesis)) == ["finality"]
    assert not checked(data, world.genesis)


def test_gather_takes_a_final_header_if_there_is_one(tmp_path: Path) -> None:
    world = made(tmp_path, Cosigned())
    node: Any = world.consortium.node
    node.final = lambda: sign(node.head(), "bank", "auditor")
    bundle = world.gather(0)
    assert [c.member for c in bundle.head.cosignatures] == ["bank", "auditor"]
    assert check_bundle(encode(bundle), world.genesis).finality.final
    world.store.close()
    world.consortium.close()


def test_all_proofs_are_under_one_header_while_the_ledger_goes_on(tmp_path: Path) -> None:
    world = made(tmp_path, Cosigned())
    node: Any = world.consortium.node
    told = node.head

    def head_and_then_a_block() -> SignedHeader:
        head: SignedHeader = told()
        world.do("bank", world.consortium.key("bank", "k-next"))
        return head

    node.head = head_and_then_a_block
    bundle = world.gather(0)
    assert bundle.head.header.height < node.height
    assert failed(check_bundle(encode(bundle), world.genesis)) == []
    world.store.close()
    world.consortium.close()


# The operator was replaced by the cosigners, without a vote.


@pytest.fixture(scope="module")
def succession(world: EvidenceWorld, after: Bundle) -> Handover:
    """The plant goes on in the maker's place: its first block, signed by itself and a quorum."""
    node = world.consortium.node
    said = Succession(chain=node.chain.id, height=node.height, app_hash=node.app_hash, operator="plant")
    given = tuple(
        Cosignature(member=m, suite=1, signature=NEXT.get(m, key_of(m)).sign(succession_bytes(said)))
        for m in ("plant", "bank", "auditor")
    )
    wire = world.consortium.client("bank").sign(Succeed(succession=said, signatures=given))
    node._node = key_of("plant")
    node._make_block([wire], succeeding=True)
    node.submit([])  # Shown to readers.
    index = len(node.ledger.items("event", node.height)) - 1
    head = node.head()
    assert head is not None
    return Handover(
        event=node.prove("event", node.height, index), head=sign(head, "bank", "auditor", keys=NEXT)
    )


@pytest.fixture(scope="module")
def succeeded(world: EvidenceWorld, after: Bundle, succession: Handover) -> Bundle:
    """Final, under the successor."""
    bundle = world.gather(1)
    head = sign(bundle.head, "bank", "auditor", keys=NEXT)
    return replace(bundle, head=head, handovers=(*after.handovers, succession))


def test_evidence_under_the_successor_is_final(world: EvidenceWorld, succeeded: Bundle) -> None:
    report = check_bundle(encode(succeeded), world.genesis)
    assert failed(report) == []
    assert finality(report).startswith("final: 3 of 4 cosigners, q=3")
    assert "changed 2 × since genesis" in finality(report)
    assert checked(encode(succeeded), world.genesis)


def test_evidence_from_before_it_holds_as_it_did(
    world: EvidenceWorld, before: Bundle, after: Bundle, succeeded: Bundle
) -> None:
    for bundle in (before, after):
        assert failed(check_bundle(encode(bundle), world.genesis)) == []
        assert checked(encode(bundle), world.genesis)


def test_the_successors_first_header_can_be_the_head_itself(
    world: EvidenceWorld, succeeded: Bundle, succession: Handover
) -> None:
    report = Report(genesis=decode(world.genesis, Genesis))
    current = follow_sets(report, succession.head, succeeded.handovers)
    assert (current.operator, current.since) == ("plant", succession.head.header.height)


def changed_last(bundle: Bundle, **fields: Any) -> Bundle:
    last = replace(bundle.handovers[-1], **fields)
    return replace(bundle, handovers=(*bundle.handovers[:-1], last))


def succession_left_out(bundle: Bundle) -> Bundle:
    return replace(bundle, handovers=bundle.handovers[:-1])


def succession_signed_by_too_few(bundle: Bundle) -> Bundle:
    head = bundle.handovers[-1].head
    return changed_last(bundle, head=replace(head, cosignatures=head.cosignatures[:1]))


def succession_under_the_old_operator(bundle: Bundle) -> Bundle:
    """The replaced one signs the header of the block that replaces it."""
    head = bundle.handovers[-1].head
    own = key_of("maker").sign(HEADER_DOMAIN + encode(head.header))
    given = sign(replace(head, signature=own), "plant", "bank", "auditor", keys=NEXT)
    return changed_last(bundle, head=given)


def of_the_old_operator(bundle: Bundle) -> Bundle:
    """A later header of the operator that was replaced, with enough cosigners."""
    own = key_of("maker").sign(HEADER_DOMAIN + encode(bundle.head.header))
    head = sign(replace(bundle.head, signature=own), "plant", "bank", "auditor", keys=NEXT)
    return replace(bundle, head=head)


@pytest.mark.parametrize(
    ("forge", "check"),
    [
        (succession_left_out, "header"),
        (succession_signed_by_too_few, "finality"),
        (succession_under_the_old_operator, "finality"),
        (of_the_old_operator, "header"),
    ],
    ids=lambda each: getattr(each, "__name__", ""),
)
def test_forged_successions_are_refused(
    world: EvidenceWorld, succeeded: Bundle, forge: Callable[[Bundle], Bundle], check: str
) -> None:
    data = encode(forge(succeeded))
    assert failed(check_bundle(data, world.genesis)) == [check]
    assert not checked(data, world.genesis)


# A case against a later operator, with the handovers by which it was one.


def two_histories(bundle: Bundle, by: str, **fields: Any) -> Case:
    """Two headers of the bundle's height under one member's key."""

    def header(app_hash: str) -> SignedHeader:
        said = replace(bundle.head.header, app_hash=app_hash)
        own = key_of(by).sign(HEADER_DOMAIN + encode(said))
        return SignedHeader(header=said, suite=1, signature=own)

    given: dict[str, Any] = {
        "format": "hansa-case-1",
        "kind": "two_histories",
        "height": bundle.head.header.height,
        "found_ms": 1,
        "by": "bank",
        "zh": "两部历史",
        "en": "two histories",
        "against": by,
        "headers": (header("aa" * 32), header("bb" * 32)),
        "handovers": bundle.handovers,
    }
    return Case(**(given | fields))


def test_a_case_against_the_successor_verifies(world: EvidenceWorld, succeeded: Bundle) -> None:
    report = check_bundle(encode(two_histories(succeeded, "plant")), world.genesis)
    assert failed(report) == []
    assert any("plant, as operator, signed two different histories" in text.en for text in proved(report))


def test_a_case_against_the_founding_operator_verifies_as_before(
    world: EvidenceWorld, before: Bundle, after: Bundle
) -> None:
    for bundle in (before, after):
        assert failed(check_bundle(encode(two_histories(bundle, "maker")), world.genesis)) == []


@pytest.mark.parametrize(
    ("by", "fields", "check"),
    [
        ("maker", {}, "accusation"),
        ("plant", {"handovers": ()}, "accusation"),
        ("bank", {"against": "plant"}, "header"),
    ],
    ids=["the one replaced", "without its handovers", "signed by another"],
)
def test_a_case_against_who_was_no_operator_does_not(
    world: EvidenceWorld, succeeded: Bundle, by: str, fields: dict[str, Any], check: str
) -> None:
    data = encode(two_histories(succeeded, by, **fields))
    assert failed(check_bundle(data, world.genesis)) == [check]


def test_a_case_with_a_forged_handover_does_not(world: EvidenceWorld, succeeded: Bundle) -> None:
    forged_bundle = succession_signed_by_too_few(succeeded)
    data = encode(two_histories(forged_bundle, "plant"))
    assert failed(check_bundle(data, world.genesis)) == ["finality"]
