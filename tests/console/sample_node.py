"""The made-up report's part for IT and for the auditor of the votes; every kind of entry occurs."""

import hashlib
from typing import Any

from hansa.console.report import data_node as n
from hansa.console.report.part import Text

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
MEMBERS = ("maker", "plant", "bank", "auditor")


def text(zh: str, en: str) -> Text:
    return Text(zh=zh, en=en)


def sha(seed: str) -> str:
    return hashlib.sha256(seed.encode()).hexdigest()


def place(height: int) -> n.Place:
    return n.Place(height=height, transaction=sha(f"transaction {height}"))


def operations(begin_ms: int) -> n.Operations:
    return n.Operations(
        nodes=tuple(node(member, 57 - lag, lag) for member, lag in zip(MEMBERS, (0, 0, 3, 0), strict=True)),
        files=tuple(
            n.StoredFile(member=member, name=name, size_bytes=size)
            for member in MEMBERS
            for name, size in (("ledger.db", 4_200_000), ("signed.db", 12_288))
        ),
        figures=(
            n.Figure(
                name=text("已提交交易", "Transactions committed"),
                value="1,284",
                note=text("57 个区块", "in 57 blocks"),
            ),
            n.Figure(
                name=text("每秒交易", "Transactions per second"),
                value="412",
                note=text("提交期间的平均值", "mean while committing"),
            ),
        ),
        backup=n.Backup(folder="backup", size_bytes=4_400_000, height=57, took_ms=420, checked=True),
        keys=tuple(
            n.KeyExpiry(
                member="plant",
                key=key,
                kind=kind,
                holder=f"plant-{key}",
                expires_ms=begin_ms + days * DAY_MS,
                days_left=days,
            )
            for key, kind, days in (
                ("clerk-1", "person", 700),
                ("gateway-1", "gateway", 41),
                ("gateway-0", "gateway", 9),
                ("clerk-0", "person", -3),
                ("cold-1", "recovery", 3_000),
            )
        ),
        doctor=(
            finding("clock", "ok", "时钟与区块时间相差 0.2 秒", "The clock is 0.2 s off the block time"),
            finding("rules", "note", "第 3 版规则已排期", "Rules version 3 are scheduled"),
            finding("backup", "warning", "备份已有 40 天", "The backup is 40 days old"),
            finding(
                "keys",
                "wrong",
                "plant/gateway-0 将在 9 天后到期。请轮换。",
                "plant/gateway-0 expires in 9 days. Rotate it.",
            ),
        ),
    )


def node(member: str, height: int, lag: int) -> n.RunningNode:
    return n.RunningNode(
        member=member,
        role="operator" if member == "maker" else "follower",
        url=f"http://127.0.0.1:84{MEMBERS.index(member):02d}",
        height=height,
        app_hash=sha("state") if not lag else sha("older"),
        lag_blocks=lag,
        version="0.1.0",
    )


def finding(check: str, level: Any, zh: str, en: str) -> n.Finding:
    return n.Finding(check=check, level=level, text=text(zh, en))


def governance(begin_ms: int) -> n.Governance:
    return n.Governance(
        charter=text(
            "本联盟共用一条产线的产能。\n每个成员单位一票。", "We share one line.\nOne member, one vote."
        ),
        charter_sha256=sha("charter"),
        rules=2,
        quorum=3,
        cosigners=tuple(n.CosignerKey(member=member, public=sha(f"node {member}")) for member in MEMBERS),
        cosigners_since=1,
        final_height=57,
        members=tuple(card(member, begin_ms) for member in (*MEMBERS, "insurer")),
        proposals=proposals(begin_ms),
        approvals=(
            n.Approval(
                id=sha("held"),
                member="plant",
                actions=("billing.accept", "metering.declare_reset"),
                holders_needed=2,
                status="carried_out",
                signatories=(
                    signatory("proposed", "clerk-1", begin_ms, 9),
                    signatory("approved", "chief-1", begin_ms + HOUR_MS, 10),
                ),
            ),
        ),
        key_changes=tuple(
            n.KeyChange(
                member="bank",
                key=f"clerk-{number}",
                change=change,
                text=text("取代 clerk-1", "replaces clerk-1"),
                at_ms=begin_ms + number * DAY_MS,
                place=place(20 + number),
            )
            for number, change in enumerate(("added", "rotated", "revoked", "recovered"), 2)
        ),
    )


def card(member: str, begin_ms: int) -> n.MemberCard:
    return n.MemberCard(
        id=member,
        status="suspended" if member == "insurer" else "active",
        roles=("bank", "insurer") if member == "bank" else (member,),
        registration_kind="lei" if member == "bank" else "uscc",
        registration="5493001KJTIIGC8Y1R12" if member == "bank" else "91320500MA1X0T4R3K",
        size_class="large" if member == "bank" else "small",
        since_ms=begin_ms,
        licences=(n.Licence(kind="business", sha256=sha(member), expires_ms=begin_ms + 900 * DAY_MS),),
        place=place(14) if member == "insurer" else n.Place(),
    )


def proposals(begin_ms: int) -> tuple[n.Proposal, ...]:
    votes: tuple[tuple[str, str], ...] = (
        ("maker", "yes"),
        ("plant", "yes"),
        ("auditor", "no"),
        ("bank", "yes"),
    )
    ballots = tuple(
        n.Ballot(
            member=member,
            choice="yes" if choice == "yes" else "no",
            at_ms=begin_ms + at * HOUR_MS,
            place=place(10 + at),
        )
        for at, (member, choice) in enumerate(votes, 1)
    )
    return (
        n.Proposal(
            id="admit-insurer",
            kind="admit",
            text=text("接纳保险公司", "Admit the insurer"),
            proposer="maker",
            at_ms=begin_ms,
            deadline_ms=begin_ms + 14 * DAY_MS,
            status="adopted",
            threshold_bp=6_667,
            electorate=4,
            decided_ms=begin_ms + 4 * HOUR_MS,
            ballots=ballots,
            place=place(10),
        ),
        n.Proposal(
            id="ballot-days",
            kind="parameter",
            text=text("投票期限改为 30 天", "Ballots last 30 days"),
            proposer="plant",
            at_ms=begin_ms,
            deadline_ms=begin_ms + 14 * DAY_MS,
            status="open",
            threshold_bp=5_001,
            electorate=5,
            decided_ms=0,
            ballots=(),
            place=place(30),
        ),
    )


def signatory(part: str, key: str, at_ms: int, height: int) -> n.Signatory:
    return n.Signatory(
        part="proposed" if part == "proposed" else "approved",
        holder=f"plant-{key}",
        key=key,
        at_ms=at_ms,
        place=place(height),
    )


def cheats(all_found: bool) -> tuple[n.Cheat, ...]:
    kinds = ("altered_record", "dropped_transaction", "two_histories", "other_amount")
    return tuple(
        n.Cheat(
            kind=kind,
            done=text("把一条过去的记录改大 1", "Made a past record larger by 1"),
            caught_by="" if kind == "two_histories" and not all_found else "plant",
            code="node.difference",
            found=text(
                "高度 58：记录 metering.feeds 的 value 字段不同（101 ≠ 100）",
                "Height 58: record metering.feeds, field value: 101 ≠ 100",
            ),
            after_ms=420,
        )
        for kind in kinds
    )
