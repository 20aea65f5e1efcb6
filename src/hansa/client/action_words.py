"""An action as whoever is asked to sign it can read it: a line for each field, money and times as people
write them. What is signed is told byte for byte by `--dry-run`.
"""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import msgspec

from hansa.apps.billing.texts import money_text, price_text
from hansa.client.agreement_words import length_text
from hansa.client.problems import printable
from hansa.client.tables import EPOCH, time_text
from hansa.client.texts import Language
from hansa.kernel import Action

TIME_LEAST_MS = 10**11
"""A number of ms from 1973 on is a time, a smaller one a length of time."""
NAMES_ZH = {
    "cut_off": "关账宽限",
    "gaps": "缺口规则",
    "attribution": "停机认定规则",
    "checks": "副表",
    "unknown": "未知时间上限",
    "settlement": "结算办法",
    "payment_days": "付款天数",
    "runs_from": "起算",
    "silence_days": "默认确认天数",
    "interest": "逾期利率",
    "governing_law": "适用法律",
    "prevailing_language": "优先文本",
    "mode": "付款方式",
    "grade": "状况",
    "early_end_notice": "提前终止通知",
    "extension": "续期权",
    "expected": "预计总额",
    "substitution_right": "替换权",
    "with_crew": "带人",
    "process": "工艺",
    "material": "材料",
    "size": "尺寸",
    "tolerance": "公差",
    "report": "报告",
    "state": "状态",
    "public": "公钥",
    "proof": "持有证明",
    "seats": "席位",
    "power": "表决权重",
    "validator": "共识公钥",
    "proposal": "提案",
    "card": "成员卡",
    "company": "公司",
    "holder": "持钥人",
    "scopes": "授权范围",
    "roles": "角色",
    "registration": "登记",
    "signature": "签名",
    "by": "报告方",
    "against": "抵销项",
    "agreement": "协议",
    "allocations": "核销",
    "amount": "金额",
    "asset": "设备资产",
    "asset_owner": "设备所有方",
    "asset_version": "设备版本",
    "at": "时刻",
    "attachments": "附件",
    "bank": "银行",
    "bank_reference": "银行流水号",
    "bargain": "询价",
    "breakdown": "故障",
    "calendar": "日历",
    "calendar_owner": "日历发布方",
    "claim": "认定申请",
    "concessions": "让步",
    "consent": "转租同意",
    "content": "内容摘要",
    "correction": "更正",
    "counters": "计数器读数",
    "creditor": "收款方",
    "crew": "带人",
    "currency": "币种",
    "damage": "损坏",
    "day": "日期",
    "device": "装置",
    "direction": "方向",
    "disputed": "有异议",
    "due": "到期",
    "earnest": "定金",
    "entry": "流水",
    "evidence": "证据摘要",
    "expires": "有效期至",
    "feed": "计量点",
    "from": "开始",
    "fund": "款项",
    "gross": "价税合计",
    "ground": "理由",
    "head": "主租约",
    "hold": "冻结",
    "id": "编号",
    "index": "指数",
    "invoice": "发票",
    "issued": "开票日期",
    "item": "项目",
    "items": "项目",
    "job": "任务",
    "kind": "种类",
    "largest": "最长租期",
    "lease": "租约",
    "lessee": "承租方",
    "lessor": "出租方",
    "liable": "责任方",
    "line": "行",
    "lines": "行",
    "member": "成员单位",
    "meter": "计量项",
    "meters": "计量项",
    "nature": "性质",
    "need": "需求",
    "net": "不含税",
    "notice": "提前通知",
    "number": "号码",
    "obligation": "应收应付项",
    "obligations": "应收应付项",
    "offer": "报盘",
    "offerer": "出租方",
    "owner": "所有方",
    "payee": "收款方",
    "payer": "付款方",
    "period": "结算期",
    "photos": "照片摘要",
    "pieces": "件数",
    "prepayment": "预付款",
    "prices": "价格",
    "provider": "提供方",
    "quantity": "数量",
    "reason": "理由",
    "replaces": "所替换的号码",
    "security_deposit": "保证金",
    "sha256": "SHA-256",
    "sign_by": "签署期限",
    "smallest": "最短租期",
    "subject": "事项",
    "sublease": "转租租约",
    "successor": "后继租约",
    "tariff": "资费",
    "tariff_owner": "资费发布方",
    "tariff_version": "资费版本",
    "tax": "税额",
    "terms": "条款",
    "to": "终止",
    "transferred": "付款日期",
    "until": "截止",
    "user": "使用方",
    "value": "值",
    "version": "版本",
    "withdrawal": "提现",
}
UNITS = ("_minor", "_ms", "_bp", "_e8", "_day", "_um")


def action_lines(action: Action, lang: Language, currency: str = "") -> list[str]:
    """Its tag, then a line for each field that says something, what is inside it further in. `currency`: of
    amounts beside which the action names none.
    """
    return [str(action.__struct_config__.tag), *struct_lines(action, lang, currency, "  ")]


def struct_lines(struct: msgspec.Struct, lang: Language, currency: str = "", margin: str = "") -> list[str]:
    """A line for each field of what a party is shown, likewise."""
    told = msgspec.to_builtins(struct)
    told.pop("_type", None)
    return list(_fields(told, currency, lang, margin))


def _fields(fields: dict[str, Any], currency: str, lang: Language, margin: str) -> Iterator[str]:
    currency = fields.get("currency") or currency
    for name, value in fields.items():
        label = _label(name, lang)
        colon = "：" if lang == "zh" else ": "
        if isinstance(value, dict):
            yield f"{margin}{label}{colon}".rstrip()
            yield from _fields(value, currency, lang, margin + "  ")
        elif isinstance(value, list | tuple) and value and isinstance(value[0], dict):
            yield f"{margin}{label}{colon}".rstrip()
            for each in value:
                inner = list(_fields(each, currency, lang, ""))
                yield f"{margin}  - {inner[0] if inner else ''}"
                yield from (f"{margin}    {line}" for line in inner[1:])
        else:
            yield f"{margin}{label}{colon}{_value(name, value, currency, lang)}"


def _label(name: str, lang: Language) -> str:
    plain = name
    for unit in UNITS:
        plain = plain.removesuffix(unit)
    return NAMES_ZH.get(plain, plain) if lang == "zh" else plain.replace("_", " ")


def _value(name: str, value: Any, currency: str, lang: Language) -> str:
    if isinstance(value, list | tuple) and value:
        return ("、" if lang == "zh" else ", ").join(_value(name, each, currency, lang) for each in value)
    if isinstance(value, bool):
        return {True: ("是", "yes"), False: ("否", "no")}[value][lang == "en"]
    if isinstance(value, int):
        return _number(name, value, currency, lang)
    return "—" if value in (None, "", [], ()) else printable(str(value))


def _number(name: str, value: int, currency: str, lang: Language) -> str:
    if name.endswith("_minor"):
        if not currency:
            return f"{value}（最小货币单位）" if lang == "zh" else f"{value} (minor units)"
        return f"{money_text(value, currency)} {currency}"
    if name.endswith("_ms"):
        return time_text(value) if value >= TIME_LEAST_MS else length_text(value).of(lang)
    if name.endswith("_e8"):
        return price_text(value)
    if name.endswith("_bp"):
        return f"{Decimal(value).scaleb(-2)} %"
    if name.endswith("_day") or name == "day":
        return (EPOCH + timedelta(days=value)).isoformat()
    return str(value)
