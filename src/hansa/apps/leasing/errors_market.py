"""Refusals of the market: assets, offers, bargaining, bookings. Read by sales clerks and planners."""

from hansa.apps.billing.tariff import clock_text
from hansa.apps.consortium.calendars import date_text
from hansa.kernel import Refusal, limits


def moment(at_ms: int) -> str:
    """An instant for people: `2026-12-01 08:30 UTC`."""
    day, rest_ms = at_ms // limits.DAY_MS, at_ms % limits.DAY_MS
    return f"{date_text(day)} {clock_text(rest_ms // limits.MINUTE_MS)} UTC"


# Assets.


class AssetUnknown(Refusal, code="leasing.asset_unknown", field="asset"):
    zh = "成员单位 {owner} 没有登记设备资产 {asset}（或没有该版本）。请核对编号，或先登记。"
    en = "Member {owner} has no asset {asset}, or not that version. Check the id, or register it first."


class AssetVersion(Refusal, code="leasing.asset_version", field="version"):
    zh = "设备资产 {asset} 的下一个版本是第 {next} 版，不是第 {version} 版。请按最新版本修改后再提交。"
    en = "The next version of asset {asset} is {next}, not {version}. Look at the newest, then send again."


class ListUnfit(Refusal, code="leasing.list_unfit", field="description"):
    zh = "设备资产的“{name}”应有 {least} 至 {most} 项，且不得重复（“{value}”）。请更正清单。"
    en = "`{name}` of an asset has {least} to {most} entries, none twice (`{value}`). Correct the list."


class PlaceUnfit(Refusal, code="leasing.place_unfit", field="description"):
    zh = (
        "设备所在地的纬度须在 -90 与 90 度之间，经度须在 -180 与 180 度之间（以百万分之一度填写，此处为 "
        "{latitude_e6}、{longitude_e6}）。请更正。"
    )
    en = (
        "The place lies within latitude -90 to 90 and longitude -180 to 180 degrees, given in millionths "
        "(here {latitude_e6}, {longitude_e6}). Correct it."
    )


class SizeUnfit(Refusal, code="leasing.size_unfit", field="description"):
    zh = "工艺 {process} 的最小工件尺寸大于最大工件尺寸（各边由大到小比较）。请更正尺寸范围。"
    en = "Process {process}: the smallest part is larger than the largest, edge by edge. Correct the sizes."


# Offers.


class OfferTaken(Refusal, code="leasing.offer_taken", field="offer"):
    zh = "闲置报盘编号 {offer} 已被使用。请换一个编号。"
    en = "Offer id {offer} is in use. Choose another."


class OfferUnknown(Refusal, code="leasing.offer_unknown", field="offer"):
    zh = "成员单位 {offerer} 没有闲置报盘 {offer}。请核对编号。"
    en = "Member {offerer} has no offer {offer}. Check the id."


class OfferClosed(Refusal, code="leasing.offer_closed", field="offer"):
    zh = "闲置报盘 {offer} 已撤回，不再接受询价。请另找报盘。"
    en = "Offer {offer} is withdrawn and takes no enquiries. Look for another."


class TooManyOffers(Refusal, code="leasing.too_many_offers", field="offer"):
    zh = "成员单位 {member} 已有 {limit} 份有效的闲置报盘，已达上限。请先撤回其中一些。"
    en = "Member {member} has {limit} open offers, and no more are possible. Withdraw some first."


class WindowInPast(Refusal, code="leasing.window_in_past", field="from_ms"):
    zh = "时段自 {start} 开始，已经过去。请从现在（{now}）之后的时间开始。"
    en = "The window begins at {start}, which has passed. Begin after now ({now})."


class WindowUnfit(Refusal, code="leasing.window_unfit", field="to_ms"):
    zh = "时段 {start} 至 {end} 不合规定：结束须晚于开始，最长 {days} 天，且在 {ahead} 天之内开始。请更正。"
    en = (
        "The window {start} to {end} does not do: it ends after it begins, lasts {days} days at most, and "
        "begins within {ahead} days. Correct it."
    )


class NoticeUnfit(Refusal, code="leasing.notice_unfit", field="notice_ms"):
    zh = "最短提前通知时间为 {notice_ms} 毫秒，须在 0 与 {limit_ms} 毫秒（{days} 天）之间。请更正。"
    en = "The minimum notice is {notice_ms} ms; it must be 0 to {limit_ms} ms ({days} days). Correct it."


class SliceUnfit(Refusal, code="leasing.slice_unfit", field="smallest_ms"):
    zh = "最短租用时长须大于零、不超过最长租用时长，且最长不超过整个时段。请更正。"
    en = (
        "The smallest slice is more than nothing and no longer than the largest, which fits into the window. "
        "Correct them."
    )


