"""What a line of a statement says, its clause, its money: worked out again from the tariff sheet."""

from collections.abc import Sequence

from hansa.apps.billing.elements import Index
from hansa.apps.billing.elements_energy import EnergyElement
from hansa.apps.billing.elements_trade import TradeElement
from hansa.apps.billing.messages import Statement
from hansa.apps.billing.pricing import index_value
from hansa.apps.billing.rating import PRICE_UNIT, TAX_UNIT, Line, allot_tax, divide
from hansa.apps.billing.recompute import Deal
from hansa.apps.billing.tariff import Cap, Element, Fixed, Minimum, Tariff, Usage, minor_digits, rate_in_force
from hansa.apps.billing.texts import (
    UNITS_EN,
    UNITS_ZH,
    decimal_text,
    interest_text,
    price_text,
    quantity_text,
    tariff_text,
)
from hansa.apps.billing.texts_energy import energy_text
from hansa.apps.billing.texts_trade import trade_text
from hansa.apps.consortium.calendars import Period, date_text, local_day
from hansa.client.node import Node
from hansa.client.texts import NO_TEXT, Text, base_text, both, money, period_text, stretch_text, tariff_name


def title(deal: Deal, line: Line) -> Text:
    """What is charged, how much of it, at what price, for how much."""
    amount = money(line.amount_minor, deal.tariff.currency)
    said = Text(
        f"第 {line.number} 行 {tariff_text(line, 'zh')}", f"Line {line.number}, {tariff_text(line, 'en')}"
    )
    if not line.unit:
        return Text(f"{said.zh}：{amount}", f"{said.en}: {amount}")
    times = product(deal, line)
    return Text(f"{said.zh}：{times.zh} = {amount}", f"{said.en}: {times.en} = {amount}")


def product(deal: Deal, line: Line) -> Text:
    """`110 piece × 3.50 CNY`; of a correction the difference in quantity alone."""
    quantity, exact = quantity_text(line)
    about = "" if exact else "≈ "
    zh = f"{about}{quantity} {UNITS_ZH.get(line.unit, line.unit)}"
    en = f"{about}{quantity} {UNITS_EN.get(line.unit, line.unit)}"
    if line.kind == "correction":
        return Text(zh, en)
    price = f" × {price_text(line.price_e8)} {deal.tariff.currency}"
    return Text(zh + price, en + price)


def amounts(deal: Deal, line: Line) -> Text:
    net, tax, gross = (
        money(amount, deal.tariff.currency) for amount in (line.net_minor, line.tax_minor, line.gross_minor)
    )
    return Text(f"不含税 {net}，税 {tax}，含税 {gross}", f"net {net}, tax {tax}, gross {gross}")


def clause(deal: Deal, stated: Sequence[Line], line: Line, period: Period) -> Node:
    """The clause of the tariff sheet that the line applies, and the arithmetic of the line."""
    element = next(e for e in deal.tariff.elements if e.clause == line.clause)
    sheet = tariff_name(deal.agreement)
    text = Text(f"{sheet.zh}，条款 {line.clause}", f"Clause {line.clause} of {sheet.en}")
    own = [other for other in stated if other.kind != "correction"]
    if isinstance(element, Usage):
        return _usage_clause(deal, element, line, period, text)
    if isinstance(element, Fixed):
        return _fixed_clause(deal, element, line, period, text)
    if isinstance(element, Minimum | Cap):
        return _bound_clause(deal, element, own, line, text)
    return _other_clause(deal, element, own, line, text)


def late(deal: Deal, line: Line) -> Node:
    """Interest on a late payment: by which rule, of which period. Meters' records tell of no payment."""
    first = date_text(local_day(deal.calendar, line.corrects_from_ms))
    settlement = deal.agreement.terms.settlement
    rate_bp = settlement.interest_bp if settlement else 0
    percent = f"{decimal_text(rate_bp * 100, TAX_UNIT)[0]} %"
    rule = (
        Text(f"约定年利率 {percent}，实际天数/365，单利", f"agreed at {percent} a year, simple, actual/365")
        if rate_bp
        else Text("未约定利率，按法定每日万分之五", "no rate agreed: 0.05 % a day by law")
    )
    return Node(
        Text(
            f"{first} 起一期的款项，{interest_text(line)[0]}：{rule.zh}",
            f"On what the period from {first} led to, {interest_text(line)[1]}: {rule.en}",
        ),
        Text(
            "依账本所载，付款不在计量记录之中，此处不重算",
            "as the ledger states it: payments are none of the meters' records and are not worked out here",
        ),
    )


