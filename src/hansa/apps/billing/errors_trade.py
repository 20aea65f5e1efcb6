"""Refusals of the tariff's elements between trading partners."""

from hansa.kernel.refusal import Refusal


class MeterKind(Refusal, code="billing.tariff_meter_kind", field="meter"):
    zh = "条款 {element} 须依据 {kind} 类计量项，而 {meter} 不是。请换用相符的计量项。"
    en = "Clause {element} goes by a meter of kind {kind}; {meter} is none. Name one that fits."


class StepsUnordered(Refusal, code="billing.tariff_steps_unordered", field="elements"):
    zh = (
        "条款 {element} 的 {name} 顺序有误：折扣档的起点须逐档升高；可用率档的界限须从目标起逐档降低，"
        "扣减须逐档升高。请改正。"
    )
    en = (
        "The {name} of clause {element} are out of order: stages of a discount rise; bands of an "
        "availability fall from the target on while their credits rise. Correct them."
    )


class SharesTotal(Refusal, code="billing.tariff_shares_total", field="payees"):
    zh = "条款 {element} 的收款方比例合计 {total_bp} 基点，须恰为 {whole_bp}。请改正各方比例。"
    en = "The shares of clause {element} come to {total_bp} basis points, not {whole_bp}. Correct them."


class SharedTwice(Refusal, code="billing.tariff_shared_twice", field="of"):
    zh = "条款 {name} 已由分成条款 {other} 分配，不能再分一次。请从其中一个的 of 中删除。"
    en = "Clause {name} is shared by {other} already. Take it out of one of the two."


class CreditedTwice(Refusal, code="billing.tariff_credited_twice", field="of"):
    zh = (
        "条款 {name} 已被 {other} 扣减过，再次扣减可能超过其金额。请把 {other} 一并写入 of，"
        "使扣减按余额计算。"
    )
    en = (
        "Clause {other} credits {name} already; a second credit could exceed what there is. Name {other} in "
        "`of`, too, so that it is reckoned of what is left."
    )


class NotUsage(Refusal, code="billing.tariff_not_usage", field="of"):
    zh = (
        "条款 {element} 的 of 须以一个用量条款开头（废品扣减还要求它不分状态和时段），而 {name} 不是。"
        "请改正。"
    )
    en = (
        "`of` of clause {element} must begin with a usage clause (for a scrap credit one without states and "
        "windows); {name} is none. Correct it."
    )


class ScrapUnit(Refusal, code="billing.tariff_scrap_unit", field="meter"):
    zh = "条款 {element} 的废品以 {other} 计，而条款 {name} 以 {unit} 计，无法互相扣减。请统一单位。"
    en = (
        "Clause {element} counts scrap in {other}, clause {name} charges by {unit}: one cannot be credited "
        "against the other. Use the same unit."
    )


class PayeeUnknown(Refusal, code="billing.payee_unknown", field="payees"):
    zh = "分成条款 {element} 的收款方 {payee} 不是成员单位。请先加入联盟，或更正收款方。"
    en = "Payee {payee} of clause {element} is no member. Let it join first, or correct the payee."


class PayeeIsUser(Refusal, code="billing.payee_is_user", field="payees"):
    zh = (
        "分成条款 {element} 的收款方 {payee} 正是付款的使用方，不能向自己收款。请改换收款方，或相应调低价格。"
    )
    en = (
        "Payee {payee} of clause {element} is the user, which pays: it cannot be paid by itself. Name "
        "another payee, or lower the price."
    )
