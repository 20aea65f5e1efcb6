"""Check an evidence bundle offline, from the genesis file alone. Trusts nothing in it but what it proves.

Each check has a name, holds or not, and says where it failed. `proved` and `not_proved` go with every result.
"""

import hashlib

from hansa.apps.consortium.messages import Genesis
from hansa.client.bundle import BUNDLE_BYTES_MAX, GENESIS_BYTES_MAX, Bundle
from hansa.client.report import Check, Failed, Finality, Origin, Report, Voted, need, note
from hansa.client.texts import Text, both, instant_text
from hansa.client.verify_case import case_not_proved, case_proved, check_case, is_case
from hansa.client.verify_claims import read_claims
from hansa.client.verify_commit import AGREES, Checkpoint, check_commit, network_assumed
from hansa.client.verify_deal import check_deal, read_deal
from hansa.client.verify_ledger import check_inclusion, check_transactions, read_attests
from hansa.client.verify_metering import check_readings, read_records, repeats
from hansa.client.verify_quorum import check_finality, follow_sets
from hansa.client.verify_record import check_record, is_record
from hansa.client.verify_statement import check_periods, interest_of, recompute
from hansa.kernel import Refusal
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import signed_by

DETAIL_SHOWN = 200
NO_NETWORK = Text(
    "检查点是网络引擎的区块；该联盟由一个运营方出块，没有这样的区块",
    "a checkpoint is a block of a network's engine; this consortium has an operator and no such block",
)


def check_bundle(data: bytes, genesis: bytes, checkpoint: Checkpoint | None = None) -> Report:
    """Run every check. Never raises for bad input: what cannot be read is a failed check.

    `checkpoint`: a block of a network's engine that is known to be true.
    """
    report = Report()
    try:
        _run(report, data, genesis, checkpoint)
    except Failed:
        return report  # The failed check is in the report; nothing after it can be said.
    except Refusal as refusal:
        _unreadable(report, Text(refusal.zh, refusal.en))
    except Exception as error:  # The bytes are a stranger's: whatever they lead to, they are not evidence.
        _unreadable(report, both(f"{type(error).__name__}: {str(error)[:DETAIL_SHOWN]}"))
    return report


def _unreadable(report: Report, why: Text) -> None:
    note(
        report, "content", Text("证据包内容完整可读", "the bundle's content is complete and readable"), [why]
    )


def _run(report: Report, data: bytes, genesis: bytes, checkpoint: Checkpoint | None) -> None:
    _check_size(report, data, genesis)
    report.genesis = decode_strict(genesis, Genesis)
    if checkpoint is not None and not report.genesis.is_network:
        need(report, "checkpoint", AGREES, [NO_NETWORK])
    if is_case(data):
        check_case(report, data, genesis)
        return
    if is_record(data):
        check_record(report, data, genesis, checkpoint)
        return
    report.bundle = bundle = decode_strict(data, Bundle)
    chain = hashlib.sha256(genesis).hexdigest()
    header = bundle.head.header
    need(
        report, "genesis",
        Text("创世文件与证据属于同一联盟", "genesis file and evidence are of one consortium"),
        [] if header.chain == chain else [f"head.header.chain {header.chain[:16]}…"],
        Text(f"链 {chain[:16]}…", f"chain {chain[:16]}…"),
    )  # fmt: skip
    if report.genesis.is_network:
        check_commit(report, bundle.head, bundle.handovers, checkpoint, bundle.checkpoint)
    else:
        _check_operator(report, bundle)
    check_inclusion(report, bundle)
    records = read_attests(report, bundle)
    transactions = check_transactions(report, bundle, records, chain)
    read_deal(report, bundle, records)
    check_deal(report, records, transactions, bundle.contract)
    check_periods(report, transactions)
    batches = read_records(report, records, transactions)
    check_readings(report, bundle)
    read_claims(report, transactions)
    recompute(report, batches)


def _check_operator(report: Report, bundle: Bundle) -> None:
    """The operator signed the header, and who cosigned it."""
    if bundle.checkpoint is not None:
        need(report, "checkpoint", AGREES, [NO_NETWORK])
    in_force = follow_sets(report, bundle.head, bundle.handovers)
    need(
        report, "header",
        Text("区块头由运营方节点签名", "the operator's node signed the header"),
        [] if signed_by(bundle.head, in_force.public) else ["head.signature"],
        Text(f"高度 {bundle.head.header.height}", f"height {bundle.head.header.height}"),
    )  # fmt: skip
    check_finality(report, bundle.head, in_force)


