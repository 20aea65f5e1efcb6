"""The maker offers an idle line, the plant finds it, they bargain, and both sign the contract."""

from dataclasses import dataclass

from hansa.apps.billing.tariff import minor_digits
from hansa.apps.billing.terms import Settlement, Terms
from hansa.apps.leasing.messages import Sign
from hansa.apps.leasing.messages_market import (
    Agree,
    Capability,
    Counter,
    Description,
    Enquire,
    LeaseTerms,
    Need,
    Place,
    Proposal,
    PublishOffer,
    RegisterAsset,
    Size,
)
from hansa.client.evidence import contract
from hansa.client.market import Wanted, search
from hansa.client.reserve import Reserve, keep
from hansa.client.texts import Text
from hansa.kernel import digest, limits, replace
from hansa.simulation.play import LEASE, PROVIDER, TARIFF, USER, Play, agreement_time
from hansa.simulation.stage import directory
from hansa.simulation.story import Story, asking

ASSET, OFFER = "line-1", "idle-1"
PROCESS, MATERIAL = "production", "any"
CHECKLIST = ("drives", "guards", "control")
RATE_PER_HOUR = 2_600
LEAD_MS = 4 * limits.DAY_MS
"""Time for the bargain before the line is handed over, at least."""
ANSWER_MS = limits.DAY_MS
DEPOSIT, PREPAYMENT = 10_000, 5_000
"""What the maker asks for at first, in the currency's main unit; half the deposit is what it bids down to."""
RESERVE_E8 = 25_000 * 10**8
"""What the maker would not go below for a lease, before tax; it stays in a file of its own."""
PAYMENT_DAYS = 30
PLACE = Place("苏州二厂", "Suzhou works 2", 31_300_000, 120_620_000, "cn-32")
EDGES = (Size(50_000, 50_000, 10_000), Size(400_000, 300_000, 200_000))


@dataclass(frozen=True)
class Deal:
    """What the parties want to make a lease of."""

    from_ms: int
    to_ms: int
    terms: Terms


def deal_of(play: Play) -> Deal:
    """The log's whole periods. A tariff silent on payment is settled thirty days after confirmation."""
    from_ms, to_ms = agreement_time(play)
    terms = play.sheet.terms
    if terms.settlement is None:
        terms = replace(terms, settlement=Settlement(payment_days=PAYMENT_DAYS, runs_from="confirmation"))
    return Deal(from_ms, to_ms, terms)


def why_not(story: Story, play: Play, deal: Deal) -> Text | None:
    """Why a log cannot carry a lease by the market; None if it can."""
    if deal.from_ms < story.world.clock.now_ms + LEAD_MS:
        return Text("第一个结算期之前没有时间询价、签约和交接", "no time to bargain before its first period")
    if deal.to_ms - deal.from_ms > limits.OFFER_MAX_MS:
        return Text("租期超过一年，报盘最长一年", "it lasts longer than a year, the most that is offered")
    return None


def publish(story: Story, play: Play, deal: Deal) -> None:
    """The asset, and the offer of its idle time. The reserve price goes into a file of the maker's alone."""
    unit = next((meter.base_unit for meter in play.sheet.tariff.meters if meter.kind == "counter"), "piece")
    able = Capability(
        process=PROCESS,
        materials=(MATERIAL,),
        smallest=EDGES[0],
        largest=EDGES[1],
        tolerance_um=500,
        rate_per_hour=RATE_PER_HOUR,
        unit=unit,
        crew="without",
    )
    asset = Description(
        name_zh=f"产线 {play.log.device}",
        name_en=play.log.device if "line" in play.log.device.lower() else f"Line {play.log.device}",
        place=PLACE,
        capabilities=(able,),
        checklist=CHECKLIST,
    )
    full = minor_units(play, DEPOSIT)
    offer = PublishOffer(
        offer=OFFER,
        asset_owner=PROVIDER,
        asset=ASSET,
        from_ms=deal.from_ms,
        to_ms=deal.to_ms,
        notice_ms=limits.DAY_MS // 2,
        smallest_ms=min(limits.DAY_MS, deal.to_ms - deal.from_ms),
        largest_ms=deal.to_ms - deal.from_ms,
        tariff_owner=PROVIDER,
        tariff=TARIFF,
        tariff_version=1,
        nature="operating",
        crew="without",
        security_deposit_minor=full,
        prepayment_minor=minor_units(play, PREPAYMENT),
    )
    own = directory(story.world.folder, PROVIDER)
    keep(own, OFFER, Reserve(price_e8=RESERVE_E8, per="lease", currency=play.sheet.tariff.currency))
    story.client(PROVIDER).do(RegisterAsset(asset=ASSET, description=asset), offer)
    story.tell(f"出租方发布 {play.log.device} 的闲置报盘", f"The lessor offers {play.log.device}")


