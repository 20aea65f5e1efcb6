"""The parameters that a vote can set: a closed list, each with its bounds and what it means."""

from typing import NamedTuple

from hansa.apps.consortium import errors_votes as errors
from hansa.apps.consortium.tables import PARAMETERS
from hansa.kernel import Context, Id, Natural, Struct

TWO_THIRDS_BP = 6_666
"""At least two thirds: 2 of 3, 3 of 4, 4 of 6."""
MAJORITY_BP = 5_001
"""More than half; nothing can be decided by less."""
ALL_BP = 10_000


class Known(NamedTuple):
    """A parameter: what it is where nobody set it, from where to where it may be set."""

    default: int
    least: int
    most: int
    zh: str
    en: str


class ParameterInForce(Struct):
    """A parameter as it stands, for people."""

    name: Id
    value: Natural
    default: Natural
    least: Natural
    most: Natural
    zh: str
    en: str


def _threshold(default: int, zh: str, en: str) -> Known:
    return Known(
        default,
        MAJORITY_BP,
        ALL_BP,
        f"{zh}所需赞成比例，万分之一，按有表决权成员计",
        f"share of votes needed {en}, in 0.01 % of the members that may vote",
    )


KNOWN: dict[str, Known] = {
    "threshold_admit_bp": _threshold(TWO_THIRDS_BP, "接纳成员单位", "to admit a member"),
    "threshold_suspend_bp": _threshold(TWO_THIRDS_BP, "暂停成员单位", "to suspend a member"),
    "threshold_reinstate_bp": _threshold(MAJORITY_BP, "恢复成员单位", "to reinstate a member"),
    "threshold_expel_bp": _threshold(7_500, "除名成员单位", "to expel a member"),
    "threshold_amend_bp": _threshold(MAJORITY_BP, "变更登记信息", "to amend a member's registered names"),
    "threshold_recover_bp": _threshold(TWO_THIRDS_BP, "为成员单位恢复密钥", "to give a member new keys"),
    "threshold_cosigners_bp": _threshold(TWO_THIRDS_BP, "更换见证方", "to change the cosigners"),
    "threshold_validators_bp": _threshold(TWO_THIRDS_BP, "更换验证方", "to change the validators"),
    "threshold_parameter_bp": _threshold(TWO_THIRDS_BP, "修改参数", "to set a parameter"),
    "threshold_rules_bp": _threshold(TWO_THIRDS_BP, "启用新版规则", "to activate rules"),
    "threshold_room_bp": _threshold(TWO_THIRDS_BP, "启用或停用外部应用", "to activate or deactivate a room"),
    "ballot_days": Known(14, 1, 90, "表决期限，天", "days that a vote stays open"),
    "rules_notice_blocks": Known(
        100, 1, 1_000_000, "新版规则表决通过后至生效的区块数", "blocks from a vote on rules to their start"
    ),
    "room_notice_blocks": Known(
        100, 1, 1_000_000, "外部应用表决通过后至启停的区块数", "blocks from a vote on a room to its start"
    ),
    "header_skew_ms": Known(
        300_000, 1_000, 3_600_000, "区块时间与见证方时钟的最大偏差，毫秒",
        "how far a header's time may be off a cosigner's clock, ms",
    ),
    "notice_days": Known(
        7, 3, 90, "密钥恢复等事项生效前的公示期，天",
        "days of notice before a recovery, or an exclusion by a single vote, takes effect",
    ),
    "approval_days_max": Known(30, 1, 90, "待审批交易最长等待天数", "days that a held transaction may wait"),
}  # fmt: skip


def parameter(ctx: Context, name: str) -> int:
    """A parameter as it stands."""
    record = PARAMETERS.get(ctx, (name,))
    return KNOWN[name].default if record is None else record.value


def check_parameter(name: str, value: int) -> None:
    """Raises ParameterUnknown, ParameterOutOfRange."""
    known = KNOWN.get(name)
    if known is None:
        raise errors.ParameterUnknown(name=name)
    if not known.least <= value <= known.most:
        raise errors.ParameterOutOfRange(name=name, value=value, least=known.least, most=known.most)


def listed(ctx: Context) -> list[ParameterInForce]:
    """All parameters, with what they mean."""
    return [
        ParameterInForce(
            name=name,
            value=parameter(ctx, name),
            default=known.default,
            least=known.least,
            most=known.most,
            zh=known.zh,
            en=known.en,
        )
        for name, known in KNOWN.items()
    ]