def _check_size(report: Report, data: bytes, genesis: bytes) -> None:
    for bytes_, limit, zh, en in (
        (data, BUNDLE_BYTES_MAX, "证据包", "the bundle"),
        (genesis, GENESIS_BYTES_MAX, "创世文件", "the genesis file"),
    ):
        if len(bytes_) > limit:
            _unreadable(
                report,
                Text(
                    f"{zh}有 {len(bytes_)} 字节，上限 {limit}",
                    f"{en} has {len(bytes_)} bytes, at most {limit}",
                ),
            )
            raise Failed


def proved(report: Report) -> list[Text]:
    """What evidence whose checks hold shows, and under which assumption."""
    if report.case is not None:
        return case_proved(report.case)
    if report.record is not None:
        return [
            Text(
                "所示记录在该区块中、出示它的交易执行之时，正是账本上的当前记录。",
                "The record shown was the current one on the ledger in that block, when the transaction that "
                "shows it was carried out.",
            ),
            _stands_for_it(report.finality),
        ]
    late = report.statement is not None and bool(interest_of(report.statement))
    who, whom = "读取日志的网关", "the gateway that read the log"
    if report.signed_by_device:
        who, whom = "设备", "the device"
    elif report.device_meters:
        names = ", ".join(report.device_meters)
        who, whom = (
            f"设备（{names}）或读取日志的网关（其余）",
            f"the device ({names}) or the gateway (all else)",
        )
    return [
        Text(
            "协议由一方签署提出，另一方按协议、资费和日历的摘要签署接受；资费、日历、计量点由其所有方签署发布；"
            "所用密钥均可追溯到创世文件" + ("，或经成员表决授予。" if report.voted else "。"),
            "One party signed the agreement, the other the digest of agreement, tariff and calendar; tariff, "
            "calendar and feeds are signed by their owners; every key goes back to the genesis file"
            + (", or to a vote of the members." if report.voted else "."),
        ),
        Text(
            f"计数记录由{who}的密钥签名，此后未被改动。",
            f"The counter records were signed with the key of {whom} and have not been changed since.",
        ),
        Text(
            "结算单的每一行" + ("（逾期利息除外）" if late else "") + "都由这些记录按所列资费重新算出。",
            "Each line of the statement"
            + (", but late-payment interest," if late else "")
            + " follows from these records under the tariff shown.",
        ),
        _stands_for_it(report.finality),
    ]


def _stands_for_it(found: Finality) -> Text:
    """On whose word it stood on the ledger like this, and what would have to be wrong for it not to be so."""
    if found.whole:
        return network_assumed(found)
    if not found.final:
        return Text(
            "以上各项在所示高度正是如此记录在账本上（依据：运营方节点的签名；会签没有达到法定会签数，"
            "即“运营方的一面之词”）。",
            "All of it stood on the ledger like this at the height shown (on the operator's signature; there "
            "is no quorum of cosigners: it is the operator's word).",
        )
    signed, both_needed = len(found.signed), max(1, 2 * found.quorum - found.cosigners)
    earlier_zh = "；先前各届名单的见证方卸任后没有再凑足法定会签数来签署" if found.changes else ""
    earlier_en = ", and no quorum of an earlier set signs on after it was replaced" if found.changes else ""
    return Text(
        f"以上各项在所示高度正是如此记录在账本上：{found.cosigners} 个见证方中 {signed} 个会签，"
        "见证方自行执行每个区块。"
        f"若同一高度另有定论，须有至少 {both_needed} 个见证方签了两部历史{earlier_zh}。",
        f"All of it stood on the ledger like this at the height shown: {signed} of {found.cosigners} "
        "cosigners, who execute every block themselves, signed the header. Another final header of that "
        f"height would take {both_needed} of them who signed two histories{earlier_en}.",
    )


def _left_open(report: Report) -> Text:
    """What a header does not show, whoever signed it, and whether its signatures hold or not."""
    if report.genesis is not None and report.genesis.is_network:
        return Text(
            "每个验证节点都收录了收到的每一笔交易；区块时间准确到秒（它是各验证节点时钟的加权中位数，"
            "静止之后最多差一个空块间隔）。",
            "That every validator took in each transaction it was given; and that block times are exact to "
            "the second (a block's time is the weighted median of the validators' clocks, after a rest it "
            "may be off by the interval of empty blocks).",
        )
    if report.finality.final:
        return Text(
            "运营方收录了收到的每一笔交易，区块时间的误差小于见证方时钟的容许偏差：请保留签名回执，"
            "交给自己的从节点核对。",
            "That the operator took in every transaction it was given, and that block times are exact within "
            "what the cosigners' clocks allow: keep acknowledgements and hand them to your follower.",
        )
    return Text(
        "运营方收录了收到的每一笔交易，区块时间准确，没有向别人出示另一部历史，"
        "且成员要求多人审批的行为确已生效，而非仅仅搁置待批：在达到法定会签数之前，请核对各方手中的区块头和回执。",
        "That the operator took in every transaction it was given, that its block times are right, that it "
        "shows everybody the same history, and that an act for which a member demands several people's "
        "approval took effect and was not merely held: until a quorum cosigns, compare the headers and "
        "receipts you hold.",
    )


