"""A single record that stood at a height, proved: what `hansa attest --proof` writes, and its check."""

import hashlib

import msgspec

from hansa.apps.consortium.handovers import Handover
from hansa.client.report import Report, need
from hansa.client.texts import Text
from hansa.client.verify_commit import Checkpoint, check_commit
from hansa.client.verify_quorum import check_finality, follow_sets
from hansa.kernel import Attested, Struct
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import Proof, SignedHeader, holds, signed_by


class ProvedRecord(Struct):
    """A record that stood at the proof's height, and the header that it is proved under."""

    head: SignedHeader
    proof: Proof
    handovers: tuple[Handover, ...] = ()
    """Each change of the cosigners or validators between genesis and the head, oldest first."""


def is_record(data: bytes) -> bool:
    """Whether a file says that it is such a proof: it has no format, and begins with one of these names."""
    return data.startswith((b'{"handovers":', b'{"head":'))


def check_record(report: Report, data: bytes, genesis: bytes, checkpoint: Checkpoint | None) -> None:
    """Run every check. Raises Failed, or a Refusal for what cannot be read."""
    assert report.genesis is not None
    found = report.record = decode_strict(data, ProvedRecord)
    chain, header = hashlib.sha256(genesis).hexdigest(), found.head.header
    need(
        report, "genesis",
        Text("创世文件与证据属于同一联盟", "genesis file and evidence are of one consortium"),
        [] if header.chain == chain else [f"head.header.chain {header.chain[:16]}…"],
        Text(f"链 {chain[:16]}…", f"chain {chain[:16]}…"),
    )  # fmt: skip
    if report.genesis.is_network:
        check_commit(report, found.head, found.handovers, checkpoint)
    else:
        in_force = follow_sets(report, found.head, found.handovers)
        need(
            report, "header",
            Text("区块头由运营方节点签名", "the operator's node signed the header"),
            [] if signed_by(found.head, in_force.public) else ["head.signature"],
            Text(f"高度 {header.height}", f"height {header.height}"),
        )  # fmt: skip
        check_finality(report, found.head, in_force)
    held = found.proof.kind == "event" and holds(found.proof, header)
    need(
        report, "inclusion", Text("证明路径通到区块头", "the path leads to the header"),
        [] if held else ["proof"],
        Text(f"区块 {found.proof.block.height}", f"block {found.proof.block.height}"),
    )  # fmt: skip
    shown = decode_strict(found.proof.item, Attested)
    name = ".".join((shown.table, *shown.key))
    need(
        report, "attests", Text("事件出示的是账本记录", "the event shows a record of the ledger"), [],
        Text(f"{name}：{_text(shown.record)}", f"{name}: {_text(shown.record)}"),
    )  # fmt: skip


def _text(record: bytes) -> str:
    return msgspec.json.format(record, indent=0).decode()[:2_000]
