"""Debts, payments found on bank statements, claims on a member bank."""

from hansa.apps.consortium.messages import Licence, UpdateMember
from hansa.apps.money.messages import (
    Allocation,
    Apply,
    DeclarePaid,
    NoteInvoice,
    Obligation,
    Owe,
    Receive,
    Refund,
    Reverse,
    SetOff,
    Waive,
)
from hansa.apps.money.messages_bank import (
    AcceptBank,
    AttestDeposit,
    AttestWithdrawal,
    Capture,
    OpenBank,
    Pay,
    RefuseWithdrawal,
    Release,
    RequestWithdrawal,
    SetAside,
    Transfer,
)
from hansa.apps.money.receipts import unapplied_minor
from hansa.kernel import limits
from hansa.simulation.simulator.scenario import Send
from hansa.simulation.simulator.traffic.mind import Mind, Step

CNY, EUR = "CNY", "EUR"
AMOUNT_MOST = 2_000
DEPOSIT_MINOR = 100_000
ENTRIES = 40
"""References of bank entries are drawn of so few, now and then, that some come twice."""


def amount(mind: Mind) -> int:
    return mind.between(1, AMOUNT_MOST)


def left_minor(owed: Obligation) -> int:
    """What is still to be paid of an obligation."""
    return owed.amount_minor - owed.paid_minor


def bank_of(mind: Mind) -> str:
    """The third of the founders is the bank."""
    return mind.founders[2 % len(mind.founders)]


def open_a_bank(mind: Mind) -> Send | None:
    """What is still to be done until members can hold claims; None: all is there."""
    bank = bank_of(mind)
    if mind.row("money.banks", bank) is None:
        licence = Licence("banking", mind.hash())
        update = UpdateMember(size="large", roles=("bank",), licences=(licence,))
        return mind.send(bank, update, OpenBank())
    for member in mind.active:
        if member != bank and mind.row("money.bank_accounts", member, bank) is None and mind.luck(0.7):
            return mind.send(member, AcceptBank(bank))
    return None


def be_a_bank(mind: Mind) -> Send:
    """Anybody may want to; who has no licence, or is one, must not."""
    return mind.send(mind.member(), OpenBank())


def owe(mind: Mind) -> Send:
    debtor = mind.member()
    by_claims = mind.luck(0.4)
    action = Owe(
        id=mind.name("d"),
        creditor=mind.other(debtor),
        currency=CNY if by_claims or mind.luck(0.8) else EUR,
        amount_minor=amount(mind),
        due_ms=mind.soon_ms + mind.between(-10, 60) * limits.HOUR_MS,
        bank=bank_of(mind) if by_claims else "",
    )
    return mind.send(debtor, action)


# Payments outside the ledger, as creditors find them.


def payable(owed: Obligation) -> bool:
    return owed.state == "open" and owed.mode == "external"


def receive(mind: Mind) -> Send | None:
    """Of one debt, all or a part; sometimes more than is owed, or for two debts."""
    found = mind.pick("money.obligations", payable)
    if found is None:
        return None
    (name,), owed = found
    whole = max(1, left_minor(owed))
    paid = whole if mind.luck(0.6) else mind.between(1, whole)
    given = [Allocation(str(name), paid)]
    second = mind.sure(
        "money.obligations",
        lambda key, row: (
            payable(row) and (row.creditor, row.currency) == (owed.creditor, owed.currency) and key[0] != name
        ),
    )
    if second is not None and mind.luck(0.3):
        given.append(Allocation(str(second[0][0]), mind.between(1, max(1, left_minor(second[1])))))
    over = mind.between(0, 500) if mind.luck(0.4) else 0
    action = Receive(
        entry=f"{mind.between(1, ENTRIES):064x}" if mind.luck(0.1) else mind.hash(),
        currency=owed.currency,
        amount_minor=sum(each.amount_minor for each in given) + over,
        value_ms=mind.now_ms - mind.between(0, 40) * limits.HOUR_MS,
        payer=owed.debtor if mind.luck(0.9) else "",
        allocations=tuple(given) if mind.luck(0.8) else (),
    )
    return mind.send(mind.right(owed.creditor), action)


def apply(mind: Mind) -> Send | None:
    found = mind.sure("money.receipts", lambda _, row: unapplied_minor(row) > 0 and not row.reversed_reason)
    if found is None:
        return None
    (creditor, entry), receipt = found
    owed = mind.sure(
        "money.obligations",
        lambda _, row: payable(row) and row.creditor == creditor and row.currency == receipt.currency,
    )
    if owed is None:
        return None
    part = min(unapplied_minor(receipt), left_minor(owed[1]))
    given = (Allocation(str(owed[0][0]), max(1, part)),)
    return mind.send(mind.right(str(creditor)), Apply(str(entry), given))


def reverse(mind: Mind) -> Send | None:
    found = mind.pick("money.shares") if mind.luck(0.5) else mind.pick("money.receipts")
    if found is None:
        return None
    creditor, entry, *of = map(str, found[0])
    return mind.send(mind.right(creditor), Reverse(entry, "mistake", tuple(of)))


def refund(mind: Mind) -> Send | None:
    found = mind.pick("money.receipts", lambda row: bool(row.payer) and unapplied_minor(row) > 0)
    if found is None:
        return None
    (creditor, entry), receipt = found
    back = mind.between(1, max(1, unapplied_minor(receipt)))
    due_ms = mind.soon_ms + limits.DAY_MS
    return mind.send(mind.right(str(creditor)), Refund(str(entry), back, due_ms))


