"""Evidence of acts and keys however they came about: each way holds in both checkers, and says how it was."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from hansa.apps.billing.messages import Accept, Propose, PublishTariff
from hansa.apps.consortium.messages import AddKey, PublishCalendar, Recover
from hansa.apps.consortium.messages_approvals import Approve
from hansa.apps.consortium.messages_votes import RecoverMember
from hansa.apps.metering.messages import RegisterDevice
from hansa.apps.rooms import release
from hansa.client.bundle import Bundle
from hansa.client.verify import Report, check_bundle, not_proved, proved
from hansa.kernel import Action, encode, limits, replace
from hansa.kernel.canonical import decode
from hansa.kernel.registry import action_tag
from tests.apps.ballots import admit, decide
from tests.client.acting import guarded, world_of
from tests.client.evidence_world import EvidenceWorld
from tests.client.forging import LEFT
from tests.client.test_verify import checker, failed
from tests.consortium import Consortium, genesis, new_key

World = Callable[..., EvidenceWorld]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Makes worlds, and closes them."""
    built: list[EvidenceWorld] = []

    def make(*given: Any, **fields: Any) -> EvidenceWorld:
        built.append(world_of(tmp_path, *given, **fields))
        return built[-1]

    yield make
    for each in built:
        each.store.close()
        each.consortium.close()


def held_well(made: EvidenceWorld) -> tuple[Bundle, Report]:
    """The evidence, which both checkers let pass."""
    bundle = made.gather(0)
    report = check_bundle(encode(bundle), made.genesis)
    assert failed(report) == [], [check for check in report.checks if not check.ok]
    assert checker.check(encode(bundle), made.genesis).startswith("HOLDS")
    return bundle, report


def detail(report: Report, name: str) -> str:
    return next(check.detail.en for check in report.checks if check.name == name)


def kinds(bundle: Bundle) -> list[str]:
    return [type(decode(proof.item, LEFT)).__name__ for proof in bundle.events]


# Keys.


def test_a_founders_key(world: World) -> None:
    _, report = held_well(world())
    assert report.voted == []


def test_a_key_that_its_member_registered(world: World) -> None:
    def prepare(consortium: Consortium) -> None:
        consortium.do("maker", consortium.key("maker", "v1"))

    bundle, _ = held_well(world(prepare, keys={"maker": "v1"}))
    assert "KeyRegistered" in kinds(bundle)


@pytest.mark.parametrize("overlap_ms", [0, limits.DAY_MS])
def test_a_key_that_took_the_place_of_another(world: World, overlap_ms: int) -> None:
    """The old key ends in the very millisecond in which it signed that, or later."""

    def prepare(consortium: Consortium) -> None:
        rotated = consortium.key("maker", "v1", holder="maker-k1", scopes=())
        consortium.do("maker", replace(rotated, replaces="k1", overlap_ms=overlap_ms))

    held_well(world(prepare, keys={"maker": "v1"}))


class First(Consortium):
    """A consortium of rules 1, before votes and proofs of possession."""

    def __init__(self) -> None:
        rooms = release().registry(1)
        super().__init__(registry=rooms, change=lambda _: genesis(rooms, rules=1))

    def key(self, member: str, name: str, *given: Any, **fields: Any) -> Any:
        new = super().key(member, name, *given, **fields).key
        return AddKey(
            id=new.id, public=new.public, holder=new.holder, kind=new.kind,  # type: ignore[arg-type]
            scopes=new.scopes, expires_ms=new.expires_ms,
        )  # fmt: skip


def test_a_key_that_was_added_under_rules_1(world: World) -> None:
    def prepare(consortium: Consortium) -> None:
        consortium.do("maker", consortium.key("maker", "v1"))

    bundle, _ = held_well(world(prepare, consortium=First(), keys={"maker": "v1"}))
    assert "KeyAdded" in kinds(bundle)


def cold(consortium: Consortium) -> Action:
    return consortium.key("maker", "cold", kind="recovery", scopes=("consortium.recover",))


def recovering(consortium: Consortium) -> None:
    consortium.do("maker", cold(consortium))
    new = new_key(consortium.node.chain.id, "maker", "v1")
    consortium.do("maker", Recover(revoke=("k1",), keys=(new,)), key="cold")


def test_a_key_that_a_recovery_registered(world: World) -> None:
    bundle, report = held_well(world(recovering, keys={"maker": "v1"}))
    assert report.voted == []
    assert any(b'"consortium.recover"' in carried.transaction.item for carried in bundle.transactions)


