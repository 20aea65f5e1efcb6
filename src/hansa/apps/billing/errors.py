"""Refusals of agreements and closes; those of tariffs stand in errors_tariff.py, of sheets in
errors_sheet.py.
"""

from hansa.kernel import Refusal


class TariffTaken(Refusal, code="billing.tariff_taken", field="version"):
    zh = "资费 {id} 第 {version} 版已发布，发布后不可更改。请用下一个版本号。"
    en = "Version {version} of tariff {id} is published and cannot change. Publish the next version."


class TariffUnknown(Refusal, code="billing.tariff_unknown", field="tariff"):
    zh = "成员单位 {owner} 没有发布资费 {id} 第 {version} 版。请先发布，或核对编号与版本。"
    en = (
        "Member {owner} has published no version {version} of tariff {id}. Publish it first, or "
        "check id and version."
    )


class AgreementTaken(Refusal, code="billing.agreement_taken", field="agreement"):
    zh = "协议编号 {agreement} 已被使用。请换一个编号。"
    en = "Agreement id {agreement} is in use. Choose another."


class AgreementUnknown(Refusal, code="billing.agreement_unknown", field="agreement"):
    zh = "没有协议 {agreement}。请核对编号，或先提出协议。"
    en = "There is no agreement {agreement}. Check the id, or propose it first."


class NotParty(Refusal, code="billing.not_party", field="agreement"):
    zh = "{member} 不是协议 {agreement} 的当事方，不能执行该操作。请由提供方或使用方办理。"
    en = "{member} is not a party to agreement {agreement}. Provider or user can do this."


class OwnProposal(Refusal, code="billing.own_proposal", field="agreement"):
    zh = "协议 {agreement} 由本单位提出，须由对方接受。"
    en = "Your company proposed agreement {agreement}; the other party has to accept it."


class OtherContent(Refusal, code="billing.other_content", field="content"):
    zh = "所接受的内容与协议 {agreement} 的现有提案不一致。请重新核对协议、资费和日历后再接受。"
    en = (
        "What is accepted is not what stands proposed as {agreement}. "
        "Read agreement, tariff and calendar again, then accept."
    )


class WrongState(Refusal, code="billing.wrong_state", field="agreement"):
    zh = "协议 {agreement} 的状态为 {state}，不能执行该操作。如有需要，请以新编号另行提出。"
    en = (
        "Agreement {agreement} is {state}; this cannot be done now. If need be, propose anew under "
        "another id."
    )


class SameParty(Refusal, code="billing.same_party", field="user"):
    zh = "提供方与使用方须是两个不同的成员单位。请核对成员编号。"
    en = "Provider and user must be two different members. Check the member ids."


class AgreementTime(Refusal, code="billing.agreement_time", field="from_ms"):
    zh = "协议结束须晚于开始，且期限最长 {years} 年。请改正起止时间。"
    en = "An agreement must end after it starts, within {years} years. Correct its times."


class StartsTooLate(Refusal, code="billing.accepted_too_late", field="agreement"):
    zh = "计量点 {feed} 在协议开始之后已有记录；协议须在开始计量之前被接受。请以更晚的开始时间重新提出。"
    en = (
        "Feed {feed} has records after the agreement's start; it must be accepted before they arrive. "
        "Propose it anew with a later start."
    )


class Overlapping(Refusal, code="billing.overlapping", field="from_ms"):
    zh = "计量点 {feed} 在这段时间已由协议 {other} 在同样两方之间结算，不能重复计费。请换用其他时间段。"
    en = (
        "Feed {feed} is settled by agreement {other} between the same parties at that time: it "
        "would be billed "
        "twice. Choose another time."
    )


class MeterUnbound(Refusal, code="billing.meter_unbound", field="meters"):
    zh = "资费的计量项 {meter} 须恰好对应一个计量点，且资费中须有该计量项。请改正对应关系。"
    en = "Meter {meter} must be one of the tariff's and bound to exactly one feed. Correct the bindings."


class FeedOfOther(Refusal, code="billing.feed_of_other", field="meters"):
    zh = "计量点 {feed} 属于 {owner}，它不是协议当事方。请使用提供方或使用方自己的计量点。"
    en = (
        "Feed {feed} belongs to {owner}, which is no party to the agreement. Use a feed of the "
        "provider or the user."
    )


class MeterUnfit(Refusal, code="billing.meter_unfit", field="meters"):
    zh = (
        "计量点 {feed} 是 {kind}（单位 {base_unit}），不能用作计量项 {meter}（{wanted_kind}，单位 "
        "{wanted_unit}）。请换用相符的计量点。"
    )
    en = (
        "Feed {feed} (kind {kind}, in {base_unit}) cannot serve as meter {meter}, "
        "which needs kind {wanted_kind} in {wanted_unit}. Bind one that fits."
    )


class NotWired(Refusal, code="billing.feed_not_wired", field="meters"):
    zh = "计量点 {feed} 未接线（从未见其变化），不能据以计费。请接通信号后重新登记。"
    en = (
        "Feed {feed} is not wired: it was never seen to move, so nothing can be billed by it. "
        "Connect and register it."
    )


class StateUnknown(Refusal, code="billing.state_unknown", field="states"):
    zh = "条款 {by} 按状态 {state} 计费，但计量点 {feed} 没有该状态。请换用有该状态的计量点，或修改条款。"
    en = (
        "Clause {by} bills state {state}, which feed {feed} does not have. Bind another feed, or "
        "change the clause."
    )


class LegalUseMissing(Refusal, code="billing.legal_use_missing", field="meters"):
    zh = (
        "计量点 {feed} 仅供参考，不能用于{carrier_zh}的贸易结算。请换用检定合格的计量器具，"
        "或把资费用途改为内部核算。"
    )
    en = (
        "Feed {feed} is indicative and cannot settle trade in {carrier}. Use a verified meter, "
        "or declare the tariff's purpose as internal."
    )


class LegalUseExpired(Refusal, code="billing.legal_use_expired", field="meters"):
    zh = "计量点 {feed} 的检定有效期在结算期内届满。请先更新检定证书。"
    en = (
        "The verification of feed {feed} ends before the time to be settled does. Renew its "
        "certificate first."
    )


class TooManyAccounts(Refusal, code="billing.too_many_accounts", field="meters"):
    zh = "计量点 {feed} 最多用于 {limit} 份尚未结清的协议，已达上限。请等其中之一结清后再接受。"
    en = "Feed {feed} may serve {limit} open agreements, and does. Accept when one of them is settled."


class TooEarly(Refusal, code="billing.too_early", field="agreement"):
    zh = "协议 {agreement} 的下一个结算期尚未到截止时间。请等截止后再关账。"
    en = "The next period of agreement {agreement} is not past its cut-off yet. Close it after that."


class StatementTooLarge(Refusal, code="billing.statement_too_large", field="agreement"):
    zh = (
        "协议 {agreement} 本期结算单有 {lines} 行,超过 {limit} 字节,账本无法记载。请以阶梯、"
        "状态和时段更少的资费另订协议。"
    )
    en = (
        "The statement of agreement {agreement} has {lines} lines, more than the {limit} bytes "
        "that the ledger holds. "
        "Agree anew on a tariff with fewer tiers, states and windows."
    )


class NothingToClose(Refusal, code="billing.nothing_to_close", field="agreement"):
    zh = "协议 {agreement} 的结算期已全部关账，无需再关。"
    en = "All periods of agreement {agreement} are closed: there is nothing left to do."
