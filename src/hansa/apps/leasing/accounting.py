"""What an accountant asks of a lease: the questions of IFRS 16 and CAS 21 (企业会计准则第 21 号——租赁, 2018).

To each the sheet gives what the terms say, and why; and a statement comes apart into fixed, minimum and
variable amounts. Pure. It advises nobody how to book: where the terms do not decide, it calls it a matter
of judgement. Paragraphs of IFRS 16: 9, B13–B20 (identified asset), B21–B30 (control), 12–16 (parts), 18–21
(term), 27 (payments), 5–8 (exemptions); of CAS 21: arts. 4–8, 9–13, 15, 18, 30–32.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

from hansa.apps.billing.lines import Line
from hansa.apps.billing.rating import divide
from hansa.apps.billing.tariff import Fixed, Minimum, Tariff
from hansa.apps.consortium.calendars import Calendar, Period, clip, period_at
from hansa.apps.leasing.messages import Lease
from hansa.apps.leasing.text_words import Pair, money, span
from hansa.kernel import Natural, Struct, limits
from hansa.kernel.types import Integer

Part = Literal["fixed", "minimum", "variable", "other"]
Answer = Literal["yes", "no", "judge", "figure"]
"""What the terms say: yes, no, a matter of judgement, or a figure."""

PARTS: dict[str, Part] = {
    "fixed": "fixed",
    "down_payment": "fixed",
    "minimum": "minimum",
    "take_or_pay": "minimum",
    "interest": "other",
}
"""Kinds of clauses whose amounts do not depend on use; all others vary with it."""
SHORT_MONTHS = 12
SHORT_MAX_MS = 366 * limits.DAY_MS
PERIODS_MAX = 4_000


class Split(Struct):
    """Sums of a statement's lines, net, minor units; together its net sum."""

    fixed_minor: Integer = 0
    """Due whether the asset is used or not."""
    minimum_minor: Integer = 0
    """What brings use up to the agreed minimum: in substance fixed."""
    variable_minor: Integer = 0
    """Depends on use."""
    other_minor: Integer = 0
    """No price of the lease: interest on late payment."""


class Finding(Struct):
    """One question of the sheet, and what the terms say to it."""

    topic: Pair
    answer: Answer
    reason: Pair
    reference: str


class FixedPayments(Struct):
    """What is due by the terms however little the asset is used, minor units, as the tariff states it."""

    fixed_minor: Natural
    minimum_minor: Natural
    """By which minimum clauses go beyond the fixed ones they name."""
    periods: Natural


def split(tariff: Tariff, lines: Iterable[Line]) -> Split:
    """A statement's lines by what they depend on; a correction counts with the clause that it corrects."""
    tags = {element.clause: str(element.__struct_config__.tag) for element in tariff.elements}
    sums: dict[Part, int] = {"fixed": 0, "minimum": 0, "variable": 0, "other": 0}
    for line in lines:
        kind = tags.get(line.clause, line.kind) if line.kind == "correction" else line.kind
        sums[PARTS.get(kind, "variable")] += line.net_minor
    return Split(sums["fixed"], sums["minimum"], sums["variable"], sums["other"])


def fixed_payments(tariff: Tariff, calendar: Calendar, from_ms: int, to_ms: int) -> FixedPayments:
    """What the tariff asks for in this time however little the asset is used, period by period."""
    fixed = minimum = count = 0
    for period in _periods(tariff, calendar, from_ms, to_ms):
        count += 1
        due = {
            element.clause: divide(
                element.amount_minor * (period.to_ms - period.from_ms),
                period.full_to_ms - period.full_from_ms,
                tariff.rounding,
            )
            for element in tariff.elements
            if isinstance(element, Fixed)
        }
        fixed += sum(due.values())
        for element in tariff.elements:
            if isinstance(element, Minimum):
                missing = element.amount_minor - sum(due.get(name, 0) for name in element.of)
                due[element.clause] = max(missing, 0)
                minimum += due[element.clause]
    return FixedPayments(fixed_minor=fixed, minimum_minor=minimum, periods=count)


