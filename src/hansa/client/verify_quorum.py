"""Who stands for the header (rule 27): cosigners by the set in force, followed from genesis on.

A set comes about by genesis or by the event `consortium.cosigners_changed` of a block whose own header a
quorum of the set before signed. So whoever has the genesis file needs to trust no list that a bundle brings.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from hansa.apps.consortium.messages import CosignersChanged, Genesis
from hansa.client.bundle import Handover
from hansa.client.report import Finality, Report, need
from hansa.client.texts import Text
from hansa.kernel import encode
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import Cosigner, SignedHeader, holds, signed_by
from hansa.kernel.signatures import HEADER_DOMAIN, verify

COSIGNERS_MAX = 256
"""More than any consortium has: bounds the work that a stranger's bundle asks for."""


@dataclass(frozen=True)
class InForce:
    """A set of cosigners, and the operator, under whose key headers stand from height `since` on."""

    operator: str
    public: bytes
    """The operator's key."""
    cosigners: tuple[Cosigner, ...]
    quorum: int
    since: int = 1
    changes: int = 0
    """How often the set changed since genesis."""


def founding_set(genesis: Genesis) -> InForce:
    """The set of the genesis file; where it names none, the operator alone."""
    alone = (Cosigner(member=genesis.operator, public=genesis.node_public),)
    return InForce(genesis.operator, genesis.node_public, genesis.cosigners or alone, genesis.quorum or 1)


def set_of(changed: CosignersChanged, changes: int = 0) -> InForce | None:
    """The set that an event announces; None if it cannot stand."""
    members = {cosigner.member: cosigner.public for cosigner in changed.cosigners}
    whole = (
        0 < changed.quorum <= len(changed.cosigners) <= COSIGNERS_MAX
        and len(members) == len({*members.values()}) == len(changed.cosigners)
        and changed.operator in members
    )
    if not whole:
        return None
    public = members[changed.operator]
    return InForce(changed.operator, public, changed.cosigners, changed.quorum, changed.since, changes)


def follow_sets(report: Report, head: SignedHeader, handovers: Sequence[Handover]) -> InForce:
    """The set in force at the head's height. Each change must stand under a quorum of the set before."""
    assert report.genesis is not None
    current = founding_set(report.genesis)
    problems: list[Text] = []
    for n, handover in enumerate(handovers):
        found = _handed_over(head, handover, current)
        if isinstance(found, Text):
            problems = [Text(f"handovers[{n}]：{found.zh}", f"handovers[{n}]: {found.en}")]
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
        problems = [_too_few("head", signed, in_force)]
    report.finality = Finality(tuple(signed), len(in_force.cosigners), in_force.quorum, in_force.changes)
    need(report, "finality", STANDS, problems, finality_text(report.finality))


STANDS = Text(
    "为区块头担保的各方（见证方依创世文件及历次变更）",
    "who stands for the header (cosigners by the genesis file and each change since)",
)


def counted(head: SignedHeader, in_force: InForce) -> tuple[list[str], list[Text]]:
    """Members of the set whose signature the header bears, and what is wrong with its signatures.

    The operator's own signature counts for the cosigner with its key. Nothing that is not a true signature
    of exactly one cosigner is let pass, even where the others are enough.
    """
    keys = {cosigner.member: cosigner.public for cosigner in in_force.cosigners}
    message = HEADER_DOMAIN + encode(head.header)
    given: set[str] = set()
    problems: list[Text] = []
    if len(head.cosignatures) > COSIGNERS_MAX:
        return [], [Text("会签过多", "too many signatures")]
    for cosignature in head.cosignatures:
        member = cosignature.member
        if member in given:
            problems.append(Text(f"{member} 会签了两次", f"{member} signs twice"))
        elif member not in keys:
            problems.append(
                Text(f"{member} 不是当时的见证方", f"{member} is no cosigner of the set in force")
            )
        elif not verify(cosignature.suite, keys[member], cosignature.signature, message):
            problems.append(
                Text(
                    f"{member} 的会签不成立，或属于另一区块头",
                    f"the signature of {member} does not hold, or is of another header",
                )
            )
        given.add(member)
    if signed_by(head, in_force.public):
        given |= {member for member, public in keys.items() if public == in_force.public}
    return [member for member in keys if member in given], problems


def _handed_over(head: SignedHeader, handover: Handover, before: InForce) -> InForce | Text:
    """The set after a change, or what is wrong with it."""
    header = handover.head.header
    if header.chain != head.header.chain:
        return Text("属于另一个联盟", "is of another consortium")
    if not signed_by(handover.head, before.public):
        return Text("区块头不是由运营节点签名", "the operator did not sign its header")
    if not before.since <= header.height < head.header.height:
        return Text("不在其先后位置", "is out of order, or not before the head")
    proof = handover.event
    if proof.kind != "event" or proof.block.height != header.height or not holds(proof, header):
        return Text("变更不在该区块中", "the change is not in the block of that header")
    signed, problems = counted(handover.head, before)
    if problems:
        return problems[0]
    if len(signed) < before.quorum:
        return _too_few("header", signed, before)
    changed = decode_strict(proof.item, CosignersChanged)
    after = set_of(changed, before.changes + 1)
    if after is None or changed.since != header.height + 1:
        return Text("新的见证方名单不成立", "the new set cannot stand")
    return after


def _too_few(what: str, signed: Sequence[str], in_force: InForce) -> Text:
    whole, quorum = len(in_force.cosigners), in_force.quorum
    return Text(
        f"会签不足（{what}）：{whole} 个见证方中 {len(signed)} 个，须有 {quorum} 个；"
        "去掉会签则只是运营方的一面之词",
        f"too few signatures ({what}): {len(signed)} of {whole} cosigners, {quorum} are needed; "
        "without any it would be the operator's word",
    )


def finality_text(found: Finality) -> Text:
    """Final, or the operator's word: as it stands beside the check."""
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
