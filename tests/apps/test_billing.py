"""Agreements: who may make them, on what; and what is refused, by code, field, clause and both texts."""

from collections.abc import Callable
from typing import Any

import pytest

from hansa.apps.billing import closing, errors, errors_tariff
from hansa.apps.billing.messages import (
    Accept,
    Binding,
    Close,
    Propose,
    PublishTariff,
    Withdraw,
)
from hansa.apps.billing.terms import GapRule, Terms
from hansa.apps.consortium.errors import CalendarUnknown
from hansa.apps.consortium.errors_calendar import CalendarOutside
from hansa.apps.metering.errors import FeedUnknown
from hansa.apps.metering.messages import LegalUse, RegisterDevice, RegisterFeed, RenewLegalUse
from hansa.kernel import KEYS, Context, Refusal, limits, replace
from hansa.kernel.due import QUEUE
from tests.apps.ground import METERS, Ground, accept, feed, lease_feeds
from tests.apps.tariffs import TARIFF, calendar_of

DAY = limits.DAY_MS
START_MS = 20_089 * DAY - 8 * limits.HOUR_MS
"""2025-01-01 at midnight in Shanghai."""
FROM_MS, TO_MS = START_MS + 31 * DAY, START_MS + 90 * DAY
"""February and March."""
BINDINGS = tuple(Binding(meter=name, owner="plant", feed=name) for name in METERS.values())
GAPS = tuple(GapRule(name, limits.HOUR_MS, "zero") for name in METERS.values())
VERIFIED = LegalUse(
    grade="billing",
    certificate="C-1",
    valid_until_ms=TO_MS + 30 * DAY,
    accuracy_class="0.5S",
    seal="S-1",
)


def proposal(**changes: Any) -> Propose:
    given: dict[str, Any] = {
        "agreement": "g-1",
        "provider": "maker",
        "user": "plant",
        "tariff_owner": "maker",
        "tariff": "t-1",
        "tariff_version": 1,
        "meters": BINDINGS,
        "terms": Terms(cut_off_ms=0, gaps=GAPS),
        "from_ms": FROM_MS,
        "to_ms": TO_MS,
    }
    return Propose(**given | changes)


@pytest.fixture
def ground() -> Ground:
    """A tariff for trade, with the energy by a verified meter."""
    made = Ground(START_MS)
    made.register(**lease_feeds() | {"energy": feed("amount", carrier="electricity", legal_use=VERIFIED)})
    made.register(dead=feed(wired=False), deaf=feed("state", states=("unknown", "IDLE")))
    made.publish(TARIFF, calendar_of("Asia/Shanghai"))
    return made


def do(action: Any, member: str = "maker") -> Callable[[Ground], Any]:
    return lambda ground: ground.do(member, action)


def propose(**changes: Any) -> Callable[[Ground], Any]:
    return do(proposal(**changes))


def proposed(*more: tuple[str, Any]) -> Callable[[Ground], Any]:
    """After the maker proposed: others do more, one after the other."""

    def act(ground: Ground) -> None:
        ground.do("maker", proposal())
        for member, action in more:
            ground.do(member, action)

    return act


def accepted(*more: tuple[str, Any]) -> Callable[[Ground], Any]:
    return proposed(("plant", accept("g-1")), *more)


def bound(meter: str, name: str, owner: str = "plant") -> tuple[Binding, ...]:
    """The bindings with another feed for a meter."""
    return tuple(replace(b, feed=name, owner=owner) if b.meter == meter else b for b in BINDINGS)


def gaps(**changes: Any) -> Terms:
    """Terms whose first gap rule is another."""
    return Terms(cut_off_ms=0, gaps=(replace(GAPS[0], **changes), *GAPS[1:]))


def renewed(**changes: Any) -> RenewLegalUse:
    return RenewLegalUse("energy", replace(VERIFIED, **changes))


def lapsed(**changes: Any) -> Callable[[Ground], Any]:
    """What held when it was proposed does not hold any more when it is accepted."""
    return proposed(("plant", renewed(**changes)), ("plant", accept("g-1")))


def accepts_too_late(ground: Ground) -> None:
    ground.do("maker", proposal())
    ground.now_ms = FROM_MS
    ground.record("pieces", (FROM_MS, 1))
    ground.do("plant", accept("g-1"))


