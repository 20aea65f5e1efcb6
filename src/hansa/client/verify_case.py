"""Check a follower's case offline, from the genesis file alone: what it proves, and against whom.

Who was the operator of its height is followed from the genesis file through the handovers that it carries.

Two signed headers of one height prove two histories. A signed acknowledgement beside the signed header of
that height proves a broken promise. A wrong block proves that the operator signed it; that it is wrong is
seen by executing the ledger again, as every member's follower does.
"""

import hashlib

from hansa.apps.consortium.handovers import followed
from hansa.client.case import Case, difference_text
from hansa.client.report import Report, need
from hansa.client.texts import NO_TEXT, Text, both
from hansa.client.verify_quorum import follow_sets
from hansa.kernel import encode, merkle
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import (
    Header,
    Inclusion,
    Promise,
    Proof,
    SignedHeader,
    holds,
    included,
    promised_by,
    signed_by,
)
from hansa.kernel.messages import Outcome
from hansa.kernel.transaction import identity


def is_case(data: bytes) -> bool:
    """Whether a file says that it is a case. Names stand in order, so the format is near the front."""
    return b'"format":"hansa-case-1"' in data


def check_case(report: Report, data: bytes, genesis: bytes) -> None:
    """Run every check of its kind. Raises Failed, or a Refusal for what cannot be read."""
    assert report.genesis is not None
    report.case = case = decode_strict(data, Case)
    chain = hashlib.sha256(genesis).hexdigest()
    wrong = [f"headers[{n}]" for n, signed in enumerate(case.headers) if signed.header.chain != chain]
    if case.acknowledgement is not None and case.acknowledgement.acknowledgement.chain != chain:
        wrong.append("acknowledgement")
    need(
        report, "genesis",
        Text("创世文件与证据属于同一联盟", "genesis file and evidence are of one consortium"),
        wrong, Text(f"链 {chain[:16]}…", f"chain {chain[:16]}…"),
    )  # fmt: skip
    if report.genesis.is_network:
        need(
            report, "accusation", Text("证据针对运营方", "the evidence is against the operator"),
            [Text("该联盟没有运营方", "this consortium has no operator")],
        )  # fmt: skip
    current = follow_sets(report, case.headers[-1], case.handovers) if case.headers else None
    checks = {"two_histories": _two_histories, "dropped": _dropped, "difference": _difference}
    problems: list[str | Text] = []
    if case.kind not in checks:
        problems.append(Text("这类记录不归咎任何一方", "a record of this kind accuses nobody"))
    elif current is not None and case.against != current.operator:
        problems.append(
            Text(
                f"该高度的运营方是 {current.operator}（依创世文件及历次交接），所指并非该方",
                f"the operator of that height was {current.operator}, by the genesis file and each handover: "
                "it accuses another",
            )
        )
    need(report, "accusation", Text("证据针对运营方", "the evidence is against the operator"), problems)
    unsigned = [
        f"headers[{n}]" for n, signed in enumerate(case.headers) if not _by_operator(report, case, signed)
    ]
    need(
        report, "header",
        Text("区块头由当时的运营方节点签名", "the operator of that height signed the headers"),
        unsigned or ([] if case.headers else ["headers"]),
        Text(f"高度 {case.height}", f"height {case.height}"),
    )  # fmt: skip
    assert current is not None
    checks[case.kind](report, case, current.public)


def _by_operator(report: Report, case: Case, signed: SignedHeader) -> bool:
    """Whether a header is signed by the operator of its own height."""
    assert report.genesis is not None
    header = signed.header
    return signed_by(signed, followed(report.genesis, header.chain, header.height, case.handovers).public)


def _two_histories(report: Report, case: Case, public: bytes) -> None:
    problems: list[str] = []
    if len(case.headers) != 2:
        problems.append("headers")
    else:
        one, other = (signed.header for signed in case.headers)
        if one.height != other.height or one.app_hash == other.app_hash:
            problems.append("headers")
    roots = [signed.header.app_hash[:16] for signed in case.headers]
    need(
        report, "two_histories",
        Text("同一高度有两个不同的根，均由运营方签名", "one height, two roots, both signed by the operator"),
        problems, both(" ≠ ".join(f"{root}…" for root in roots)),
    )  # fmt: skip


