"""Money in the play: payment orders out, bank statements in, each receipt recorded by who was paid.

The banks are the play's: a bank statement says that every payment order was carried out on its day, and it
holds one line more that pays nothing, so that there is something to look into. Files as banks write them:
pain.001 out, camt.053 and CSV in.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from xml.sax.saxutils import escape

from hansa.apps.money.messages import DeclarePaid
from hansa.client.pay.accounts import Account
from hansa.client.pay.camt import read_camt
from hansa.client.pay.ledger import Matched, matched, open_item, owed
from hansa.client.pay.orders import Order, main_unit, orders
from hansa.client.pay.pain import pain_bytes
from hansa.client.tables import EPOCH
from hansa.kernel import limits
from hansa.simulation.cast import COMPANIES, SECOND_PLANT
from hansa.simulation.story import ACTIONS_AT_ONCE, Story, asking

FOLDER = "payments"
CNAPS = "901310000010"
"""Of no bank: made up, its check digit is right."""
STRAY_MINOR = 1_234
STRAY = "利息 INTEREST"
CSV_HEADS = ("date", "amount", "currency", "payer", "payer account", "text", "number")


@dataclass(frozen=True)
class BankFile:
    """A bank statement as it was matched: whose, its file, what became of its lines."""

    creditor: str
    file: Path
    found: Matched
    paid: tuple[Order, ...]
    """The payment orders that it carried out, each with one payment; `order_file` names the file of one."""


def accounts() -> tuple[Account, ...]:
    """An account at a made-up bank for each company that pays or is paid."""
    return tuple(
        Account(
            member=company.id,
            name=company.name_zh,
            number=f"6222 0000 0000 {1000 + place}",
            cnaps=CNAPS,
            bank=next(each.name_zh for each in COMPANIES if "bank" in each.roles),
        )
        for place, company in enumerate((*COMPANIES, SECOND_PLANT))
    )


def settle_open(story: Story, label: str, members: Sequence[str]) -> list[BankFile]:
    """Pay whatever is open between members, and record what came. `label` names the files."""
    folder = story.world.folder / FOLDER
    folder.mkdir(exist_ok=True)
    day = story.world.clock.now_ms // limits.DAY_MS
    coming: dict[str, list[Order]] = {}
    for debtor in members:
        listed = owed(asking(story.world, debtor), debtor, to=False)
        if not listed:
            continue
        items = [open_item(each) for each in listed]
        for order in orders(debtor, items, accounts(), day=day, id=f"{label}-{debtor}"):
            (folder / order_file(order)).write_bytes(pain_bytes(order, debtor, story.world.clock.now_ms))
            for payment in order.payments:
                coming.setdefault(payment.to.member, []).append(_alone(order, payment.obligation))
            declared = [
                DeclarePaid(
                    obligation=payment.obligation,
                    amount_minor=payment.amount_minor,
                    transferred_ms=story.world.clock.now_ms,
                    bank_reference=payment.reference,
                )
                for payment in order.payments
            ]
            _do(story, debtor, declared)
    story.wait()
    return [_receive(story, label, creditor, came, folder) for creditor, came in coming.items()]


def order_file(order: Order) -> str:
    return f"{order.id}.pain.001.xml"


def _alone(order: Order, obligation: str) -> Order:
    """The order with one of its payments: what one line of the bank statement is about."""
    (payment,) = [each for each in order.payments if each.obligation == obligation]
    return Order(order.id, order.payer, order.currency, order.day, (payment,))


def _receive(story: Story, label: str, creditor: str, came: Sequence[Order], folder: Path) -> BankFile:
    """Write the creditor's bank statement, read it as the creditor does, and record what is certain."""
    own = next(each for each in accounts() if each.member == creditor)
    file = folder / f"bank-{label}-{creditor}.camt.053.xml"
    file.write_text(camt_text(f"{label}-{creditor}", own, came), encoding="utf-8")
    file.with_name(f"bank-{label}-{creditor}.csv").write_text(csv_text(came), encoding="utf-8-sig")
    lines = read_camt(file.read_bytes(), file.name)
    found = matched(asking(story.world, creditor), creditor, lines, accounts(), story.world.clock.now_ms)
    _do(story, creditor, found.actions())
    return BankFile(creditor, file, found, tuple(came))