def _periods(tariff: Tariff, calendar: Calendar, from_ms: int, to_ms: int) -> Iterator[Period]:
    at_ms = from_ms
    for _ in range(PERIODS_MAX):
        if at_ms >= to_ms:
            return
        period = clip(calendar, period_at(calendar, tariff.period, at_ms), from_ms, to_ms)
        yield period
        at_ms = period.to_ms


def sheet(lease: Lease, tariff: Tariff, calendar: Calendar) -> tuple[Finding, ...]:
    """Every question in the order in which the standards ask them."""
    terms = lease.terms
    from_ms = lease.start_ms or terms.from_ms
    return (
        *_control(lease),
        *_term(lease, from_ms),
        *_payments(lease, tariff, fixed_payments(tariff, calendar, from_ms, lease.end_ms)),
        _service(lease),
        _sublease(lease),
    )


def _control(lease: Lease) -> Iterator[Finding]:
    terms = lease.terms
    yield Finding(
        ("已识别资产", "Identified asset"),
        "yes",
        (
            f"设备 {terms.asset}（第 {terms.asset_version} 版）由合同明确指定。",
            f"The contract names one asset: {terms.asset}, version {terms.asset_version}.",
        ),
        "IFRS 16.B13; CAS 21 art. 6",
    )
    if terms.substitution_right:
        reason = (
            "合同允许出租方替换设备；是否“实质性”取决于其实际能力与经济利益。",
            "The lessor may put another asset in its place; whether that right is substantive depends on "
            "whether it practically can, and would gain by it.",
        )
    else:
        reason = ("出租方无权替换设备。", "The lessor has no right to put another asset in its place.")
    yield Finding(
        ("实质性替换权", "Substantive substitution right"),
        "judge" if terms.substitution_right else "no",
        reason,
        "IFRS 16.B14–B18; CAS 21 art. 6",
    )
    yield Finding(
        ("获得几乎全部经济利益", "Substantially all economic benefits"),
        "yes" if not terms.with_crew else "judge",
        (
            "租期内设备由承租方独占使用，日历不作他用。",
            "In its time the asset is booked for the lessee alone.",
        ),
        "IFRS 16.B21–B23; CAS 21 art. 7",
    )
    directs: tuple[Answer, Pair] = (
        "yes",
        ("承租方自行操作，决定何时生产何物。", "The lessee runs it and decides what is made when."),
    )
    if terms.with_crew or terms.nature == "service":
        directs = (
            "judge",
            (
                "出租方人员操作，或约定为服务：须判断由谁决定使用目的与方式。",
                "The lessor's people run it, or a service is agreed on: judge who decides how and for what "
                "it is used.",
            ),
        )
    yield Finding(("主导资产的使用", "Right to direct the use"), *directs, "IFRS 16.B24–B30; CAS 21 art. 8")


def _term(lease: Lease, from_ms: int) -> Iterator[Finding]:
    terms = lease.terms
    length = span(lease.end_ms - from_ms)
    yield Finding(
        ("不可撤销期间", "Non-cancellable period"),
        "figure",
        (f"{length[0]}。", f"{length[1]}."),
        "IFRS 16.18, B34; CAS 21 art. 15",
    )
    option, notice = span(terms.extension_ms), span(terms.early_end_notice_ms)
    yield Finding(
        ("承租方续租选择权", "Lessee's option to extend"),
        "judge" if terms.extension_ms else "no",
        (
            f"可单方续期 {option[0]}；合理确定将行使的，计入租赁期。",
            f"It may extend by {option[1]} by itself: part of the term if it is reasonably certain to.",
        )
        if terms.extension_ms
        else ("无单方续租权。", "There is none that it has by itself."),
        "IFRS 16.18–19; CAS 21 art. 15",
    )
    yield Finding(
        ("提前终止选择权", "Option to end early"),
        "judge" if terms.early_end_notice_ms else "no",
        (
            f"双方均可提前 {notice[0]} 通知终止：可强制执行的期间以此为限，须判断罚金是否重大。",
            f"Either may end it by {notice[1]} of notice: judge whether the penalty is more than "
            "insignificant.",
        )
        if terms.early_end_notice_ms
        else ("无单方提前终止权。", "Neither party may end it early by notice."),
        "IFRS 16.18, B34; CAS 21 art. 15",
    )
    short = lease.end_ms + terms.extension_ms - from_ms <= SHORT_MAX_MS
    yield Finding(
        ("短期租赁（提示）", "Short-term lease (a hint)"),
        "yes" if short else "no",
        (
            f"含续租选择权在内{'不超过' if short else '超过'} {SHORT_MONTHS} 个月；合同不含购买选择权。",
            f"With its option it lasts {'no more' if short else 'more'} than {SHORT_MONTHS} months; there "
            "is no option to buy.",
        ),
        "IFRS 16.5–8, App. A; CAS 21 arts. 30, 32",
    )
    yield Finding(
        ("低价值资产（提示）", "Low-value asset (a hint)"),
        "judge",
        (
            "合同未载明资产全新时的价值；生产设备通常不属低价值。",
            "The contract does not say what the asset is worth when new; production equipment rarely is of "
            "low value.",
        ),
        "IFRS 16.5, B3–B8; CAS 21 art. 31",
    )


