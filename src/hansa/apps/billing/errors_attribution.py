"""Refusals of attribution, of claims and of check feeds."""

from hansa.kernel.refusal import Refusal


class AttributionSize(Refusal, code="billing.attribution_size", field="attribution"):
    zh = "责任认定规则有 {count} 条，最多 {limit} 条。请删减。"
    en = "There are {count} rules of attribution; {limit} are allowed. Remove some."


class AttributionMeter(Refusal, code="billing.attribution_meter", field="attribution"):
    zh = "责任认定规则针对计量项 {meter}，但资费中没有该计量项，或它既不是状态类也不是计数器。请改正。"
    en = (
        "A rule of attribution is for the meter {meter}, which the tariff does not have, or which is "
        "neither a state meter nor a counter. Correct it."
    )


class AttributionStates(Refusal, code="billing.attribution_states", field="attribution"):
    zh = (
        "计量项 {meter} 的责任认定规则（原因 {reason}）有误：状态类计量项须列出停机状态，废品计数器不列状态。"
        "请改正。"
    )
    en = (
        "The rule of attribution {reason} of meter {meter} is wrong: of a state meter it names the states "
        "that are stops, of a counter of scrap it names none. Correct it."
    )


class AttributionUnknown(Refusal, code="billing.attribution_unknown", field="attribution"):
    zh = (
        "计量项 {meter} 的责任认定规则（原因 {reason}）包含状态 unknown。未知时间按缺口规则处理，"
        "不算停机。请删除该状态。"
    )
    en = (
        "The rule of attribution {reason} of meter {meter} names the state unknown. What is unknown counts "
        "by the gap rule and is no stop. Remove that state."
    )


class AttributionTwice(Refusal, code="billing.attribution_twice", field="attribution"):
    zh = "计量项 {meter} 的状态 {state} 有两条责任认定规则，只能有一条。请删除其一。"
    en = "State {state} of meter {meter} has two rules of attribution; it may have one. Remove one."


class AttributionMissing(Refusal, code="billing.attribution_missing", field="attribution"):
    zh = (
        "条款 {element} 依据计量项 {meter} 的责任认定，但协议没有为它规定责任认定规则。"
        "请补充规则，或删除该条款。"
    )
    en = (
        "Clause {element} goes by who answers for what the meter {meter} shows, but the agreement has no "
        "rule of attribution for it. Add one, or remove the clause."
    )


class UnknownMeter(Refusal, code="billing.unknown_meter", field="unknown"):
    zh = "未知时间的上限针对计量项 {meter}，但它不是资费中的状态类计量项，或写了两次。请改正。"
    en = (
        "A bound of unknown time is for {meter}, which is no state meter of the tariff, or twice. Correct it."
    )


class UnknownShare(Refusal, code="billing.unknown_share", field="unknown"):
    zh = "计量项 {meter} 未知时间的上限为 {bound_bp} 个基点，须在 0 至 9999 之间。请改正。"
    en = "The bound of {meter}'s unknown time is {bound_bp} basis points; it lies from 0 to 9999. Correct it."


class ClaimMeter(Refusal, code="billing.claim_meter", field="meter"):
    zh = "协议 {agreement} 没有为计量项 {meter} 规定责任认定规则，不能就它提出申请。请核对计量项。"
    en = (
        "Agreement {agreement} has no rule of attribution for the meter {meter}, so nothing can be claimed "
        "about it. Check the meter."
    )


class ClaimKind(Refusal, code="billing.claim_kind", field="meter"):
    zh = (
        "停机认定申请须针对状态类计量项，废品认定申请须针对废品计数器；计量项 {meter} 不符。"
        "请换用另一种申请。"
    )
    en = (
        "A stop is claimed on a state meter, scrap on a counter of scrap; the meter {meter} does not fit. "
        "Use the other kind of claim."
    )


class ClaimTime(Refusal, code="billing.claim_time", field="from_ms"):
    zh = (
        "申请的时段须已经过去、开始早于结束、在协议 {agreement} 期限之内，并落在同一个结算期内。"
        "请改正或分期申请。"
    )
    en = (
        "The time claimed must be past, start before it ends, and lie within the time and one period of "
        "agreement {agreement}. Correct it, or claim each period apart."
    )


class ClaimClosed(Refusal, code="billing.claim_closed", field="agreement"):
    zh = "协议 {agreement} 的这一结算期已关账，不能再提出、异议或撤回认定申请。请就结算单提出争议。"
    en = (
        "That period of agreement {agreement} is closed: nothing can be claimed, contested or withdrawn any "
        "more. Dispute the statement instead."
    )


class ClaimTaken(Refusal, code="billing.claim_taken", field="claim"):
    zh = "该结算期已有编号为 {claim} 的认定申请。请换一个编号。"
    en = "That period has a claim {claim} already. Choose another id."


class ClaimUnknown(Refusal, code="billing.claim_unknown", field="claim"):
    zh = "协议 {agreement} 在该结算期没有编号为 {claim} 的认定申请。请核对编号和结算期。"
    en = "Agreement {agreement} has no claim {claim} in that period. Check the id and the period."


