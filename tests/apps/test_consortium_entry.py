"""What who is suspended or has left still does, and what not: in the rooms above."""

from hansa.apps.billing.messages import Accept, Binding, Propose, PublishTariff
from hansa.apps.billing.messages import Withdraw as WithdrawAgreement
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.consortium.messages import Leave, PublishCalendar
from hansa.apps.consortium.messages_votes import Suspend
from hansa.apps.metering.messages import AnchorReadings, RecordCounters, RegisterDevice, RegisterFeed
from hansa.client.agreements import acceptance, proposed
from hansa.kernel import limits, pack, replace
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
