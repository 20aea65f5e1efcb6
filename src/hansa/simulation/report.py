"""Fills the report page from a demo: what the log said, what the ledger stated, what was checked."""

import copy
import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from typing import Literal

from hansa.apps.billing.gaps import GapLine
from hansa.apps.billing.messages import FallLine, Statement
from hansa.apps.billing.rating import Line
from hansa.apps.billing.tariff import minor_digits
from hansa.apps.billing.terms import GapRule
from hansa.apps.billing.texts import decimal_text, price_text, quantity_text, tariff_text
from hansa.client.explain import explain_all
from hansa.client.node import Node as ExplainNode
from hansa.client.texts import Text
from hansa.client.verify import not_proved
from hansa.client.verify_quorum import finality_text
from hansa.console.report import data as page
from hansa.console.report.data_node import Cheat as Tried
from hansa.console.report.render import render
from hansa.console.statement.paper import has_price
from hansa.edge.gateway import feed_name
from hansa.edge.log_model import FeedLog
from hansa.simulation.cast import GATEWAY_KEY, NAME_EN, NAME_ZH
from hansa.simulation.cheat import Cheat
from hansa.simulation.demo import Demo, all_gaps, binding_of, local_time, priced_unit
from hansa.simulation.oee import oee_of
from hansa.simulation.sheets import PRICED_SIZE, PRICED_UNIT
from hansa.simulation.signals import Signal, signal_of
from hansa.simulation.tariff_lines import tariff_lines

SERIES_POINTS_MAX = 1_900
BANDS_MAX = 50_000
ROWS_MAX = 300
EXPLAINED_STATEMENTS_MAX = 6
"""The last ones; `hansa explain` explains any."""

UNIT_TEXTS = {
    "piece": ("件", "pieces"),
    "h": ("小时", "h"),
    "kWh": ("kWh", "kWh"),
    "kg": ("kg", "kg"),
    "l": ("升", "l"),
}
RULES = {
    "counter_difference": ("按计数器差值计入", "the counter's difference counts"),
    "last_rate": ("按此前速率推算", "as it went just before"),
    "zero": ("按零计", "counts nothing"),
    "average_day": ("按最近同类日平均", "average of the last days of the same type"),
    "dispute": ("不计，列为争议", "left out and listed as disputed"),
}
HOUR_MS, MINUTE_MS, DAY_MS = 3_600_000, 60_000, 86_400_000


def write_report(demo: Demo, made_at_ms: int) -> None:
    """Write the demo's report.html."""
    demo.report_file.write_text(render(report_data(demo, made_at_ms)), encoding="utf-8")


def report_data(demo: Demo, made_at_ms: int) -> page.ReportData:
    play, world = demo.play, demo.world
    calendar = play.sheet.calendar
    signals = {feed_name(play.log.device, feed.spec): signal_of(play, feed) for feed in play.log.feeds}
    return page.ReportData(
        title=page.Text(
            zh=f"{play.log.device} 产线租赁与结算", en=f"Lease and settlement of {play.log.device}"
        ),
        replay=True,
        made_up=play.made_up,
        made_at_ms=made_at_ms,
        consortium=page.Consortium(
            name_zh=NAME_ZH,
            name_en=NAME_EN,
            members=tuple(
                page.Member(id=name, name_zh=m.name_zh, name_en=m.name_en, role=m.roles[0])
                for name, m in demo.members
            ),
        ),
        device=play.log.device,
        zone=page.Zone(
            name=calendar.zone,
            transition_ms=calendar.transition_ms,
            offset_minutes=calendar.offset_minutes,
        ),
        feeds=tuple(_feed(demo, feed, signals) for feed in play.log.feeds),
        oee=oee_of(play, signals),
        read=_read(demo),
        agreement=_agreement(demo),
        statements=tuple(_statements(demo)),
        audit=_audit(demo),
        evidence_file=demo.evidence_file.name,
        genesis_file=world.genesis_file.name,
        operations=demo.operations,
        governance=demo.governance,
        business=demo.business,
    )


# Feeds.


