"""The money of leases in the books of all parties: deposits of a chain, default, damages, transfer, and that
nothing is left when all are closed.
"""

from collections import Counter

from hansa.apps.billing.lifecycle import content
from hansa.apps.billing.messages_life import ConfirmStatement
from hansa.apps.billing.terms import Settlement
from hansa.apps.leasing.messages import AgreeDamage, ClaimDamage, ClaimDeposit, Transfer
from hansa.apps.money.interface import name_of, return_of
from hansa.client.journal import difference_minor
from hansa.client.journal_accounts import read_chart
from hansa.client.journal_ledger import gather, journal
from hansa.kernel import replace
from tests.apps.ground import REGISTRY
from tests.apps.leases import (
    DAY,
    FROM_MS,
    HOUR,
    PHOTO,
    TO_MS,
    World,
    confirmation,
    returned,
    running,
    sublease,
)
from tests.apps.leasing import TERMS
from tests.client.test_journal import ALWAYS, Asking, balances

SETTLED = replace(TERMS, settlement=Settlement(payment_days=5, runs_from="confirmation"))
CHART = read_chart("cas")
life_of = REGISTRY.queries["billing.life_of"]


def books(ground: World, member: str) -> Counter[str]:
    """Balances of a member, by account."""
    found, by_hand = journal(gather(Asking(ground), member), CHART, *ALWAYS)  # type: ignore[arg-type]
    assert by_hand == []
    assert all(difference_minor(voucher) == 0 for voucher in found)
    return balances(found)


def confirm(ground: World, name: str) -> int:
    """Both confirm the first statement of a lease; what it comes to."""
    statement = ground.statements(name)[0]
    for member in (statement.provider, statement.user):
        ground.do(member, ConfirmStatement(name, statement.period.from_ms, content(statement)))
    return statement.gross_minor


def pay_all(ground: World, debtor: str, creditor: str) -> None:
    """Whatever one owes the other, due or not."""
    arguments = {"debtor": debtor, "creditor": creditor}
    for listed in ground.ask(lambda ctx: REGISTRY.query(ctx, "money.owed_by", arguments)):
        owed = listed.obligation
        ground.pay(creditor, listed.id, owed.amount_minor - owed.paid_minor, debtor)


def chain() -> World:
    """Plant leases from maker and sublets two days to rival, a deposit for each; all is used and returned."""
    ground = running(terms=SETTLED, security_deposit_minor=50_000)
    ground.consent("maker")
    ground.sublet("s-1", sublease(2, 2, terms=SETTLED, security_deposit_minor=30_000))
    ground.pay_in("s-1", "security_deposit", 30_000, holder="plant", payer="rival")
    return ground


def used(ground: World) -> None:
    ground.move_to(FROM_MS + 2 * DAY - HOUR)
    ground.hand_over(120, name="s-1")
    ground.move_to(FROM_MS + 4 * DAY - HOUR)
    ground.hand_over(150, "out", name="s-1")
    ground.move_to(TO_MS + HOUR)
    ground.hand_over(170, "out")
    ground.move_to(TO_MS + 2 * DAY)


def test_deposits_of_a_chain_stand_between_those_who_agreed_on_them() -> None:
    ground = chain()
    assert books(ground, "maker") == {"bank": 50_000, "deposit_held": -50_000}
    assert books(ground, "plant") == {"bank": -20_000, "deposit_paid": 50_000, "deposit_held": -30_000}
    assert books(ground, "rival") == {"bank": -30_000, "deposit_paid": 30_000}


def test_when_all_is_paid_and_closed_the_books_hold_money_and_what_was_earned_alone() -> None:
    ground = chain()
    used(ground)
    head, sub = confirm(ground, "l-1"), confirm(ground, "s-1")
    pay_all(ground, "plant", "maker")
    pay_all(ground, "rival", "plant")
    ground.close("l-1")
    ground.close("s-1", "rival")
    pay_all(ground, "maker", "plant")
    pay_all(ground, "plant", "rival")
    ground.move_to(TO_MS + 40 * DAY)
    held = {member: books(ground, member) for member in ("maker", "plant", "rival")}
    taxed = {"output_tax", "output_tax_deferred", "input_tax", "input_tax_pending"}
    for member, money in (("maker", head), ("plant", sub - head), ("rival", -sub)):
        earned = sum(amount for role, amount in held[member].items() if role in taxed | {"revenue", "cost"})
        assert held[member]["bank"] == money == -earned
        assert set(held[member]) <= taxed | {"revenue", "cost", "bank"}


def test_a_deposit_drawn_on_default_pays_the_statement_and_the_rest_goes_back() -> None:
    ground = returned(terms=SETTLED, security_deposit_minor=1_000_000)
    ground.move_to(TO_MS + 2 * HOUR)
    ground.do("maker", ClaimDamage("l-1", "d-1", 70_000, ("spindle",), (PHOTO,)))
    ground.do("plant", AgreeDamage("l-1", "d-1", 70_000))
    assert books(ground, "maker")["other_income"] == -70_000
    assert books(ground, "plant")["other_expense"] == 70_000
    gross = confirm(ground, "l-1")
    (part,) = ground.ask(life_of, "l-1", FROM_MS).parts
    ground.move_to(ground.now_ms + 6 * DAY)
    ground.do("maker", ClaimDeposit("l-1", part.obligation, gross))
    assert books(ground, "maker")["deposit_held"] == gross - 1_000_000
    assert books(ground, "maker")["receivable"] == books(ground, "plant")["payable"] == 0
    pay_all(ground, "plant", "maker")
    ground.close()
    ground.pay("plant", return_of(name_of("l-1", "security_deposit")), 1_000_000 - gross, "maker")
    for member in ("maker", "plant"):
        roles = {"deposit_held", "deposit_paid", "other_receivable", "other_payable", "receivable", "payable"}
        assert not roles & set(books(ground, member)), member


def test_who_takes_a_lease_over_pays_a_deposit_of_its_own_and_the_first_one_goes_back() -> None:
    ground = running(terms=SETTLED, security_deposit_minor=50_000)
    given = {"lessor": "maker", "lessee": "rival", "head": "", "sign_by_ms": FROM_MS + 3 * DAY}
    terms = sublease(3, 4, terms=SETTLED, security_deposit_minor=60_000, **given)
    ground.do("plant", Transfer("l-1", "n-1", terms))
    ground.sign("n-1", "rival")
    ground.sign("n-1", "maker")
    ground.pay_in("n-1", "security_deposit", 60_000, payer="rival")
    assert books(ground, "maker")["deposit_held"] == -110_000
    ground.move_to(FROM_MS + 3 * DAY - HOUR)
    ground.count((FROM_MS + 3 * DAY - HOUR, 130))
    report = ground.report(130, name="n-1")
    ground.do("maker", report)
    ground.do("rival", confirmation(report, "maker"))
    ground.move_to(FROM_MS + 3 * DAY + HOUR)
    ground.hand_over(140, "out")
    ground.move_to(FROM_MS + 5 * DAY)
    confirm(ground, "l-1")
    pay_all(ground, "plant", "maker")
    ground.close("l-1")
    pay_all(ground, "maker", "plant")
    assert books(ground, "maker")["deposit_held"] == -60_000
    assert "deposit_paid" not in books(ground, "plant")
    assert books(ground, "rival")["deposit_paid"] == 60_000
