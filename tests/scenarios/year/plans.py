"""What becomes of each statement of the year: by agreement, number of the statement, days after its close."""

from collections.abc import Mapping, Sequence

from hansa.apps.billing.messages import Statement
from tests.scenarios.year.clerk import Clerks, Step, charged, credited, part_of

Plan = Sequence[tuple[int, Step]]


def confirm(by: str) -> Step:
    return lambda clerks, of: clerks.confirm(by, of)


def dispute_charge(by: str, *clauses: str) -> Step:
    """Lines of some clauses, where they count against the party; else all that do."""
    return lambda clerks, of: clerks.dispute(by, of, charged(of, *clauses) or charged(of))


def dispute_credit(by: str) -> Step:
    """If nothing was credited, the party confirms."""
    return lambda clerks, of: (
        clerks.dispute(by, of, lines) if (lines := credited(of)) else clerks.confirm(by, of)
    )


def withdraw(by: str) -> Step:
    def step(clerks: Clerks, of: Statement) -> None:
        life = clerks.town.life(of.agreement, of.period.from_ms)
        if any(dispute.by == by for dispute in life.disputes):
            clerks.withdraw(by, of)

    return step


def concede(by: str, clause: str, share: tuple[int, int]) -> Step:
    """Part of the first line of a clause that counts for the party; without one, of the first that does."""

    def step(clerks: Clerks, of: Statement) -> None:
        lines = charged(of, clause) or charged(of) if by == of.provider else credited(of)
        if lines:
            clerks.concede(by, of, part_of(of, lines[0], share))

    return step


def invoice(clerks: Clerks, of: Statement) -> None:
    clerks.invoice(of)


def red_letter(clerks: Clerks, of: Statement) -> None:
    clerks.red_letter(of, 1)


def pay(by: str, share: tuple[int, int] = (1, 1), beyond: int = 0) -> Step:
    def step(clerks: Clerks, of: Statement) -> None:
        clerks.pay(by, of, share, beyond)

    return step


def pay_twice(by: str) -> Step:
    """The second transfer pays nothing: half of it is refunded, and the refund paid, later on."""

    def step(clerks: Clerks, of: Statement) -> None:
        amount = sum(amount for _, amount in clerks.open_parts(of, by).values())
        clerks.pay(by, of)
        entry = clerks.receive(of.provider, by, amount, {}, of.currency)
        clerks.town.at(clerks.town.now_ms + 864_000_000, lambda: refund(clerks, of, by, entry, amount // 2))

    return step


def refund(clerks: Clerks, of: Statement, payer: str, entry: str, amount: int) -> None:
    due_ms = clerks.town.now_ms + 864_000_000
    clerks.refund(of.provider, entry, amount, due_ms)
    key = ("refund", of.provider, entry, 1)
    clerks.town.at(due_ms, lambda: _paid_back(clerks, payer, of, key, amount))


def _paid_back(clerks: Clerks, to: str, of: Statement, key: tuple[str, str, str, int], amount: int) -> None:
    clerks.receive(to, of.provider, amount, {key: amount}, of.currency)


def pay_with_rest(by: str) -> Step:
    """What is unapplied of earlier receipts is used first; the payer transfers the rest."""

    def step(clerks: Clerks, of: Statement) -> None:
        clerks.use_rests(by, of)
        clerks.pay(by, of)

    return step


SIGNED: Plan = [(1, confirm("maker")), (2, confirm("plant")), (3, invoice)]
"""Both confirm the lease's statement, and the lessor's invoice is recorded."""
LEASE: Mapping[int, Plan] = {
    0: [(1, confirm("maker")), (2, confirm("plant")), (65, invoice), (70, pay("plant"))],
    1: [
        (1, confirm("maker")),
        (2, dispute_charge("plant", "piece")),
        (9, withdraw("plant")),
        (10, invoice),
        (30, pay("plant")),
    ],
    2: [
        (1, confirm("maker")),
        (2, dispute_charge("plant", "base")),
        (3, invoice),
        (5, concede("maker", "base", (1, 10))),
        (8, red_letter),
        (12, withdraw("plant")),
        (28, pay("plant")),
    ],
    3: [*SIGNED, (55, pay("plant"))],
    4: [
        (1, confirm("maker")),
        (2, dispute_charge("plant", "piece", "at_least")),
        (6, concede("maker", "piece", (1, 2))),
        (8, withdraw("plant")),
        (9, invoice),
        (30, pay("plant")),
    ],
    5: [*SIGNED, (20, pay("plant", (3, 5))), (45, pay("plant"))],
    6: [*SIGNED, (25, pay("plant", beyond=10_000))],
    7: [*SIGNED, (26, pay_with_rest("plant"))],
    8: [*SIGNED, (25, pay_twice("plant"))],
    9: [
        *SIGNED,
        (20, pay("plant")),
        (30, concede("maker", "base", (1, 20))),
        (34, red_letter),
        (50, pay("maker")),
    ],
}
SUBLEASE: Mapping[int, Plan] = {
    0: [(1, confirm("plant")), (22, pay("second"))],
    1: [
        (3, dispute_charge("second", "care")),
        (6, concede("plant", "care", (1, 4))),
        (7, withdraw("second")),
        (12, pay("second")),
    ],
}
POWER: Mapping[int, Plan] = {
    1: [(40, pay("plant"))],
    2: [
        (1, confirm("grid")),
        (2, dispute_charge("plant", "demand")),
        (11, pay("plant")),
        (20, concede("grid", "demand", (2, 5))),
        (25, withdraw("plant")),
        (30, pay("plant")),
    ],
    4: [(2, dispute_credit("grid")), (11, pay("plant")), (20, withdraw("grid"))],
    5: [
        (2, dispute_charge("plant", "energy_valley")),
        (11, pay("plant")),
        (40, withdraw("plant")),
        (44, pay("plant")),
    ],
    7: [(1, confirm("plant")), (11, pay("plant", (1, 2))), (60, pay("plant"))],
    9: [(2, dispute_charge("plant", "energy_peak")), (11, pay("plant"))],
    11: [(11, pay("plant", (2, 3)))],
}
"""Silence confirms; the dispute of the tenth statement stays open, and a third of the last one."""
BOTH: Plan = [(1, confirm("grid")), (2, confirm("plant"))]
AIR: Mapping[int, Plan] = {
    1: [*BOTH, (35, pay("plant"))],
    4: [
        (1, dispute_credit("grid")),
        (2, confirm("plant")),
        (10, pay("plant")),
        (20, withdraw("grid")),
        (21, pay("plant")),
        (30, pay("grid")),
    ],
    6: [*BOTH, (5, concede("plant", "down", (3, 10))), (12, pay("plant"))],
}
AS_A_RULE: Mapping[str, Plan] = {
    "l-1": [*SIGNED, (25, pay("plant"))],
    "s-1": [(15, pay("second"))],
    "e-1": [(11, pay("plant"))],
    "a-1": [*BOTH, (10, pay("plant"))],
}
PLANS: Mapping[str, Mapping[int, Plan]] = {"l-1": LEASE, "s-1": SUBLEASE, "e-1": POWER, "a-1": AIR}


def plan_of(agreement: str, number: int) -> Plan:
    """Of a statement by its place, 0 for the first."""
    return PLANS[agreement].get(number, AS_A_RULE[agreement])