class ClaimOverlaps(Refusal, code="billing.claim_overlaps", field="from_ms"):
    zh = (
        "这段时间已有 {by} 的认定申请 {claim}（未被异议）。如不同意，请先对它提出异议再另行申请；"
        "如同意，则无需申请。"
    )
    en = (
        "That time is covered by claim {claim} of {by}, which nobody contested. If you disagree, contest it "
        "and then claim; if you agree, there is nothing to do."
    )


class TooManyClaims(Refusal, code="billing.too_many_claims", field="agreement"):
    zh = (
        "每一方在协议 {agreement} 的每个结算期最多提出 {limit} 份认定申请，已达上限。请撤回或合并相邻的申请。"
    )
    en = (
        "A party may make {limit} claims per period of agreement {agreement}, and has. Withdraw some, or "
        "join neighbouring ones."
    )


class ClaimTooLong(Refusal, code="billing.claim_too_long", field="to_ms"):
    zh = "申请的时段内有 {limit} 条以上的计数记录，无法逐条核对。请拆成较短的时段分别申请。"
    en = (
        "There are more than {limit} records within the time claimed, too many to be looked at. Claim "
        "shorter stretches apart."
    )


class ClaimPieces(Refusal, code="billing.claim_pieces", field="pieces"):
    zh = "申请认定 {pieces} 件废品，但计数器在该时段只计到 {counted} 件。请改正件数或时段。"
    en = (
        "{pieces} pieces of scrap are claimed, but the counter shows {counted} in that time. Correct the "
        "pieces or the time."
    )


class ClaimNotRunning(Refusal, code="billing.claim_not_accepted", field="agreement"):
    zh = "协议 {agreement} 的状态为 {state}，不在执行中，不能提出认定申请。请等双方接受后再申请。"
    en = "Agreement {agreement} is {state}, not accepted: nothing can be claimed. Wait for acceptance."


class ClaimOwn(Refusal, code="billing.claim_own", field="claim"):
    zh = "认定申请 {claim} 由本单位提出，不能自行异议。如不再主张，请撤回。"
    en = "Your company made claim {claim} and cannot contest it. Withdraw it if it no longer stands."


class ClaimOfOther(Refusal, code="billing.claim_of_other", field="claim"):
    zh = "认定申请 {claim} 由 {by} 提出，只能由其撤回。如不同意，请提出异议。"
    en = "Claim {claim} is of {by}, which alone can withdraw it. Contest it if you disagree."


class ClaimContested(Refusal, code="billing.claim_contested", field="claim"):
    zh = "认定申请 {claim} 已被异议，无需再次提出。"
    en = "Claim {claim} is contested already; there is nothing more to do."


class CheckMeter(Refusal, code="billing.check_meter", field="checks"):
    zh = "副表针对计量项 {meter}，但资费中没有该计量项，或它是状态类（状态不能核对数量）。请改正。"
    en = (
        "A check feed is named for the meter {meter}, which the tariff does not have or which is a state "
        "meter: states have no quantity to compare. Correct it."
    )


class CheckTwice(Refusal, code="billing.check_twice", field="checks"):
    zh = "计量项 {meter} 有两个副表，只能有一个。请删除其一。"
    en = "The meter {meter} has two check feeds; it may have one. Remove one."


class CheckOwner(Refusal, code="billing.check_owner", field="checks"):
    zh = "计量项 {meter} 的副表须属于另一方 {other}，而 {feed} 属于 {owner}。请换用对方的计量点。"
    en = (
        "The check feed of meter {meter} must be of the other party, {other}; {feed} is of {owner}. Name a "
        "feed of the other party's."
    )


class CheckUnfit(Refusal, code="billing.check_unfit", field="checks"):
    zh = "副表 {feed} 与计量项 {meter} 的种类、单位不同，或未接线，不能用来核对。请换用相符的计量点。"
    en = (
        "The check feed {feed} differs from the meter {meter} in kind or unit, or is not wired: the two "
        "cannot be compared. Name one that fits."
    )


class CheckRule(Refusal, code="billing.check_rule", field="checks"):
    zh = (
        "资费逐时段（如每 15 分钟）计算计量项 {meter}，副表规则 {rule} 会改变总量而不改变各时段。"
        "请改用规则 main 或 dispute。"
    )
    en = (
        "The tariff counts the meter {meter} slot by slot (such as every 15 minutes); the check feed's rule "
        "{rule} would change the sum and not the slots. Use the rule main or dispute."
    )


class CheckTolerance(Refusal, code="billing.check_tolerance", field="checks"):
    zh = (
        "计量项 {meter} 的副表允差为 {tolerance_bp} 基点、{tolerance_base} 个基本单位，"
        "前者须为 0 至 {limit}，后者须不小于 0。请更正。"
    )
    en = (
        "The tolerance of the check feed of meter {meter} is {tolerance_bp} basis points and "
        "{tolerance_base} base units; 0 to {limit} and 0 or more are allowed. Correct it."
    )
