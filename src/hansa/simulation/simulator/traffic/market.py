"""Assets, offers of their idle time, bargains up to a reservation, the signing of leases."""

from typing import Any

from hansa.apps.leasing.messages import Attachment, Sign, Sublet
from hansa.apps.leasing.messages_market import (
    Agree,
    Bargain,
    Capability,
    Counter,
    Decline,
    Description,
    Enquire,
    LeaseTerms,
    Need,
    Offer,
    Place,
    Proposal,
    PublishOffer,
    RegisterAsset,
    Size,
    UpdateAsset,
    WithdrawOffer,
)
from hansa.apps.leasing.queries_life import draft_of
from hansa.apps.leasing.text import content
from hansa.kernel import limits, replace
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic import tariffs
from hansa.simulation.simulator.traffic.billing import owners, publish_first
from hansa.simulation.simulator.traffic.metering import PIECES, SCRAP, STATE
from hansa.simulation.simulator.traffic.mind import Mind, Step
from hansa.simulation.simulator.traffic.money import bank_of

HOUR = limits.HOUR_MS
MILLING = Capability(
    process="milling",
    materials=("steel", "aluminium"),
    smallest=Size(10_000, 5_000, 5_000),
    largest=Size(800_000, 500_000, 300_000),
    tolerance_um=20,
    rate_per_hour=40,
    unit="piece",
    crew="either",
)
PLACE = Place("昆山一厂", "Kunshan works", 31_380_000, 120_980_000, "cn-32")
PRESS = Description(
    name_zh="五轴加工中心",
    name_en="Five-axis centre",
    place=PLACE,
    capabilities=(MILLING,),
    feeds=(PIECES, SCRAP, STATE),
    checklist=("spindle", "coolant"),
)
NEED = Need("milling", "steel", Size(100_000, 200_000, 50_000), 25, 1_000)


def register_asset(mind: Mind) -> Send | None:
    """An owner's machine; or a new description of it."""
    having = owners(mind)
    if not having:
        return None
    owner = mind.one(having)
    own = [key for key in mind.rows("leasing.assets") if key[0] == owner]
    described = replace(PRESS, name_en=f"Five-axis centre {mind.between(1, 99)}")
    if not own or mind.luck(0.2):
        return mind.send(owner, RegisterAsset(asset=mind.name("press"), description=described))
    asset = str(mind.one(own)[1])
    newest = max(int(key[2]) for key in own if key[1] == asset)
    return mind.send(mind.right(owner), UpdateAsset(asset, newest + 1, described))


def publish_offer(mind: Mind) -> Send | None:
    """By the owner; or by a lessee that may sublease, of its time."""
    if publish_first(mind) is not None:
        return None
    given: dict[str, Any] = {}
    head = mind.sure("leasing.leases", lambda _, row: row.state in ("signed", "running"))
    if head is not None and mind.luck(0.2):
        terms = head[1].terms
        member, owner, asset = terms.lessee, terms.asset_owner, terms.asset
        from_ms, to_ms = max(terms.from_ms, mind.soon_ms + HOUR), head[1].end_ms
        given = {"head": str(head[0][0])}
    else:
        found = mind.pick("leasing.assets")
        if found is None:
            return None
        owner, asset, _ = found[0]
        member = str(owner)
        from_ms = mind.soon_ms + mind.between(1, 10) * HOUR
        to_ms = from_ms + mind.between(24, 24 * 7) * HOUR
    action = PublishOffer(
        offer=mind.name("o"),
        asset_owner=str(owner),
        asset=str(asset),
        from_ms=from_ms,
        to_ms=to_ms,
        notice_ms=mind.between(0, 2) * HOUR,
        smallest_ms=HOUR,
        largest_ms=max(to_ms - from_ms, HOUR),
        tariff_owner=mind.founders[0],
        tariff=mind.one((tariffs.SIMPLE, tariffs.FULL)),
        tariff_version=1,
        nature="operating" if mind.luck(0.95) else "finance",
        crew="either",
        **given,
    )
    return mind.send(mind.right(str(member)), action)


def withdraw_offer(mind: Mind) -> Send | None:
    found = mind.pick("leasing.offers", lambda row: row.state == "open")
    if found is None or mind.luck(0.5):
        return None
    offerer, offer = map(str, found[0])
    return mind.send(mind.right(offerer), WithdrawOffer(offer))


# Bargains.


def terms_for(mind: Mind, lessor: str, lessee: str, offer: Offer) -> LeaseTerms:
    """Some of the offered time, with or without money to be paid in."""
    from_ms = max(offer.from_ms, mind.soon_ms + 6 * HOUR) + mind.between(0, 12) * HOUR
    to_ms = min(offer.to_ms, from_ms + mind.between(3, mind.one((40, 40, 90))) * HOUR)
    return lease_terms(mind, lessor, lessee, offer, from_ms, max(to_ms, from_ms + HOUR))