class NothingFree(Refusal, code="leasing.nothing_free", field="from_ms"):
    zh = "设备资产 {asset} 在该时段内没有达到最短租用时长的空闲，均已被预订。请改用空闲的时段。"
    en = "Choose another window: asset {asset} is booked, and nothing free is as long as the smallest slice."


class HeadUnfit(Refusal, code="leasing.head_unfit", field="head"):
    zh = "设备资产的所有方报盘不填主租约，其他单位转租须填写其据以使用该设备的主租约。请更正。"
    en = (
        "An owner's offer names no head lease; whoever subleases names the lease by which it holds the "
        "asset. Correct it."
    )


class CapabilityLacking(Refusal, code="leasing.capability_lacking", field="need"):
    zh = "设备资产 {asset} 不具备所需能力：{what_zh}（{value}）。请核对要求，或另选设备。"
    en = "Asset {asset} cannot do this: {what_en} ({value}). Check what is needed, or choose another asset."


# Bargaining.


class OwnOffer(Refusal, code="leasing.own_offer", field="offerer"):
    zh = "闲置报盘 {offer} 是本单位自己的，不能向自己询价。"
    en = "Offer {offer} is your own company's: nobody enquires of itself."


class OwnAsset(Refusal, code="leasing.own_asset", field="offerer"):
    zh = "设备资产 {asset} 属于本单位，不能租用自己的设备。如需收回，请与承租方协商提前终止。"
    en = "Asset {asset} is your own. To have it back from its lessee, agree on an early end."


class BargainTaken(Refusal, code="leasing.bargain_taken", field="bargain"):
    zh = "编号 {bargain} 已被使用。请换一个编号。"
    en = "Id {bargain} is in use. Choose another."


class BargainUnknown(Refusal, code="leasing.bargain_unknown", field="bargain"):
    zh = "没有询价 {bargain}。请核对编号。"
    en = "There is no enquiry {bargain}. Check the id."


class NotParty(Refusal, code="leasing.not_party", field="bargain"):
    zh = "{member} 不是 {bargain} 的当事方，不能执行该操作。请由出租方或承租方办理。"
    en = "{member} is not a party to {bargain}. Lessor or lessee can do this."


class BargainOver(Refusal, code="leasing.bargain_over", field="bargain"):
    zh = "询价 {bargain} 已结束（{state}），不能再还价、同意或谢绝。如有需要，请另行询价。"
    en = "Enquiry {bargain} is over ({state}): nothing more can be said to it. If need be, enquire anew."


class OwnProposal(Refusal, code="leasing.own_proposal", field="bargain"):
    zh = "{bargain} 的最后一次报价由本单位提出，现在轮到对方。如不再有意，可以谢绝。"
    en = "The last proposal in {bargain} is your company's: it is the other's turn. You may decline."


class ProposalLapsed(Refusal, code="leasing.proposal_lapsed", field="bargain"):
    zh = "{bargain} 的最后一次报价有效至 {until}，现已失效。请另行询价。"
    en = "The last proposal in {bargain} stood until {until} and has lapsed. Enquire anew."


class TooManyRounds(Refusal, code="leasing.too_many_rounds", field="bargain"):
    zh = "{bargain} 已有 {limit} 次报价，不能再还价。请同意、谢绝，或另行询价。"
    en = "{bargain} has seen {limit} proposals and takes no more. Agree, decline, or enquire anew."


class OtherContent(Refusal, code="leasing.other_content", field="content"):
    zh = "所同意的内容与 {bargain} 的最后一次报价不一致。请重新阅读该报价后再同意。"
    en = "What is agreed to is not the last proposal in {bargain}. Read that one again, then agree."


class NotAsOffered(Refusal, code="leasing.not_as_offered", field="terms"):
    zh = "报价条款中的“{name}”与闲置报盘不符：报盘为 {offered}，条款为 {given}。请按报盘填写。"
    en = "`{name}` in the terms is {given}, but {offered} is offered. Fill it in as offered."


class OutsideWindow(Refusal, code="leasing.outside_window", field="terms"):
    zh = "所要的 {start} 至 {end} 不在报盘时段 {first} 至 {last} 之内。请更正起止时间。"
    en = "{start} to {end} is not within the window offered, {first} to {last}. Correct the period."


class SliceLength(Refusal, code="leasing.slice_length", field="terms"):
    zh = "租用时长 {length_ms} 毫秒不在报盘允许的 {least_ms} 至 {most_ms} 毫秒之间。请更正起止时间。"
    en = "A period of {length_ms} ms is not within the {least_ms} to {most_ms} ms offered. Correct it."


