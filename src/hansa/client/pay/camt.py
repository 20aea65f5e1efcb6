"""Bank statements of ISO 20022: camt.052 (account report) and camt.053 (statement), every version.

The XML is parsed without document types and entities, then bound to the typed classes of that very version,
which check forms and types. What differs between versions is small: it stands in `_first`.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

from hansa.apps.money.currencies import minor_digits
from hansa.client.pay import errors
from hansa.client.pay.bank_csv import FILE_BYTES_MAX, LINES_MAX
from hansa.client.pay.items import BankLine, minor_of, named
from hansa.client.pay.needs import library
from hansa.client.tables import EPOCH
from hansa.kernel.refusal import shown
from hansa.kernel.types import INTEGER_MAX

CHINESE = re.compile(rb"""\s*<\?xml[^>]{0,60}encoding=["'](gb(?:k|2312|18030))["']""", re.IGNORECASE)
PLAIN_AMOUNT = re.compile(r"[+-]?(\d{1,30}\.?\d{0,30}|\.\d{1,30})\Z", re.ASCII)
NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:(camt\.05[23]\.001\.(\d{2}))\Z")


def read_camt(data: bytes, file: str) -> list[BankLine]:
    """The movements of all accounts of a file, in its order.

    Raises FileTooLarge, XmlRefused, FileTruncated, MessageUnknown, MessageInvalid, AmountInvalid,
    TooManyLines; then nothing of the file was taken.
    """
    if len(data) > FILE_BYTES_MAX:
        raise errors.FileTooLarge(file=file, limit=FILE_BYTES_MAX)
    root = _parsed(_readable(data, file), file)
    message, document = _bound(root, file)
    body = next(getattr(document, name) for name in vars(document))
    reports = getattr(body, "rpt", None) or getattr(body, "stmt", None) or []
    lines: list[BankLine] = []
    for report in reports:
        for number, entry in enumerate(report.ntry, 1):
            where = f"{file}:{message} {_first(report, 'id') or ''} #{number}"
            lines += _lines(entry, _account(report.acct), where)
            if len(lines) > LINES_MAX:
                raise errors.TooManyLines(file=file, limit=LINES_MAX)
        if message.startswith("camt.053"):
            _check_balances(report, file)
    return named(lines)


def _check_balances(statement: Any, file: str) -> None:
    """A statement is whole: what it begins with and its booked entries come to what it ends with.

    Where it is one page of several it says only one of the two; then there is nothing to compare.
    """
    stated: dict[str, tuple[str, Decimal]] = {}
    for balance in statement.bal:
        kind = _first(balance, "tp", "cd_or_prtry", "cd")
        stated[str(getattr(kind, "value", kind))] = (balance.amt.ccy, _signed(balance, balance.amt.value))
    begin, end = stated.get("OPBD") or stated.get("PRCD"), stated.get("CLBD")
    if begin is None or end is None or begin[0] != end[0]:
        return
    booked = [entry for entry in statement.ntry if _status(entry) == "BOOK"]
    if any(entry.amt.ccy != end[0] for entry in booked):
        return
    moved = sum((_signed(entry, entry.amt.value) for entry in booked), Decimal(0))
    if begin[1] + moved != end[1]:
        raise errors.BalanceBreaks(
            file=file,
            where=str(_first(statement, "id") or ""),
            difference=format(end[1] - begin[1] - moved, "f"),
        )


def _signed(of: Any, amount: Decimal) -> Decimal:
    return amount if str(of.cdt_dbt_ind.value) == "CRDT" else -amount


def _status(entry: Any) -> str:
    status = _first(entry, "sts", "cd") or _first(entry, "sts")
    return str(getattr(status, "value", status))


def _readable(data: bytes, file: str) -> bytes:
    """In UTF-8 where it says that it is in a Chinese encoding, which the parser does not know."""
    declared = CHINESE.match(data)
    if declared is None:
        return data
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        said = declared[1].decode()
        raise errors.WrongEncoding(file=file, line=line, encoding=said, known="utf-8, gb18030") from None
    return text.replace(declared[1].decode(), "utf-8", 1).encode()


def _parsed(data: bytes, file: str) -> Any:
    """The root element. Entities and document types end here."""
    parser = library("defusedxml.ElementTree")
    refused = library("defusedxml.common").DefusedXmlException
    try:
        return parser.fromstring(data, forbid_dtd=True)
    except refused:
        raise errors.XmlRefused(file=file) from None
    except (parser.ParseError, ValueError, LookupError) as error:
        line = getattr(error, "position", (data.count(b"\n") + 1, 0))[0]
        told = shown(str(error))
        raise errors.FileTruncated(file=file, line=line, cause_zh=told, cause_en=told) from None


def _bound(root: Any, file: str) -> tuple[str, Any]:
    """The message's name, and the document as its version's class."""
    namespace, _, tag = str(root.tag).removeprefix("{").rpartition("}")
    found = NAMESPACE.match(namespace)
    if found is None or tag != "Document":
        raise errors.MessageUnknown(file=file, namespace=namespace or tag)
    parsers = library("xsdata.formats.dataclass.parsers")
    handlers = library("xsdata.formats.dataclass.parsers.handlers")
    config = library("xsdata.formats.dataclass.parsers.config").ParserConfig(fail_on_converter_warnings=True)
    message = found[1]
    _check_amounts(root, f"{file}:{message}")
    name = message.replace(".", "_")
    try:
        kind = library(f"pyiso20022.camt.{name}").Document
    except errors.LibraryMissing:
        raise errors.MessageUnknown(file=file, namespace=namespace) from None
    parser = parsers.XmlParser(config=config, handler=handlers.XmlEventHandler)
    try:
        return message, parser.parse(root, kind)
    except (
        ValueError,
        TypeError,
        ArithmeticError,
        RecursionError,
        library("xsdata.exceptions").ParserError,
    ) as error:
        raise errors.MessageInvalid(file=file, message=message, detail=shown(str(error))) from None


def _check_amounts(root: Any, where: str) -> None:
    """Amounts are plain decimals, as the schema says: the typed classes would take 1E+999999999, too."""
    for element in root.iter():
        currency, text = element.get("Ccy"), (element.text or "").strip()
        if currency is not None and not PLAIN_AMOUNT.match(text):
            places = minor_digits(currency)
            limit = INTEGER_MAX // 10**places
            raise errors.AmountInvalid(
                where=where, value=shown(text), currency=shown(currency), places=places, limit=limit
            )


def _lines(entry: Any, account: str, where: str) -> Iterator[BankLine]:
    """A movement; of a batch whose parts add up to it, each part."""
    parts = [part for details in entry.ntry_dtls for part in details.tx_dtls]
    amounts = [_part_amount(part, entry) for part in parts]
    if len(parts) > 1 and all(amounts) and sum(amounts, Decimal(0)) == entry.amt.value:
        own = [_own_reference(part) for part in parts]
        told_apart = "" not in own and len(set(own)) == len(own)
        for number, (part, amount) in enumerate(zip(parts, amounts, strict=True), 1):
            line = _line(entry, [part], amount, account, f"{where}.{number}")
            if not told_apart and line.bank_reference:  # Else parts of one amount were one payment.
                line = replace(line, bank_reference=f"{line.bank_reference}.{number}")
            yield line
    else:
        batches = [
            details.btch.nb_of_txs for details in entry.ntry_dtls if _first(details, "btch", "nb_of_txs")
        ]
        told = sum(int(number) for number in batches)
        line = _line(entry, parts, entry.amt.value, account, where)
        yield replace(line, count=max(1, len(parts), told))


def _own_reference(part: Any) -> str:
    """The bank's own reference of a part of a batch."""
    return str(_first(part, "refs", "acct_svcr_ref") or _first(part, "refs", "tx_id") or "")


def _part_amount(part: Any, entry: Any) -> Decimal:
    """What a part of a batch moved in the account's currency; 0 where the bank does not say."""
    stated = _first(part, "amt") or _first(part, "amt_dtls", "tx_amt", "amt")
    same = stated is not None and stated.ccy == entry.amt.ccy
    return stated.value if same else Decimal(0)


def _line(entry: Any, parts: list[Any], amount: Decimal, account: str, where: str) -> BankLine:
    incoming, reversal = str(entry.cdt_dbt_ind.value) == "CRDT", bool(_first(entry, "rvsl_ind"))
    side = "dbtr" if incoming != reversal else "cdtr"  # Who paid at first stands in a reversal as it did.
    part = parts[0] if len(parts) == 1 else None
    party = _first(part, "rltd_pties", side)
    return BankLine(
        entry="",
        account=account,
        value_day=_day(entry),
        amount_minor=minor_of(amount, entry.amt.ccy, where),
        currency=entry.amt.ccy,
        direction="in" if incoming else "out",
        reversal=reversal,
        payer=str(_first(party, "pty", "nm") or _first(party, "nm") or ""),
        payer_account=_account(_first(part, "rltd_pties", f"{side}_acct")),
        references=tuple(reference for one in parts for reference in _references(one)),
        text=" ".join((*(text for one in parts for text in _texts(one)), entry.addtl_ntry_inf or "")).strip(),
        bank_reference=(_own_reference(part) if part else "") or str(entry.acct_svcr_ref or ""),
        booked=_status(entry) == "BOOK",
        source=where,
        charges_minor=_charges(entry, parts, where),
    )


def _charges(entry: Any, parts: list[Any], where: str) -> int:
    """What banks kept before the rest came, in the account's currency: of the entry, else of its parts."""
    for level in ([entry], parts):
        amounts = [amount for of in level for amount in _charged(getattr(of, "chrgs", None))]
        same = [amount.value for amount in amounts if amount.ccy == entry.amt.ccy and amount.value > 0]
        if same:
            return minor_of(sum(same, Decimal(0)), entry.amt.ccy, where)
    return 0


def _charged(charges: Any) -> Iterator[Any]:
    """Amounts of charges, as older versions list them, or newer ones add them up."""
    for one in charges if isinstance(charges, list) else [charges]:
        whole = _first(one, "ttl_chrgs_and_tax_amt") or _first(one, "amt")
        each = (_first(record, "amt") for record in getattr(one, "rcrd", None) or [])
        yield from (amount for amount in ([whole] if whole is not None else each) if amount is not None)


def _first(start: Any, *names: str) -> Any:
    """What stands at the end of a path; None where the path ends before, or this version has no such part."""
    for name in names:
        start = getattr(start, name, None)
        if isinstance(start, list):
            start = start[0] if start else None
    return start


def _references(part: Any) -> Iterator[str]:
    """Structured references of a part, the creditor's first."""
    remittance = getattr(part, "rmt_inf", None)
    for one in getattr(remittance, "strd", None) or []:
        reference = _first(one, "cdtr_ref_inf", "ref") or _first(one, "cdtr_ref_inf", "cdtr_ref")
        if reference:
            yield str(reference)
    end_to_end = _first(part, "refs", "end_to_end_id")
    if end_to_end and end_to_end != "NOTPROVIDED":
        yield str(end_to_end)


def _texts(part: Any) -> Iterator[str]:
    remittance = getattr(part, "rmt_inf", None)
    yield from getattr(remittance, "ustrd", None) or []
    for one in getattr(remittance, "strd", None) or []:
        yield from getattr(one, "addtl_rmt_inf", None) or []
    if getattr(part, "addtl_tx_inf", None):
        yield part.addtl_tx_inf


def _account(account: Any) -> str:
    return str(_first(account, "id", "iban") or _first(account, "id", "othr", "id") or "")


def _day(entry: Any) -> int:
    """Value date, else date of booking, as days since the epoch; 0 where the bank gives neither."""
    for stated in (entry.val_dt, entry.bookg_dt):
        found = _first(stated, "dt") or _first(stated, "dt_tm")
        if found is not None:
            return (date(found.year, found.month, found.day) - EPOCH).days
    return 0
