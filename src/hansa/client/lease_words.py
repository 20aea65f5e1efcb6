"""How a lease stands, in words: who signed, what was handed over, what is asked for and not answered yet."""

from collections.abc import Sequence

from hansa.apps.billing.texts_trade import LIABLE
from hansa.apps.leasing.messages import Breakdown, Consent, Damage, Handover, Lease, Motion
from hansa.apps.leasing.messages_told import Handovers
from hansa.client.tables import time_text
from hansa.client.texts import Text, money

GRADES = {
    "good": Text("完好", "good"),
    "worn": Text("磨损", "worn"),
    "damaged": Text("损坏", "damaged"),
    "missing": Text("缺失", "missing"),
}
HANDOVERS = {
    "reported": Text("待对方确认", "the other has yet to confirm"),
    "confirmed": Text("已确认", "confirmed"),
    "refused": Text("已拒收", "refused"),
}
DAMAGES = {
    "claimed": Text("待承租方认可", "the lessee has yet to agree"),
    "agreed": Text("已认可", "agreed"),
    "withdrawn": Text("已撤回", "withdrawn"),
}


def signed(found: Lease, zone: str) -> list[Text]:
    """Who has signed, with which key, when."""
    out = []
    for each in found.signatures:
        when = time_text(each.at_ms, zone)
        out.append(
            Text(
                f"{each.member} 已签署（密钥 {each.key}，{when}）",
                f"signed by {each.member} (key {each.key}, {when})",
            )
        )
    return out


def handed_over(handovers: Handovers, zone: str) -> list[Text]:
    """Each report with the condition of its items."""
    out = []
    for way, report in ((Text("入场", "in"), handovers.taken), (Text("返还", "out"), handovers.given_back)):
        if report is not None:
            out.append(_report(way, report, zone))
    return out


def _report(way: Text, report: Handover, zone: str) -> Text:
    when, state = time_text(report.at_ms, zone), HANDOVERS[report.state]
    items_zh = "、".join(f"{each.item} {GRADES[each.grade].zh}" for each in report.items) or "无检查项"
    items_en = ", ".join(f"{each.item} {GRADES[each.grade].en}" for each in report.items) or "no items"
    zh, en = "、".join(report.disputed) or "—", ", ".join(report.disputed) or "—"
    return Text(
        f"交接{way.zh}：{report.by} 报告（{when}；{items_zh}），{state.zh}，有争议：{zh}",
        f"handover {way.en}: reported by {report.by} ({when}; {items_en}), {state.en}, disputed: {en}",
    )


def asked_for(motions: Sequence[tuple[str, Motion]], zone: str) -> list[Text]:
    """Another end that one party wants."""
    return [
        Text(
            f"{motion.by} 提出将终止时间改为 {time_text(motion.to_ms, zone)}，待另一方同意",
            f"{motion.by} wants the end at {time_text(motion.to_ms, zone)}; the other has yet to say so",
        )
        for _, motion in motions
    ]


def consented(consents: Sequence[tuple[str, Consent]], zone: str) -> list[Text]:
    """When, and to whom, the lessee may sublet."""
    out = []
    for name, each in consents:
        start, end = time_text(each.from_ms, zone), time_text(each.to_ms, zone)
        who = Text(each.member or "任一成员单位", each.member or "any member")
        out.append(
            Text(
                f"同意转租 {name}：{start} 至 {end}，承租单位：{who.zh}",
                f"consent to sublease {name}: {start} to {end}, to {who.en}",
            )
        )
    return out


def broken_down(breakdowns: Sequence[tuple[str, Breakdown]], zone: str) -> list[Text]:
    """Breakdowns that were reported, and whether they are over."""
    out = []
    for name, each in breakdowns:
        start = time_text(each.from_ms, zone)
        end = Text(time_text(each.to_ms, zone) or "尚未恢复", time_text(each.to_ms, zone) or "not over yet")
        zh, en = LIABLE[each.liable]
        out.append(
            Text(
                f"故障 {name}：{start} 至 {end.zh}，原因 {each.reason}，{each.by} 认为{zh}",
                f"breakdown {name}: {start} to {end.en}, reason {each.reason}; {each.by} says: {en}",
            )
        )
    return out


def damaged(damages: Sequence[tuple[str, Damage]], currency: str) -> list[Text]:
    """Damage that the lessor asks for."""
    out = []
    for name, each in damages:
        amount, state = money(each.amount_minor, currency), DAMAGES[each.state]
        out.append(Text(f"损坏 {name}：{amount}，{state.zh}", f"damage {name}: {amount}, {state.en}"))
    return out