def lease_terms(
    mind: Mind, lessor: str, lessee: str, of: Offer | LeaseTerms, from_ms: int, to_ms: int
) -> LeaseTerms:
    """What two members write down of a machine for a time."""
    by_claims = mind.luck(0.25)
    bank = bank_of(mind) if by_claims else ""
    expected = mind.between(1_000, 50_000)
    return LeaseTerms(
        lessor=lessor,
        lessee=lessee,
        asset_owner=of.asset_owner,
        asset=of.asset,
        asset_version=of.asset_version,
        from_ms=from_ms,
        to_ms=to_ms,
        sign_by_ms=from_ms - mind.between(0, 1) * HOUR,
        tariff_owner=of.tariff_owner,
        tariff=of.tariff,
        tariff_version=of.tariff_version,
        meters=tariffs.bindings(of.tariff, of.asset_owner),
        terms=tariffs.terms(mind, of.tariff, bank=bank),
        currency="CNY",
        nature=of.nature,
        governing_law="cn",
        prevailing_language="zh",
        mode="bank" if by_claims else "external",
        bank=bank,
        early_end_notice_ms=mind.between(0, 1) * HOUR,
        extension_ms=mind.between(0, 6) * HOUR,
        security_deposit_minor=mind.one((0, 5_000)),
        prepayment_minor=mind.one((0, 0, 8_000)),
        earnest_minor=mind.one((0, 0, expected // 10)),
        expected_minor=expected,
        head=of.head,
    )


def enquire(mind: Mind) -> Send | None:
    found = mind.sure(
        "leasing.offers", lambda _, row: row.state == "open" and row.to_ms > mind.soon_ms + 4 * HOUR
    )
    if found is None:
        return None
    (offerer, offer), row = found
    lessee = mind.other(str(offerer), row.asset_owner)
    wanted = terms_for(mind, str(offerer), lessee, row)
    until_ms = max(mind.soon_ms, min(wanted.sign_by_ms, mind.soon_ms + 40 * HOUR) - row.notice_ms)
    action = Enquire(mind.name("l"), str(offerer), str(offer), NEED, wanted, until_ms)
    return mind.send(lessee, action)


def answer(mind: Mind) -> Send | None:
    """Whose turn it is agrees, mostly; or proposes otherwise, or ends it."""
    found = mind.sure(
        "leasing.bargains",
        lambda key, row: (
            row.state == "open" and (mind.luck(0.05) or _last(mind, key[0], row).until_ms >= mind.soon_ms)
        ),
    )
    if found is None:
        return None
    (name,), bargain = found
    last = _last(mind, name, bargain)
    turn = bargain.lessee if last.proposer == bargain.offerer else bargain.offerer
    drawn = mind.random.random()
    if drawn < 0.65:
        return mind.send(mind.right(turn), Agree(str(name), last.content))
    if drawn < 0.75:
        return mind.send(mind.right(turn), Decline(str(name)))
    offer = mind.row("leasing.offers", bargain.offerer, bargain.offer)
    wanted = terms_for(mind, bargain.offerer, bargain.lessee, offer)
    until_ms = max(mind.soon_ms, wanted.sign_by_ms - offer.notice_ms)
    return mind.send(mind.right(turn), Counter(str(name), wanted, until_ms))


def _last(mind: Mind, name: Any, bargain: Bargain) -> Proposal:
    """The proposal that counts."""
    found: Proposal = mind.row("leasing.proposals", name, bargain.rounds)
    return found


# Signatures.


def sign(mind: Mind) -> Send | None:
    """What is agreed on, by whoever has not signed yet."""
    found = mind.sure(
        "leasing.reservations",
        lambda _, row: row.state == "reserved" and row.terms.sign_by_ms >= mind.soon_ms,
    )
    if found is None:
        return None
    (name,), reservation = found
    lease = mind.row("leasing.leases", name)
    given: tuple[Attachment, ...] = lease.attachments if lease else ()
    if lease is not None and lease.signatures:
        digest = lease.content
    else:
        given = (Attachment("manual", mind.hash()),) if mind.luck(0.1) else given
        draft = mind.ask(draft_of, name)
        if draft is None:
            return None
        digest = content(replace(draft, attachments=given))
    signed = [each.member for each in lease.signatures] if lease else []
    parties = (reservation.terms.lessor, reservation.terms.lessee)
    left = [each for each in parties if each not in signed]
    return mind.send(mind.right(mind.one(left or parties)), Sign(str(name), digest, given))


def sublet(mind: Mind) -> Send | None:
    """A lessee reserves part of its time for another."""
    found = mind.sure(
        "leasing.leases",
        lambda key, row: (
            row.state in ("signed", "running")
            and row.end_ms > mind.soon_ms + 5 * HOUR
            and any(each[0] == key[0] for each in mind.rows("leasing.consents"))
        ),
    )
    if found is None:
        return None
    (name,), lease = found
    old = lease.terms
    lessee = mind.other(old.lessee, old.lessor)
    from_ms = max(old.from_ms, mind.soon_ms + HOUR) + mind.between(0, 3) * HOUR
    to_ms = min(lease.end_ms, from_ms + mind.between(1, 40) * HOUR)
    made = lease_terms(mind, old.lessee, lessee, old, from_ms, to_ms)
    gaps = replace(made.terms, gaps=old.terms.gaps, cut_off_ms=old.terms.cut_off_ms)
    made = replace(made, head=str(name), terms=gaps, sign_by_ms=from_ms)
    return mind.send(mind.right(old.lessee), Sublet(mind.name("s"), made))


STEPS: tuple[tuple[int, Step], ...] = (
    (2, register_asset),
    (5, publish_offer),
    (1, withdraw_offer),
    (9, enquire),
    (12, answer),
    (18, sign),
    (5, sublet),
)