def bound(consortium: Consortium) -> Recover:
    """The maker's recovery key is bound to its rules with a second holder's consent; then k1 is lost."""
    guarded("maker", "billing.accept")(consortium)
    receipt = consortium.do("maker", cold(consortium))
    consortium.do("maker", Approve(held=receipt.transaction), key="k2")
    names = ("v0", "v1", "v2")
    new = [new_key(consortium.node.chain.id, "maker", name, holder=f"maker-{name}") for name in names]
    return Recover(revoke=("k1",), keys=tuple(new))


def test_a_held_recovery_that_a_holder_approved(world: World) -> None:
    def prepare(consortium: Consortium) -> None:
        receipt = consortium.do("maker", bound(consortium), key="cold")
        consortium.do("maker", Approve(held=receipt.transaction), key="k3")

    bundle, _ = held_well(world(prepare, keys={"maker": "v1"}))
    assert kinds(bundle).count("CarriedOut") == 2


def first_lost(consortium: Consortium) -> None:
    """The maker's recovery is held, and nobody ends it within its notice."""
    consortium.do("maker", bound(consortium), key="cold")
    consortium.pass_days(7)


def test_a_held_recovery_whose_notice_was_over(world: World) -> None:
    """It was carried out by no transaction."""

    bundle, _ = held_well(world(first_lost, keys={"maker": "v1"}))
    assert kinds(bundle).count("CarriedOut") == 2
    assert b'"consortium.approve"' not in bundle.transactions[-1].transaction.item


def join(consortium: Consortium) -> None:
    asked = admit(consortium, member="steel", keys=(new_key(consortium.node.chain.id, "steel", "k1"),))
    assert decide(consortium, asked, "maker", "plant", "bank")["state"] == "adopted"


def steel(member: str, action: Action) -> tuple[str, Action]:
    """The company that joined takes the maker's place."""
    match action:
        case PublishTariff():
            return "steel", action
        case Propose():
            return "steel", replace(action, provider="steel", tariff_owner="steel")
        case _:
            return member, action


def test_a_member_that_was_admitted_by_vote(world: World) -> None:
    made = world(join, change=steel)
    _, report = held_well(made)
    assert [(given.member, given.key, given.proposal) for given in report.voted] == [("steel", "k1", "p-1")]
    said = "the key of steel, k1, was given by vote p-1 of the members, not by steel itself"
    assert any(said in text.en for text in not_proved(report))
    assert any("steel 的密钥 k1 由成员表决 p-1 授予" in text.zh for text in not_proved(report))
    assert said in checker.check(encode(made.gather(0)), made.genesis)


def recovered(consortium: Consortium) -> None:
    new = new_key(consortium.node.chain.id, "maker", "v1")
    decide(
        consortium, RecoverMember(member="maker", revoke=("k1",), keys=(new,)), "plant", "bank", by="maker"
    )
    consortium.pass_days(30)


def test_a_key_that_a_vote_gave_to_a_member_that_lost_its_own(world: World) -> None:
    made = world(recovered, keys={"maker": "v1"})
    _, report = held_well(made)
    assert [(given.key, given.yes) for given in report.voted] == [("v1", ("plant", "bank"))]
    said = "the key of maker, v1, was given by vote p-1 of the members, not by maker itself"
    assert any(said in text.en for text in not_proved(report))
    assert any("vote of the members" in text.en for text in proved(report))
    assert said in checker.check(encode(made.gather(0)), made.genesis)


# Acts.


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("plant", Accept),
        ("maker", Propose),
        ("maker", PublishTariff),
        ("bank", PublishCalendar),
        ("plant", RegisterDevice),
    ],
)
def test_an_act_that_a_second_holder_approved(world: World, member: str, kind: type[Action]) -> None:
    prepare = guarded(member, action_tag(kind))
    _, report = held_well(world(prepare, approvers={kind: ["k2"]}))
    assert "approved: transactions[" in detail(report, "effects")
    assert f"{member}/k1 + k2" in detail(report, "effects")


def test_an_act_that_two_more_holders_approved_in_other_blocks(world: World) -> None:
    def later(consortium: Consortium) -> None:
        consortium.clock.advance(minutes=5)

    prepare = guarded("plant", "billing.accept", holders=3)
    bundle, report = held_well(world(prepare, approvers={Accept: ["k2", "k3"]}, between=later))
    assert "plant/k1 + k2, k3" in detail(report, "effects")
    assert (kinds(bundle).count("Approved"), kinds(bundle).count("Held")) == (2, 1)
