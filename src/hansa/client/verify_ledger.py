"""Checks of what stood on the ledger: paths up to the header, keys down to the genesis file, signatures."""

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

from hansa.apps.consortium.messages import Genesis
from hansa.client.bodies import all_rules, read, tag_of
from hansa.client.bundle import Bundle
from hansa.client.report import Report, need
from hansa.client.texts import Text
from hansa.client.verify_acts import Acts, KeyName, Placed, acts_of
from hansa.kernel import Attested, Key, keys
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import Proof, holds
from hansa.kernel.messages import Outcome
from hansa.kernel.signatures import ED25519, TRANSACTION_DOMAIN, verify
from hansa.kernel.transaction import identity

R = TypeVar("R")


def check_inclusion(report: Report, bundle: Bundle) -> None:
    """Every item lies under the header, as what it claims to be; transactions stand in ledger order.

    A block's leaf does not say how many items a tree has: all proofs of one tree must claim the same size,
    for then their order within the block is the true one.
    """
    problems: list[str] = []
    parts: list[tuple[str, str, Proof]] = [
        (f"attests[{n}]", "event", p) for n, p in enumerate(bundle.attests)
    ]
    before = (0, -1)
    for n, carried in enumerate(bundle.transactions):
        name = f"transactions[{n}]"
        transaction, outcome = carried.transaction, carried.outcome
        parts += [
            (f"{name}.transaction", "transaction", transaction),
            (f"{name}.outcome", "outcome", outcome),
        ]
        place = (transaction.block.height, transaction.within_block.index)
        if place <= before:
            problems.append(f"{name} is out of ledger order")
        if (outcome.block, outcome.within_block.index) != (transaction.block, transaction.within_block.index):
            problems.append(f"{name}.outcome is of another place")
        before = place
    before = (0, -1)
    for n, proof in enumerate(bundle.events):
        parts.append((f"events[{n}]", "event", proof))
        place = (proof.block.height, proof.within_block.index)
        if place <= before:
            problems.append(f"events[{n}] is out of ledger order")
        before = place
    sizes: dict[tuple[int, bool], int] = {}
    for name, kind, proof in parts:
        size = sizes.setdefault((proof.block.height, kind == "event"), proof.within_block.size)
        header = bundle.head.header
        whole = (
            proof.kind == kind and size == proof.within_block.size and proof.block.time_ms <= header.time_ms
        )
        if not (whole and holds(proof, header)):
            problems.append(name)
    need(
        report, "inclusion",
        Text("各条目均在该区块头之下的日志中", "every item lies in the log under the header"),
        problems, Text(f"{len(parts)} 条路径", f"{len(parts)} paths"),
    )  # fmt: skip


class Attests:
    """Records shown by the bundle, by table and key."""

    def __init__(self) -> None:
        self._tables = all_rules().tables
        self._found: dict[tuple[str, tuple[str, ...]], Any] = {}
        self.heights: dict[tuple[str, tuple[str, ...]], int] = {}

    def add(self, proof: Proof) -> bool:
        """Take a record in; False if it is there already or its table is unknown."""
        event = decode_strict(proof.item, Attested)
        table = self._tables.get(event.table)
        name = (event.table, event.key)
        if table is None or name in self._found:
            return False
        self._found[name] = table.decode(event.record)
        self.heights[name] = proof.block.height
        return True

    def find(self, kind: type[R], table: str, *key: str) -> R | None:
        found = self._found.get((table, key))
        return found if isinstance(found, kind) else None

    def get(self, kind: type[R], table: str, *key: str) -> R:
        """Raises KeyError where the bundle shows no such record."""
        found = self.find(kind, table, *key)
        if found is None:
            raise KeyError(f"{table} {'.'.join(key)} is not in the bundle")
        return found

    def all(self, kind: type[R], table: str) -> Iterator[tuple[tuple[str, ...], R]]:
        for (name, key), record in self._found.items():
            if name == table and isinstance(record, kind):
                yield key, record


def read_attests(report: Report, bundle: Bundle) -> Attests:
    """Each record once: of two versions nobody could say which one counts."""
    records = Attests()
    problems = [f"attests[{n}]" for n, proof in enumerate(bundle.attests) if not records.add(proof)]
    need(
        report, "attests",
        Text("每条账本记录只出示一次", "each record of the ledger is shown once"),
        problems, Text(f"{len(bundle.attests)} 条记录", f"{len(bundle.attests)} records"),
    )  # fmt: skip
    return records


