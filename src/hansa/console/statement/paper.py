"""What a printed statement says, in one language, as plain text in its order: HTML and PDF both set this."""

from collections.abc import Sequence
from dataclasses import dataclass

from hansa.apps.billing.lifecycle import disputed_lines
from hansa.apps.billing.lines import Line
from hansa.apps.billing.texts import (
    METERS_ZH,
    UNITS_EN,
    UNITS_ZH,
    decimal_text,
    money_text,
    price_text,
    quantity_text,
    tariff_text,
)
from hansa.apps.consortium.calendars import date_text
from hansa.client.problems import printable
from hansa.client.texts import (
    FALLS_EN,
    FALLS_ZH,
    GAP_RULES_EN,
    GAP_RULES_ZH,
    Language,
    base_text,
    instant_text,
    period_text,
    stretch_text,
)
from hansa.console.statement.capitals import capitals
from hansa.console.statement.case import Case
from hansa.console.statement.words import word


@dataclass(frozen=True)
class Grid:
    """A table of the paper. `right`: columns of numbers; `last`: the last row is a sum."""

    title: str
    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    right: tuple[int, ...] = ()
    wide: tuple[int, ...] = ()
    """Columns that take the room that is left."""
    last: bool = False


@dataclass(frozen=True)
class Paper:
    """`facts` and `payment`: pairs of label and value."""

    lang: Language
    title: str
    number: str
    parties: tuple[tuple[str, str, str], ...]
    """(role, name, registration)."""
    facts: tuple[tuple[str, str], ...]
    sum: tuple[str, str]
    """Label and amount of the whole."""
    grids: tuple[Grid, ...]
    payment: tuple[tuple[str, str], ...]
    evidence: str
    code: str
    """What the QR code holds."""
    notes: tuple[str, ...]
    seals: tuple[str, str]
    """Labels of the fields for the seals (公章) of provider and user."""

    def texts(self) -> list[str]:
        """Every text of the paper, in its order."""
        found = [self.title, self.number]
        found += [text for party in self.parties for text in party]
        found += [text for pair in (*self.facts, self.sum, *self.payment) for text in pair]
        for grid in self.grids:
            found += [grid.title, *grid.heads, *(cell for row in grid.rows for cell in row)]
        return [text for text in (*found, self.evidence, *self.notes, *self.seals) if text]


def paper(case: Case, lang: Language) -> Paper:
    """The whole paper of a statement."""
    statement = case.statement
    grids = (
        lines_grid(case, lang),
        rates_grid(case, lang),
        shares_grid(case, lang),
        gaps_grid(case, lang),
        falls_grid(case, lang),
        stops_grid(case, lang),
        claims_grid(case, lang),
        checks_grid(case, lang),
        corrections_grid(case, lang),
        signed_grid(case, lang),
    )
    total = f"{amount_text(statement.gross_minor, statement.currency)} {statement.currency}"
    return Paper(
        lang=lang,
        title=word("title", lang),
        number=f"{case.name} / {date_text(statement.period.first_day)}",
        parties=tuple(_party(case, role, lang) for role in ("provider", "user")),
        facts=facts(case, lang),
        sum=(word("sum", lang), total),
        grids=tuple(grid for grid in grids if grid.rows),
        payment=payment(case, lang),
        evidence=case.evidence,
        code=code(case),
        notes=tuple(word(note, lang) for note in ("no_invoice", "check")),
        seals=(word("seal_provider", lang), word("seal_user", lang)),
    )


def code(case: Case) -> str:
    """What a phone reads off the paper: chain, statement, its digest, the references to pay under."""
    references = ",".join(found.reference for _, found in case.obligations)
    statement = f"{case.name}/{case.statement.period.from_ms}"
    return f"hansa:statement/{case.chain}/{statement}?sha256={case.evidence}&ref={references}"


def _party(case: Case, role: str, lang: Language) -> tuple[str, str, str]:
    id = case.statement.provider if role == "provider" else case.statement.user
    member = case.parties[id]
    name = member.name_zh if lang == "zh" else member.name_en
    registration = f"{word(member.registration.kind, lang)} {member.registration.number}"
    return (word(role, lang), printable(f"{name} ({id})"), printable(registration))