class NoticeTooShort(Refusal, code="leasing.notice_too_short", field="until_ms"):
    zh = "答复期限 {until} 距开始时间 {start} 不足报盘要求的 {notice_ms} 毫秒。请提前期限或推后开始。"
    en = (
        "The time to answer, {until}, is less than the notice of {notice_ms} ms before the start, {start}. "
        "Answer earlier, or begin later."
    )


class DeadlineUnfit(Refusal, code="leasing.deadline_unfit", field="until_ms"):
    zh = "期限的先后不对：答复期限须晚于现在，签署期限不早于答复期限，且不晚于租期开始。请更正。"
    en = (
        "The deadlines are out of order: now, then the time to answer, then the time to sign, then the "
        "start. Correct them."
    )


class CurrencyMix(Refusal, code="leasing.currency_mix", field="terms"):
    zh = "条款的币种为 {currency}，资费的币种为 {other}，须一致。请更正币种，或另选资费。"
    en = "The terms are in {currency}, the tariff is in {other}. Use one currency, or another tariff."


class FeedElsewhere(Refusal, code="leasing.feed_elsewhere", field="terms"):
    zh = (
        "计量项 {meter} 所用的计量点 {feed}（{owner}）不属于该设备资产。请使用设备登记的计量点，"
        "或承租方自己的计量点。"
    )
    en = (
        "Meter {meter} is bound to feed {feed} of {owner}, which does not measure this asset. Use a feed of "
        "the asset, or one of the lessee's."
    )


class BankUnfit(Refusal, code="leasing.bank_unfit", field="terms"):
    zh = (
        "以成员银行的债权支付时须填写该银行，线下转账时不填银行；结算办法中的银行须与之相同。请更正支付方式或"
        "银行。"
    )
    en = (
        "Payment by claims names the member bank, payment by transfer outside names none, and the terms of "
        "settlement name the same. Correct them."
    )


class EarnestUnfit(Refusal, code="leasing.earnest_unfit", field="terms"):
    zh = (
        "定金 {earnest_minor} 超过预计租约总额 {expected_minor} 的 {share}%（以最小货币单位计）。请减少定金，"
        "或填写正确的预计总额。"
    )
    en = (
        "Earnest money of {earnest_minor} is more than {share} % of the expected total of {expected_minor} "
        "(in minor units). Ask for less, or correct the expected total."
    )


# Bookings and reservations.


class AlreadyBooked(Refusal, code="leasing.already_booked", field="asset"):
    zh = "设备资产 {asset}（{owner}）在 {start} 至 {end} 已被预订，不能重复预订。请另选时段。"
    en = "Asset {asset} of {owner} is booked from {start} to {end}. Choose another time."


class BookingTaken(Refusal, code="leasing.booking_taken", field="bargain"):
    zh = "{by} 已有预订。请换一个编号。"
    en = "{by} holds a booking already. Use another id."


class BookingUnknown(Refusal, code="leasing.booking_unknown", field="bargain"):
    zh = "{by} 没有预订。请核对编号。"
    en = "{by} holds no booking. Check the id."


class OutsideHead(Refusal, code="leasing.outside_head", field="head"):
    zh = "主租约 {head} 没有包含该设备在 {start} 至 {end} 的使用，转租不得超出主租约。请缩短时段。"
    en = (
        "Head lease {head} does not hold this asset for all of {start} to {end}: a sublease never reaches "
        "beyond it. Shorten the period."
    )


class EndUnfit(Refusal, code="leasing.end_unfit", field="to_ms"):
    zh = "{by} 的预订自 {start} 开始，不能在 {end} 结束。请选更晚的时间。"
    en = "The booking of {by} begins at {start} and cannot end at {end}. Choose a later time."


class StillSublet(Refusal, code="leasing.still_sublet", field="to_ms"):
    zh = "{by} 之内还有转租或其预订 {other}，至 {end} 才结束。请先结束该转租。"
    en = "Within {by}, {other} is subleased or reserved until {end}. End that one first."


class ReservationUnknown(Refusal, code="leasing.reservation_unknown", field="lease"):
    zh = "没有预订 {name}。请核对编号；双方同意之后才有预订。"
    en = "There is no reservation {name}. Check the id; there is one once both have agreed."


class ReservationOver(Refusal, code="leasing.reservation_over", field="lease"):
    zh = "预订 {name} 的签署期限为 {until}，已失效或已签署（{state}）。如已失效，请另行询价。"
    en = "Reservation {name}, to be signed until {until}, is {state}. If it lapsed, enquire anew."