def _do(story: Story, member: str, actions: Sequence[object]) -> None:
    for start in range(0, len(actions), ACTIONS_AT_ONCE):
        story.client(member).do(*actions[start : start + ACTIONS_AT_ONCE])  # type: ignore[arg-type]


def camt_text(name: str, own: Account, came: Sequence[Order]) -> str:
    """A bank statement of one day as camt.053.001.08: every payment, and a line that pays nothing."""
    entries = [_entry(order, f"{name}-{place}") for place, order in enumerate(came, 1)]
    currency = came[0].currency
    total = sum(order.sum_minor for order in came if order.currency == currency) + STRAY_MINOR
    when = _date(came[0].day)
    stray = f"""
      <Ntry><Amt Ccy="{currency}">{main_unit(STRAY_MINOR, currency)}</Amt><CdtDbtInd>CRDT</CdtDbtInd>
        <Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{when}</Dt></BookgDt><ValDt><Dt>{when}</Dt></ValDt>
        <AcctSvcrRef>{escape(name)}-0</AcctSvcrRef><BkTxCd><Prtry><Cd>INTR</Cd></Prtry></BkTxCd>
        <NtryDtls><TxDtls><RmtInf><Ustrd>{STRAY}</Ustrd></RmtInf></TxDtls></NtryDtls></Ntry>"""
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.053.001.08">
  <BkToCstmrStmt>
    <GrpHdr><MsgId>{escape(name)}</MsgId><CreDtTm>{when}T18:00:00Z</CreDtTm></GrpHdr>
    <Stmt><Id>{escape(name)}</Id><CreDtTm>{when}T18:00:00Z</CreDtTm>
      <Acct><Id><Othr><Id>{own.id}</Id></Othr></Id><Ccy>{currency}</Ccy></Acct>
      <Bal><Tp><CdOrPrtry><Cd>OPBD</Cd></CdOrPrtry></Tp><Amt Ccy="{currency}">0</Amt>
        <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{when}</Dt></Dt></Bal>
      <Bal><Tp><CdOrPrtry><Cd>CLBD</Cd></CdOrPrtry></Tp>
        <Amt Ccy="{currency}">{main_unit(total, currency)}</Amt>
        <CdtDbtInd>CRDT</CdtDbtInd><Dt><Dt>{when}</Dt></Dt></Bal>{"".join(entries)}{stray}
    </Stmt>
  </BkToCstmrStmt>
</Document>
"""


def _entry(order: Order, bank_reference: str) -> str:
    (payment,) = order.payments
    when = _date(order.day)
    return f"""
      <Ntry><Amt Ccy="{order.currency}">{main_unit(payment.amount_minor, order.currency)}</Amt>
        <CdtDbtInd>CRDT</CdtDbtInd><Sts><Cd>BOOK</Cd></Sts><BookgDt><Dt>{when}</Dt></BookgDt>
        <ValDt><Dt>{when}</Dt></ValDt><AcctSvcrRef>{escape(bank_reference)}</AcctSvcrRef>
        <BkTxCd><Prtry><Cd>TRF</Cd></Prtry></BkTxCd>
        <NtryDtls><TxDtls>
          <RltdPties><Dbtr><Pty><Nm>{escape(order.payer.name)}</Nm></Pty></Dbtr>
            <DbtrAcct><Id><Othr><Id>{order.payer.id}</Id></Othr></Id></DbtrAcct></RltdPties>
          <RmtInf><Strd><CdtrRefInf><Ref>{payment.reference}</Ref></CdtrRefInf></Strd></RmtInf>
        </TxDtls></NtryDtls></Ntry>"""


def csv_text(came: Iterable[Order]) -> str:
    """The same lines as CSV."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(CSV_HEADS)
    for order in came:
        (payment,) = order.payments
        amount = main_unit(payment.amount_minor, order.currency)
        row = (_date(order.day), amount, order.currency, order.payer.name, order.payer.id)
        writer.writerow((*row, payment.reference, order.id))
    return out.getvalue()


def _date(day: int) -> str:
    return (EPOCH + timedelta(days=day)).isoformat()