def _payments(lease: Lease, tariff: Tariff, due: FixedPayments) -> Iterator[Finding]:
    currency = lease.terms.currency
    fixed, minimum = money(due.fixed_minor, currency), money(due.minimum_minor, currency)
    tax = ("含税", "with tax") if tariff.tax_included else ("不含税", "without tax")
    yield Finding(
        ("固定付款额", "Fixed payments"),
        "figure",
        (
            f"{due.periods} 个结算期共 {fixed}（{tax[0]}）。",
            f"{fixed} over {due.periods} billing periods, {tax[1]}.",
        ),
        "IFRS 16.27(a); CAS 21 art. 18",
    )
    yield Finding(
        ("实质固定付款额（最低收费）", "In-substance fixed payments (minimum)"),
        "figure",
        (
            f"最低收费超出固定费用的部分共 {minimum}；照付不议的最低量另按其条款。",
            f"Minimum charges beyond the fixed ones: {minimum}; a take-or-pay quantity by its own clause.",
        ),
        "IFRS 16.27(a), B42; CAS 21 art. 18",
    )
    names = [each.clause for each in tariff.elements if str(each.__struct_config__.tag) not in PARTS]
    listed = ", ".join(names) or "—"
    yield Finding(
        ("可变付款额", "Variable payments"),
        "yes" if names else "no",
        (
            f"取决于使用量的条款：{listed}。不取决于指数或比率的，不计入租赁负债，发生时计入损益。",
            f"Clauses that depend on use: {listed}. Those that follow no index or rate are no part of the "
            "liability; they are expensed as they arise.",
        ),
        "IFRS 16.27(b), 38(b); CAS 21 art. 18",
    )
    deposit = money(lease.terms.security_deposit_minor, currency)
    yield Finding(
        ("可退还保证金", "Refundable security deposit"),
        "figure",
        (f"{deposit}，不属于租赁付款额。", f"{deposit}: no lease payment."),
        "IFRS 9; CAS 22",
    )


def _service(lease: Lease) -> Finding:
    if lease.terms.with_crew:
        return Finding(
            ("服务部分（操作人员）", "Service component (crew)"),
            "yes",
            (
                "出租方提供操作人员：须与租赁部分分拆，除非选择不分拆。",
                "The lessor provides the people: to be separated from the lease, unless it is chosen not to.",
            ),
            "IFRS 16.12–16; CAS 21 arts. 9–13",
        )
    return Finding(
        ("服务部分（操作人员）", "Service component (crew)"),
        "no",
        ("出租方不提供操作人员。", "The lessor provides no people."),
        "IFRS 16.12–16; CAS 21 arts. 9–13",
    )


def _sublease(lease: Lease) -> Finding:
    head = lease.terms.head
    return Finding(
        ("转租", "Sublease"),
        "yes" if head else "no",
        (
            f"主租约为 {head}；转租出租方须按主租约的使用权资产对转租分类。",
            f"The head lease is {head}; the intermediate lessor classifies by the right of use that it gave "
            "it.",
        )
        if head
        else ("直接自设备所有方租入。", "It is let by the owner of the asset itself."),
        "IFRS 16.B58; CAS 21",
    )
