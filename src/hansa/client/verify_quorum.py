"""Who stands for the header (rule 27): cosigners by the set in force, followed from genesis on.

Whoever has the genesis file follows each change of the set and needs to trust no list that a bundle brings;
the rule itself stands in `hansa.apps.consortium.handovers`.
"""

from collections.abc import Sequence

from hansa.apps.consortium.handovers import Fault, Handover, InForce, founding_set, handed_over
from hansa.apps.consortium.handovers import counted as count
from hansa.client.report import Finality, Report, need
from hansa.client.texts import Text
from hansa.client.verify_commit import network_text
from hansa.kernel.evidence import SignedHeader


def follow_sets(report: Report, head: SignedHeader, handovers: Sequence[Handover]) -> InForce:
    """The set in force at the head's height. Each change must stand under a quorum of the set before."""
    assert report.genesis is not None
    current = founding_set(report.genesis)
    problems: list[Text] = []
    for n, handover in enumerate(handovers):
        found = handed_over(head.header.chain, head.header.height, handover, current)
        if isinstance(found, Fault):
            told = _told(found, "header", current)
            problems = [Text(f"handovers[{n}]：{told.zh}", f"handovers[{n}]: {told.en}")]
            break
        current = found
    if problems:
        need(report, "finality", STANDS, problems)
    return current


def check_finality(report: Report, head: SignedHeader, in_force: InForce) -> None:
    """Count the cosigners of the header, by the set that was in force at its height.

    Without a cosignature of others the header is what it was: the operator's word. Evidence that brings
    cosignatures must have them all true, and enough of them: it claims that the header is final.
    """
    signed, problems = counted(head, in_force)
    if head.cosignatures and not problems and len(signed) < in_force.quorum:
        problems = [_too_few("head", len(signed), in_force)]
    report.finality = Finality(tuple(signed), len(in_force.cosigners), in_force.quorum, in_force.changes)
    need(report, "finality", STANDS, problems, finality_text(report.finality))


STANDS = Text(
    "为区块头担保的各方（见证方依创世文件及历次变更）",
    "who stands for the header (cosigners by the genesis file and each change since)",
)


def counted(head: SignedHeader, in_force: InForce) -> tuple[list[str], list[Text]]:
    """Members of the set whose signature the header bears, and what is wrong with its signatures."""
    signed, faults = count(head, in_force)
    return signed, [_told(fault, "head", in_force) for fault in faults]


def _told(fault: Fault, what: str, in_force: InForce) -> Text:
    """A fault in words."""
    member = fault.member
    texts = {
        "chain": Text("属于另一个联盟", "is of another consortium"),
        "operator": Text(
            "区块头不是由当时的运营方节点签名", "the operator of that height did not sign its header"
        ),
        "order": Text("不在其先后位置", "is out of order, or not before the head"),
        "event": Text("变更不在该区块中", "the change is not in the block of that header"),
        "set": Text("新的见证方名单或接任不成立", "the new set, or the succession, cannot stand"),
        "commit": Text(
            "带有引擎的提交，而该联盟由运营方出块",
            "brings a commit of an engine, but this consortium has an operator",
        ),
        "too_many": Text("会签过多", "too many signatures"),
        "twice": Text(f"{member} 会签了两次", f"{member} signs twice"),
        "no_seat": Text(f"{member} 不是当时的见证方", f"{member} is no cosigner of the set in force"),
        "signature": Text(
            f"{member} 的会签不成立，或属于另一区块头",
            f"the signature of {member} does not hold, or is of another header",
        ),
    }
    if fault.kind == "too_few":
        return _too_few(what, fault.signed, in_force)
    return texts[fault.kind]


def _too_few(what: str, signed: int, in_force: InForce) -> Text:
    whole, quorum = len(in_force.cosigners), in_force.quorum
    return Text(
        f"会签不足（{what}）：{whole} 个见证方中 {signed} 个，须有 {quorum} 个；"
        "去掉会签则只是运营方的一面之词",
        f"too few signatures ({what}): {signed} of {whole} cosigners, {quorum} are needed; "
        "without any it would be the operator's word",
    )


def finality_text(found: Finality) -> Text:
    """Final, or the operator's word, or proved by validators: as it stands beside the check."""
    if found.whole:
        return network_text(found)
    if found.final:
        names = ", ".join(found.signed)
        changes_zh = f"，名单自创世以来变更 {found.changes} 次" if found.changes else ""
        changes_en = f"; the set changed {found.changes} × since genesis" if found.changes else ""
        return Text(
            f"已成定论：{found.cosigners} 个见证方中 {len(found.signed)} 个会签（{names}），"
            f"法定 {found.quorum} 个{changes_zh}",
            f"final: {len(found.signed)} of {found.cosigners} cosigners, q={found.quorum} "
            f"({names}){changes_en}",
        )
    if found.cosigners <= 1:
        return Text(
            "运营方的一面之词：运营方之外没有见证方",
            "the operator's word: there are no cosigners besides the operator",
        )
    return Text(
        f"运营方的一面之词：{found.cosigners} 个见证方，证据中没有他方会签，法定 {found.quorum} 个",
        f"the operator's word: of {found.cosigners} cosigners no other signed with it, q={found.quorum}",
    )
