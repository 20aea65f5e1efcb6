"""Members: what a company registers of itself, joining, suspension, leaving."""

from typing import Any

import pytest

from hansa.apps.consortium.messages import (
    Attest,
    KeyRegistered,
    Leave,
    Licence,
    MemberAdmitted,
    MemberUpdated,
    Registration,
    StatusChanged,
    UpdateMember,
)
from hansa.apps.consortium.messages_votes import (
    Amend,
    Expel,
    Propose,
    RecoverMember,
    Reinstate,
    Suspend,
    Vote,
)
from hansa.kernel import Refusal, limits, replace
from tests.apps.ballots import admit, company, decide, seats, stands, status
from tests.consortium import MEMBERS, Consortium, new_key, signer, uscc

MAKER = Registration(kind="uscc", number=uscc(0))
SUSPENDED = Suspend(member="bank")


# Own data.


LICENCE = Licence(kind="metrology", sha256="ab" * 32, expires_ms=2**40, number="沪A-1")


def update(**fields: Any) -> UpdateMember:
    return UpdateMember(**({"size": "small", "roles": ("plant", "energy")} | fields))


def test_a_member_keeps_its_own_data_up_to_date(consortium: Consortium) -> None:
    urls = {"node_url": "https://node.plant.example:8420", "cosigner_url": "http://10.0.0.7:9000/hansa"}
    consortium.do("plant", update(licences=(LICENCE,), **urls))

    shown = consortium.query("consortium.member", member="plant")
    assert shown["roles"] == ["plant", "energy"]
    assert shown["licences"][0]["number"] == "沪A-1"
    assert shown["node_url"] == urls["node_url"]
    assert shown["registration"]["number"] == uscc(1)
    assert consortium.events(MemberUpdated) == [MemberUpdated(member="plant")]


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"roles": ()}, "consortium.roles_invalid"),
        ({"roles": ("plant", "plant")}, "consortium.roles_invalid"),
        ({"licences": (LICENCE, LICENCE)}, "consortium.licences_invalid"),
        (
            {"licences": tuple(replace(LICENCE, sha256=f"{n:064x}") for n in range(limits.LICENCES_MAX + 1))},
            "consortium.licences_invalid",
        ),
    ],
)
def test_own_data_that_cannot_stand_are_refused(
    consortium: Consortium, fields: dict[str, Any], code: str
) -> None:
    assert consortium.refused("plant", update(**fields)).code == code


@pytest.mark.parametrize(
    "url",
    ["ftp://x.example", "https://", "http://user:pass@x.example", "https://x.example/?q=1",
     "https://X.example",
     "https://x.example\n", "javascript:alert(1)", "https://" + "x" * 200, "http://x.example:123456"],
)  # fmt: skip
def test_an_address_is_a_plain_http_address(consortium: Consortium, url: str) -> None:
    with pytest.raises(Refusal) as refusal:
        consortium.client("plant").sign(update(node_url=url))
    assert refusal.value.code == "kernel.malformed"


# Joining.


def test_a_company_joins_with_its_keys_and_acts_from_then_on(consortium: Consortium) -> None:
    chain = consortium.node.chain.id
    keys = (
        new_key(chain, "steel", "k1"),
        new_key(chain, "steel", "safe", kind="recovery", scopes=("consortium.recover",)),
    )
    asked = admit(consortium, keys=keys)
    assert decide(consortium, asked, "maker", "plant", "bank")["state"] == "adopted"

    (event,) = consortium.events(MemberAdmitted)
    assert (event.member, event.proposal, event.company) == ("steel", "p-1", company())
    registered = consortium.events(KeyRegistered)
    assert [(e.member, e.key, e.proposal) for e in registered] == [
        ("steel", "k1", "p-1"),
        ("steel", "safe", "p-1"),
    ]
    consortium.do("steel", update(roles=("supplier",)))
    consortium.do("steel", Attest(table="consortium.members", key=("steel",)))


def test_nobody_is_admitted_unasked(consortium: Consortium) -> None:
    asked = admit(consortium)
    taken = [
        admit(consortium, by=signer("maker")),
        replace(asked, signature=b""),
        replace(asked, card=replace(asked.card, member="steel-2", keys=admit_keys(consortium, "steel-2"))),
        replace(asked, card=replace(asked.card, company=company(name_en="Another Ltd"))),
    ]
    for forged in taken:
        refusal = consortium.refused("maker", Propose(proposal="p-1", subject=forged))
        assert (refusal.code, refusal.field) == ("consortium.card_signature", "signature")


