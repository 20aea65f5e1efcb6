"""Bank statements of ISO 20022: camt.052 (account report) and camt.053 (statement), every version.

The XML is parsed without document types and entities, then bound to the typed classes of that very version,
which check forms and types. What differs between versions is small: it stands in `_first`.
"""

import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from typing import Any

from hansa.client.pay import errors
from hansa.client.pay.bank_csv import FILE_BYTES_MAX, LINES_MAX
from hansa.client.pay.items import BankLine, minor_of, named
from hansa.client.pay.needs import library
from hansa.client.tables import EPOCH
from hansa.kernel.refusal import shown

NAMESPACE = re.compile(r"urn:iso:std:iso:20022:tech:xsd:(camt\.05[23]\.001\.(\d{2}))\Z")


def read_camt(data: bytes, file: str) -> list[BankLine]:
    """The movements of all accounts of a file, in its order.

    Raises FileTooLarge, XmlRefused, FileTruncated, MessageUnknown, MessageInvalid, AmountInvalid,
    TooManyLines; then nothing of the file was taken.
    """
    if len(data) > FILE_BYTES_MAX:
        raise errors.FileTooLarge(file=file, limit=FILE_BYTES_MAX)
    root = _parsed(data, file)
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
    return named(lines)


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


def _lines(entry: Any, account: str, where: str) -> Iterator[BankLine]:
    """A movement; of a batch whose parts add up to it, each part."""
    parts = [part for details in entry.ntry_dtls for part in details.tx_dtls]
    amounts = [_part_amount(part, entry) for part in parts]
    if len(parts) > 1 and all(amounts) and sum(amounts, Decimal(0)) == entry.amt.value:
        for number, (part, amount) in enumerate(zip(parts, amounts, strict=True), 1):
            yield _line(entry, [part], amount, account, f"{where}.{number}")
    else:
        yield _line(entry, parts, entry.amt.value, account, where)


def _part_amount(part: Any, entry: Any) -> Decimal:
    """What a part of a batch moved in the account's currency; 0 where the bank does not say."""
    stated = _first(part, "amt") or _first(part, "amt_dtls", "tx_amt", "amt")
    same = stated is not None and stated.ccy == entry.amt.ccy
    return stated.value if same else Decimal(0)


def _line(entry: Any, parts: list[Any], amount: Decimal, account: str, where: str) -> BankLine:
    incoming = str(entry.cdt_dbt_ind.value) == "CRDT"
    side = "dbtr" if incoming else "cdtr"
    part = parts[0] if len(parts) == 1 else None
    party = _first(part, "rltd_pties", side)
    own = (_first(part, "refs", "acct_svcr_ref") or _first(part, "refs", "tx_id")) if part else None
    status = _first(entry, "sts", "cd") or _first(entry, "sts")
    return BankLine(
        entry="",
        account=account,
        value_day=_day(entry),
        amount_minor=minor_of(amount, entry.amt.ccy, where),
        currency=entry.amt.ccy,
        direction="in" if incoming else "out",
        reversal=bool(_first(entry, "rvsl_ind")),
        payer=str(_first(party, "pty", "nm") or _first(party, "nm") or ""),
        payer_account=_account(_first(part, "rltd_pties", f"{side}_acct")),
        references=tuple(reference for one in parts for reference in _references(one)),
        text=" ".join((*(text for one in parts for text in _texts(one)), entry.addtl_ntry_inf or "")).strip(),
        bank_reference=str(own or entry.acct_svcr_ref or ""),
        booked=str(getattr(status, "value", status)) == "BOOK",
        source=where,
    )


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
