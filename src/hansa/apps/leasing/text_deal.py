"""What the contract says of who, what, how long and for how much: Chinese beside English. Pure.

Law is cited where Chinese law governs, and only where it is sure: 民法典 (PRC Civil Code, in force since
2021-01-01) on leases (arts. 703 ff), contracts for work (770 ff), finance leases (735 ff), earnest money
(586, 587). Nothing here is legal advice.
"""

from collections.abc import Iterator

from hansa.apps.billing.elements_energy import EnergyElement
from hansa.apps.billing.tariff import Cap, Fixed, Minimum, Tariff, Usage
from hansa.apps.billing.texts_energy import energy_text
from hansa.apps.billing.texts_trade import trade_text
from hansa.apps.leasing.text_draft import Draft, is_cn
from hansa.apps.leasing.text_words import Pair, moment, money, percent, price, span
from hansa.kernel import digest

NATURES: dict[str, Pair] = {
    "operating": (
        "本合同性质为经营租赁：出租方将租赁物交付承租方使用，承租方支付租金。",
        "This is an operating lease: the lessor hands the asset over for use, the lessee pays rent.",
    ),
    "service": (
        "本合同性质为加工或产能服务：出租方以租赁物为承租方工作，承租方支付报酬。",
        "This is a processing or capacity service: the lessor works with the asset for the lessee, who "
        "pays for it.",
    ),
    "finance": (
        "本合同性质为融资租赁。出租方声明其持有开展融资租赁业务所需的许可，许可文件的摘要已登记。",
        "This is a finance lease. The lessor states that it holds the licence that this business needs, "
        "registered by the digest of the document.",
    ),
}
RUNS_FROM: dict[str, Pair] = {
    "period_end": ("结算期终了", "the end of the period"),
    "confirmation": ("双方确认", "both parties' confirmation"),
    "invoice": ("发票登记", "the recording of the invoice"),
}
NATURES_CN: dict[str, Pair] = {
    "operating": (
        "（《民法典》租赁合同，第七百零三条起）",
        "(PRC Civil Code, lease contracts, arts. 703 ff)",
    ),
    "service": (
        "（《民法典》承揽合同，第七百七十条起）",
        "(PRC Civil Code, contracts for work, arts. 770 ff)",
    ),
    "finance": (
        "（《民法典》融资租赁合同，第七百三十五条起）",
        "(PRC Civil Code, finance lease contracts, arts. 735 ff)",
    ),
}


def parties(draft: Draft) -> Iterator[Pair]:
    for role_zh, role_en, party in (("出租方", "Lessor", draft.lessor), ("承租方", "Lessee", draft.lessee)):
        yield (
            f"{role_zh}：{party.name_zh}（{party.name_en}），登记号 {party.registration}，成员编号 "
            f"{party.member}。",
            f"{role_en}: {party.name_en} ({party.name_zh}), registered under {party.registration}, member "
            f"{party.member}.",
        )
    head = draft.terms.head
    if head:
        yield (
            f"本合同为转租：出租方依主租约 {head} 持有租赁物，本合同的期限与用途以主租约为限。",
            f"This is a sublease: the lessor holds the asset by the head lease {head}, and this contract "
            "goes no further than that one in time and use.",
        )


def asset(draft: Draft) -> Iterator[Pair]:
    terms, asset = draft.terms, draft.asset
    zh, en = NATURES[terms.nature]
    cited = NATURES_CN[terms.nature] if is_cn(draft) else ("", "")
    yield f"{zh}{cited[0]}", f"{en} {cited[1]}" if cited[1] else en
    yield (
        f"租赁物：{asset.name_zh}（{asset.name_en}），编号 {terms.asset}，登记版本 {terms.asset_version}，登"
        f"记所有方 {terms.asset_owner}，所在地 {asset.place.name_zh}。",
        f"The asset: {asset.name_en} ({asset.name_zh}), id {terms.asset}, version {terms.asset_version} as "
        f"registered by its owner {terms.asset_owner}, at {asset.place.name_en}.",
    )
    if terms.with_crew:
        yield "操作人员由出租方提供。", "The lessor provides the people who run it."
    else:
        yield "操作人员由承租方自备。", "The lessee runs it with its own people."
    if terms.substitution_right:
        yield (
            "出租方可以另一台能力相当的设备替换租赁物，替换须另行交接。",
            "The lessor may put another asset of the same capability in its place; that needs a handover "
            "of its own.",
        )
    else:
        yield (
            "出租方无权替换租赁物。",
            "The lessor has no right to put another asset in its place.",
        )