def _given_by_vote(given: Voted) -> Text:
    names = ", ".join(given.yes)
    return Text(
        f"{given.member} 本身认可这把密钥：{given.member} 的密钥 {given.key} 由成员表决 {given.proposal} 授予"
        f"（已出示赞成票：{names}），并非由 {given.member} 自己登记。",
        f"That {given.member} itself stands for it: the key of {given.member}, {given.key}, was given by "
        f"vote {given.proposal} of the members, not by {given.member} itself (yes votes shown: {names}).",
    )


def _readings_left_out(report: Report) -> Text:
    anchored = [origin for origin in report.origins.values() if origin.anchor]
    shown = sum(origin.reading is not None for origin in anchored)
    return Text(
        f"没有随证据包出示的原始读数：{len(anchored)} 条计数记录中，{len(anchored) - shown} 条未附读数，"
        "由其所有方保存。",
        f"Raw readings that are not in the bundle: of {len(anchored)} counter records, "
        f"{len(anchored) - shown} come without theirs, which stay with their owner.",
    )


def _moved(report: Report) -> list[Text]:
    """A lease whose time is not what its contract says."""
    agreement = report.deal.agreement if report.deal is not None else None
    if agreement is None or not (agreement.agreed_from_ms or agreement.agreed_to_ms):
        return []
    return [
        Text(
            "租期为何与所签合同不同：交接、续期或提前终止不在证据包中，依账本所载。",
            "Why the lease's time is not the one that was signed: handover, extension and early end are not "
            "in the bundle, the ledger states them.",
        )
    ]


def _interest_left_out(report: Report) -> list[Text]:
    """Lines on late payments: evidence of meters does not tell who paid when."""
    lines = [f"{line.number}" for line in interest_of(report.statement)] if report.statement else []
    if not lines:
        return []
    zh, en = "、".join(lines), ", ".join(lines)
    return [
        Text(
            f"逾期利息（第 {zh} 行）的金额：付款情况不在证据包中，依账本所载。",
            f"The amounts of late-payment interest (line {en}): payments are not in the bundle, the ledger "
            "states them.",
        )
    ]


def not_proved(report: Report) -> list[Text]:
    """What no signature can show (rule 30)."""
    if report.case is not None:
        return case_not_proved(report.case)
    if report.record is not None:
        return [
            Text("该记录此后没有变化。", "That the record has not changed since."),
            _left_open(report),
        ]
    out = [Text("传感器或控制器报告的数值是真实的。", "That the sensor or control told the truth.")]
    if not report.signed_by_device:
        out.append(
            Text(
                "网关签名之处，设备本身没有签名：网关为它所读到的日志文件（见 SHA-256）负责，"
                "日志在读取之前可能已被改动。",
                "Where a gateway signed, the device itself signed nothing: the gateway stands for the log "
                "file it read (see its SHA-256), which may have been changed before.",
            )
        )
    out += [_given_by_vote(given) for given in report.voted]
    out += [
        Text("签名时谁实际掌握密钥。", "Who held the key when it signed."),
        _left_open(report),
        _readings_left_out(report),
    ]
    if report.statement is not None and report.statement.corrected_to_ms and report.deal is not None:
        at = instant_text(report.deal.calendar, report.statement.corrected_to_ms)
        out.append(
            Text(
                f"自 {at} 起各期的更正留待下一期结算单。",
                f"Corrections of the periods from {at} on: they are left to the next statement.",
            )
        )
    out += [*_moved(report), *_interest_left_out(report)]
    if report.missing:
        zh, en = "、".join(report.missing[:12]), ", ".join(report.missing[:12])
        out.append(
            Text(
                f"以下序号没有记录，是尚未送达还是被漏收，从证据包中看不出来：{zh}。",
                f"Whether these numbers, without a record, were not sent yet or were left out: {en}.",
            )
        )
    return out


__all__ = ["Check", "Origin", "Report", "Text", "check_bundle", "not_proved", "proved", "repeats"]
