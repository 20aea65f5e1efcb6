"""Who stands for the header on a network (rule 28): validators by the set in force, followed from genesis on.

The rule itself stands in `hansa.apps.consortium.validator_sets`; here are its words.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from hansa.apps.consortium.handovers import Handover
from hansa.apps.consortium.validator_sets import (
    SetFault,
    ValidatorSet,
    first_fault,
    founding_validators,
    set_after,
    set_at,
    votes_for,
)
from hansa.client.report import Finality, Report, need
from hansa.client.texts import Text
from hansa.kernel.commit import Count, EngineHeader, header_hash, validators_hash
from hansa.kernel.evidence import SignedHeader
from hansa.kernel.refusal import Refusal

STANDS = Text(
    "为区块头担保的各方（验证节点依创世文件及历次变更）",
    "who stands for the header (validators by the genesis file and each change since)",
)
AGREES = Text("与已知区块一致", "agrees with the block that is known")
CHECKPOINT = re.compile(r"([1-9][0-9]{0,15}):([0-9a-fA-F]{64})")


class CheckpointUnreadable(Refusal, code="evidence.checkpoint_unreadable", field="checkpoint"):
    zh = "检查点“{given}”读不懂：请写成“引擎高度:区块哈希”，例如 1200:5b1f…（哈希共 64 位十六进制）。"
    en = (
        "The checkpoint `{given}` cannot be read. Write the engine's height and the hash of its block, "
        "HEIGHT:HASH, the hash with 64 hexadecimal digits."
    )


class Checkpoint(NamedTuple):
    """A block of the engine that whoever checks knows to be true, from a source of its own."""

    height: int
    hash: str


def checkpoint_of(text: str) -> Checkpoint:
    """Raises CheckpointUnreadable."""
    found = CHECKPOINT.fullmatch(text.strip())
    if found is None:
        raise CheckpointUnreadable(given=text[:80])
    return Checkpoint(int(found[1]), found[2].lower())


def check_commit(
    report: Report,
    head: SignedHeader,
    handovers: Sequence[Handover],
    checkpoint: Checkpoint | None = None,
    shown: EngineHeader | None = None,
) -> None:
    """Follow the sets, count the votes for the header, and compare with what is known already.

    `shown`: the engine's header at the checkpoint, as the bundle brings it. Raises Failed.
    """
    assert report.genesis is not None
    chain = head.header.chain
    sets = [founding_validators(report.genesis)]
    problems: list[Text] = []
    for n, handover in enumerate(handovers):
        found = set_after(chain, handover, sets[-1])
        if isinstance(found, SetFault):
            problems = [told(found, f"handovers[{n}]")]
            break
        sets.append(found)
    if problems:
        need(report, "finality", STANDS, problems)
    count = votes_for(head, sets[-1], chain)
    fault = first_fault(count)
    if fault is None:
        assert isinstance(count, Count)
        report.finality = _finality(head, sets, count, checkpoint)
    need(
        report, "finality", STANDS, [] if fault is None else [told(fault, "head")],
        network_text(report.finality),
    )  # fmt: skip
    if checkpoint is not None:
        _check_checkpoint(report, head, handovers, sets, checkpoint, shown)


def _finality(
    head: SignedHeader, sets: Sequence[ValidatorSet], count: Count, checkpoint: Checkpoint | None
) -> Finality:
    assert head.commit is not None
    return Finality(
        signed=count.members,
        cosigners=len(sets[-1].seats),
        quorum=2 * count.whole // 3 + 1,
        changes=len(sets) - 1,
        power=count.power,
        whole=count.whole,
        engine_height=head.commit.header.height,
        block=header_hash(head.commit.header),
        checkpoint=checkpoint.height if checkpoint else 0,
    )


def _check_checkpoint(
    report: Report,
    head: SignedHeader,
    handovers: Sequence[Handover],
    sets: Sequence[ValidatorSet],
    checkpoint: Checkpoint,
    shown: EngineHeader | None,
) -> None:
    """The block that one knows is the one that stands there, and names the set that the changes lead to."""
    commits = (head.commit, *(handover.head.commit for handover in handovers))
    headers = [commit.header for commit in commits if commit is not None]
    headers += [shown] if shown is not None else []
    here = [header for header in headers if header.height == checkpoint.height]
    where = f"{checkpoint.height}:{checkpoint.hash[:16]}…"
    problems: list[Text] = []
    if not here:
        known = ", ".join(str(header.height) for header in headers)
        problems = [
            Text(
                f"证据中没有引擎高度 {checkpoint.height} 的区块头（有 {known}）；"
                f"请用 hansa evidence get --checkpoint {checkpoint.height} 重新取证",
                f"the evidence shows no header of engine height {checkpoint.height} (it shows {known}); "
                f"have it made with `hansa evidence get --checkpoint {checkpoint.height}`",
            )
        ]
    elif any(header_hash(header) != checkpoint.hash for header in here):
        problems = [
            Text(
                f"引擎高度 {checkpoint.height} 的区块不是已知的 {checkpoint.hash[:16]}…：这是另一部历史",
                f"at the engine's height {checkpoint.height} stands another block than the known "
                f"{checkpoint.hash[:16]}…: it is another history",
            )
        ]
    elif names_of(sets, here[0]) != (here[0].validators_hash, here[0].next_validators_hash):
        problems = [
            Text(
                "检查点之时的验证方名单与所示变更不符：缺少某次变更",
                "the validators at the checkpoint are others than the changes shown lead to: one is missing",
            )
        ]
    need(report, "checkpoint", AGREES, problems,
         Text(f"引擎高度 {where}", f"engine height {where}"))  # fmt: skip


def names_of(sets: Sequence[ValidatorSet], header: EngineHeader) -> tuple[str, str]:
    """What a header of this height should call its own set and the next one."""
    own, following = (set_at(sets, height) for height in (header.height, header.height + 1))
    return validators_hash(own.seats), validators_hash(following.seats)


def told(fault: SetFault, what: str) -> Text:
    """A fault in words."""
    member = fault.member
    zh, en = {
        "chain": ("属于另一个联盟", "is of another consortium"),
        "head": (
            "区块头与引擎的提交或最后一个区块不符",
            "does not agree with the commit and the last block that it brings",
        ),
        "order": ("不在其先后位置", "is out of order"),
        "event": ("变更不在该区块中", "the change is not in the block of that header"),
        "next": (
            "新的验证方名单不是区块头所指的下一届",
            "the new set is not the one that the header names as the next",
        ),
        "set": (
            "区块头所指的验证方名单不是当时生效的名单",
            "the header names another set of validators than the one in force",
        ),
        "seats": ("提交的席位数与名单不符", "the commit has another number of seats than the set"),
        "twice": (f"{member} 的席位上是重复的签名", f"the vote at the seat of {member} stands there twice"),
        "address": (
            f"{member} 的席位上是别人的签名（次序不对）",
            f"at the seat of {member} stands another's vote (the order is not the set's)",
        ),
        "signature": (
            f"{member} 的签名不成立，或属于另一区块",
            f"the signature of {member} does not hold, or is of another block",
        ),
        "too_few": (
            f"表决权重不足：{fault.whole} 中 {fault.power}，须超过三分之二",
            f"too little power: {fault.power} of {fault.whole}, more than two thirds are needed",
        ),
    }[fault.kind]
    return Text(f"{what}：{zh}", f"{what}: {en}")


def network_text(found: Finality) -> Text:
    """By whom it is proved: as it stands beside the check."""
    names = ", ".join(found.signed)
    changes_zh = f"，名单自创世以来变更 {found.changes} 次" if found.changes else ""
    changes_en = f"; the set changed {found.changes} × since genesis" if found.changes else ""
    return Text(
        f"已由验证节点证明：{found.cosigners} 个中 {len(found.signed)} 个签署（{names}），"
        f"表决权重 {found.whole} 中 {found.power}{changes_zh}；引擎高度 {found.engine_height}，"
        f"区块 {found.block}",
        f"proved by {len(found.signed)} of {found.cosigners} validators ({names}), power {found.power} of "
        f"{found.whole}{changes_en}; engine height {found.engine_height}, block {found.block}",
    )


def network_assumed(found: Finality) -> Text:
    """Under which assumption; what would have to be wrong for it not to be so."""
    since_zh, since_en = "自创世以来每一届名单", "each set since genesis"
    if found.checkpoint:
        since_zh = f"检查点（引擎高度 {found.checkpoint}）起的每一届名单"
        since_en = f"each set since the checkpoint (engine height {found.checkpoint})"
    return Text(
        f"以上各项在所示高度正是如此记录在账本上：{found.cosigners} 个验证节点中 {len(found.signed)} 个签署"
        f"（表决权重 {found.whole} 中 {found.power}），验证节点自行执行每个区块。前提：{since_zh}中诚实方的"
        "表决权重超过三分之二，且卸任后的旧共识密钥已销毁；否则须有超过三分之一的权重签了两部历史。",
        f"All of it stood on the ledger like this at the height shown: {len(found.signed)} of "
        f"{found.cosigners} validators (power {found.power} of {found.whole}), who execute every block "
        f"themselves, signed it. This assumes that in {since_en} more than two thirds of the power was "
        "honest, and that old consensus keys were destroyed once they were replaced; else more than a third "
        "of the power signed two histories.",
    )