def term(draft: Draft) -> Iterator[Pair]:
    terms, calendar = draft.terms, draft.calendar
    begin, end = moment(calendar, terms.from_ms), moment(calendar, terms.to_ms)
    yield (
        f"自 {begin} 起至 {end} 止（{calendar.zone} 当地时间，含起点，不含终点）。",
        f"From {begin} until {end} ({calendar.zone} local time; the start included, the end not).",
    )
    yield (
        "本合同自交接入场经双方确认后开始履行。确认晚于约定起始时间的，自确认之时起计，此前不计任何费用，包"
        "括固定费用；终止时间不变。",
        "It runs once both have confirmed the handover to the lessee. Where they confirm after the agreed "
        "start, it runs from that moment: nothing is charged before, no fixed fee either; the end stays.",
    )
    if terms.extension_ms:
        zh, en = span(terms.extension_ms)
        yield (
            f"承租方没有逾期款项的，有权单方续期，累计不超过 {zh}，但以届时无他人预订为限。",
            f"The lessee, unless it is overdue with a payment, may extend it by itself by up to {en} in all, "
            "as far as nobody else has booked the asset.",
        )


def payment(draft: Draft) -> Iterator[Pair]:
    terms, tariff = draft.terms, draft.tariff
    period_zh, period_en = {"month": ("月", "month"), "week": ("周", "week"), "day": ("日", "day")}[
        tariff.period
    ]
    tax_zh, tax_en = ("含税", "with tax") if tariff.tax_included else ("不含税", "without tax")
    yield (
        f"价款按 {terms.tariff_owner} 发布的资费 {terms.tariff} 第 {terms.tariff_version} 版计算（附件一，"
        f"SHA-256 {digest(tariff)}），以 {terms.currency} 计，价格{tax_zh}。该版本发布后不可更改；任何一方另"
        "发新版本不影响本合同。",
        f"The price is reckoned by version {terms.tariff_version} of tariff {terms.tariff} of "
        f"{terms.tariff_owner} (Annex 1, SHA-256 {digest(tariff)}), in {terms.currency}, prices {tax_en}. "
        "That version cannot be changed; a new one that anybody publishes does not touch this contract.",
    )
    yield from _elements(tariff)
    zh, en = span(terms.terms.cut_off_ms)
    after_zh, after_en = (f"后 {zh}", f"{en} after") if terms.terms.cut_off_ms else ("时", "at")
    yield (
        f"每{period_zh}为一个结算期，期满{after_zh}截止并自动生成结算单。截止后到达的记录在下一张结算单中更"
        "正。",
        f"Each {period_en} is a billing period. It is cut off {after_en} its end, and a settlement "
        "statement is made by rule. Records that arrive later are corrected in the next statement.",
    )
    yield from _settlement(draft)
    if terms.mode == "bank":
        yield (
            f"付款方式：以在成员银行 {terms.bank} 的账面债权支付。",
            f"Payment: by claims on the member bank {terms.bank}.",
        )
    else:
        yield (
            "付款方式：账本之外银行转账，附言注明付款参考号；以收款方登记的收款记录为准。",
            "Payment: by bank transfer outside the ledger, under the payment reference; it counts once the "
            "payee has recorded its receipt.",
        )


def _settlement(draft: Draft) -> Iterator[Pair]:
    """What becomes of a statement."""
    settled = draft.terms.terms.settlement
    yield (
        "结算单不是发票，发票由出租方另行开具。",
        "A statement is no invoice: the lessor issues that itself.",
    )
    if settled is None:
        yield (
            "双方未约定在账本上对账与付款，结算单的付款另行约定。",
            "Confirmation and payment of statements on the ledger are not agreed on here; the parties "
            "arrange them elsewhere.",
        )
        return
    days = settled.payment_days
    from_zh, from_en = RUNS_FROM[settled.runs_from]
    yield (
        f"结算单经双方对账确认，自{from_zh}起 {days} 天内付款；对部分行有争议的，无争议部分照常到期。",
        f"Both confirm a statement; it is paid within {days} days from {from_en}. Where lines are disputed, "
        "the rest falls due as usual.",
    )
    if settled.silence_days:
        yield (
            f"结算单出具后 {settled.silence_days} 天内未提出异议的，视为确认。",
            f"Who says nothing for {settled.silence_days} days after a statement is made has confirmed it.",
        )
    else:
        yield "沉默不视为确认。", "Silence never confirms a statement."
    if settled.interest_bp:
        rate = percent(settled.interest_bp)
        yield (
            f"逾期利息为年利率 {rate}，单利，按实际天数除以 365 计。",
            f"Late payment bears simple interest of {rate} a year, actual days over 365.",
        )
    if settled.interest_bp and settled.interest_floor is not None:
        floor = settled.interest_floor
        yield (
            f"该利率不低于订立本合同时 {floor.owner} 所发布指数 {floor.index} 的现行值。",
            f"That rate is not below the index {floor.index} of {floor.owner} as it stands when this "
            "contract is made.",
        )