def _dropped(report: Report, case: Case, public: bytes) -> None:
    signed = case.acknowledgement
    items = signed.acknowledgement.items if signed is not None else ()
    promised = signed is not None and promised_by(signed, public) and case.position < len(items)
    need(
        report, "acknowledgement",
        Text("回执由运营方签名", "the operator signed the acknowledgement"),
        [] if promised else ["acknowledgement"],
    )  # fmt: skip
    promise, header = items[case.position], case.headers[0].header
    broken = header.height == promise.height and (
        header.app_hash != promise.app_hash
        or (case.instead is not None and _other(case.instead, case.headers[0], promise))
    )
    need(
        report, "broken_promise",
        Text("该高度的账本没有为所承诺的交易留下位置",
             "the ledger of that height has no room for what was promised"),
        [] if broken else [f"acknowledgement.items[{case.position}]"],
        Text(f"交易 {promise.transaction[:16]}…，区块 {promise.height} 第 {promise.index} 位",
             f"transaction {promise.transaction[:16]}…, block {promise.height} at {promise.index}"),
    )  # fmt: skip


def _other(instead: Proof, signed: SignedHeader, promise: Promise) -> bool:
    """Whether another transaction, or another outcome, lies in the promised place."""
    place = (instead.block.height, instead.within_block.index)
    in_place = holds(instead, signed.header) and place == (promise.height, promise.index)
    if instead.kind == "transaction":
        return in_place and identity(instead.item) != promise.transaction
    if instead.kind == "outcome":
        said = decode_strict(instead.item, Outcome)
        return in_place and (said.transaction, said.code) != (promise.transaction, promise.code)
    return False


def _difference(report: Report, case: Case, public: bytes) -> None:
    leaf, header = case.leaf, case.headers[-1].header
    whole = leaf is not None and _under(leaf, case.within_log, header)
    if whole and leaf is not None and case.transactions:
        whole = _root(case.transactions) == leaf.transactions_root
    told = NO_TEXT
    if case.difference is not None:
        found = difference_text(case.difference)
        told = Text(f"据 {case.by} 的节点：{found.zh}", f"by the word of {case.by}'s node: {found.en}")
    need(
        report, "block",
        Text("所示区块属于该区块头", "the block shown is that of the header"),
        [] if whole else ["leaf"], told,
    )  # fmt: skip


def _under(leaf: BlockLeaf, way: Inclusion | None, header: Header) -> bool:
    """Whether it is the newest leaf of the log that the header closes, whatever it says of itself."""
    if way is None or (way.index, way.size) != (header.height - 1, header.height):
        return False
    return included(encode(leaf), way, header.app_hash)


def _root(items: tuple[bytes, ...]) -> str:
    return merkle.root([merkle.leaf_hash(item) for item in items]).hex()


def case_proved(case: Case) -> list[Text]:
    """What a case whose checks hold shows."""
    against = case.against
    if case.kind == "two_histories":
        return [
            Text(
                f"{against} 作为运营方在高度 {case.height} 签了两部不同的历史。",
                f"{against}, as operator, signed two different histories at height {case.height}.",
            )
        ]
    if case.kind == "dropped":
        return [
            Text(
                f"{against} 作为运营方签名确认了一笔交易，而它自己签名的账本没有这笔交易的位置。",
                f"{against}, as operator, acknowledged a transaction under its signature, and signed a "
                "ledger that has no room for it.",
            )
        ]
    return [
        Text(
            f"{against} 作为运营方签署了区块 {case.height}，其内容如所示。",
            f"{against}, as operator, signed block {case.height} as it is shown here.",
        )
    ]


def case_not_proved(case: Case) -> list[Text]:
    """What the file alone does not show."""
    if case.kind == "difference":
        return [
            Text(
                "区块的内容有错：须从创世起重新执行账本才能看出，各成员单位的从节点都会这样做。",
                "That the block is wrong: that is seen by executing the ledger from genesis on, as every "
                "member's follower does.",
            )
        ]
    return [Text("是谁下的决定，出于什么原因。", "Who decided so, and why.")]
