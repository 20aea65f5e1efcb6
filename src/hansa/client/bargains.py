"""Drafting proposals: an enquiry from an offer, a counter-offer from the last proposal, with deadlines."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from hansa.apps.billing.messages import Binding, PublishedTariff
from hansa.apps.billing.terms import Terms
from hansa.apps.billing.texts import money_text
from hansa.apps.leasing.messages_market import Agree, Bargain, LeaseTerms, Need, Offer, Proposal
from hansa.apps.leasing.proposals import content_of
from hansa.client.estimate import Estimate, Plan, estimate
from hansa.client.market import Asking, Prices
from hansa.client.tables import time_text
from hansa.client.texts import Text
from hansa.kernel import limits, replace
from hansa.kernel.refusal import Refusal

ANSWER_MS = 3 * limits.DAY_MS
"""Time that the other side has to answer, where nothing else is said and the notice allows it."""
SIGN_MS = 3 * limits.DAY_MS
"""Time to sign after that, likewise."""


class BindingWrong(Refusal, code="market.binding_wrong", field="meter"):
    zh = "{given} 不是计量项与计量点的对应：应为 计量项=计量点，或 计量项=单位/计量点。"
    en = "{given} binds no meter to a feed: it is METER=FEED, or METER=OWNER/FEED."


class BargainMissing(Refusal, code="market.bargain_missing", field="bargain"):
    zh = "没有询价 {bargain}。请用 hansa offer bargains 查看编号。"
    en = "There is no enquiry {bargain}. `hansa offer bargains` lists them."


class OfferMissing(Refusal, code="market.offer_missing", field="offer"):
    zh = "成员单位 {offerer} 没有闲置报盘 {offer}。请用 hansa offer list 查看。"
    en = "Member {offerer} has no offer {offer}. `hansa offer list` lists them."


class TooLate(Refusal, code="market.too_late", field="from_ms"):
    zh = "离开始时间太近，已不足报盘要求的提前通知时间。请另选更晚的时间。"
    en = "It is too close to the start: the notice that the offer asks for cannot be kept. Begin later."


@dataclass(frozen=True)
class Standing:
    """A bargain as it stands: its offer, all proposals, what the last one is."""

    name: str
    bargain: Bargain
    offer: Offer
    proposals: tuple[Proposal, ...]

    @property
    def last(self) -> Proposal:
        return self.proposals[-1]


def standing(ask: Asking, name: str) -> Standing:
    """A bargain with all that belongs to it. Raises BargainMissing."""
    bargain = ask("leasing.bargain_of", Bargain | None, bargain=name)
    if bargain is None:
        raise BargainMissing(bargain=name)
    proposals = ask("leasing.proposals_of", tuple[Proposal, ...], bargain=name)
    return Standing(name, bargain, offer_of(ask, bargain.offerer, bargain.offer), proposals)


def offer_of(ask: Asking, offerer: str, name: str) -> Offer:
    """An offer. Raises OfferMissing."""
    found: Offer | None = ask("leasing.offer_of", Offer | None, offerer=offerer, offer=name)
    if found is None:
        raise OfferMissing(offerer=offerer, offer=name)
    return found


def first_terms(
    offer: Offer,
    offerer: str,
    lessee: str,
    published: PublishedTariff,
    terms: Terms,
    meters: tuple[Binding, ...],
    **wished: Any,
) -> LeaseTerms:
    """Terms as offered: list price, deposits, nature; payment outside the ledger by Chinese law unless
    `wished` says otherwise. `from_ms`, `to_ms`, `sign_by_ms` must be among what is wished.
    """
    drafted: dict[str, Any] = {
        "lessor": offerer,
        "lessee": lessee,
        "asset_owner": offer.asset_owner,
        "asset": offer.asset,
        "asset_version": offer.asset_version,
        "tariff_owner": offer.tariff_owner,
        "tariff": offer.tariff,
        "tariff_version": offer.tariff_version,
        "meters": meters,
        "terms": terms,
        "currency": published.tariff.currency,
        "nature": offer.nature,
        "governing_law": "cn",
        "prevailing_language": "zh",
        "mode": "external",
        "with_crew": offer.crew == "with",
        "security_deposit_minor": offer.security_deposit_minor,
        "prepayment_minor": offer.prepayment_minor,
        "earnest_minor": offer.earnest_minor,
        "head": offer.head,
    }
    return LeaseTerms(**drafted | wished)


def next_terms(last: LeaseTerms, **wished: Any) -> LeaseTerms:
    """The last proposal with what is changed; what is None stays."""
    return replace(last, **{name: value for name, value in wished.items() if value is not None})


def deadlines(
    offer: Offer, from_ms: int, now_ms: int, until_ms: int = 0, sign_by_ms: int = 0
) -> tuple[int, int]:
    """Until when to answer and to sign: as asked for, else three days each as far as the notice lets.

    Raises TooLate where no time is left to answer.
    """
    last_ms = from_ms - offer.notice_ms
    answer_ms = until_ms or min(now_ms + ANSWER_MS, last_ms)
    if answer_ms <= now_ms:
        raise TooLate()
    return answer_ms, sign_by_ms or min(max(answer_ms + SIGN_MS, answer_ms), from_ms)


def bindings(given: tuple[str, ...], owner: str) -> tuple[Binding, ...]:
    """`METER=FEED` of the asset's owner, or `METER=OWNER/FEED`. Raises BindingWrong."""
    found = []
    for text in given:
        meter, _, feed = text.partition("=")
        of, slash, name = feed.rpartition("/")
        if not (meter and name) or (slash and not of):
            raise BindingWrong(given=text)
        found.append(Binding(meter=meter, owner=of or owner, feed=name))
    return tuple(found)


