"""Refusals of a lease's life; those of the market are in errors_market.py."""

from hansa.kernel import Refusal

# Who and what.


class LeaseUnknown(Refusal, code="leasing.lease_unknown", field="lease"):
    zh = "没有租约 {lease}。请核对编号；刚谈妥而尚未签署的，先签署。"
    en = (
        "There is no lease {lease}. Check the id; what was only just agreed on is a lease once one has "
        "signed."
    )


class NotOfLease(Refusal, code="leasing.not_of_lease", field="lease"):
    zh = "{member} 不是租约 {lease} 的当事方，不能对其操作。"
    en = "{member} is no party of lease {lease} and cannot act on it."


class NotLessor(Refusal, code="leasing.not_lessor", field="lease"):
    zh = "此操作只能由租约 {lease} 的出租方 {lessor} 进行。请由其办理。"
    en = "Only {lessor}, the lessor of lease {lease}, can do this. Ask it to."


class NotLessee(Refusal, code="leasing.not_lessee", field="lease"):
    zh = "此操作只能由租约 {lease} 的承租方 {lessee} 进行。请由其办理。"
    en = "Only {lessee}, the lessee of lease {lease}, can do this. Ask it to."


class WrongState(Refusal, code="leasing.wrong_state", field="lease"):
    zh = "租约 {lease} 处于 {state} 状态，不能进行此操作。请先用 hansa lease show {lease} 查看。"
    en = "Lease {lease} is {state}: this cannot be done now. See `hansa lease show {lease}`."


class NatureUnlicensed(Refusal, code="leasing.nature_unlicensed", field="nature"):
    zh = "融资租赁只能由持有相应金融许可的单位出租，{member} 没有有效的许可。请改用经营租赁，或先登记许可。"
    en = (
        "A finance lease is let by a company with a financial licence, and {member} shows none in force. "
        "Choose an operating lease, or register the licence."
    )


# Signing.


class SignedAlready(Refusal, code="leasing.signed_already", field="lease"):
    zh = "{member} 已签署租约 {lease} 的这一文本，无需再签。"
    en = "{member} has signed this text of lease {lease}: nothing is left to do for it."


class OtherText(Refusal, code="leasing.other_text", field="content"):
    zh = (
        "签署的摘要与租约 {lease} 的条款、文本或附件不符。请用 hansa lease text {lease} 重新生成、审阅后再"
        "签。"
    )
    en = (
        "The digest is not that of lease {lease}'s terms, texts and attachments. Make it anew with "
        "`hansa lease text {lease}`, read it, then sign."
    )


class AttachmentUnfit(Refusal, code="leasing.attachment_unfit", field="attachments"):
    zh = "附件须各有不同的名称，最多 {limit} 份；“{name}”重复或超出。请改正。"
    en = (
        "Attachments have different names and are {limit} at most; `{name}` is one too many. Correct the "
        "list."
    )


# Handover.


class HandoverTime(Refusal, code="leasing.handover_time", field="at_ms"):
    zh = "交接时间须不晚于现在、不早于 {days} 天前；返还不得早于入场。请填写实际查看的时间。"
    en = (
        "A handover is at a time that has come, at most {days} days ago, and the return not before the lease "
        "began. Give the time at which it was looked at."
    )


class HandoverOver(Refusal, code="leasing.handover_over", field="lease"):
    zh = "租约 {lease} 的期限已过，不能再交接入场。请双方另订租约。"
    en = "The time of lease {lease} is over: it cannot be handed over any more. Agree on a new one."


class HandoverUnknown(Refusal, code="leasing.handover_unknown", field="direction"):
    zh = "租约 {lease} 没有待确认的交接报告。请先由一方报告。"
    en = "No handover of lease {lease} waits to be confirmed. One party reports it first."


