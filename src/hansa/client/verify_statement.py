"""Checks of statements: all are there, closed when the terms say, and recomputed to the cent."""

from collections.abc import Iterator, Mapping, Sequence

from hansa.apps.billing.interest import Charge, charge_lines
from hansa.apps.billing.lawful import is_protected
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.rating import Line
from hansa.apps.billing.recompute import Closed, Deal, periods, settle
from hansa.apps.billing.texts import quantity_text
from hansa.client.report import Report, need, note
from hansa.client.texts import Text, both, instant_text, money, period_text
from hansa.client.verify_acts import Placed
from hansa.client.verify_metering import Batches
from hansa.kernel import replace


def check_periods(report: Report, transactions: Sequence[Placed]) -> None:
    """The statements are of the agreement's first periods without a hole, none closed before its cut-off."""
    assert report.deal is not None
    calendar = report.deal.calendar
    found = [statement.period for statement in report.statements]
    problems: list[str | Text] = []
    if found != periods(report.deal)[: len(found)]:
        problems.append(Text("结算期不齐", "a period is missing, or is not one of the agreement's"))
    asked = {placed.id: placed for placed in transactions}
    for statement in report.statements:
        at = instant_text(calendar, statement.closed_ms)
        if statement.closed_ms < statement.period.to_ms + report.deal.agreement.terms.cut_off_ms:
            problems.append(Text(f"{at} 关账，早于截止时间", f"closed at {at}, before the cut-off"))
        place = asked[statement.closed_by].place[0] if statement.closed_by in asked else 0
        if statement.closed_by and place != statement.closed_height:
            problems.append(
                Text(f"缺少 {at} 的关账交易", f"the transaction that closed at {at} is not there")
            )
        problems += _times(statement, transactions)
    need(
        report, "periods",
        Text("此前各期结算单齐备，均在截止时间之后关账",
             "all earlier statements are there, each closed after its cut-off"),
        problems, Text(f"{len(found)} 期", f"{len(found)} periods"),
    )  # fmt: skip


def _times(statement: Statement, transactions: Sequence[Placed]) -> Iterator[str]:
    """Block time never goes back, so it says the same as the heights."""
    for placed in transactions:
        height, closed = placed.place[0], statement.closed_height
        if (height < closed and placed.time_ms > statement.closed_ms) or (
            height > closed and placed.time_ms < statement.closed_ms
        ):
            yield placed.where


def recompute(report: Report, batches: Batches) -> None:
    """Rate everything again from the records, and compare with what the ledger states, line by line."""
    assert report.deal is not None
    stops_ms = [statement.corrected_to_ms for statement in report.statements]
    interest = {statement.period.from_ms: interest_of(statement) for statement in report.statements}
    report.closed = settle(report.deal, batches, stops_ms, report.claims, interest)
    for number, (stated, closed) in enumerate(zip(report.statements, report.closed, strict=True)):
        period = period_text(closed.period)
        gross = money(stated.gross_minor, stated.currency)
        differs = difference(report, number, closed) or made_up_interest(report, number)
        note(
            report, "recomputation",
            Text(f"{period} 的结算单由记录重新算出，分毫不差",
                 f"the statement of {period} is recomputed from the records, to the cent"),
            [differs] if differs else [], _so_much(stated, gross),
        )  # fmt: skip


def _so_much(stated: Statement, gross: str) -> Text:
    charged_minor = sum(line.gross_minor for line in interest_of(stated))
    if not charged_minor:
        return Text(f"含税 {gross}", f"gross {gross}")
    interest = money(charged_minor, stated.currency)
    return Text(
        f"含税 {gross}，其中逾期利息 {interest} 依账本所载，未重算",
        f"gross {gross}, of it interest of {interest} as the ledger states it, not recomputed",
    )


def interest_of(statement: Statement) -> list[Line]:
    """Lines on late payments: taken as stated, since records of meters tell of no payment."""
    return [line for line in statement.lines if line.kind == "interest"]


