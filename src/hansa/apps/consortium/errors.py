"""Every refusal of the room."""

from hansa.kernel import Refusal


class KeyTaken(Refusal, code="consortium.key_taken", field="id"):
    zh = "密钥编号 {key} 已用过，编号不可重用。请换一个编号。"
    en = "Key id {key} was used before, and ids are never used again. Choose another."


class KeyNotYours(Refusal, code="consortium.key_unknown", field="id"):
    zh = "本单位没有密钥 {key}。只能管理自己的密钥。"
    en = "Your company has no key {key}. A member manages its own keys only."


class KeyInvalid(Refusal, code="consortium.key_invalid", field="public"):
    zh = "公钥不是有效的 Ed25519 公钥：须为 32 字节、编码规范、阶为素数的点。请检查导出的公钥。"
    en = (
        "This is no public key of Ed25519: it must be 32 bytes, canonical, a point of the prime-order group. "
        "Check how it was exported."
    )


class KeyLifetime(Refusal, code="consortium.key_lifetime", field="expires_ms"):
    zh = "密钥到期时间须晚于现在。请改为较晚的时间。"
    en = "A key must expire after now. Choose a later time."


class PublicTaken(Refusal, code="consortium.public_taken", field="public"):
    zh = "该公钥已登记为 {member}/{key}。一把公钥只能登记一次；请生成新的密钥。"
    en = "This public key is registered as {member}/{key}. A key is registered once; make a new one."


class ProofInvalid(Refusal, code="consortium.proof_invalid", field="proof"):
    zh = "密钥 {key} 的持有证明无效：须由该私钥对本联盟链、本成员单位与该编号签署。请用该密钥重新生成证明。"
    en = (
        "The proof of possession of key {key} does not hold: it is signed by that key for this chain, this "
        "member and this key id. Make it anew with that key."
    )


class KeysAtOnce(Refusal, code="consortium.keys_at_once", field="keys"):
    zh = "一次须登记 1 至 {limit} 把密钥，其中至多一把恢复密钥；一次至多吊销 {revoked} 把。请分次办理。"
    en = (
        "1 to {limit} keys are registered at once, one recovery key among them at most; at most {revoked} "
        "are revoked at once. Do it in several steps."
    )


class NoManagingKey(Refusal, code="consortium.no_managing_key", field="keys"):
    zh = "{member} 须至少保有一把可管理密钥的有效密钥（范围含 consortium.register_key）。请先登记另一把。"
    en = (
        "{member} must keep at least one key that may manage keys (scope consortium.register_key). Register "
        "another first."
    )


class OverlapInvalid(Refusal, code="consortium.overlap_invalid", field="overlap_ms"):
    zh = "新旧密钥并用时间须在 0 至 {days} 天之间，且只用于轮换（填 replaces）。请更正。"
    en = "The overlap is 0 to {days} days, and only of a rotation (with `replaces`). Correct it."


class RotationDiffers(Refusal, code="consortium.rotation_differs", field="replaces"):
    zh = "轮换 {key} 时，种类与持钥人须与旧密钥相同，授权范围不得超出旧密钥。请更正，或另行登记。"
    en = (
        "A key that replaces {key} has its kind and holder, and no wider scopes. Correct it, or register a "
        "key beside it."
    )


class RecoveryKeyStays(Refusal, code="consortium.recovery_key_stays", field="id"):
    zh = "{member} 已有恢复密钥 {key}：它只能由自己（recover）或经表决替换、吊销。"
    en = (
        "{member} has the recovery key {key}: only that key itself (recover) or a vote replaces or revokes "
        "it."
    )


class RecoveryKeyOnly(Refusal, code="consortium.recovery_key_only", field="key"):
    zh = "恢复操作须由种类为 recovery 的密钥签署，{key} 不是。没有恢复密钥时，请其他成员单位提案表决恢复。"
    en = (
        "A recovery is signed by a key of kind recovery, which {key} is not. Without one, ask another member "
        "to propose a recovery by vote."
    )


class RecoveryUnguarded(Refusal, code="consortium.recovery_unguarded", field="guarded"):
    zh = "guarded 用于使新恢复密钥受审批规则约束：本次恢复须含一把新恢复密钥，且本单位已有审批规则。"
    en = (
        "`guarded` binds a new recovery key to the approval rules: the recovery must bring a new recovery "
        "key, and your company must have a rule."
    )


class RecoveryAlone(Refusal, code="consortium.recovery_alone", field="actions"):
    zh = "受审批规则约束的恢复须单独成一笔交易，只含一个 recover。请拆开提交。"
    en = (
        "A recovery that approval rules hold is alone in its transaction: one `recover`. Submit it by itself."
    )


class RecoveryWaits(Refusal, code="consortium.recovery_waits", field="key"):
    zh = "本单位的一项密钥恢复正在公示，其间不登记新密钥。请等其生效，或由两位持钥人驳回该恢复。"
    en = (
        "A recovery of your company's keys is in its notice: no key is registered meanwhile. Wait until it "
        "is in force, or let two holders reject it."
    )


class ScopeUnknown(Refusal, code="consortium.scope_unknown", field="scopes"):
    zh = (
        "授权范围 {scope} 不可用。可用：操作名（如 billing.propose）、某室全部（billing.*）或全部（*）；"
        "设备密钥不带范围，恢复密钥只带 consortium.recover。"
    )
    en = (
        "There is no scope {scope} for this key. Use an action (billing.propose), a whole room (billing.*) "
        "or everything (*); a device key carries no scope, a recovery key only consortium.recover."
    )


class ScopesTooMany(Refusal, code="consortium.scopes_too_many", field="scopes"):
    zh = "一把密钥最多 {limit} 个授权范围。请改用某室全部（如 billing.*），或分成几把密钥。"
    en = "A key has at most {limit} scopes. Name whole rooms (billing.*), or use several keys."


class ScopeBeyondOwn(Refusal, code="consortium.scope_beyond_own", field="scopes"):
    zh = "不能授予自己没有的权限 {scope}。请用范围更大的密钥签署。"
    en = "A key cannot grant {scope}, which it does not hold itself. Sign with a key of wider scope."


class CalendarTaken(Refusal, code="consortium.calendar_taken", field="id"):
    zh = "日历 {id} 已发布，发布后不可更改。请用新编号发布。"
    en = "Calendar {id} is published and cannot change. Publish the new one under a new id."


class CalendarUnknown(Refusal, code="consortium.calendar_unknown", field="calendar"):
    zh = "成员单位 {member} 没有发布日历 {id}。请先发布，或检查编号。"
    en = "Member {member} has published no calendar {id}. Publish it first, or check the id."


class GenesisIncomplete(Refusal, code="consortium.genesis_incomplete", field="members"):
    zh = "创世文件不完整：运营方 {operator} 须在成员单位之中，且每个成员单位至少有一把密钥。请补全。"
    en = (
        "The genesis file is incomplete: the operator {operator} must be among the members, and each member "
        "needs a key. Complete it."
    )


class ListTooLong(Refusal, code="consortium.list_too_long", field="limit"):
    zh = "超过 {limit} 项，不在一次回答中给出。请分页查询：每页用 limit，下一页把 after 设为上一页最后一项。"
    en = (
        "There are more than {limit}, which is not told in one answer. Ask in pages: `limit` for each, and "
        "`after` the last one of the page before."
    )


class RecordUnknown(Refusal, code="consortium.record_unknown", field="key"):
    zh = "表 {table} 中没有记录 {key}，无法出具证明。请检查表名和键。"
    en = "Table {table} holds no record {key}: nothing to attest. Check table and key."