def agreement_to(name: str, found: Standing) -> Agree:
    """The agreement to exactly the last proposal, its digest reckoned here from what was shown."""
    last = found.last
    return Agree(bargain=name, content=content_of(name, found.bargain.rounds, last.terms, last.until_ms))


def expected(ask: Asking, found: Standing, need: Need, given: dict[str, int]) -> Estimate:
    """What the last proposal would bring for a need. Raises what `estimate` refuses."""
    from hansa.apps.leasing.messages_market import Asset

    terms = found.last.terms
    asset: Asset = ask(
        "leasing.asset_of", Asset, owner=terms.asset_owner, asset=terms.asset, version=terms.asset_version
    )
    capability = next(each for each in asset.description.capabilities if each.process == need.process)
    published, calendar = Prices(ask).tariff(terms.tariff_owner, terms.tariff, terms.tariff_version)
    plan = Plan(terms.from_ms, terms.to_ms, need.quantity, given)
    return estimate(published, calendar, capability, plan)


def in_words(terms: LeaseTerms, until_ms: int, zone: str = "") -> list[Text]:
    """What a proposal says that matters most, line by line; times by a zone's clock, else UTC."""
    start, end = time_text(terms.from_ms, zone), time_text(terms.to_ms, zone)
    until, sign_by = time_text(until_ms, zone), time_text(terms.sign_by_ms, zone)
    days = Decimal(terms.to_ms - terms.from_ms) / limits.DAY_MS
    price = f"{terms.tariff_owner}/{terms.tariff} v{terms.tariff_version}"
    amounts = (
        ("保证金", "security deposit", terms.security_deposit_minor),
        ("预付款", "prepayment", terms.prepayment_minor),
        ("定金", "earnest money", terms.earnest_minor),
    )
    due = [(zh, en, money_text(minor, terms.currency)) for zh, en, minor in amounts if minor]
    return [
        Text(
            f"{terms.lessee} 租用 {terms.asset_owner}/{terms.asset}（出租方 {terms.lessor}）",
            f"{terms.lessee} leases {terms.asset_owner}/{terms.asset} from {terms.lessor}",
        ),
        Text(f"{start} 至 {end}，共 {days:.2f} 天", f"{start} to {end}, {days:.2f} days"),
        Text(f"资费 {price}，币种 {terms.currency}", f"price {price}, {terms.currency}"),
        *(Text(f"{zh} {amount}", f"{en} {amount}") for zh, en, amount in due),
        Text(
            f"答复期限 {until}；同意后时段即被预订，双方须在 {sign_by} 之前签署，否则预订失效。",
            f"To be answered until {until}. Agreeing books the time; it lapses unless "
            f"both sign until {sign_by}.",
        ),
    ]