def facts(case: Case, lang: Language) -> tuple[tuple[str, str], ...]:
    """What the statement is of."""
    statement, agreement = case.statement, case.agreement
    tariff = f"{agreement.tariff_owner}/{agreement.tariff} v{agreement.tariff_version}"
    in_capitals = lang == "zh" and statement.currency == "CNY"
    block = f"{word('block', lang)} {statement.closed_height}"
    closed = f"{instant_text(case.calendar, statement.closed_ms)} ({block})"
    return (
        (word("agreement", lang), case.name),
        (word("period", lang), period_text(statement.period)),
        (word("tariff", lang), tariff),
        (word("currency", lang), statement.currency),
        (word("prices", lang), word("with_tax" if statement.tax_included else "without_tax", lang)),
        (word("closed", lang), closed),
        (word("zone", lang), case.calendar.zone),
        *(((word("capitals", lang), capitals(statement.gross_minor)),) if in_capitals else ()),
    )


def lines_grid(case: Case, lang: Language) -> Grid:
    """All lines, and their sum. A disputed line carries a mark."""
    statement = case.statement
    disputed = disputed_lines(case.life) if case.life else statement.check_lines
    rows = [_line(line, statement.currency, line.number in disputed, lang) for line in statement.lines]
    sums = (statement.net_minor, "", statement.tax_minor, statement.gross_minor)
    total = tuple(amount_text(each, statement.currency) if isinstance(each, int) else each for each in sums)
    rows.append(("", word("total", lang), "", "", "", *total))
    heads = (
        "#",
        *(word(head, lang) for head in ("what", "quantity", "unit", "price", "net", "rate", "tax", "gross")),
    )
    return Grid(word("lines", lang), heads, tuple(rows), (0, 2, 4, 5, 6, 7, 8), (1,), last=True)


def _line(line: Line, currency: str, disputed: bool, lang: Language) -> tuple[str, ...]:
    mark = f" [{word('disputed', lang)}]" if disputed else ""
    return (
        str(line.number),
        tariff_text(line, lang) + mark,
        apart(quantity_text(line)[0]),
        (UNITS_ZH if lang == "zh" else UNITS_EN).get(line.unit, line.unit),
        price_text(line.price_e8) if line.unit and has_price(line) else "",
        amount_text(line.net_minor, currency),
        percent(line.tax_rate_bp),
        amount_text(line.tax_minor, currency),
        amount_text(line.gross_minor, currency),
    )


def has_price(line: Line) -> bool:
    """Whether the amount is a quantity at a price: that of a correction is a difference of amounts."""
    return bool(line.price_e8) or not line.amount_minor


def percent(rate_bp: int) -> str:
    """Basis points as percent: `13 %`, `12.5 %`."""
    whole, rest = divmod(rate_bp, 100)
    return f"{whole}{f'.{rest:02d}'.rstrip('0') if rest else ''} %"


def rates_grid(case: Case, lang: Language) -> Grid:
    currency = case.statement.currency
    rows = tuple(
        (percent(one.tax_rate_bp), *_money((one.net_minor, one.tax_minor, one.gross_minor), currency))
        for one in case.statement.by_rate
    )
    heads = tuple(word(head, lang) for head in ("rate", "net", "tax", "gross"))
    return Grid(word("rates", lang), heads, rows, (0, 1, 2, 3))


def shares_grid(case: Case, lang: Language) -> Grid:
    """Who settles with whom, where a revenue is split."""
    rows = tuple(
        (
            share.debtor,
            share.creditor,
            share.clause,
            *_money((share.net_minor, share.tax_minor, share.gross_minor), case.statement.currency),
        )
        for share in case.statement.shares
    )
    heads = tuple(word(head, lang) for head in ("debtor", "creditor", "clause", "net", "tax", "gross"))
    return Grid(word("shares", lang), heads, rows, (3, 4, 5), (2,))


def amount_text(amount_minor: int, currency: str) -> str:
    """Money for people, its thousands set apart."""
    return apart(money_text(amount_minor, currency))


def apart(number: str) -> str:
    """A decimal number with its thousands set apart."""
    whole, dot, part = number.removeprefix("-").partition(".")
    return f"{'-' if number.startswith('-') else ''}{int(whole):,}{dot}{part}"