def _feed(demo: Demo, feed: FeedLog, signals: dict[str, Signal]) -> page.Feed:
    name = feed_name(demo.play.log.device, feed.spec)
    signal = signals[name]
    size, unit = _shown_unit(demo, feed, name)
    zh, en = UNIT_TEXTS.get(unit, (unit, unit))
    kind: Literal["counter", "amount", "state"] = "amount" if feed.spec.kind == "power" else feed.spec.kind
    legal = feed.spec.legal_use
    written = feed.spec.unit or feed.base_unit
    return page.Feed(
        name=name,
        kind=kind,
        unit_text=page.Text(zh=zh, en=en),
        base_unit=feed.base_unit,
        scale_text=""
        if kind == "state" or written == feed.base_unit
        else f"1 {written} = {feed.spec.factor} {feed.base_unit}",
        source=page.Source(
            signed_by_device=demo.report.signed_by_device,
            key=f"plant/{GATEWAY_KEY}",
            kind="gateway",
            files=tuple(
                page.SourceFile(name=f.name, sha256=f.sha256) for f in demo.play.log.files[:ROWS_MAX]
            ),
        ),
        legal_use=page.LegalUse(
            grade=legal.grade,
            certificate=legal.certificate,
            valid_until_ms=demo.play.mapping.valid_until_ms(feed.spec),
            accuracy_class=legal.class_,
            seal=legal.seal,
        ),
        wired=feed.wired,
        integrated=feed.spec.kind == "power",
        series=tuple(_series(signal, size)),
        false_readings=tuple((at, value / size) for at, value in signal.low[:ROWS_MAX]),
        lives=tuple(
            page.Life(
                at_ms=life.at_ms,
                kind="replacement" if life.replaced else "reset",
                final_value=decimal_text(life.final_value, size)[0],
                start_value=decimal_text(life.start_value, size)[0],
            )
            for life in signal.lives
        ),
        states=feed.states if kind == "state" else (),
        bands=tuple(signal.bands[:BANDS_MAX]),
        state_ms=signal.state_ms,
        gaps=tuple(_gaps_of_feed(demo, name)),
        falls=tuple(_falls_of_feed(demo, name)),
    )


def _shown_unit(demo: Demo, feed: FeedLog, name: str) -> tuple[int, str]:
    """(base units, name) of the unit in which a feed is shown: the priced one, else the usual one of its
    base.
    """
    for binding in demo.play.bindings:
        if binding.feed == name:
            return priced_unit(demo.play.sheet, binding.meter)
    base = "ms" if feed.spec.kind == "state" else feed.base_unit
    return PRICED_SIZE.get(base, 1), PRICED_UNIT.get(base, base)