def check_transactions(report: Report, bundle: Bundle, records: Attests, chain: str) -> list[Placed]:
    """Each transaction was signed by a key that its member had then, and was not refused; what it did.

    Keys go back to the genesis file: a later one was registered by a transaction of the bundle that an
    earlier one signed, or given by a vote whose ballots others signed. So the operator can leave transactions
    out, but make none up.
    """
    assert report.genesis is not None
    acts = acts_of(bundle, _founding(report.genesis))
    found: list[Placed] = []
    problems: list[str] = []
    for n, carried in enumerate(bundle.transactions):
        proof, where = carried.transaction, f"transactions[{n}]"
        transaction, time_ms = read(proof.item), proof.block.time_ms
        body, name = transaction.body, identity(transaction.wire)
        outcome = decode_strict(carried.outcome.item, Outcome)
        acts.reach(proof.block.height)
        key = acts.known.get((body.member, body.key))
        message = TRANSACTION_DOMAIN + transaction.body_bytes
        sound = (
            (outcome.transaction, outcome.code, body.chain) == (name, "ok", chain)
            and key is not None
            and _may_sign(records, body, key, time_ms)
            and verify(transaction.suite, key.public, transaction.signature, message)
        )
        if not sound:
            problems.append(where)
            continue
        for placed in acts.done(where, (proof.block.height, proof.within_block.index), time_ms, transaction):
            signer = (placed.member, placed.key)
            if not _stands(records, signer, acts.known[signer], time_ms):  # Of what was held: then as well.
                problems.append(f"{where}: {placed.member}/{placed.key}")
            found.append(placed)
    acts.finish()
    count = len(bundle.transactions)
    need(
        report, "signatures",
        Text("每笔交易由其成员单位的密钥签名，且未被拒绝",
             "each transaction is signed by a key of its member and was not refused"),
        [*acts.not_given, *problems] if problems else [],
        Text(f"{count} 笔交易", f"{count} transactions"),
    )  # fmt: skip
    report.voted = acts.voted
    _check_effects(report, acts, found)
    _check_keys(report, records, acts.known)
    return found


def _check_effects(report: Report, acts: Acts, found: Sequence[Placed]) -> None:
    """Each act left its own event where it counts; what was held was approved by those who had to."""
    done = sum(len(placed.actions) for placed in found)
    approved = [placed for placed in found if placed.approvals]
    by = [
        f"{placed.where} {placed.member}/{placed.key} + {', '.join(given.key for given in placed.approvals)}"
        for placed in approved
    ]
    need(
        report, "effects",
        Text("每项行为在其所在区块留下自己的事件，搁置待批的经他人审批后执行",
             "each act left its own event in its block; what was held was approved and carried out"),
        [*acts.not_given, *acts.problems],
        Text(f"{done} 项行为" + (f"；经审批：{'；'.join(by)}" if by else ""),
             f"{done} acts" + (f"; approved: {'; '.join(by)}" if by else "")),
    )  # fmt: skip


def _founding(genesis: Genesis) -> dict[KeyName, Key]:
    return {
        (member.id, key.id): Key(
            suite=ED25519, public=key.public, holder=key.holder, kind=key.kind, scopes=key.scopes,
            expires_ms=key.expires_ms,
        )
        for member in genesis.members
        for key in member.keys
    }  # fmt: skip


def _may_sign(records: Attests, body: Any, key: Key, time_ms: int) -> bool:
    """Scope and time, as the ledger had to check them."""
    scoped = all(keys.in_scope(key.scopes, tag_of(action)) for action in body.actions)
    return (
        scoped and time_ms < body.valid_until_ms and _stands(records, (body.member, body.key), key, time_ms)
    )


def _stands(records: Attests, name: KeyName, key: Key, time_ms: int) -> bool:
    """Whether a key could sign at the time of a block; what ended it early stands in the attest.

    What it signed in the very millisecond in which it was ended may lie before that, and was not refused.
    """
    shown = records.find(Key, "kernel.keys", *name)
    if shown is None or (shown.revoked_ms and time_ms > shown.revoked_ms):
        return False
    return time_ms < key.expires_ms and time_ms <= shown.expires_ms


def _check_keys(report: Report, records: Attests, known: dict[tuple[str, str], Key]) -> None:
    """What the ledger shows of a key is what the genesis file or its own transaction made it."""
    shown = list(records.all(Key, "kernel.keys"))
    given = report.voted
    problems = [
        f"key {'/'.join(name)}"
        for name, key in shown
        if (origin := known.get((name[0], name[1]))) is None
        or (origin.public, origin.kind, origin.holder, origin.scopes, origin.suite)
        != (key.public, key.kind, key.holder, key.scopes, key.suite)
        or key.expires_ms > origin.expires_ms  # Earlier, where another key took its place.
    ]
    need(
        report, "keys",
        Text("每把密钥出自创世文件，或由本单位较早的密钥登记，或经成员表决授予",
             "each key is of the genesis file, was registered under an earlier key of its member, "
             "or was given by a vote"),
        problems,
        Text(f"{len(shown)} 把密钥" + (f"，其中 {len(given)} 把经表决授予" if given else ""),
             f"{len(shown)} keys" + (f", {len(given)} of them given by vote" if given else "")),
    )  # fmt: skip
