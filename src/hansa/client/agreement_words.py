"""An agreement in words: what a party must know before it signs, and what stands of one that it signed."""

from collections.abc import Iterator

from hansa.apps.billing.messages import Agreement, Binding
from hansa.apps.billing.terms import GapRule, Settlement, Terms
from hansa.apps.billing.texts_trade import attribution_text, check_text, unknown_text
from hansa.apps.consortium.calendars import Calendar
from hansa.client.texts import GAP_RULES_EN, GAP_RULES_ZH, Text, instant_text, tariff_name
from hansa.kernel import limits

STATES = {
    "proposed": Text("待接受", "proposed"),
    "accepted": Text("已生效", "accepted"),
    "withdrawn": Text("已撤回", "withdrawn"),
    "ended": Text("已结束", "ended"),
}
RUNS_FROM = {
    "period_end": Text("结算期终了", "the end of the period"),
    "confirmation": Text("双方确认", "both parties' confirmation"),
    "invoice": Text("发票登记", "the recording of the invoice"),
}
REASONS = {
    "industry_norm": Text("行业规范", "a norm of the trade"),
    "trade_custom": Text("交易习惯", "custom between the parties"),
    "law": Text("法律、行政法规另有规定", "the law says otherwise"),
}
LENGTHS = (
    (limits.DAY_MS, "天", "d"),
    (limits.HOUR_MS, "小时", "h"),
    (limits.MINUTE_MS, "分钟", "min"),
    (limits.SECOND_MS, "秒", "s"),
)
PER_CENT = 100


def state_of(agreement: Agreement) -> str:
    """One of STATES: an accepted agreement all of whose periods are closed has ended."""
    if agreement.state == "accepted" and not agreement.next_from_ms:
        return "ended"
    return agreement.state


def in_words(agreement: Agreement, calendar: Calendar) -> list[Text]:
    """Parties, time, meters and terms, line by line; the tariff's clauses are told apart."""
    start, end = instant_text(calendar, agreement.from_ms), instant_text(calendar, agreement.to_ms)
    tariff = tariff_name(agreement)
    return [
        Text(
            f"{agreement.provider} 提供，{agreement.user} 付款；{tariff.zh}",
            f"{agreement.provider} provides, {agreement.user} pays; {tariff.en}",
        ),
        Text(
            f"自 {start} 起至 {end} 止（{calendar.zone} 当地时间，不含终点）",
            f"from {start} to {end} ({calendar.zone} local time, the end not included)",
        ),
        *(_meter(binding) for binding in agreement.meters),
        *terms_in_words(agreement.terms),
    ]


def length_text(length_ms: int) -> Text:
    """`3 天`, `90 min`: in the largest unit of which it is a whole number."""
    for size, zh, en in LENGTHS:
        if length_ms % size == 0:
            return Text(f"{length_ms // size} {zh}", f"{length_ms // size} {en}")
    return Text(f"{length_ms} 毫秒", f"{length_ms} ms")


def _meter(binding: Binding) -> Text:
    return Text(
        f"计量项 {binding.meter} 取 {binding.owner} 的计量点 {binding.feed}",
        f"meter {binding.meter} is feed {binding.feed} of {binding.owner}",
    )


def terms_in_words(terms: Terms) -> Iterator[Text]:
    """Cut-off, gap rules, who answers for stops, check feeds, settlement, one after the other."""
    cut_off = length_text(terms.cut_off_ms)
    after = Text(f" {cut_off.zh}后", f"{cut_off.en} after") if terms.cut_off_ms else Text("时", "at")
    yield Text(
        f"每期期满{after.zh}关账；之后到达的记录在下一期更正",
        f"a period is closed {after.en} its end; what arrives later is corrected in the next",
    )
    for gap in terms.gaps:
        yield _gap(gap)
    for rule in terms.attribution:
        yield Text(*attribution_text(rule))
    for check in terms.checks:
        yield Text(*check_text(check))
    for bound in terms.unknown:
        yield Text(*unknown_text(bound))
    if terms.settlement is None:
        yield Text(
            "没有约定结算办法：结算单无须确认，也不形成应收应付",
            "no terms of settlement: a statement is not confirmed, and nothing is owed by it",
        )
    else:
        yield from _settlement(terms.settlement)


def _gap(gap: GapRule) -> Text:
    longer = length_text(gap.longer_than_ms)
    days = Text(f"（{gap.days} 天）", f" ({gap.days} days)") if gap.days else Text("", "")
    return Text(
        f"{gap.meter} 超过 {longer.zh} 没有读数的缺口{GAP_RULES_ZH[gap.rule]}{days.zh}",
        f"gaps of {gap.meter} longer than {longer.en}: {GAP_RULES_EN[gap.rule]}{days.en}",
    )


def _settlement(settled: Settlement) -> Iterator[Text]:
    runs = RUNS_FROM[settled.runs_from]
    yield Text(
        f"双方对账确认结算单，自{runs.zh}起 {settled.payment_days} 天内付款",
        f"both confirm a statement; it is paid within {settled.payment_days} days from {runs.en}",
    )
    if settled.silence_days:
        yield Text(
            f"出具后 {settled.silence_days} 天内不答复，视为确认",
            f"who says nothing for {settled.silence_days} days after a statement has confirmed it",
        )
    else:
        yield Text("不答复不视为确认", "silence confirms nothing")
    if settled.long_term_reason:
        reason = REASONS[settled.long_term_reason]
        yield Text(f"付款期超过 60 天的理由：{reason.zh}", f"why more than 60 days: {reason.en}")
    if settled.interest_bp:
        whole, part = divmod(settled.interest_bp, PER_CENT)
        yield Text(
            f"逾期利息年利率 {whole}.{part:02d} %，单利",
            f"late payment bears simple interest of {whole}.{part:02d} % a year",
        )
    if settled.interest_floor:
        floor = f"{settled.interest_floor.owner}/{settled.interest_floor.index}"
        yield Text(
            f"接受协议时，该利率不得低于指数 {floor} 的最新值",
            f"when the agreement is accepted, that rate may not lie below the index {floor}",
        )
    if settled.bank:
        yield Text(f"以 {settled.bank} 的记账款付款", f"paid by claims on {settled.bank}")
    else:
        yield Text("通过各自的银行付款", "paid through the members' own banks")