class HandoverChanged(Refusal, code="leasing.handover_changed", field="content"):
    zh = "租约 {lease} 的交接报告与所确认的不是同一份。请重新查看后再确认。"
    en = "The handover of lease {lease} is not the report that this confirms. Look at it again."


class HandoverOwn(Refusal, code="leasing.handover_own", field="direction"):
    zh = "租约 {lease} 的交接报告须由另一方确认；只有返还报告满 {days} 天未获答复时，报告方才可自行确认。"
    en = (
        "The handover of lease {lease} is confirmed by the other party; who reported a return may confirm it "
        "alone once {days} days have passed without an answer."
    )


class ItemsUnfit(Refusal, code="leasing.items_unfit", field="items"):
    zh = "状况清单须恰好包含设备登记的每个项目一次；“{item}”缺少、重复或不在清单中。请改正。"
    en = (
        "The checklist holds each item of the asset's list once; `{item}` is missing, there twice, or none "
        "of "
        "them. Correct it."
    )


class PhotosUnfit(Refusal, code="leasing.photos_unfit", field="photos"):
    zh = "项目 {item} 的照片最多 {limit} 张，且不得重复。请改正。"
    en = "Item {item} has at most {limit} photos, none of them twice. Correct the list."


class PhotoUnknown(Refusal, code="leasing.photo_unknown", field="photos"):
    zh = "照片 {photo} 不在交接报告之中。请核对文件，或由报告方重新报告。"
    en = "Photo {photo} is not in the report. Check the file, or have the handover reported anew."


class CounterUnfit(Refusal, code="leasing.counter_unfit", field="counters"):
    zh = "须恰好填写每个计数型计量项一次；“{meter}”缺少、重复或不是计数器。请改正。"
    en = (
        "Each meter that is a counter is read once; `{meter}` is missing, there twice, or no counter. "
        "Correct it."
    )


class CounterUnread(Refusal, code="leasing.counter_unread", field="counters"):
    zh = "计量点 {feed} 在交接时间之前没有有效记录，无从核对。请先由其网关记录读数。"
    en = (
        "Feed {feed} has no good record up to the time of the handover: there is nothing to check against. "
        "Have "
        "its gateway record it first."
    )


class CounterDiffers(Refusal, code="leasing.counter_differs", field="counters"):
    zh = "计数器 {meter} 报为 {value}，而计量点 {feed} 此刻之前最后一条有效记录为 {recorded}。请重新抄表。"
    en = (
        "Counter {meter} is reported at {value}, and the last good record of feed {feed} up to then says "
        "{recorded}. Read it again."
    )


class DisputedUnfit(Refusal, code="leasing.disputed_unfit", field="disputed"):
    zh = "“{name}”不是该交接报告中的项目或计数器，或重复。请改正。"
    en = "`{name}` is no item or counter of the report, or is named twice. Correct the list."


class FundOpen(Refusal, code="leasing.fund_open", field="lease"):
    zh = "租约 {lease} 的{kind_zh}尚未付清，不能交接入场。请承租方先付清，由出租方登记收款。"
    en = "The {kind_en} of lease {lease} is not paid in whole: it cannot be handed over yet. Pay it first."


# Consent, sublease, transfer.


class ConsentTime(Refusal, code="leasing.consent_time", field="to_ms"):
    zh = "转租同意的期间须在租约 {lease} 的期限之内。请改正起止时间。"
    en = "A consent to sublease lies within the time of lease {lease}. Correct its times."


class ConsentTaken(Refusal, code="leasing.consent_taken", field="consent"):
    zh = "租约 {lease} 已有编号为 {consent} 的同意，或同意已达 {limit} 项。请换编号。"
    en = "Lease {lease} has a consent {consent} already, or {limit} of them. Choose another id."


class ConsentMissing(Refusal, code="leasing.consent_missing", field="head"):
    zh = "租约 {lease} 的出租方 {lessor} 没有同意在这段时间转租给 {lessee}。请先取得其登记的同意。"
    en = (
        "{lessor}, the lessor of lease {lease}, has not consented to a sublease to {lessee} in this time. "
        "Have it "
        "record its consent first."
    )


