"""Stops of the line: who answers for them, what the parties claimed, what it changed in the statements."""

from collections.abc import Iterator

from hansa.apps.billing.attribution import Claim
from hansa.apps.billing.elements_trade import Availability
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.stops import planned
from hansa.apps.billing.tariff import window_names
from hansa.apps.billing.windows import WindowScheme, windows_at
from hansa.console.report import business as page
from hansa.console.report.part import Text as Said
from hansa.kernel import limits
from hansa.simulation.play import AGREEMENT
from hansa.simulation.report_business import Look, grid, marked, period_text, said

LIABLE = {
    "provider": ("出租方", "the lessor"),
    "user": ("承租方", "the lessee"),
    "neither": ("双方均无责", "neither"),
}
REASONS = {
    "no_order": ("无订单、休息", "no order, at rest"),
    "breakdown": ("故障", "breakdown"),
    "drive_fault": ("驱动故障", "drive fault"),
    "feed_jam": ("进料卡阻", "feed jam"),
}
"""What the parties of the demo's tariff and claims mean by their codes; others are shown as they stand."""


def stops(look: Look) -> page.Section | None:
    """None where no agreement says who answers for stops."""
    if not look.play.sheet.terms.attribution:
        return None
    return page.Section(
        title=said("停机：由谁负责，金额如何变动", "Stops: who answers for them, and what it changes"),
        paragraphs=(
            said(
                "没有申请时，停机按协议的规则归责；任何一方可在关账前申请另行认定，对方可提出异议。"
                "有异议的不计入，但列明若成立会使金额变动多少。",
                "Unless somebody claims otherwise, stops are attributed by the agreement's rule; until the "
                "close either party may claim another cause, and the other may contest it. What is contested "
                "counts for nothing and is listed with what it would change.",
            ),
            *_credits(look),
        ),
        grids=(_claims(look), _causes(look)),
    )


def _credits(look: Look) -> Iterator[Said]:
    """Of each statement under an availability credit: what was promised, reached, and given back."""
    for element in look.play.sheet.tariff.elements:
        if isinstance(element, Availability):
            for statement, _ in look.stated(AGREEMENT):
                yield _credit(look, element, statement)


def _credit(look: Look, element: Availability, statement: Statement) -> Said:
    scheme = windows_at(look.play.sheet.tariff, look.play.sheet.calendar)
    service = element.windows or window_names(look.play.sheet.tariff)
    hours = planned(scheme, statement.period)
    planned_ms = max(sum(hours.get(window, 0) for window in service), 1)
    down_ms = _down_ms(look, scheme, element, statement)
    given = sum(line.net_minor for line in statement.lines if line.kind == "availability")
    reached, target = f"{(planned_ms - down_ms) * 100 / planned_ms:.2f} %", f"{element.target_bp / 100:g} %"
    whole, down, period = (
        f"{planned_ms / limits.HOUR_MS:,.0f}",
        _hours(down_ms),
        period_text(statement.period),
    )
    zh = f"可用率扣减 {look.money(given)}（不含税）" if given else "没有扣减"
    en = f"availability credit {look.money(given)} without tax" if given else "no credit"
    return said(
        f"{period}：服务时间 {whole} 小时，承诺可用率 {target}；出租方负责的停机 {down} 小时，"
        f"实际 {reached}：{zh}。",
        f"{period}: of {whole} h of service time {target} are promised; the lessor answers for {down} h of "
        f"stops, so {reached} were reached: {en}.",
    )


def _down_ms(look: Look, scheme: WindowScheme, element: Availability, statement: Statement) -> int:
    """Stops at the provider's charge, without what claims that counted cover outside the service time."""
    down_ms = sum(
        stop.stopped_ms
        for stop in statement.stops
        if (stop.liable, stop.meter) == ("provider", element.meter)
    )
    left_out = [each.claim for each in statement.claims]
    for name, claim in _stood(look, statement):
        if element.windows and (claim.liable, claim.meter) == ("provider", element.meter):
            for window, from_ms, to_ms in scheme.split(claim.from_ms, claim.to_ms)[0]:
                if name not in left_out and scheme.names[window] not in element.windows:
                    down_ms -= to_ms - from_ms
    return max(down_ms, 0)


def _stood(look: Look, statement: Statement) -> list[tuple[str, Claim]]:
    """Claims that stood at the close of a period."""
    found: list[tuple[str, Claim]] = look.ask.one(
        "billing.claims_of",
        list[tuple[str, Claim]],
        agreement=statement.agreement,
        period_ms=statement.period.from_ms,
    )
    return found


def _claims(look: Look) -> page.Grid:
    rows = [
        row
        for agreement in look.agreements
        for statement, _ in look.stated(agreement)
        for row in _claims_of(look, agreement, statement)
    ]
    return grid(
        ("停机与废品的认定申请", "Claims about stops and scrap"),
        (
            ("协议", "Agreement", "proper"),
            ("申请方", "Claimed by", "member"),
            ("自", "From", "time"),
            ("至", "To", "time"),
            ("时长", "Length", "quantity"),
            ("原因", "Reason", "text"),
            ("申请的责任方", "At whose charge", "text"),
            ("结果", "Outcome", "badge"),
            ("若成立，不含税变动", "Would change, net", "money"),
        ),
        rows,
        ("没有申请。", "Nothing was claimed."),
    )


def _claims_of(look: Look, agreement: str, statement: Statement) -> Iterator[tuple[page.Cell, ...]]:
    """Those that stood at the close; what was taken back before is as if it had never been."""
    left_out = {each.claim: each for each in statement.claims}
    for name, claim in sorted(_stood(look, statement), key=lambda row: row[1].from_ms):
        if name not in left_out:
            outcome = (
                marked("责任方自己承认，计入", "admitted by who answers for it: counts", "good")
                if claim.admitted
                else marked("无异议，计入", "not contested: counts", "good")
            )
        elif claim.contested:
            outcome = marked("有异议，不计入", "contested: counts for nothing", "warn")
        else:
            outcome = marked("提出过晚，不计入", "too late to be answered: counts for nothing", "warn")
        yield (
            agreement,
            claim.by,
            claim.from_ms,
            claim.to_ms,
            _span(claim.to_ms - claim.from_ms),
            marked(*REASONS.get(claim.reason, (claim.reason, claim.reason))),
            marked(*LIABLE[claim.liable]),
            outcome,
            left_out[name].change_minor if name in left_out else None,
        )


def _causes(look: Look) -> page.Grid:
    rows = [
        (
            agreement,
            period_text(statement.period),
            marked(*REASONS.get(stop.reason, (stop.reason, stop.reason))),
            marked(*LIABLE[stop.liable]),
            _span(stop.stopped_ms),
        )
        for agreement in look.agreements
        for statement, _ in look.stated(agreement)
        for stop in statement.stops
    ]
    return grid(
        ("各期停机时间，按原因", "Stopped time of each period, by cause"),
        (
            ("协议", "Agreement", "proper"),
            ("结算期", "Period", "period"),
            ("原因", "Reason", "text"),
            ("责任方", "Who answers for it", "text"),
            ("停机时间", "Stopped", "quantity"),
        ),
        rows,
        ("没有停机。", "There were no stops."),
    )


def _span(span_ms: int) -> page.Label:
    return marked(f"{_hours(span_ms)} 小时", f"{_hours(span_ms)} h")


def _hours(span_ms: int) -> str:
    """Hours and minutes."""
    return f"{span_ms // limits.HOUR_MS}:{span_ms % limits.HOUR_MS // limits.MINUTE_MS:02d}"