def admit_keys(consortium: Consortium, member: str) -> tuple[Any, ...]:
    return (new_key(consortium.node.chain.id, member, "k1"),)


def test_a_card_for_another_chain_or_from_another_time_is_refused(consortium: Consortium) -> None:
    other = Consortium(now_ms=consortium.clock() + 1)
    foreign = admit(other)
    other.close()
    code = consortium.refused("maker", Propose(proposal="p-1", subject=foreign)).code
    assert code == "consortium.proof_invalid"
    stale = admit(consortium, valid_until_ms=consortium.clock())
    assert (
        consortium.refused("maker", Propose(proposal="p-1", subject=stale)).code == "consortium.card_expired"
    )


def test_a_card_is_good_until_its_end_and_not_when_the_vote_is_over_later(consortium: Consortium) -> None:
    soon = admit(consortium, valid_until_ms=consortium.in_days(2))
    decide(consortium, soon, "maker", "plant")
    consortium.pass_days(2)
    consortium.do("bank", Vote(proposal="p-1", yes=True))
    ended = stands(consortium)
    assert (ended["state"], ended["code"]) == ("failed", "consortium.card_expired")
    assert consortium.query("consortium.member", member="steel") is None


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"member": "bank"}, "consortium.member_taken"),
        ({"company": company(0)}, "consortium.registration_taken"),
        ({"company": company(roles=())}, "consortium.roles_invalid"),
        (
            {"company": company(registration=Registration(kind="lei", number="X" * 20))},
            "consortium.lei_invalid",
        ),
        ({"charter_sha256": "ab" * 32}, "consortium.card_charter"),
    ],
)
def test_a_card_that_cannot_stand_is_refused(
    consortium: Consortium, fields: dict[str, Any], code: str
) -> None:
    given = {"keys": admit_keys(consortium, fields.get("member", "steel"))} | fields
    asked = admit(consortium, by=signer(fields.get("member", "steel")), **given)
    assert consortium.refused("maker", Propose(proposal="p-1", subject=asked)).code == code


def test_who_joins_needs_a_key_that_may_manage_keys(consortium: Consortium) -> None:
    chain = consortium.node.chain.id
    narrow = (new_key(chain, "steel", "k1", scopes=("billing.*",)),)
    refusal = consortium.refused("maker", Propose(proposal="p-1", subject=admit(consortium, keys=narrow)))
    assert refusal.code == "consortium.no_managing_key"
    # Of a card without keys there is nobody to sign it.
    none = replace(admit(consortium), card=replace(admit(consortium).card, keys=()))
    assert (
        consortium.refused("maker", Propose(proposal="p-1", subject=none)).code == "consortium.keys_at_once"
    )


def test_who_joins_accepts_the_charter_in_force() -> None:
    chartered = Consortium(change=lambda file: replace(file, charter_sha256="cd" * 32))
    assert chartered.query("consortium.charter") == "cd" * 32
    refusal = chartered.refused("maker", Propose(proposal="p-1", subject=admit(chartered)))
    assert refusal.code == "consortium.card_charter"
    accepted = admit(chartered, charter_sha256="cd" * 32)
    assert decide(chartered, accepted, "maker", "plant", "bank")["state"] == "adopted"
    chartered.close()


def test_a_consortium_has_so_many_members_and_no_more(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "MEMBERS_MAX", 4)
    refusal = consortium.refused("maker", Propose(proposal="p-1", subject=admit(consortium)))
    assert refusal.code == "consortium.members_too_many"


# Status.


def test_who_is_suspended_is_reinstated_by_vote(consortium: Consortium) -> None:
    decide(consortium, SUSPENDED, "maker", "plant", proposal="p-1")
    assert status(consortium, "bank") == "suspended"
    decide(consortium, Reinstate(member="bank"), "maker", "plant", proposal="p-2")
    assert status(consortium, "bank") == "active"
    assert consortium.events(StatusChanged) == [
        StatusChanged(member="bank", status="suspended", proposal="p-1"),
        StatusChanged(member="bank", status="active", proposal="p-2"),
    ]