class SubleaseTooLong(Refusal, code="leasing.sublease_too_long", field="to_ms"):
    zh = "转租期间超出主租约 {head} 的期限（至 {to_ms}）。请缩短转租期间。"
    en = "The sublease goes beyond head lease {head}, which ends at {to_ms}. Shorten it."


class SubleaseTooDeep(Refusal, code="leasing.sublease_too_deep", field="head"):
    zh = "主租约 {head} 之下的转租层级已达上限 {limit}。请直接与上一级出租方订约。"
    en = "Subleases are {limit} deep at most, and head lease {head} is at that depth. Lease from further up."


class SubleasesTooMany(Refusal, code="leasing.subleases_too_many", field="head"):
    zh = "租约 {head} 之下最多 {limit} 份转租（含已结束的）。请另订租约。"
    en = "Lease {head} may have {limit} subleases, ended ones included, and has them. Agree on a new lease."


class OtherCounters(Refusal, code="leasing.other_counters", field="meters"):
    zh = "转租须使用主租约 {head} 的计数器；计量点 {feed} 不在其中。请改用主租约的计量点。"
    en = "A sublease counts by the counters of head lease {head}, and feed {feed} is none of them. Use those."


class ConsentUnknown(Refusal, code="leasing.consent_unknown", field="consent"):
    zh = "租约 {lease} 没有登记转租同意 {consent}，或已撤回。请核对编号。"
    en = "Lease {lease} has no consent {consent} on record, or it was taken back. Check the id."


class GapsUnlike(Refusal, code="leasing.gaps_unlike", field="terms"):
    zh = (
        "转租与主租约 {head} 须以同一规则计缺口，且不得用同类日平均（average_day），各张结算单方能与计数器相"
        "符；计量点 {meter} 在主租约的规则为 {rule}。请改用主租约的规则；主租约用 average_day 的不能转租，请"
        "先约定 counter_difference 或 last_rate。"
    )
    en = (
        "A sublease counts gaps by the rule of its head lease {head}, and never by average_day, so that "
        "statements add up to the meter; the head lease's rule for {meter} is {rule}. Take that rule. Under "
        "average_day nothing can be sublet: agree on counter_difference or last_rate first."
    )


class PeriodsUnlike(Refusal, code="leasing.periods_unlike", field="tariff"):
    zh = (
        "计量点 {meter} 的缺口按 last_rate 估算，转租与主租约 {head} 的结算期须相同（资费的周期与日历），"
        "估算值方能相加。请选用周期与日历相同的资费，或改用 counter_difference。"
    )
    en = (
        "Gaps of {meter} are estimated by last_rate: a sublease and its head lease {head} then need the "
        "same billing periods (period and calendar of the tariff), so that estimates add up. Choose such a "
        "tariff, or agree on counter_difference."
    )


class CheckedApart(Refusal, code="leasing.checked_apart", field="terms"):
    zh = (
        "计量点 {meter} 在主租约 {head} 或转租中按副表取平均或取低者计，主租约与转租的数量就不能相加。请改用 "
        "main 或 dispute 规则。"
    )
    en = (
        "In head lease {head} or in the sublease, {meter} counts by the mean or the lower of two feeds: then "
        "what both count does not add up. Agree on the rule main or dispute."
    )


class SubletStill(Refusal, code="leasing.sublet_still", field="lease"):
    zh = "租约 {lease} 之下的转租 {sublease}（{lessee}）尚未结束。请先办理其返还。"
    en = "Sublease {sublease} of {lessee} under lease {lease} is not over. Have it handed back first."


class NotSublease(Refusal, code="leasing.not_sublease", field="terms"):
    zh = "直接订立的只能是转租：条款须填写主租约，出租方须是本单位。其他租约请通过闲置报盘订立。"
    en = (
        "Only a sublease is reserved directly: its terms name the head lease, and you as lessor. Other "
        "leases "
        "come from offers."
    )


