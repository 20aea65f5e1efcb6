"""What who is suspended or has left still does, and what not: in the rooms above."""

from typing import Any

import pytest

from hansa.apps.billing.messages import Accept, Binding, Propose, PublishTariff
from hansa.apps.billing.messages import Withdraw as WithdrawAgreement
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.consortium.messages import Leave, Licence, PublishCalendar, UpdateMember
from hansa.apps.consortium.messages_approvals import ApprovalRule, Approve, RemoveApproval, SetApproval
from hansa.apps.consortium.messages_votes import Suspend
from hansa.apps.metering.messages import (
    AnchorReadings,
    RecordCounters,
    RegisterDevice,
    RegisterFeed,
    ReplaceDevice,
)
from hansa.client.agreements import acceptance, proposed
from hansa.kernel import Action, limits, pack, replace
from tests.apps.ballots import decide
from tests.apps.ground import ANCHOR, counters, feed
from tests.apps.tariffs import FEE, PIECE, TARIFF, calendar_of
from tests.consortium import START_MS, Consortium

FROM_MS = START_MS + limits.DAY_MS
DAILY = replace(
    TARIFF,
    purpose="internal",
    period="day",
    windows=(),
    meters=TARIFF.meters[:1],
    elements=(replace(PIECE, included_base=0, tiers=PIECE.tiers[1:]), replace(FEE, clause="fee")),
)
PUBLISHED = PublishTariff("t-1", 1, DAILY, calendar_owner="maker", calendar="c-1")


def propose(name: str) -> Propose:
    """Maker leases its line to the plant for three days."""
    terms = Terms(0, (GapRule("pieces", limits.HOUR_MS, "last_rate"),))
    binding = Binding(meter="pieces", owner="plant", feed="pieces")
    to_ms = FROM_MS + 3 * limits.DAY_MS
    return Propose(name, "maker", "plant", "maker", "t-1", 1, (binding,), terms, FROM_MS, to_ms)


def accept(consortium: Consortium, name: str) -> Accept:
    return acceptance(name, proposed(consortium.client("bank"), name))


def equip(consortium: Consortium) -> None:
    consortium.do("plant", RegisterDevice("press", "gateway-1"), RegisterFeed("pieces", feed()))
    consortium.do("plant", AnchorReadings(ANCHOR, "0" * 64, 9, 0, 0), key="gateway-1")
    consortium.do("maker", PublishCalendar("c-1", calendar_of("Asia/Shanghai", 2026)), PUBLISHED)


def test_who_is_suspended_enters_no_agreement_and_nobody_enters_one_with_it(consortium: Consortium) -> None:
    """Proposed while both were active; accepted it is no more."""
    equip(consortium)
    consortium.do("maker", propose("a-1"))
    acceptance_of_a_1 = accept(consortium, "a-1")
    decide(consortium, Suspend(member="plant"), "maker", "bank")
    for member, action in (
        ("plant", acceptance_of_a_1),
        ("plant", propose("a-2")),
        ("maker", propose("a-2")),
        ("plant", replace(PUBLISHED, id="t-2")),
    ):
        refusal = consortium.refused(member, action)
        assert (refusal.code, refusal.field) == ("consortium.not_active", "member")
        assert "plant" in refusal.en
        assert "plant" in refusal.zh
    # What is under way it can still end.
    consortium.do("plant", WithdrawAgreement(agreement="a-1"))


def test_who_left_records_and_settles_what_it_is_bound_to(consortium: Consortium) -> None:
    equip(consortium)
    consortium.do("maker", propose("a-1"))
    consortium.do("plant", accept(consortium, "a-1"))
    consortium.do("plant", Leave())
    for n in (1, 2, 3):
        at_ms = FROM_MS + n * limits.DAY_MS // 2
        consortium.clock.now_ms = at_ms
        told = counters("pieces", [(at_ms, 5 * n)], first=n)
        record = RecordCounters(owner="plant", counters=told, anchor=ANCHOR, index=pack([0]))
        consortium.do("plant", record, key="gateway-1")
    for _ in range(5):
        consortium.pass_days(1)
    # Three days from 08:00 on touch four dates.
    assert len(consortium.query("billing.statements_of", agreement="a-1")) == 4


def company(**fields: Any) -> UpdateMember:
    return UpdateMember(**({"size": "medium", "roles": ("plant",)} | fields))


NEW: list[Action] = [
    company(size="large"),
    company(roles=("plant", "research")),
    company(licences=(Licence(kind="business", sha256="0" * 64),)),
    PublishCalendar("c-2", calendar_of("Asia/Shanghai", 2026)),
    RegisterDevice("press-2", "gateway-1"),
    RegisterFeed("pieces-2", feed()),
    SetApproval(rule=ApprovalRule(action="billing.accept", holders=2, days=3)),
]


@pytest.mark.parametrize("left", [False, True])
@pytest.mark.parametrize("action", NEW, ids=lambda action: type(action).__name__)
def test_who_is_suspended_or_has_left_declares_nothing_new(
    consortium: Consortium, action: Action, left: bool
) -> None:
    equip(consortium)
    consortium.do("plant", consortium.key("plant", "k2", holder="h-2"))
    if left:
        consortium.do("plant", Leave())
    else:
        decide(consortium, Suspend(member="plant"), "maker", "bank")
    refusal = consortium.refused("plant", action)
    assert (refusal.code, refusal.field) == ("consortium.not_active", "member")


def test_who_is_suspended_looks_after_its_keys_devices_addresses_and_rules(consortium: Consortium) -> None:
    """What its obligations need."""
    equip(consortium)
    consortium.do("plant", consortium.key("plant", "k2", holder="h-2"))
    consortium.do("plant", SetApproval(rule=ApprovalRule(action="billing.accept", holders=2, days=3)))
    decide(consortium, Suspend(member="plant"), "maker", "bank")
    consortium.do("plant", company(node_url="https://plant.example"))
    consortium.do("plant", consortium.key("plant", "gateway-2", kind="gateway", scopes=("metering.*",)))
    consortium.clock.advance(days=1)
    consortium.do("plant", ReplaceDevice("press", "gateway-2", consortium.clock()))
    consortium.do("plant", RemoveApproval(action="billing.accept"))
    (held,) = consortium.query("consortium.held", member="plant")
    consortium.do("plant", Approve(held=held["transaction"]), key="k2")
    assert consortium.query("consortium.approvals", member="plant") == []
    assert consortium.query("consortium.member", member="plant")["node_url"] == "https://plant.example"