def test_who_leaves_keeps_its_keys_and_its_history(consortium: Consortium) -> None:
    consortium.do("bank", Leave())
    assert status(consortium, "bank") == "left"
    consortium.do("bank", Attest(table="consortium.members", key=("bank",)))
    consortium.do("bank", consortium.key("bank", "k2"))
    refusal = consortium.refused("bank", Leave())
    assert (refusal.code, refusal.field) == ("consortium.status_unfit", "member")


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        (Suspend(member="nobody"), "consortium.member_unknown"),
        (Reinstate(member="bank"), "consortium.status_unfit"),
        (Reinstate(member="nobody"), "consortium.member_unknown"),
        (Expel(member="nobody"), "consortium.member_unknown"),
        (Expel(member="maker"), "consortium.still_cosigner"),
    ],
)
def test_a_status_that_does_not_follow_is_refused(consortium: Consortium, subject: Any, code: str) -> None:
    assert consortium.refused("maker", Propose(proposal="p-1", subject=subject)).code == code


def test_who_is_expelled_has_left(consortium: Consortium) -> None:
    assert decide(consortium, Expel(member="bank"), "maker", "plant")["state"] == "open"
    consortium.do("auditor", Vote(proposal="p-1", yes=True))
    assert status(consortium, "bank") == "left"
    for subject in (Suspend(member="bank"), Reinstate(member="bank"), Expel(member="bank")):
        refusal = consortium.refused("maker", Propose(proposal="p-2", subject=subject))
        assert refusal.code == "consortium.status_unfit"


def test_a_company_that_left_may_come_back_under_another_id(consortium: Consortium) -> None:
    consortium.do("bank", Leave())
    back = admit(consortium, company=company(MEMBERS.index("bank")))
    assert decide(consortium, back, "maker", "plant")["state"] == "adopted"
    # Its old seat is gone for good: nobody sits twice.
    refusal = consortium.refused("maker", Propose(proposal="p-2", subject=Reinstate(member="bank")))
    assert refusal.code == "consortium.status_unfit"


def test_the_operator_and_cosigners_are_replaced_before_they_leave(consortium: Consortium) -> None:
    refusal = consortium.refused("maker", Leave())
    assert (refusal.code, refusal.field) == ("consortium.still_cosigner", "member")
    both = seats(consortium, "plant", "bank", quorum=2, operator="plant")
    assert decide(consortium, both, "maker", "plant", "bank")["state"] == "adopted"
    consortium.node._node = signer("plant", "node")  # Who orders from here on.
    consortium.do("maker", Leave())
    assert consortium.refused("bank", Leave()).code == "consortium.still_cosigner"


def test_the_last_active_member_cannot_leave_nor_be_voted_out() -> None:
    alone = Consortium(change=lambda file: replace(file, members=file.members[:1]))
    refusal = alone.refused("maker", Propose(proposal="p-1", subject=Suspend(member="maker")))
    assert refusal.code == "consortium.no_voters"
    alone.close()


def test_the_last_active_member_stays_though_suspended_ones_are_left(consortium: Consortium) -> None:
    decide(consortium, Suspend(member="plant"), "maker", "bank")
    for member in ("bank", "auditor"):
        consortium.do(member, Leave())
    refusal = consortium.refused("maker", Leave())
    assert (refusal.code, refusal.field) == ("consortium.still_cosigner", "member")


def test_nobody_is_suspended_while_it_operates_or_cosigns(consortium: Consortium) -> None:
    """Else its signature counted on, and those of the others might be too few."""
    by_the_operator = Propose(proposal="p-0", subject=Suspend(member="maker"))
    refusal = consortium.refused("plant", by_the_operator)
    assert (refusal.code, refusal.field) == ("consortium.still_cosigner", "member")
    consortium.do("plant", Propose(proposal="p-1", subject=Suspend(member="bank")))
    decide(consortium, seats(consortium, "maker", "plant", "bank", quorum=2), *MEMBERS[:3], proposal="p-2")
    for member in ("maker", "plant"):
        consortium.do(member, Vote(proposal="p-1", yes=True))
    ended = stands(consortium)
    assert (ended["state"], ended["code"]) == ("failed", "consortium.still_cosigner")
    consortium.do("plant", Attest(table="consortium.members", key=("plant",)))
    without = seats(consortium, "maker", "plant", quorum=2)
    decide(consortium, without, *MEMBERS[:3], proposal="p-3")
    decide(consortium, SUSPENDED, "maker", "plant", proposal="p-4")
    assert status(consortium, "bank") == "suspended"


# Names and registration: by vote.


AMENDED = Amend(
    member="bank", name_zh="新银行", name_en="New Bank", registration=Registration("vat", "DE123456789")
)