class SignTime(Refusal, code="leasing.sign_time", field="sign_by_ms"):
    zh = "签署期限须晚于现在，且不晚于租期开始。请改正。"
    en = "The time to sign by lies after now and not after the start. Correct it."


class TransferUnfit(Refusal, code="leasing.transfer_unfit", field="terms"):
    zh = (
        "受让租约须与租约 {lease} 同一设备、同一出租方，换一个承租方，自将来某时起至原终止时间。不符项："
        "{name}。"
    )
    en = (
        "Who takes lease {lease} over has the same asset and lessor, is another lessee, and goes from a "
        "time to "
        "come up to the old end. What differs: {name}."
    )


# Ends.


class EndTime(Refusal, code="leasing.end_time", field="to_ms"):
    zh = "新的终止时间须不早于现在，且早于租约 {lease} 现在的终止时间。请改正。"
    en = "The new end is not before now, and before the present end of lease {lease}. Correct it."


class ExtendTime(Refusal, code="leasing.extend_time", field="to_ms"):
    zh = "续期后的终止时间须晚于租约 {lease} 现在的终止时间，且须在其到期之前提出。请改正。"
    en = "An extension goes beyond the present end of lease {lease} and is made before that. Correct it."


class NoticeShort(Refusal, code="leasing.notice_short", field="to_ms"):
    zh = (
        "租约 {lease} 约定的提前通知为 {notice_ms} 毫秒（0 表示不得单方提前终止），所定时间太早。请推后或由"
        "双方一致终止。"
    )
    en = (
        "Lease {lease} asks for a notice of {notice_ms} ms (0: neither party ends it alone), and this end "
        "is too "
        "soon. Move it back, or end it together."
    )


class NoDefault(Refusal, code="leasing.no_default", field="ground"):
    zh = "租约 {lease} 的承租方未因欠款被暂停满 {days} 天，或欠款已付清，出租方不能以违约为由终止。"
    en = (
        "The lessee of lease {lease} was not suspended for {days} days, or owes nothing overdue any more: "
        "the "
        "lessor cannot end it for default."
    )


# Use.


class NotRunning(Refusal, code="leasing.not_running", field="lease"):
    zh = "租约 {lease} 的期限尚未开始或已到，不能开始任务。请核对期限；到期的请返还设备或另订租约。"
    en = (
        "The time of lease {lease} has not begun, or is over: no job can start. Check its times; at its "
        "end hand "
        "the asset back, or agree on a new lease."
    )


class Suspended(Refusal, code="leasing.suspended", field="lease"):
    zh = (
        "租约 {lease} 因欠款自 {from_ms} 起暂停，不能开始新任务；正在运行的任务不受影响。付清逾期款项后自动"
        "恢复。"
    )
    en = (
        "Lease {lease} is suspended since {from_ms} for want of payment: no new job starts; what runs goes "
        "on. "
        "Pay what is overdue, and it resumes by itself."
    )


class JobTaken(Refusal, code="leasing.job_taken", field="job"):
    zh = "租约 {lease} 已有任务 {job}。请换一个编号。"
    en = "Lease {lease} has a job {job} already. Choose another id."


class NothingOverdue(Refusal, code="leasing.nothing_overdue", field="lease"):
    zh = "租约 {lease} 没有逾期的应付项，不能通知暂停。"
    en = "Nothing of lease {lease} is overdue: there is no ground for suspension."


class SuspensionNotice(Refusal, code="leasing.suspension_notice", field="from_ms"):
    zh = "暂停须至少提前 {days} 天通知。请推后起始时间。"
    en = "Notice of suspension is given at least {days} days ahead. Move its start back."