def made_up_interest(report: Report, number: int) -> Text | None:
    """A line on late payments that cannot be one; None if there is none.

    What was paid, and when, is not in the evidence. But interest must have been agreed, or be due by law, for
    the debt of an earlier period, and its tax and net follow from what it charges.
    """
    assert report.deal is not None
    statement, agreement = report.statements[number], report.deal.agreement
    settlement = agreement.terms.settlement
    sizes = (agreement.user_size, agreement.provider_size)
    by_law = is_protected(*sizes) or is_protected(*reversed(sizes))
    some = settlement is not None and (settlement.interest_bp > 0 or by_law)
    earlier = {before.period.from_ms for before in report.statements[:number]}
    for line in interest_of(statement):
        charge = Charge(line.corrects_from_ms, "", line.charged_minor, line.quantity_base)
        meant = charge_lines(report.deal.tariff, settlement, [charge], statement.period)
        sums = ("number", "net_minor", "tax_minor", "gross_minor")
        as_meant = replace(line, **{name: getattr(meant[0], name) for name in sums}) if meant else None
        if not some or line.corrects_from_ms not in earlier or as_meant != meant[0]:
            return Text(
                f"第 {line.number} 行：逾期利息不成立（未约定、无此前账期或与税额不符）",
                f"line {line.number}: no such interest was agreed, no earlier period bears it, or its tax "
                "does not follow",
            )
    return None


def difference(report: Report, number: int, closed: Closed) -> Text | None:
    """Where a statement and its recomputation part; None if nowhere."""
    assert report.deal is not None
    stated, deal = report.statements[number], report.deal
    for a, b in zip(stated.lines, closed.totals.lines, strict=False):
        if a != b:
            return _of_line(a, b, deal)
    totals = closed.totals
    names: Mapping[str, tuple[Text, object, object]] = {
        "parties": (
            Text("双方、币种或含税口径", "parties, currency or tax basis"),
            _head_of(stated), _head(report, deal),
        ),
        "period": (Text("结算期", "the period"), stated.period, closed.period),
        "lines": (Text("行数", "the number of lines"), len(stated.lines), len(totals.lines)),
        "by_rate": (Text("按税率小计", "the sums by tax rate"), stated.by_rate, totals.by_rate),
        "sums": (
            Text("合计金额", "the totals"),
            (stated.net_minor, stated.tax_minor, stated.gross_minor),
            (totals.net_minor, totals.tax_minor, totals.gross_minor),
        ),
        "gaps": (
            Text("缺口清单", "the list of gaps"),
            (stated.gap_count, stated.gaps), (len(closed.gaps), closed.gaps[: len(stated.gaps)]),
        ),
        "falls": (
            Text("低读数清单", "the list of low readings"),
            (stated.fall_count, stated.falls), (len(closed.falls), closed.falls[: len(stated.falls)]),
        ),
    }  # fmt: skip
    for field, text in LISTED.items():
        names = {**names, field: (text, getattr(stated, field), closed.listed[field])}
    return next((name for name, a, b in names.values() if a != b), None)


LISTED = {
    "stops": Text("停机清单", "the list of stops"),
    "stop_count": Text("停机项数", "the number of stops"),
    "scrap": Text("废品清单", "the list of scrap"),
    "scrap_count": Text("废品项数", "the number of causes of scrap"),
    "claims": Text("有争议的认定申请", "the disputed claims"),
    "checks": Text("副表核对", "the comparison with check feeds"),
    "check_lines": Text("因副表而有争议的行", "the lines disputed by a check feed"),
    "unknown": Text("状态未知的时间", "the time of which nothing is known"),
    "unknown_lines": Text("因未知时间而有争议的行", "the lines disputed for unknown time"),
    "shares": Text("分成", "the shares"),
}
"""What a statement lists beside its sums, by field."""


def _head_of(stated: Statement) -> tuple[object, ...]:
    return (stated.agreement, stated.provider, stated.user, stated.currency, stated.tax_included)


def _head(report: Report, deal: Deal) -> tuple[object, ...]:
    assert report.bundle is not None
    agreement, tariff = deal.agreement, deal.tariff
    name = report.bundle.subject.agreement
    return (name, agreement.provider, agreement.user, tariff.currency, tariff.tax_included)


def _of_line(a: Line, b: Line, deal: Deal) -> Text:
    """The first thing in which two lines differ, in the words of a statement."""
    currency = deal.tariff.currency
    where = Text(f"第 {a.number} 行（{a.clause}）", f"line {a.number} ({a.clause})")
    if a.clause == b.clause and a.quantity_base != b.quantity_base:
        stated, found = quantity_text(a)[0], quantity_text(b)[0]
        what = Text(f"数量 {stated}，重算为 {found}", f"quantity {stated}, recomputed {found}")
    elif a.clause == b.clause and a.gross_minor != b.gross_minor:
        stated, found = money(a.gross_minor, currency), money(b.gross_minor, currency)
        what = Text(f"含税 {stated}，重算为 {found}", f"gross {stated}, recomputed {found}")
    else:
        names = ", ".join(n for n in a.__struct_fields__ if getattr(a, n) != getattr(b, n))
        what = both(names)
    return Text(f"{where.zh}：{what.zh}", f"{where.en}: {what.en}")
