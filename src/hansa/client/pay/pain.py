"""Payment orders as ISO 20022 pain.001, in the version that the bank takes.

The message is bound to the typed classes of its version, which refuse unknown parts and wrong types; what the
schema says beyond (patterns, lengths, what must be there) is checked by `faults` from the same classes.
"""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from hansa.client.pay import errors
from hansa.client.pay.accounts import Account, compact
from hansa.client.pay.needs import library
from hansa.client.pay.orders import Order, Payment, main_unit
from hansa.client.tables import EPOCH, moment
from hansa.kernel.refusal import shown

VERSIONS = ("03", "04", "05", "06", "07", "08", "09", "10", "11", "12")
DEFAULT = "09"
NAME_MAX, TEXT_MAX, ID_MAX = 140, 140, 35


def pain_bytes(order: Order, initiator: str, now_ms: int, version: str = DEFAULT) -> bytes:
    """The order as a pain.001.001.VERSION document, in UTF-8.

    Raises VersionUnknown; SchemaRefused where something of the order cannot stand in such a message.
    """
    message = f"pain.001.001.{version}"
    if version not in VERSIONS:
        raise errors.VersionUnknown(message="pain.001.001", version=version, known=", ".join(VERSIONS))
    kind = library(f"pyiso20022.pain.{message.replace('.', '_')}").Document
    decoders = library("xsdata.formats.dataclass.parsers")
    settings = library("xsdata.formats.dataclass.parsers.config")
    config = settings.ParserConfig(fail_on_unknown_properties=True, fail_on_converter_warnings=True)
    try:
        document = decoders.DictDecoder(config=config).decode(
            _message(order, initiator, now_ms, version), kind
        )
    except (ValueError, TypeError, library("xsdata.exceptions").ParserError) as error:
        raise errors.SchemaRefused(message=message, detail=shown(str(error))) from None
    fault = next(faults(document, "Document"), "")
    if fault:
        raise errors.SchemaRefused(message=message, detail=shown(fault))
    serializers = library("xsdata.formats.dataclass.serializers")
    look = library("xsdata.formats.dataclass.serializers.config").SerializerConfig(indent="  ")
    text = serializers.XmlSerializer(config=look).render(document, ns_map={None: kind.Meta.namespace})
    return str(text).encode()


def _message(order: Order, initiator: str, now_ms: int, version: str) -> dict[str, Any]:
    day = (EPOCH + timedelta(days=order.day)).isoformat()
    number = str(len(order.payments))
    total = format(main_unit(order.sum_minor, order.currency), "f")
    dated = day if version < "08" else {"Dt": day}
    batch = {
        "PmtInfId": order.id[:ID_MAX],
        "PmtMtd": "TRF",
        "NbOfTxs": number,
        "CtrlSum": total,
        "ReqdExctnDt": dated,
        "Dbtr": {"Nm": order.payer.name[:NAME_MAX]},
        "DbtrAcct": {"Id": _account(order.payer), "Ccy": order.currency},
        "DbtrAgt": _bank(order.payer, version) or {"FinInstnId": {"Othr": {"Id": "NOTPROVIDED"}}},
        "CdtTrfTxInf": [_transfer(payment, version) for payment in order.payments],
    }
    head = {
        "MsgId": order.id[:ID_MAX],
        "CreDtTm": moment(now_ms).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "NbOfTxs": number,
        "CtrlSum": total,
        "InitgPty": {"Nm": initiator[:NAME_MAX]},
    }
    return {"CstmrCdtTrfInitn": {"GrpHdr": head, "PmtInf": [batch]}}


def _transfer(payment: Payment, version: str) -> dict[str, Any]:
    bank = _bank(payment.to, version)
    reference = {"Tp": {"CdOrPrtry": {"Cd": "SCOR"}, "Issr": "ISO"}, "Ref": payment.reference}
    return {
        "PmtId": {"EndToEndId": payment.reference},
        "Amt": {
            "InstdAmt": {
                "value": format(main_unit(payment.amount_minor, payment.currency), "f"),
                "Ccy": payment.currency,
            }
        },
        **({"CdtrAgt": bank} if bank else {}),
        "Cdtr": {"Nm": payment.to.name[:NAME_MAX]},
        "CdtrAcct": {"Id": _account(payment.to)},
        "RmtInf": {"Ustrd": [payment.text[:TEXT_MAX]], "Strd": [{"CdtrRefInf": reference}]},
    }


def _account(account: Account) -> dict[str, Any]:
    return {"IBAN": account.id} if account.iban else {"Othr": {"Id": compact(account.number)}}


def _bank(account: Account, version: str) -> dict[str, Any]:
    """The bank by its BIC, and by its number in China's payment system; {} where the IBAN alone tells it."""
    found: dict[str, Any] = {}
    if account.bic:
        found["BIC" if version == "03" else "BICFI"] = account.bic
    if account.cnaps:
        found["ClrSysMmbId"] = {"ClrSysId": {"Cd": "CNAPS"}, "MmbId": account.cnaps}
    return {"FinInstnId": found} if found else {}


def faults(part: Any, way: str) -> Iterator[str]:
    """What the schema refuses in a bound message: missing parts, patterns, lengths, numbers out of bounds."""
    for field in fields(part):
        value, rule = getattr(part, field.name), field.metadata
        where = f"{way}.{rule.get('name', 'value')}"
        values = value if isinstance(value, list) else [value] if value is not None else []
        if not values and (rule.get("required") or rule.get("min_occurs", 0) > 0):
            yield f"{where}: missing"
        if len(values) > rule.get("max_occurs", len(values)):
            yield f"{where}: more than {rule['max_occurs']}"
        for one in values:
            if is_dataclass(one):
                yield from faults(one, where)
            elif not isinstance(one, Enum):
                yield from _broken(one, rule, where)


def _broken(value: Any, rule: Any, where: str) -> Iterator[str]:
    if isinstance(value, str):
        if len(value) < rule.get("min_length", 0) or len(value) > rule.get("max_length", len(value)):
            yield f"{where}: length {len(value)}"
        if "pattern" in rule and not re.fullmatch(rule["pattern"], value):
            yield f"{where}: {value} is not {rule['pattern']}"
    elif isinstance(value, Decimal):
        _, digits, exponent = value.as_tuple()
        if not isinstance(exponent, int):
            yield f"{where}: {value}"
            return
        if value < rule.get("min_inclusive", value) or len(digits) > rule.get("total_digits", len(digits)):
            yield f"{where}: {value}"
        if -exponent > rule.get("fraction_digits", -exponent):
            yield f"{where}: {value} has more than {rule['fraction_digits']} decimals"