def bargain(story: Story, play: Play, deal: Deal) -> None:
    """Found, enquired, one counter-offer, agreed: the line is booked."""
    plant, maker = story.client(USER), story.client(PROVIDER)
    story.wait()
    hits = search(asking(story.world, USER).one, Wanted(PROCESS, from_ms=deal.from_ms, to_ms=deal.to_ms))
    found = hits[0].found
    offers = "1 offer" if len(hits) == 1 else f"{len(hits)} offers"
    story.tell(
        f"承租方检索到 {len(hits)} 份合适的报盘", f"The lessee searches and finds {offers} that would do"
    )
    until_ms = story.world.clock.now_ms + ANSWER_MS
    asked = LeaseTerms(
        lessor=PROVIDER,
        lessee=USER,
        asset_owner=found.listed.asset_owner,
        asset=found.listed.asset,
        asset_version=found.listed.asset_version,
        from_ms=deal.from_ms,
        to_ms=deal.to_ms,
        sign_by_ms=deal.from_ms - limits.DAY_MS,
        tariff_owner=PROVIDER,
        tariff=TARIFF,
        tariff_version=1,
        meters=play.bindings,
        terms=deal.terms,
        currency=play.sheet.tariff.currency,
        nature="operating",
        governing_law="cn",
        prevailing_language="zh",
        mode="external",
        security_deposit_minor=minor_units(play, DEPOSIT) // 2,
    )
    need = Need(process=PROCESS, material=MATERIAL, size=EDGES[0], tolerance_um=500)
    plant.do(
        Enquire(
            bargain=LEASE, offerer=found.offerer, offer=found.offer, need=need, terms=asked, until_ms=until_ms
        )
    )
    story.tell("承租方询价，只愿付一半保证金", "The lessee enquires, for half the security deposit")
    story.wait()
    wanted = replace(asked, prepayment_minor=minor_units(play, PREPAYMENT))
    maker.do(Counter(bargain=LEASE, terms=wanted, until_ms=until_ms))
    story.tell(
        "出租方还价：保证金减半可以，另付预付款", "The lessor counters: half the deposit, but a prepayment"
    )
    story.wait()
    last = asking(story.world, USER).one("leasing.proposals_of", list[Proposal], bargain=LEASE)[-1]
    plant.do(Agree(bargain=LEASE, content=last.content))
    story.tell("双方达成一致，产线已预订", "Both agree; the line is booked")


def sign(story: Story, lease: str, lessor: str, lessee: str) -> None:
    """Each makes the text from the terms on its own, and signs its digest."""
    for member in (lessor, lessee):
        story.wait()
        shown = contract(story.client(member), lease)
        story.client(member).do(Sign(lease=lease, content=digest(shown)))
    story.tell(f"双方签署合同文本（{lease}）", f"Both sign the contract of {lease}")


def minor_units(play: Play, amount: int) -> int:
    return int(amount * 10 ** minor_digits(play.sheet.tariff.currency))