def _other_clause(deal: Deal, element: Element, own: Sequence[Line], line: Line, text: Text) -> Node:
    """What the sheet says, and what the clauses that it looks at come to; the line itself is recomputed."""
    said = both(line.kind)
    if isinstance(element, TradeElement):
        said = Text(*trade_text(deal.tariff, element))
    elif isinstance(element, EnergyElement):
        said = Text(*energy_text(deal.tariff, element))
    nodes = []
    for name in getattr(element, "of", ()):
        of_clause = sum(other.amount_minor for other in own if other.clause == name)
        amount = money(of_clause, deal.tariff.currency)
        nodes.append(Node(Text(f"条款 {name}：{amount}", f"Clause {name}: {amount}"), quantity=of_clause))
    return Node(text, said, True, tuple(nodes))


def _usage_clause(deal: Deal, element: Usage, line: Line, period: Period, text: Text) -> Node:
    """E1–E4: what the sheet says, and the one rounding of the line."""
    scale = 10 ** minor_digits(deal.tariff.currency)
    amount_minor = divide(
        line.quantity_base * line.price_e8 * scale, line.unit_base * PRICE_UNIT, deal.tariff.rounding
    )
    expected = 0 if line.kind == "included" else element.tiers[max(line.tier, 1) - 1].price_e8
    nodes = _sheet(deal, element)
    if element.index is not None:
        value_e8 = index_value(deal.prices, element.index, period, deal.agreement.terms.cut_off_ms)
        expected = divide(expected * value_e8, element.index.base_e8, "half_up")
        nodes.append(_index(element.index, value_e8))
    right = (amount_minor, expected, element.unit_base) == (line.amount_minor, line.price_e8, line.unit_base)
    times = product(deal, line)
    rounded = _rounding(deal.tariff)
    amount = money(amount_minor, deal.tariff.currency)
    detail = Text(f"{times.zh} = {amount}，{rounded.zh}", f"{times.en} = {amount}, {rounded.en}")
    return Node(text, detail, right, tuple(nodes))


def _index(index: Index, value_e8: int) -> Node:
    """E11: the value in force, and the one at which prices are as the sheet states them."""
    value, base = price_text(value_e8), price_text(index.base_e8)
    name = f"{index.owner}/{index.index}"
    return Node(
        Text(f"价格指数 {name} 为 {value}，基准 {base}", f"The index {name} is {value}, its base {base}")
    )


def _rounding(tariff: Tariff) -> Text:
    if tariff.rounding == "half_up":
        return Text("每行四舍五入一次", "rounded once per line, half up")
    return Text("每行舍入一次，逢半取偶", "rounded once per line, half to even")


def _sheet(deal: Deal, element: Usage) -> list[Node]:
    """Quota and tiers as the sheet has them."""
    unit = next(meter.base_unit for meter in deal.tariff.meters if meter.name == element.meter)
    nodes = []
    if element.included_base:
        quota = base_text(element.included_base, unit)
        nodes.append(Node(Text(f"每期免费额度 {quota.zh}", f"Included per period: {quota.en}")))
    tiering = (
        Text("分档累进", "graduated") if element.tiering == "graduated" else Text("按总量定档", "by volume")
    )
    for number, tier in enumerate(element.tiers, 1):
        each = f"{price_text(tier.price_e8)} {deal.tariff.currency}"
        upto = base_text(tier.up_to_base, unit)
        bound = (
            Text(f"至 {upto.zh}", f"up to {upto.en}") if tier.up_to_base else Text("不限", "without bound")
        )
        per = Text(UNITS_ZH.get(element.unit, element.unit), UNITS_EN.get(element.unit, element.unit))
        if len(element.tiers) == 1:
            nodes.append(Node(Text(f"单价 {each} / {per.zh}", f"Price {each} per {per.en}")))
        else:
            nodes.append(
                Node(
                    Text(
                        f"第 {number} 档，{bound.zh}：{each} / {per.zh}",
                        f"Tier {number}, {bound.en}: {each} per {per.en}",
                    ),
                    tiering,
                )
            )
    return nodes


def _fixed_clause(deal: Deal, element: Fixed, line: Line, period: Period, text: Text) -> Node:
    """E5: pro rata of the whole period."""
    covered_ms, full_ms = period.to_ms - period.from_ms, period.full_to_ms - period.full_from_ms
    amount_minor = divide(element.amount_minor * covered_ms, full_ms, deal.tariff.rounding)
    full = money(element.amount_minor, deal.tariff.currency)
    whole = base_text(full_ms, "ms")
    covered = base_text(covered_ms, "ms")
    stretch = stretch_text(deal.calendar, period.from_ms, period.to_ms)
    node = Node(
        Text(f"整期 {full}；本期 {stretch}", f"{full} for a whole period; this one is {stretch}"),
        Text(f"占整期 {covered.zh} / {whole.zh}", f"{covered.en} of {whole.en}"),
    )
    said = f"{full} × {covered.en} / {whole.en} = {money(amount_minor, deal.tariff.currency)}"
    return Node(text, both(said), amount_minor == line.amount_minor, (node,))


