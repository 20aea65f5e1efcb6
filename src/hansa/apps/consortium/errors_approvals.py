"""Refusals of approval rules and held transactions."""

from hansa.kernel.refusal import Refusal


class ApprovalAction(Refusal, code="consortium.approval_action", field="action"):
    zh = "没有操作 {action}，或它不可设审批。请填操作名（如 billing.propose）或某室全部（billing.*）。"
    en = (
        "There is no action {action} for an approval rule, or it cannot have one. Use an action "
        "(billing.propose) or a whole room (billing.*)."
    )


class ApprovalHolders(Refusal, code="consortium.approval_holders", field="holders"):
    zh = (
        "审批人数须为 {least} 至 {most}，含提交人，且不得多于实有持钥人："
        "本单位现有 {present} 位持钥人持有效个人密钥。请更正。"
    )
    en = (
        "A rule demands {least} to {most} holders, the proposer counted, and no more than there are: your "
        "company has {present} holders with a person's key in force."
    )


class ApprovalDays(Refusal, code="consortium.approval_days", field="days"):
    zh = "等待天数须为 1 至 {limit}。请更正。"
    en = "A transaction waits 1 to {limit} days. Correct the days."


class ApprovalField(Refusal, code="consortium.approval_field", field="field"):
    zh = "{action} 没有整数字段 {name}：阈值只能用于单个操作的顶层整数字段。请检查字段名，或不设阈值。"
    en = (
        "{action} has no integer field {name}: a threshold needs a top-level integer field of one action. "
        "Check the name, or set no threshold."
    )


class ApprovalsTooMany(Refusal, code="consortium.approvals_too_many", field="rule"):
    zh = "本单位已有 {limit} 条审批规则。请用某室全部（如 billing.*）合并，或删除一条。"
    en = "Your company has {limit} approval rules. Merge some (billing.*), or remove one."


class ApprovalUnknown(Refusal, code="consortium.approval_unknown", field="action"):
    zh = "本单位对 {action} 没有审批规则。"
    en = "Your company has no approval rule for {action}."


class ApprovalMixed(Refusal, code="consortium.approval_mixed", field="actions"):
    zh = "这笔交易须经审批，不能同时包含审批、驳回或异议。请把 approve、reject、object 单独提交。"
    en = (
        "This transaction needs approval, so it cannot itself approve, reject or object. Submit those on "
        "their own."
    )


class HeldTooMany(Refusal, code="consortium.held_too_many", field="actions"):
    zh = "本单位已有 {limit} 笔待审批交易。请先批准或驳回其中一些。"
    en = "{limit} transactions of your company wait for approval. Approve or reject some first."


class HeldUnknown(Refusal, code="consortium.held_unknown", field="held"):
    zh = "本单位没有待审批交易 {held}…：可能已执行、驳回或过期。"
    en = "Your company has no held transaction {held}…: it was carried out, rejected or has expired."


class HeldExpired(Refusal, code="consortium.held_expired", field="held"):
    zh = "该待审批交易已过期。请重新提交原交易。"
    en = "The held transaction is past its time. Submit the original one again."


class HeldOutdated(Refusal, code="consortium.held_outdated", field="held"):
    zh = "待审批交易中的操作 {action} 已停用，无法执行。请驳回它，并用现行操作重新提交。"
    en = "{action} of the held transaction is in force no more. Reject it, and submit what is in force now."


class ApprovalByProposer(Refusal, code="consortium.approval_by_proposer", field="held"):
    zh = "{holder} 是提交人，不能批准自己的交易。请由另一位持钥人批准。"
    en = "{holder} proposed this and cannot approve it as well. Another holder must."


class ApprovedAlready(Refusal, code="consortium.approved_already", field="held"):
    zh = "{holder} 已批准该交易。请由另一位持钥人批准。"
    en = "{holder} has approved this already. Another holder must."


class RejectedAlready(Refusal, code="consortium.rejected_already", field="held"):
    zh = "{holder} 已驳回该恢复；须由另一位持钥人再驳回一次，方能终止。"
    en = "{holder} has rejected this recovery already. It ends when another holder rejects it as well."


class ApproverKind(Refusal, code="consortium.approver_kind", field="key"):
    zh = "只有个人密钥可以批准或驳回，密钥 {key} 是 {kind}。"
    en = "Only a person's key approves or rejects; key {key} is of kind {kind}."


class ApproverScope(Refusal, code="consortium.approver_scope", field="key"):
    zh = "密钥 {key} 的授权范围不含 {action}，不能批准或驳回这笔交易。请由有权的持钥人处理。"
    en = "Key {key} has no scope for {action}, so it cannot approve or reject this. A holder who has must."