def _elements(tariff: Tariff) -> Iterator[Pair]:
    """The price in words, as far as words are short; the annex has all of it."""
    for element in tariff.elements:
        name = element.clause
        if isinstance(element, Usage):
            tiers = [f"{price(tier.price_e8)}" for tier in element.tiers]
            free = element.included_base
            zh = f"{name}：按计量项 {element.meter} 每 {element.unit} {'／'.join(tiers)}"
            en = f"{name}: meter {element.meter}, per {element.unit} {' / '.join(tiers)}"
            if len(tiers) > 1:
                zh, en = f"{zh}（分档见附件一）", f"{en} by tiers (Annex 1)"
            yield (
                zh + (f"，每期免费 {free}（基本单位）。" if free else "。"),
                en + (f", {free} base units free per period." if free else "."),
            )
        elif isinstance(element, Fixed):
            amount = money(element.amount_minor, tariff.currency)
            yield f"{name}：固定费用每期 {amount}。", f"{name}: a fixed {amount} per period."
        elif isinstance(element, Minimum):
            amount = money(element.amount_minor, tariff.currency)
            yield f"{name}：每期最低 {amount}。", f"{name}: at least {amount} per period."
        elif isinstance(element, Cap):
            amount = money(element.amount_minor, tariff.currency)
            yield f"{name}：每期封顶 {amount}。", f"{name}: at most {amount} per period."
        else:
            if isinstance(element, EnergyElement):
                zh, en = energy_text(tariff, element)
            else:
                zh, en = trade_text(tariff, element)
            yield f"{name}：{zh}。", f"{name}: {en}."


def funds(draft: Draft) -> Iterator[Pair]:
    terms = draft.terms
    none = True
    if terms.security_deposit_minor:
        none = False
        amount = money(terms.security_deposit_minor, terms.currency)
        yield (
            f"保证金 {amount}，交接入场前付清。仅在承租方逾期不付无争议款项，或双方已就返还时的损坏达成一致"
            "时方可扣抵；其余在结清后返还。",
            f"Security deposit {amount}, to be paid before the handover. It is touched only for overdue "
            "undisputed items of the lessee, or for damage at the return that both agreed on; the rest "
            "goes back once all is settled.",
        )
    if terms.prepayment_minor:
        none = False
        amount = money(terms.prepayment_minor, terms.currency)
        yield (
            f"预付款 {amount}，交接入场前付清，由各期结算单依次抵用；余额在结清后退还。",
            f"Prepayment {amount}, to be paid before the handover; statements draw on it one after the "
            "other. What is left goes back once all is settled.",
        )
    if terms.earnest_minor:
        none = False
        amount = money(terms.earnest_minor, terms.currency)
        law = "（《民法典》第五百八十六条、第五百八十七条）" if is_cn(draft) else ""
        law_en = " (PRC Civil Code, arts. 586 and 587)" if is_cn(draft) else ""
        yield (
            f"定金 {amount}：承租方在交接前无故退出的，无权请求返还；出租方在交接前无故退出的，双倍返还；交"
            f"接确认后返还{law}。",
            f"Earnest money {amount}: a lessee that steps back before the handover forfeits it, a lessor "
            f"that does returns it double; it goes back once the handover is confirmed{law_en}.",
        )
    if none:
        yield "不收取保证金、预付款或定金。", "No security deposit, prepayment or earnest money."
    else:
        yield (
            "上述款项各归各用，不得相互抵充。",
            "Each of these serves its own purpose; none is set off against another.",
        )