def _bound_clause(deal: Deal, element: Minimum | Cap, own: Sequence[Line], line: Line, text: Text) -> Node:
    """E6, E7: the clauses named against the bound."""
    currency = deal.tariff.currency
    nodes = []
    for name in element.of:
        of_clause = sum(other.amount_minor for other in own if other.clause == name)
        amount = money(of_clause, currency)
        nodes.append(Node(Text(f"条款 {name}：{amount}", f"Clause {name}: {amount}"), quantity=of_clause))
    total = sum(node.quantity or 0 for node in nodes)
    missing = element.amount_minor - total
    least = isinstance(element, Minimum)
    amount_minor = max(missing, 0) if least else min(missing, 0)
    bound, summed = money(element.amount_minor, currency), money(total, currency)
    node = Node(Text(f"合计 {summed}", f"Together {summed}"), NO_TEXT, True, tuple(nodes), total)
    detail = (
        Text(f"最低收费 {bound}，已有 {summed}", f"minimum {bound}, reached {summed}")
        if least
        else Text(f"封顶 {bound}，已有 {summed}", f"cap {bound}, reached {summed}")
    )
    return Node(text, detail, amount_minor == line.amount_minor, (node,))


def shares(line: Line, of_clause: Sequence[Line]) -> Text:
    """How the lines of a clause share its quantity."""
    zh, en = [], []
    for share in of_clause:
        amount = base_text(share.quantity_base, line.base_unit)
        if share.kind == "included":
            zh.append(f"免费额度 {amount.zh}")
            en.append(f"included {amount.en}")
        elif share.tier:
            zh.append(f"第 {share.tier} 档 {amount.zh}")
            en.append(f"tier {share.tier} {amount.en}")
        else:
            zh.append(f"计费 {amount.zh}")
            en.append(f"charged {amount.en}")
    return Text("，".join(zh), ", ".join(en))


def tax(deal: Deal, recomputed: Sequence[Line], line: Line, period: Period) -> Node:
    """X1–X4: one rounding per rate, allotted to its lines. `period`: the one whose usage the line charges."""
    currency, rate_bp = deal.tariff.currency, line.tax_rate_bp
    same = [other for other in recomputed if other.tax_rate_bp == rate_bp]
    amounts_minor = [other.amount_minor for other in same]
    allotted = allot_tax(amounts_minor, rate_bp, deal.tariff.tax_included)
    own = [share for other, share in zip(same, allotted, strict=True) if other.number == line.number]
    code = next(tax for tax in deal.tariff.taxes if tax.code == line.tax_code)
    percent = f"{decimal_text(rate_bp * 100, TAX_UNIT)[0]} %"
    total, of_rate = money(sum(amounts_minor), currency), money(sum(allotted), currency)
    base = Text("含税", "with tax") if deal.tariff.tax_included else Text("不含税", "without tax")
    amount = money(line.tax_minor, currency)
    return Node(
        Text(f"税 {line.tax_code}，税率 {percent}：{amount}", f"Tax {line.tax_code}, {percent}: {amount}"),
        Text(
            f"该税率各行{base.zh}合计 {total}，税 {of_rate} 取整一次，按最大余数分摊",
            f"all lines of this rate, {base.en}: {total}; their tax {of_rate} is rounded once and allotted "
            "by largest remainder",
        ),
        own == [line.tax_minor] and rate_in_force(code, period.last_day) == rate_bp,
    )


def difference(
    deal: Deal, line: Line, rated: Sequence[Line], billed: Sequence[tuple[Statement, Line]]
) -> Node:
    """C1: what the clause comes to now, less what statements billed for it. All lines are of this clause."""
    currency = deal.tariff.currency
    now = tuple(
        Node(
            product(deal, other) if other.unit else both(other.clause),
            both(money(other.amount_minor, currency)),
            quantity=other.amount_minor,
        )
        for other in rated
    )
    before = tuple(
        Node(
            _billed(statement, other), both(money(other.amount_minor, currency)), quantity=-other.amount_minor
        )
        for statement, other in billed
    )
    again_minor, known_minor = (sum(node.quantity or 0 for node in nodes) for nodes in (now, before))
    again, known = money(again_minor, currency), money(-known_minor, currency)
    total = again_minor + known_minor
    base = sum(other.quantity_base for other in rated) - sum(other.quantity_base for _, other in billed)
    return Node(
        Text(f"应补差额 {money(total, currency)}", f"Difference {money(total, currency)}"),
        both(f"{again} − {known}"),
        (total, base) == (line.amount_minor, line.quantity_base),
        (
            Node(
                Text(f"按现有记录重新计价：{again}", f"Rated again by what is known now: {again}"),
                NO_TEXT,
                True,
                now,
                again_minor,
            ),
            Node(Text(f"已结算：{known}", f"Billed so far: {known}"), NO_TEXT, True, before, known_minor),
        ),
        total,
    )


def _billed(statement: Statement, line: Line) -> Text:
    period = period_text(statement.period)
    return Text(f"{period} 结算单第 {line.number} 行", f"line {line.number} of the statement of {period}")