def declare(mind: Mind) -> Send | None:
    found = mind.pick("money.obligations", payable)
    if found is None:
        return None
    (name,), owed = found
    paid = max(1, left_minor(owed))
    action = DeclarePaid(str(name), paid, mind.now_ms - limits.HOUR_MS, mind.name("T"))
    return mind.send(mind.right(owed.debtor), action)


def waive(mind: Mind) -> Send | None:
    found = mind.pick("money.obligations", lambda row: row.state == "open")
    if found is None or mind.luck(0.5):
        return None
    (name,), owed = found
    part = mind.between(1, max(1, left_minor(owed)))
    return mind.send(mind.right(owed.creditor), Waive(str(name), part, "goodwill"))


def set_off(mind: Mind) -> Send | None:
    found = mind.pick("money.obligations", lambda row: row.state == "open" and row.due_ms <= mind.soon_ms)
    if found is None:
        return None
    (name,), owed = found
    other = mind.sure(
        "money.obligations",
        lambda _, row: (
            row.state == "open"
            and (row.debtor, row.creditor, row.currency) == (owed.creditor, owed.debtor, owed.currency)
        ),
    )
    if other is None:
        return None
    part = max(1, min(left_minor(owed), left_minor(other[1])))
    return mind.send(mind.right(owed.creditor), SetOff(str(name), str(other[0][0]), part))


def note_invoice(mind: Mind) -> Send | None:
    found = mind.pick("money.funds", lambda row: row.kind == "prepayment")
    if found is None:
        return None
    return mind.send(mind.right(found[1].holder), NoteInvoice(str(found[0][0]), mind.name("INV")))


# Claims on the bank.


def free_minor(mind: Mind, member: str) -> int:
    """What a member can dispose of at the bank."""
    found = mind.row("money.balances", bank_of(mind), member, CNY, "free")
    return found.amount_minor if found else 0


def part_of(mind: Mind, whole: int) -> int:
    """A part of what is there; now and then more than that."""
    return mind.between(1, max(1, whole if mind.luck(0.9) else 2 * whole + 2))


def rich(mind: Mind) -> str:
    """Somebody who has claims, most often."""
    found = mind.pick("money.balances", lambda row: row.amount_minor > AMOUNT_MOST)
    return str(found[0][1]) if found else mind.member()


def deposit(mind: Mind) -> Send:
    owner, bank = mind.member(), bank_of(mind)
    reference = f"R-{mind.between(1, ENTRIES)}" if mind.luck(0.1) else mind.name("R")
    action = AttestDeposit(owner, CNY, mind.between(1, DEPOSIT_MINOR), reference)
    return mind.send(mind.right(bank), action)


def ask_for_payout(mind: Mind) -> Send:
    owner = rich(mind)
    part = part_of(mind, free_minor(mind, owner) // 2)
    return mind.send(owner, RequestWithdrawal(bank_of(mind), mind.name("w"), CNY, part))


def answer_payout(mind: Mind) -> Send | None:
    found = mind.pick("money.withdrawals", lambda row: row.state == "asked")
    if found is None:
        return None
    bank, owner, name = map(str, found[0])
    if mind.luck(0.4):
        return mind.send(mind.right(bank), RefuseWithdrawal(owner, name, "closed"))
    return mind.send(mind.right(bank), AttestWithdrawal(owner, name, mind.name("R")))


def transfer(mind: Mind) -> Send:
    payer = rich(mind)
    part = part_of(mind, free_minor(mind, payer) // 3)
    return mind.send(payer, Transfer(bank_of(mind), mind.other(payer), CNY, part))


def pay(mind: Mind) -> Send | None:
    found = mind.pick("money.obligations", lambda row: row.state == "open" and row.mode == "bank")
    if found is None:
        return None
    (name,), owed = found
    whole = max(1, left_minor(owed))
    return mind.send(
        mind.right(owed.debtor), Pay(str(name), whole if mind.luck(0.6) else part_of(mind, whole))
    )


def set_aside(mind: Mind) -> Send:
    payer = rich(mind)
    action = SetAside(
        id=mind.name("h"),
        payee=mind.other(payer),
        bank=bank_of(mind),
        currency=CNY,
        amount_minor=part_of(mind, free_minor(mind, payer) // 2),
        expires_ms=mind.soon_ms + mind.between(1, 60) * limits.HOUR_MS,
    )
    return mind.send(payer, action)


def capture(mind: Mind) -> Send | None:
    found = mind.pick("money.holds", lambda row: row.state == "open")
    if found is None:
        return None
    (name,), hold = found
    left = max(1, hold.amount_minor - hold.captured_minor)
    owed = mind.sure(
        "money.obligations",
        lambda _, row: row.state == "open" and row.mode == "bank" and row.creditor == hold.payee,
    )
    if owed is not None and mind.luck(0.5):
        part = max(1, min(left, left_minor(owed[1])))
        return mind.send(mind.right(hold.payee), Capture(str(name), part, str(owed[0][0])))
    return mind.send(mind.right(hold.payee), Capture(str(name), part_of(mind, left)))


def release(mind: Mind) -> Send | None:
    found = mind.pick("money.holds", lambda row: row.state == "open")
    if found is None:
        return None
    late = found[1].expires_ms <= mind.soon_ms
    by = found[1].payer if late and mind.luck(0.5) else found[1].payee
    return mind.send(mind.right(by), Release(str(found[0][0])))


STEPS: tuple[tuple[int, Step], ...] = (
    (1, be_a_bank),
    (10, owe),
    (14, receive),
    (4, apply),
    (3, reverse),
    (2, refund),
    (3, declare),
    (2, waive),
    (4, set_off),
    (2, note_invoice),
    (6, deposit),
    (4, ask_for_payout),
    (4, answer_payout),
    (4, transfer),
    (8, pay),
    (5, set_aside),
    (5, capture),
    (3, release),
)