def feed_of_a_third(ground: Ground) -> None:
    ctx = ground.context("bank")
    KEYS.put(ctx, ("bank", "gateway-1"), replace(KEYS.get(ctx, ("plant", "gateway-1")), holder="b"))
    ctx.layer.merge_into(ground.layer)
    ground.do("bank", RegisterDevice("press", "gateway-1"))
    ground.do("bank", RegisterFeed("pieces", feed()))
    ground.do("maker", proposal(meters=bound("pieces", "pieces", "bank")))


def seventeenth(ground: Ground) -> None:
    """Each with its own months, so that nothing else is in the way."""
    for n in range(17):
        from_ms = FROM_MS + n * DAY
        one = proposal(agreement=f"g-{n}", from_ms=from_ms, to_ms=from_ms + DAY)
        ground.do("maker", one)
        ground.do("plant", accept(f"g-{n}"))


def closes_too_early(ground: Ground) -> None:
    accepted()(ground)
    ground.now_ms = FROM_MS + 28 * DAY - 1
    ground.do("plant", Close("g-1"))


def closes_once_more(ground: Ground) -> None:
    accepted()(ground)
    ground.move_to(TO_MS)
    ground.do("plant", Close("g-1"))


def closes_with_a_meter_out_of_verification(ground: Ground) -> None:
    accepted()(ground)
    ground.do("plant", renewed(valid_until_ms=FROM_MS + DAY))
    ground.move_to(FROM_MS + 28 * DAY)
    ground.do("maker", Close("g-1"))


UNFIT = Terms(0, (GAPS[0], replace(GAPS[1], rule="counter_difference"), GAPS[2]))
NEXT = proposal(agreement="g-2", from_ms=TO_MS - 1, to_ms=TO_MS + DAY)


def closes_what_is_too_large(ground: Ground) -> None:
    accepted()(ground)
    ground.now_ms = FROM_MS + 28 * DAY
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(closing, "STATEMENT_BYTES_MAX", 100)
        ground.do("maker", Close("g-1"))


LONG = limits.AGREEMENT_MAX_MS
HOLE = replace(TARIFF, windows=TARIFF.windows[:1])
PUBLISHED = PublishTariff("t-1", 1, TARIFF, calendar_owner="maker", calendar="c-1")
REFUSALS: list[tuple[type[Refusal], str, Callable[[Ground], Any]]] = [
    (errors.TariffTaken, "", do(PUBLISHED)),
    (CalendarUnknown, "", do(replace(PUBLISHED, version=2, calendar="c-9"))),
    (errors_tariff.WindowHole, "*", do(replace(PUBLISHED, version=2, tariff=HOLE))),
    (errors.TariffUnknown, "", propose(tariff_version=2)),
    (errors.TariffUnknown, "", propose(tariff_owner="plant")),
    (errors.NotParty, "", do(proposal(), "bank")),
    (errors.NotParty, "", proposed(("bank", accept("g-1")))),
    (errors.NotParty, "", proposed(("bank", Withdraw("g-1")))),
    (errors.NotParty, "", accepted(("bank", Close("g-1")))),
    (errors.SameParty, "", propose(user="maker")),
    (errors.SameParty, "", propose(user="nobody")),
    (errors.AgreementTime, "", propose(to_ms=FROM_MS)),
    (errors.AgreementTime, "", propose(to_ms=FROM_MS + LONG + 1)),
    (errors.AgreementTaken, "", proposed(("plant", proposal()))),
    (errors.AgreementUnknown, "", do(accept("g-1"))),
    (errors.OwnProposal, "", proposed(("maker", accept("g-1")))),
    (errors.OtherContent, "", proposed(("plant", Accept("g-1", "ab" * 32)))),
    (errors.WrongState, "", accepted(("plant", accept("g-1")))),
    (errors.WrongState, "", accepted(("maker", Withdraw("g-1")))),
    (errors.WrongState, "", proposed(("maker", Withdraw("g-1")), ("plant", accept("g-1")))),
    (errors.WrongState, "", proposed(("plant", Close("g-1")))),
    (CalendarOutside, "", propose(to_ms=START_MS + 366 * DAY)),
    (errors_tariff.CutOff, "", propose(terms=Terms(limits.CUT_OFF_MAX_MS + 1, GAPS))),
    (errors_tariff.GapRuleMissing, "execution", propose(terms=Terms(0, GAPS[:2]))),
    (errors_tariff.GapRuleMeter, "other", propose(terms=gaps(meter="other"))),
    (errors_tariff.NameTwice, "energy", propose(terms=gaps(meter="energy"))),
    (errors_tariff.GapRuleDays, "pieces", propose(terms=gaps(rule="average_day"))),
    (errors_tariff.GapRuleDays, "pieces", propose(terms=gaps(days=1))),
    (errors_tariff.GapRuleUnfit, "energy", propose(terms=UNFIT)),
    (errors.MeterUnbound, "execution", propose(meters=BINDINGS[:2])),
    (errors.MeterUnbound, "pieces", propose(meters=(*BINDINGS, BINDINGS[0]))),
    (errors.MeterUnbound, "other", propose(meters=(*BINDINGS, replace(BINDINGS[0], meter="other")))),
    (errors.FeedOfOther, "pieces", feed_of_a_third),
    (FeedUnknown, "", propose(meters=bound("pieces", "nothing"))),
    (errors.MeterUnfit, "pieces", propose(meters=bound("pieces", "energy"))),
    (errors.NotWired, "pieces", propose(meters=bound("pieces", "dead"))),
    (errors.StateUnknown, "hours_active", propose(meters=bound("execution", "deaf"))),
    (errors.LegalUseMissing, "energy", lapsed(grade="indicative")),
    (errors.LegalUseExpired, "energy", lapsed(valid_until_ms=1)),
    (errors.LegalUseExpired, "energy", closes_with_a_meter_out_of_verification),
    (errors.StartsTooLate, "pieces", accepts_too_late),
    (errors.Overlapping, "pieces", accepted(("maker", NEXT), ("plant", accept("g-2")))),
    (errors.TooManyAccounts, "pieces", seventeenth),
    (errors.TooEarly, "", closes_too_early),
    (errors.StatementTooLarge, "", closes_what_is_too_large),
    (errors.NothingToClose, "", closes_once_more),
]


