"""Every refusal of the room."""

from hansa.kernel import Refusal


class KeyTaken(Refusal, code="consortium.key_taken", field="id"):
    zh = "密钥编号 {key} 已用过,编号不可重用。请换一个编号。"
    en = "Key id {key} was used before, and ids are never used again. Choose another."


class KeyNotYours(Refusal, code="consortium.key_unknown", field="id"):
    zh = "本单位没有密钥 {key}。只能管理自己的密钥。"
    en = "Your company has no key {key}. A member manages its own keys only."


class KeyInvalid(Refusal, code="consortium.key_invalid", field="public"):
    zh = "公钥必须是 32 字节的 Ed25519 公钥,且不属于小阶点。"
    en = "The public key must be 32 bytes of Ed25519, and no point of small order."


class KeyLifetime(Refusal, code="consortium.key_lifetime", field="expires_ms"):
    zh = "密钥到期时间须晚于现在。"
    en = "A key must expire after now."


class ScopeUnknown(Refusal, code="consortium.scope_unknown", field="scopes"):
    zh = "授权范围 {scope} 不存在。可用:操作名(如 billing.propose)、某室全部(billing.*)或全部(*);设备密钥不带范围。"
    en = (
        "There is no scope {scope}. Use an action (billing.propose), a whole room (billing.*) or everything (*); "
        "a device key carries no scope."
    )


class ScopeBeyondOwn(Refusal, code="consortium.scope_beyond_own", field="scopes"):
    zh = "不能授予自己没有的权限 {scope}。请用范围更大的密钥签署。"
    en = "A key cannot grant {scope}, which it does not hold itself. Sign with a key of wider scope."


class CalendarTaken(Refusal, code="consortium.calendar_taken", field="id"):
    zh = "日历 {id} 已发布,发布后不可更改。请用新编号发布。"
    en = "Calendar {id} is published and cannot change. Publish the new one under a new id."


class CalendarUnknown(Refusal, code="consortium.calendar_unknown", field="calendar"):
    zh = "成员单位 {member} 没有发布日历 {id}。"
    en = "Member {member} has published no calendar {id}."


class RecordUnknown(Refusal, code="consortium.record_unknown", field="key"):
    zh = "表 {table} 中没有记录 {key},无法出具证明。"
    en = "Table {table} holds no record {key}; nothing to attest."