def _series(signal: Signal, size: int) -> list[tuple[int, float | None]]:
    """At most SERIES_POINTS_MAX points: evenly thinned, breaks kept as long as there is room for them."""
    step = max(-(-len(signal.series) // SERIES_POINTS_MAX), 1)
    last = len(signal.series) - 1
    breaks = sum(value is None for _, value in signal.series)
    keep_breaks = breaks <= SERIES_POINTS_MAX // 2
    points: list[tuple[int, float | None]] = []
    for position, (at_ms, value) in enumerate(signal.series):
        if position % step == 0 or position == last or (value is None and keep_breaks):
            points.append((at_ms, None if value is None else round(value / size, 6)))
    return points[: 2 * SERIES_POINTS_MAX]


def _gaps_of_feed(demo: Demo, feed: str) -> Iterator[page.Gap]:
    """Each once, as in the JSON: where a later statement shows its end, that one counts."""
    yield from _gaps(demo, [gap for gap in all_gaps(demo) if binding_of(demo, gap.meter).feed == feed])


def _falls_of_feed(demo: Demo, feed: str) -> Iterator[page.Fall]:
    found: list[page.Fall] = []
    for statement in demo.statements:
        found += [fall for fall in _falls(demo, statement.falls) if fall.feed == feed]
    yield from found[:ROWS_MAX]


def _gaps(demo: Demo, gaps: Sequence[GapLine]) -> Iterator[page.Gap]:
    for gap in gaps[:ROWS_MAX]:
        size, unit = priced_unit(demo.play.sheet, gap.meter)
        yield page.Gap(
            feed=binding_of(demo, gap.meter).feed,
            from_ms=gap.from_ms,
            to_ms=gap.to_ms,
            rule=gap.rule,
            quantity=decimal_text(gap.quantity_base, size)[0],
            unit=unit,
            status=_status(demo, gap),
        )


def _status(demo: Demo, gap: GapLine) -> Literal["closed", "late", "open", "disputed"]:
    if gap.rule == "dispute":
        return "disputed"
    name = binding_of(demo, gap.meter).feed
    for feed in demo.play.log.feeds:
        if gap.state == "closed" and feed_name(demo.play.log.device, feed.spec) == name:
            within = range(bisect_right(feed.at_ms, gap.from_ms), bisect_left(feed.at_ms, gap.to_ms))
            if any(not feed.lost[place] for place in within):
                return "late"
    return gap.state


def _falls(demo: Demo, falls: Sequence[FallLine]) -> Iterator[page.Fall]:
    for fall in falls[:ROWS_MAX]:
        size, _ = priced_unit(demo.play.sheet, fall.meter)
        yield page.Fall(
            feed=binding_of(demo, fall.meter).feed,
            at_ms=fall.from_ms,
            to_ms=fall.to_ms,
            readings=fall.readings,
            value=decimal_text(fall.value_base, size)[0],
            last_good=decimal_text(fall.good_base, size)[0],
            became=fall.status,
        )


def _read(demo: Demo) -> page.ReadSummary:
    report = demo.play.log.report
    return page.ReadSummary(
        rows=report.rows,
        readings=report.readings,
        duplicates=report.duplicates,
        out_of_order=report.out_of_order,
        late=len(demo.play.held_back),
        misdated=report.misdated,
        malformed=report.malformed,
        skipped=dict(report.skipped),
        refused=tuple(
            page.RefusedRow(
                file=row.file, line=row.line, column=row.column, code=row.code, zh=row.zh, en=row.en
            )
            for row in (*report.misdated_rows, *report.malformed_rows)[:ROWS_MAX]
        ),
    )


# The agreement and its statements.


def _agreement(demo: Demo) -> page.Agreement:
    deal = demo.report.deal
    assert deal is not None
    agreement, tariff = deal.agreement, deal.tariff
    return page.Agreement(
        id=demo.statements[-1].agreement,
        provider=agreement.provider,
        user=agreement.user,
        from_ms=agreement.from_ms,
        to_ms=agreement.to_ms,
        tariff_name=tariff.name,
        tariff_lines=tuple(page.Text(zh=zh, en=en) for zh, en in tariff_lines(tariff)),
        gap_rules=tuple(_gap_rule(rule) for rule in agreement.terms.gaps),
        cut_off_text=_cut_off(agreement.terms.cut_off_ms),
        currency=tariff.currency,
        minor_digits=minor_digits(tariff.currency),
    )


def _gap_rule(rule: GapRule) -> page.Text:
    zh, en = RULES[rule.rule]
    minutes = decimal_text(rule.longer_than_ms, MINUTE_MS)[0]
    days_zh, days_en = (f"（{rule.days} 天）", f" ({rule.days} days)") if rule.days else ("", "")
    return page.Text(
        zh=f"{rule.meter}：超过 {minutes} 分钟的缺口，{zh}{days_zh}",
        en=f"{rule.meter}: gaps longer than {minutes} min: {en}{days_en}",
    )


def _cut_off(cut_off_ms: int) -> page.Text:
    days = decimal_text(cut_off_ms, DAY_MS)[0]
    return page.Text(
        zh=f"结算期结束 {days} 天后截止；更晚到达的记录在下一期更正",
        en=f"a period is cut off {days} days after its end; what arrives later is corrected in the next one",
    )


def _statements(demo: Demo) -> Iterator[page.Statement]:
    explained = demo.statements[-EXPLAINED_STATEMENTS_MAX:]
    for statement in demo.statements:
        explanations = _explanations(demo, statement) if statement in explained else {}
        yield page.Statement(
            id=f"{statement.agreement}:{local_time(demo.play.sheet.calendar, statement.period.from_ms)[:10]}",
            period_from_ms=statement.period.from_ms,
            period_to_ms=statement.period.to_ms,
            currency=statement.currency,
            lines=tuple(_line(line, explanations.get(line.number)) for line in statement.lines),
            by_rate=tuple(
                page.RateTotal(
                    tax_rate_bp=total.tax_rate_bp,
                    net_minor=total.net_minor,
                    tax_minor=total.tax_minor,
                    gross_minor=total.gross_minor,
                )
                for total in statement.by_rate
            ),
            net_minor=statement.net_minor,
            tax_minor=statement.tax_minor,
            gross_minor=statement.gross_minor,
            gaps=tuple(_gaps(demo, statement.gaps)),
            falls=tuple(_falls(demo, statement.falls)),
            closed_ms=statement.closed_ms,
        )


def _explanations(demo: Demo, statement: Statement) -> dict[int, page.Node]:
    """The tree of each line, by its number."""
    report = copy.copy(demo.report)
    report.statement = statement
    numbers = [line.number for line in statement.lines]
    return dict(zip(numbers, map(_node, explain_all(report)), strict=True))


def _line(line: Line, explanation: page.Node | None) -> page.StatementLine:
    if explanation is None:
        explanation = page.Node(
            text=page.Text(
                zh="较早的结算期：用 hansa explain 从证据包中解释",
                en="An earlier period: explain it from the evidence with `hansa explain`",
            )
        )
    return page.StatementLine(
        number=line.number,
        clause=line.clause,
        kind=line.kind,
        text=page.Text(zh=tariff_text(line, "zh"), en=tariff_text(line, "en")),
        quantity=quantity_text(line)[0],
        unit=line.unit,
        price=price_text(line.price_e8) if has_price(line) else "",
        price_e8=line.price_e8,
        net_minor=line.net_minor,
        tax_rate_bp=line.tax_rate_bp,
        tax_minor=line.tax_minor,
        gross_minor=line.gross_minor,
        explanation=explanation,
    )


def _node(node: ExplainNode) -> page.Node:
    detail: page.Text | Literal[""] = ""
    if node.detail.zh or node.detail.en:
        detail = page.Text(zh=node.detail.zh, en=node.detail.en)
    return page.Node(
        text=page.Text(zh=node.text.zh, en=node.text.en),
        detail=detail,
        ok=node.ok,
        children=tuple(_node(child) for child in node.children),
    )


# Audit.


def _audit(demo: Demo) -> page.Audit:
    head = demo.bundle.head
    genesis = demo.world.genesis_file.read_bytes()
    node_key = demo.world.genesis.node_public.hex()
    finality = finality_text(demo.report.finality)
    broken = next((check for check in demo.tampered.checks if not check.ok), None)
    return page.Audit(
        chain=head.header.chain,
        height=head.header.height,
        app_hash=head.header.app_hash,
        operator_key=node_key,
        header_time_ms=head.header.time_ms,
        checks=tuple(
            page.Check(
                text=page.Text(zh=check.text.zh, en=check.text.en),
                ok=check.ok,
                detail=page.Text(zh=check.detail.zh, en=check.detail.en),
            )
            for check in demo.report.checks
        ),
        recomputed=tuple(
            page.Recomputed(
                statement=f"{stated.agreement}:"
                f"{local_time(demo.play.sheet.calendar, stated.period.from_ms)[:10]}",
                stated_gross_minor=stated.gross_minor,
                recomputed_gross_minor=closed.totals.gross_minor,
            )
            for stated, closed in zip(_stated(demo), demo.report.closed, strict=False)
        ),
        tamper=None
        if broken is None
        else page.Tamper(
            text=page.Text(
                zh=f"在副本中把一条读数改大 1:{demo.tampered_place}",
                en=f"In a copy, one reading was made larger by 1: {demo.tampered_place}",
            ),
            found=page.Text(zh=f"不成立：{broken.text.zh}", en=f"Does not hold: {broken.text.en}"),
            at=page.Text(zh=broken.detail.zh, en=broken.detail.en),
        ),
        not_proved=tuple(page.Text(zh=item.zh, en=item.en) for item in not_proved(demo.report)),
        commands=(
            f"hansa verify {demo.evidence_file.name} --genesis {demo.world.genesis_file.name}",
            f"python examples/check_evidence.py {demo.evidence_file.name} {demo.world.genesis_file.name}",
        ),
        header_signature=head.signature.hex(),
        genesis_sha256=hashlib.sha256(genesis).hexdigest(),
        finality=page.Text(zh=finality.zh, en=finality.en),
        cheats=tuple(_cheat(cheat) for cheat in demo.cheats),
    )


def _cheat(cheat: Cheat) -> Tried:
    found = cheat.found or Text("", "")
    return Tried(
        kind=cheat.kind,
        done=page.Text(zh=cheat.done.zh, en=cheat.done.en),
        caught_by=cheat.caught_by,
        code=cheat.code,
        found=page.Text(zh=found.zh, en=found.en),
        after_ms=cheat.after_ms,
    )


def _stated(demo: Demo) -> list[Statement]:
    return demo.statements