def test_names_and_registration_change_by_vote_only(consortium: Consortium) -> None:
    assert decide(consortium, AMENDED, "bank", "maker", "plant", by="bank")["state"] == "adopted"
    shown = consortium.query("consortium.member", member="bank")
    assert (shown["name_en"], shown["registration"]["number"]) == ("New Bank", "DE123456789")
    assert shown["roles"] == ["bank"]
    assert consortium.events(MemberUpdated) == [MemberUpdated(member="bank", proposal="p-1")]


@pytest.mark.parametrize(
    ("subject", "code"),
    [
        (replace(AMENDED, registration=MAKER), "consortium.registration_taken"),
        (replace(AMENDED, registration=Registration("unchecked", "x")), "consortium.registration_unchecked"),
        (replace(AMENDED, member="nobody"), "consortium.member_unknown"),
    ],
)
def test_an_amendment_that_cannot_be_is_refused(consortium: Consortium, subject: Any, code: str) -> None:
    assert consortium.refused("bank", Propose(proposal="p-1", subject=subject)).code == code


def test_an_amendment_changes_something(consortium: Consortium) -> None:
    bank = consortium.genesis.members[MEMBERS.index("bank")]
    assert bank.registration is not None
    same = Amend(member="bank", name_zh=bank.name_zh, name_en=bank.name_en, registration=bank.registration)
    refusal = consortium.refused("bank", Propose(proposal="p-1", subject=same))
    assert refusal.code == "consortium.nothing_amended"
    consortium.do("bank", Leave())
    assert (
        consortium.refused("maker", Propose(proposal="p-1", subject=AMENDED)).code
        == "consortium.status_unfit"
    )


# Recovery by vote.


def test_who_lost_all_its_keys_gets_new_ones_by_vote(consortium: Consortium) -> None:
    new = new_key(consortium.node.chain.id, "bank", "k9")
    recovery = RecoverMember(member="bank", revoke=("k1",), keys=(new,))
    assert decide(consortium, recovery, "maker", "plant")["state"] == "notice"
    consortium.pass_days(7)
    show = Attest(table="consortium.members", key=("bank",))
    assert consortium.refused("bank", show).code == "kernel.key_revoked"
    consortium.do("bank", show, key="k9")
    (event,) = consortium.events(KeyRegistered)
    assert (event.member, event.key, event.proposal) == ("bank", "k9", "p-1")


def test_a_thief_has_no_vote_on_the_recovery_of_whom_it_robbed(consortium: Consortium) -> None:
    new = new_key(consortium.node.chain.id, "bank", "k9")
    recovery = RecoverMember(member="bank", revoke=("k1",), keys=(new,))
    consortium.do("maker", Propose(proposal="p-1", subject=recovery))
    assert consortium.refused("bank", Vote(proposal="p-1", yes=False)).code == "consortium.vote_on_itself"


def test_a_recovery_by_vote_registers_only_what_the_member_holds(consortium: Consortium) -> None:
    chain = consortium.node.chain.id
    makers_own = new_key(chain, "maker", "k9", signer("maker", "k9"))
    narrow = new_key(chain, "bank", "k9", scopes=("billing.*",))
    for new, code in (
        (makers_own, "consortium.proof_invalid"),
        (narrow, "consortium.no_managing_key"),
    ):
        recovery = RecoverMember(member="bank", revoke=("k1",), keys=(new,))
        assert consortium.refused("maker", Propose(proposal="p-1", subject=recovery)).code == code
    unknown = RecoverMember(member="bank", revoke=("k7",), keys=(new_key(chain, "bank", "k9"),))
    assert (
        consortium.refused("maker", Propose(proposal="p-1", subject=unknown)).code == "consortium.key_unknown"
    )


def test_a_recovery_by_vote_leaves_one_recovery_key(consortium: Consortium) -> None:
    chain = consortium.node.chain.id
    safe: dict[str, Any] = {"kind": "recovery", "scopes": ("consortium.recover",)}
    consortium.do("bank", consortium.key("bank", "safe", **safe))
    keys = (new_key(chain, "bank", "k9"), new_key(chain, "bank", "safe-2", **safe))
    beside = RecoverMember(member="bank", revoke=("k1",), keys=keys)
    refusal = consortium.refused("maker", Propose(proposal="p-1", subject=beside))
    assert refusal.code == "consortium.recovery_key_stays"
    instead = RecoverMember(member="bank", revoke=("k1", "safe"), keys=keys)
    decide(consortium, instead, "maker", "plant")
    consortium.pass_days(7)
    assert stands(consortium)["state"] == "adopted"