@pytest.mark.parametrize(
    ("kind", "clause", "act"), REFUSALS, ids=[f"{r[0].__name__}-{n}" for n, r in enumerate(REFUSALS)]
)
def test_a_refusal_names_code_field_and_clause_in_two_languages(
    ground: Ground, kind: type[Refusal], clause: str, act: Callable[[Ground], Any]
) -> None:
    with pytest.raises(Refusal) as refused:
        act(ground)
    assert (refused.value.code, refused.value.field) == (kind.code, kind.field)
    assert clause == "*" or refused.value.clause == clause
    assert refused.value.zh
    assert "{" not in refused.value.zh + refused.value.en


def test_every_refusal_of_agreements_is_raised_above() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    assert {kind for kind in kinds if kind.__module__ == errors.__name__} <= {r[0] for r in REFUSALS}


def test_either_party_proposes_the_other_accepts_and_only_then_anything_is_due(ground: Ground) -> None:
    for agreement, one, other in (("g-1", "plant", "maker"), ("g-2", "maker", "plant")):
        from_ms = FROM_MS if one == "plant" else TO_MS
        ground.do(one, proposal(agreement=agreement, from_ms=from_ms, to_ms=from_ms + DAY))
        assert ground.ask(next_due) is None
        ground.do(other, accept(agreement))
        assert ground.ask(next_due) == from_ms + DAY
        ground.move_to(from_ms + DAY)
        assert len(ground.statements(agreement)) == 1


def next_due(ctx: Context) -> int | None:
    return next((int(key[0]) for key, _ in QUEUE.scan(ctx, limit=1)), None)


def test_a_withdrawn_proposal_stays_withdrawn_and_never_falls_due(ground: Ground) -> None:
    proposed(("plant", Withdraw("g-1")))(ground)
    ground.move_to(TO_MS + 60 * DAY)
    assert ground.statements() == []


def test_a_settled_agreement_makes_room_on_its_feeds(ground: Ground) -> None:
    """A machine may be leased any number of times, one lease after the other."""
    for n in range(20):
        from_ms = FROM_MS + n * DAY
        ground.do("maker", proposal(agreement=f"g-{n}", from_ms=from_ms, to_ms=from_ms + DAY))
        ground.do("plant", accept(f"g-{n}"))
        ground.now_ms = from_ms + DAY - 1
        ground.record("pieces", (from_ms, 10 * n), (from_ms + DAY - 1, 10 * n + 9), first=2 * n + 1)
        ground.move_to(from_ms + DAY)
    quantities = [
        sum(line.quantity_base for line in s.lines if line.meter == "pieces")
        for n in range(20)
        for s in ground.statements(f"g-{n}")
    ]
    assert quantities == [9] * 20