class SuspendedAlready(Refusal, code="leasing.suspended_already", field="lease"):
    zh = "租约 {lease} 已收到暂停通知，自 {from_ms} 起。无需再次通知。"
    en = "Lease {lease} has notice of suspension from {from_ms} already."


class NotSuspended(Refusal, code="leasing.not_suspended", field="lease"):
    zh = "租约 {lease} 没有被通知暂停，无需恢复。"
    en = "Lease {lease} has no notice of suspension to take back."


class BreakdownTime(Refusal, code="leasing.breakdown_time", field="from_ms"):
    zh = "故障的时间须在租约 {lease} 运行期间，不晚于现在，恢复不早于开始。请改正。"
    en = (
        "A breakdown lies in the time that lease {lease} runs, not after now, and ends after it began. "
        "Correct it."
    )


class BreakdownTaken(Refusal, code="leasing.breakdown_taken", field="breakdown"):
    zh = "租约 {lease} 已有故障编号 {breakdown}。请换一个编号。"
    en = "Lease {lease} has a breakdown {breakdown} already. Choose another id."


class BreakdownUnknown(Refusal, code="leasing.breakdown_unknown", field="breakdown"):
    zh = "租约 {lease} 没有未结束的故障 {breakdown}。请核对编号。"
    en = "Lease {lease} has no breakdown {breakdown} that goes on. Check the id."


# Return and settlement.


class DamageTaken(Refusal, code="leasing.damage_taken", field="damage"):
    zh = "租约 {lease} 已有损坏编号 {damage}，或已达 {limit} 项。请换一个编号。"
    en = "Lease {lease} has a damage {damage} already, or {limit} of them. Choose another id."


class DamageUnknown(Refusal, code="leasing.damage_unknown", field="damage"):
    zh = "租约 {lease} 没有待认可的损坏 {damage}。请核对编号。"
    en = "Lease {lease} has no damage {damage} that waits for an answer. Check the id."


class DamageAmount(Refusal, code="leasing.damage_amount", field="amount_minor"):
    zh = "损坏 {damage} 请求的金额是 {amount_minor}（最小货币单位），认可的金额须与之相同。请核对。"
    en = "What is asked for damage {damage} is {amount_minor} minor units; agree to exactly that. Check it."


class DamageLate(Refusal, code="leasing.damage_late", field="lease"):
    zh = "损坏须在返还确认后 {days} 天内提出，租约 {lease} 已超过期限。请在账本之外另行主张。"
    en = (
        "Damage is claimed within {days} days of the return, and lease {lease} is past that. Pursue it "
        "elsewhere."
    )


class NoDefaultOfPayment(Refusal, code="leasing.deposit_without_default", field="obligation"):
    zh = "应付项 {obligation} 不是租约 {lease} 承租方逾期的无争议款项或已认可的损坏，不得动用保证金。"
    en = (
        "Obligation {obligation} is no overdue undisputed item of lease {lease}'s lessee, and no agreed "
        "damage: "
        "the security deposit is not touched for it."
    )


class DamageOpen(Refusal, code="leasing.damage_open", field="lease"):
    zh = "租约 {lease} 的损坏 {damage} 尚待认可或撤回。请先答复；返还 {days} 天后不再妨碍关闭。"
    en = (
        "Damage {damage} of lease {lease} waits to be agreed or withdrawn. Answer it; {days} days after the "
        "return "
        "it is no longer in the way."
    )


class Unsettled(Refusal, code="leasing.unsettled", field="lease"):
    zh = "租约 {lease} 尚有未出具、未确认、有争议或未付清的结算单。请先结清再关闭。"
    en = (
        "Statements of lease {lease} are still to come, to be confirmed, disputed or unpaid. Settle them "
        "first."
    )


class ChainTooLong(Refusal, code="leasing.chain_too_long", field="to_ms"):
    zh = "所查期间超过 {limit} 条记录或租约。请缩短期间。"
    en = "There are more than {limit} records or leases in this time. Ask for a shorter one."