def _money(amounts: Sequence[int], currency: str) -> tuple[str, ...]:
    return tuple(amount_text(amount, currency) for amount in amounts)


def _meter(name: str, lang: Language) -> str:
    return METERS_ZH.get(name, name) if lang == "zh" else name.replace("_", " ")


def _counted(case: Case, meter: str, quantity_base: int, lang: Language) -> str:
    """A quantity of a meter in the unit of a line of the statement that counts it; time as hours."""
    told = (line for line in case.statement.lines if line.meter == meter and line.base_unit)
    line = next(told, None)
    if line is None:
        return str(quantity_base)
    if line.base_unit == "ms":
        return base_text(quantity_base, line.base_unit).of(lang)
    unit = (UNITS_ZH if lang == "zh" else UNITS_EN).get(line.unit, line.unit)
    return f"{apart(decimal_text(quantity_base, line.unit_base)[0])} {unit}"


def gaps_grid(case: Case, lang: Language) -> Grid:
    """Stretches without readings, and what they count for."""
    rules = GAP_RULES_ZH if lang == "zh" else GAP_RULES_EN
    rows = [
        (
            _meter(gap.meter, lang),
            stretch_text(case.calendar, gap.from_ms, gap.to_ms),
            rules[gap.rule],
            _counted(case, gap.meter, gap.quantity_base, lang),
            word(f"gap_{gap.state}", lang),
        )
        for gap in case.statement.gaps
    ]
    more = case.statement.gap_count - len(rows)
    if more > 0:
        rows.append(("", f"{word('more', lang)}: {more}", "", "", ""))
    heads = tuple(word(head, lang) for head in ("meter", "time", "rule", "counted", "state"))
    return Grid(word("gaps", lang), heads, tuple(rows), (3,), (1,))


def falls_grid(case: Case, lang: Language) -> Grid:
    """Runs of low readings of counters."""
    status = FALLS_ZH if lang == "zh" else FALLS_EN
    rows = [
        (
            _meter(fall.meter, lang),
            stretch_text(case.calendar, fall.from_ms, fall.to_ms),
            str(fall.readings),
            f"{fall.good_base:,} → {fall.value_base:,}",
            status[fall.status],
        )
        for fall in case.statement.falls
    ]
    more = case.statement.fall_count - len(rows)
    if more > 0:
        rows.append(("", f"{word('more', lang)}: {more}", "", "", ""))
    heads = tuple(word(head, lang) for head in ("meter", "time", "readings", "values", "status"))
    return Grid(word("falls", lang), heads, tuple(rows), (2, 3), (1,))


def stops_grid(case: Case, lang: Language) -> Grid:
    """Stopped time and scrap by cause and liable party; and time of which nothing is known."""
    statement = case.statement
    rows = [
        (
            _meter(stop.meter, lang),
            stop.reason,
            word(stop.liable, lang),
            base_text(stop.stopped_ms, "ms").of(lang),
        )
        for stop in statement.stops
    ]
    rows += [
        (
            _meter(scrap.meter, lang),
            scrap.reason,
            word(scrap.liable, lang),
            base_text(scrap.pieces, "piece").of(lang),
        )
        for scrap in statement.scrap
    ]
    rows += [
        (
            _meter(lost.meter, lang),
            word("unknown_beyond" if lost.beyond else "unknown_time", lang),
            "—",
            base_text(lost.unknown_ms, "ms").of(lang),
        )
        for lost in statement.unknown
    ]
    heads = tuple(word(head, lang) for head in ("meter", "reason", "liable", "quantity"))
    return Grid(word("stops", lang), heads, tuple(rows), (3,), (1,))


def claims_grid(case: Case, lang: Language) -> Grid:
    """Claims that did not count, and what they would have changed."""
    rows = tuple(
        (
            _meter(claim.meter, lang),
            stretch_text(case.calendar, claim.from_ms, claim.to_ms),
            claim.reason,
            word(claim.liable, lang),
            claim.by,
            amount_text(claim.change_minor, case.statement.currency),
        )
        for claim in case.statement.claims
    )
    heads = tuple(word(head, lang) for head in ("meter", "time", "reason", "liable", "by", "change"))
    return Grid(word("claims", lang), heads, rows, (5,), (1,))


