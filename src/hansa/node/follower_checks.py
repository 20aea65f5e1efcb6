"""What speaks for and against a follower's being well, in words; and what it found, for its own member."""

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from hansa.client.case import Case
from hansa.node.incidents import Noted, noted
from hansa.node.member import Check
from hansa.node.operator import check_clock, check_disk

if TYPE_CHECKING:
    from hansa.node.follower import Follower

AWAY_MAX_MS = 30_000
"""An operator that is silent for longer is reported."""


def checks_of(node: "Follower") -> list[Check]:
    """Each with a text for the member's IT."""
    directory = Path(node.settings.directory)
    return [
        _copy(node),
        _operator(node),
        _cosigning(node),
        _evidence(node),
        _promises(node),
        _peers(node),
        check_disk(directory, node.settings.limits.disk_free),
        check_clock(node.now_ms(), node.following.ledger.time_ms),
    ]


def _check(name: str, ok: bool, zh: str, en: str) -> Check:
    return Check(name=name, ok=ok, zh=zh, en=en)


def _copy(node: "Follower") -> Check:
    progress, height = node.copying.progress, node.height
    trouble = progress.trouble
    if progress.over and trouble is not None:
        return _check(
            "copy",
            False,
            f"副本停在区块 {height}：{trouble.zh}",
            f"The copy stands at block {height}: {trouble.en}",
        )
    behind = max(0, node.newest_height() - height)
    if behind:
        return _check(
            "copy",
            True,
            f"副本在区块 {height}，还差 {behind} 个。",
            f"The copy is at block {height}, {behind} behind.",
        )
    return _check(
        "copy",
        True,
        f"副本在区块 {height}，与运营方齐平。",
        f"The copy is at block {height}, level with the operator.",
    )


def _operator(node: "Follower") -> Check:
    progress = node.copying.progress
    away_ms = node.now_ms() - progress.away_since_ms if progress.away_since_ms else 0
    if not progress.away_since_ms:
        return _check("operator", True, "运营方节点有应答。", "The operator's node answers.")
    cause = progress.trouble
    zh = f"运营方节点 {away_ms // 1_000} 秒没有可用的应答" + (f"：{cause.zh}" if cause else "。")
    en = f"No usable answer of the operator's node for {away_ms // 1_000} s" + (
        f": {cause.en}" if cause else "."
    )
    return _check("operator", away_ms <= AWAY_MAX_MS, zh, en)


def _cosigning(node: "Follower") -> Check:
    file = node.casebook.halt(node.cosigner.operator) if node.cosigner.operator else node.casebook.halt()
    signed = node.cosigner.signed_height
    if file:
        refusal = node.stopped_cosigning(file)
        return _check("cosigning", False, refusal.zh, refusal.en)
    if not node.cosigner.in_set:
        return _check(
            "cosigning", True, "本节点不是见证方，只跟随。", "This node is no cosigner; it follows only."
        )
    if node.cosigner.trouble is not None:
        trouble = node.cosigner.trouble
        return _check(
            "cosigning", True, f"会签尚未送达：{trouble.zh}", f"A cosignature is on its way: {trouble.en}"
        )
    return _check("cosigning", True, f"已会签到区块 {signed}。", f"Cosigned up to block {signed}.")


def _evidence(node: "Follower") -> Check:
    case = node.casebook.accused(node.cosigner.operator)
    if case is not None:
        return _check("evidence", False, case.zh, case.en)
    earlier = node.casebook.accused()
    if earlier is not None:
        return _check(
            "evidence",
            True,
            f"没有对现任运营方不利的发现。对 {earlier.against} 的案卷仍在：{earlier.zh}",
            f"Nothing was found against the operator in force. The case against {earlier.against} is kept: "
            f"{earlier.en}",
        )
    return _check("evidence", True, "没有对运营方不利的发现。", "Nothing was found against the operator.")


def _promises(node: "Follower") -> Check:
    promises, trouble = node.promises, node.promise_watch.trouble
    height = promises.withheld(node.now_ms())
    if height:
        return _check(
            "promises",
            False,
            f"运营方确认过区块 {height} 中的交易，却迟迟不出示该区块。请向运营方查问，并保留回执。",
            f"The operator acknowledged transactions of block {height} and does not show that block. Ask it, "
            "and keep the acknowledgements.",
        )
    if trouble is not None:
        return _check("promises", False, trouble.zh, trouble.en)
    zh = [f"有 {promises.waiting} 项回执待查。"] if promises.waiting else []
    en = [f"{promises.waiting} promises wait to be looked for."] if promises.waiting else []
    if promises.unlooked:
        zh.append(
            f"有 {promises.unlooked} 项无从查核：本节点未保存其区块，运营方也未出示证明；仍在向其索取。"
        )
        en.append(
            f"{promises.unlooked} could not be looked for: their blocks are not kept here, and the operator "
            "has shown no proof; it is asked again."
        )
    if promises.unfit:
        zh.append(f"有 {promises.unfit} 项不是该高度的运营方所签，未予采信。")
        en.append(f"{promises.unfit} were not signed by the operator of their height and count for nothing.")
    if not zh:
        zh, en = ["交来的回执均已查到。"], ["All promises handed in were looked for."]
    return _check("promises", True, "".join(zh), " ".join(en))


def _peers(node: "Follower") -> Check:
    standing = sorted(node.peers.standing.values(), key=lambda each: each.member)
    other = [each for each in standing if each.state == "other_history"]
    zh = "；".join(each.zh for each in standing) or "没有其他成员单位的节点地址"
    en = "; ".join(each.en for each in standing) or "no other member's node is known"
    return _check("peers", not other, f"{zh}。", f"{en}.")


def incidents_of(node: "Follower") -> Sequence[Noted]:
    """The cases on file, then trouble of this node itself."""
    found = [_of_case(node, path, case) for path, case in node.casebook.all()]
    return found + [noted(each, node.height) for each in node.own_incidents()]


def _of_case(node: "Follower", path: str, case: Case) -> Noted:
    word = node.casebook.word_on(path)
    when = datetime.fromtimestamp(word.at_ms / 1_000, UTC).strftime("%Y-%m-%d %H:%M UTC") if word else ""
    return Noted(
        code=f"incident.{case.kind}",
        at_ms=case.found_ms,
        zh=f"（{word.person} 于 {when} 搁置）{case.zh}" if word else case.zh,
        en=f"(put aside by {word.person}, {when}) {case.en}" if word else case.en,
        height=case.height,
        evidence=str(Path(path).relative_to(node.settings.directory)),
    )