def checks_grid(case: Case, lang: Language) -> Grid:
    """Check feeds (副表) of the other party beside the main ones."""
    rows = tuple(
        (
            _meter(check.meter, lang),
            f"{check.owner}/{check.feed}",
            _counted(case, check.meter, check.main_base, lang),
            _counted(case, check.meter, check.check_base, lang),
            _counted(case, check.meter, check.counted_base, lang),
            word("beyond" if check.beyond else "within", lang),
        )
        for check in case.statement.checks
    )
    heads = tuple(word(head, lang) for head in ("meter", "check_feed", "main", "checked", "counted", "state"))
    return Grid(word("checks", lang), heads, rows, (2, 3, 4), (1,))


def corrections_grid(case: Case, lang: Language) -> Grid:
    """Corrections made since (红字), and whether each counts yet."""
    currency = case.statement.currency
    rows = tuple(
        (
            str(number),
            one.by,
            one.reason,
            ", ".join(str(line.line) for line in one.lines),
            amount_text(one.gross_minor, currency),
            one.red_letter or (word("counts", lang) if one.effective_ms else word("waits", lang)),
        )
        for number, one in enumerate(case.corrections, 1)
    )
    heads = ("#", *(word(head, lang) for head in ("by", "reason", "of_lines", "gross", "red_letter")))
    return Grid(word("corrections", lang), heads, rows, (0, 4), (2,))


def signed_grid(case: Case, lang: Language) -> Grid:
    """Who signed what, and when."""
    agreement, life = case.agreement, case.life
    other = agreement.user if agreement.proposer == agreement.provider else agreement.provider
    proposed, accepted = ("leased", "leased") if agreement.signed else ("proposed", "accepted")
    rows = [
        (word(proposed, lang), agreement.proposer, ""),
        (word(accepted, lang), other, ""),
        (
            word("stated", lang),
            word("all_nodes", lang),
            instant_text(case.calendar, case.statement.closed_ms),
        ),
    ]
    if life is not None:
        for member, at_ms in ((agreement.provider, life.provider_ms), (agreement.user, life.user_ms)):
            said = "silence" if life.silent and at_ms == life.confirmed_ms else "confirmed"
            if any(dispute.by == member and not dispute.automatic for dispute in life.disputes):
                said = "confirmed_rest"
            when = instant_text(case.calendar, at_ms) if at_ms else word("not_yet", lang)
            rows.append((word(said if at_ms else "confirmed", lang), member, when))
        for dispute in life.disputes:
            numbers = ", ".join(map(str, dispute.lines))
            rows.append((f"{word('disputes', lang)} {numbers} ({dispute.reason})", dispute.by, ""))
        if life.invoice is not None:
            invoice = f"{word('invoice', lang)} {life.invoice.number}"
            rows.append((printable(invoice), agreement.provider, date_text(life.invoice.issued_day)))
    heads = tuple(word(head, lang) for head in ("act", "by", "when"))
    return Grid(word("signed", lang), heads, tuple(rows), (), (0,))


def payment(case: Case, lang: Language) -> tuple[tuple[str, str], ...]:
    """What is to be paid, by whom, until when, and what to write on the transfer."""
    if not case.obligations:
        return ((word("payment", lang), word("nothing_due", lang)),)
    found: list[tuple[str, str]] = []
    for _, one in case.obligations:
        left = one.amount_minor - one.paid_minor
        found += [
            (word("pays", lang), f"{one.debtor} → {one.creditor}"),
            (word("amount", lang), f"{amount_text(one.amount_minor, one.currency)} {one.currency}"),
            (word("open", lang), f"{amount_text(left, one.currency)} {one.currency}"),
            (word("due", lang), instant_text(case.calendar, one.due_ms)),
            (word("reference", lang), grouped(one.reference)),
        ]
    return tuple(found)


def grouped(reference: str) -> str:
    """A reference in groups of four, as ISO 11649 prints it."""
    return " ".join(reference[at : at + 4] for at in range(0, len(reference), 4))
