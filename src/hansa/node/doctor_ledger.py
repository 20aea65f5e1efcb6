"""Doctor: the ledger on disk, what is in force and comes, the member's keys, the age of the backup."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from hansa.engines import errors as engine_errors
from hansa.engines.reader import Reader
from hansa.engines.reading import KINDS, Reading
from hansa.engines.replay import replay, scrub
from hansa.engines.sealed import stands
from hansa.engines.stops import Stop
from hansa.kernel import Release, encode, limits, lthash, merkle
from hansa.kernel.active import ACTIVE
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Header
from hansa.kernel.keys import KEYS
from hansa.kernel.messages import Active, Key
from hansa.kernel.refusal import Refusal
from hansa.kernel.state import Damaged, after_prefix, decode_key, encode_key
from hansa.node import errors_doctor as errors
from hansa.node.backup_note import read_note
from hansa.node.doctor_files import is_held
from hansa.node.findings import Finding, Level, finding, fine
from hansa.node.projection import FILE as READ_MODEL
from hansa.node.projection import Projection
from hansa.node.projector import Projector
from hansa.node.scrubber import read_pass

EXPIRY_DAYS: tuple[tuple[int, Level], ...] = ((3, "wrong"), (14, "warning"), (60, "note"))
"""(days left, how loud)."""
BACKUP_DAYS_MAX = 7


def date_text(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y-%m-%d}"


# The ledger itself.


def look_at_chain(reading: Reading) -> Iterator[Finding]:
    """Does the genesis file belong to this ledger? Do the head and the last block hold (rule 20)?"""
    known = reading.rows.meta("chain")
    if known != reading.chain.id.encode():
        yield finding("genesis", "wrong", engine_errors.WrongGenesis(chain=(known or b"?")[:12].decode()))
        return
    yield fine("genesis", f"创世文件与账本相符，链 {known[:12].decode()}…。", f"Chain {known[:12].decode()}…")
    if reading.height == 0:
        yield fine("last block", "账本还没有区块。", "The ledger has no block yet.")
    elif head_holds(reading):
        yield fine(
            "last block",
            f"区块 {reading.height} 的区块头、签名、叶与内容相符。",
            f"Block {reading.height}: header, signature, leaf and contents fit.",
        )
    else:
        yield finding("last block", "wrong", engine_errors.HistoryBroken(height=reading.height))


def head_holds(reading: Reading) -> bool:
    """Whether the newest header is signed, and closes a log that ends in the last block and this state."""
    height = reading.height
    try:
        leaf, signed = reading.leaf(height), reading.header(height)
        app_hash = merkle.root_of(height, reading.rows.node).hex()
        logged = reading.rows.node(0, height - 1)
        for kind in KINDS:
            reading.items(kind, height)
    except engine_errors.Pruned:
        return False
    except (Damaged, ValueError):
        return False
    header = Header(chain=reading.chain.id, height=height, time_ms=leaf.time_ms, app_hash=app_hash)
    return (
        signed.header == header
        and stands(signed, reading.genesis, reading.operator_key(height))
        and logged == merkle.leaf_hash(encode(leaf))
        and leaf.height == height
        and leaf.state_digest == lthash.digest(reading.rows.meta("state_sum") or lthash.EMPTY)
    )


def look_at_stop(reading: Reading, *, orders: bool) -> Iterator[Finding]:
    """Is a stop noted? Is an operator's ledger a restored one of which nobody said that it is the newest?"""
    noted = reading.rows.meta("stopped")
    if noted is not None:
        stop = decode(noted, Stop)
        yield finding("stops", "wrong", errors.StopNoted(stops=stop.stops, cause=stop.cause))
    elif orders and reading.rows.meta("restored") is not None:
        yield finding("stops", "wrong", engine_errors.Restored(height=reading.height))
    else:
        yield fine("stops", "没有记录停机。", "No stop is noted.")


def look_at_records(reading: Reading) -> Iterator[Finding]:
    """Read every record and sum all anew (`--scrub`)."""
    digest = lthash.digest(reading.rows.meta("state_sum") or lthash.EMPTY)
    try:
        count = scrub(reading.rows, digest)
    except Damaged as damage:
        yield finding("records", "wrong", engine_errors.DamagedOnDisk(cause=str(damage)))
    except Refusal as refusal:
        yield finding("records", "wrong", refusal)
    else:
        yield fine(
            "records",
            f"全部 {count:,} 条记录与账本承诺的摘要相符。",
            f"All {count:,} records are those that the ledger commits to.",
        )


def look_at_history(reading: Reading, genesis_bytes: bytes, release: Release) -> Iterator[Finding]:
    """Execute the whole log again (`--replay`)."""
    try:
        done = replay(reading.rows, genesis_bytes, release)
    except Damaged as damage:
        yield finding("replay", "wrong", engine_errors.DamagedOnDisk(cause=str(damage)))
    except Refusal as refusal:
        yield finding("replay", "wrong", refusal)
    else:
        yield fine(
            "replay",
            f"全部 {done.height:,} 个区块重新执行，结果相同。",
            f"All {done.height:,} blocks were executed again and led to the same.",
        )


def look_at_scrub(directory: Path) -> Iterator[Finding]:
    """When did a running node last read all that it holds against its checksums (rule 20)?"""
    found = read_pass(directory)
    if found.done_ms:
        day = date_text(found.done_ms)
        zh = f"{day} 节点读完全部 {found.done_records:,} 条记录与区块至 {found.done_height}，未发现损坏。"
        en = f"On {day} all {found.done_records:,} records and blocks up to {found.done_height} were sound."
    else:
        zh, en = "节点尚未读完一遍全部数据。", "No pass over all records and blocks is through yet."
    if found.table or found.height:
        zh += f"本遍已读 {found.records:,} 条记录，区块至 {found.height}。"
        en += f" Under way: {found.records:,} records, blocks up to {found.height}."
    yield fine("scrub", zh, en)


# The read model.


def look_at_projection(directory: Path, reading: Reading) -> Iterator[Finding]:
    """How far does it go? None is no harm: a running node makes it."""
    height = Projection(directory / READ_MODEL, reading.chain.id).height()
    yield fine(
        "read model",
        f"读模型到区块 {height}，账本到 {reading.height}。节点运行时自行补上。",
        f"The read model goes to block {height} of {reading.height}. A running node brings it up.",
    )


def rebuild(directory: Path, reader: Reader) -> Iterator[Finding]:
    """Make it anew from the ledger (`--rebuild`). Raises InUse while a node runs: that one does so itself."""
    if is_held(directory):
        raise engine_errors.InUse(path=str(directory))
    projection = Projection(directory / READ_MODEL, reader.chain.id)
    projection.begin()
    height = Projector(projection, reader).catch_up()
    yield fine("read model", f"读模型已重建，到区块 {height}。", f"Made anew, up to block {height}.")


# Rules and rooms.


def look_at_rules(reading: Reading) -> Iterator[Finding]:
    """Does this program have what is in force, and what the consortium has scheduled?"""
    try:
        now = reading.now
    except Refusal as refusal:
        yield finding("rules", "wrong", refusal)
        return
    coming = list(_scheduled(reading))
    yield from coming
    if not coming:
        yield fine(
            "rules",
            f"现行第 {now.rules} 版规则；本程序支持到第 {limits.RULES_MAX} 版，没有它缺少的变更。",
            f"Rules version {now.rules} is in force; this program knows up to {limits.RULES_MAX} and lacks "
            "nothing that is scheduled.",
        )


def _scheduled(reading: Reading) -> Iterator[Finding]:
    start = encode_key((reading.height + 2,))
    for key, stored in reading.records(ACTIVE.name, start[:-1] + bytes((start[-1] - 1,)), 1_000):
        height = int(decode_key(key, ACTIVE.integers)[0])
        active: Active = ACTIVE.decode(stored)
        if active.rules > limits.RULES_MAX:
            lacking = errors.RulesScheduled(
                height=height, rules=active.rules, limit=limits.RULES_MAX, now=reading.height
            )
            yield finding("rules", "wrong", lacking)
        for pin in active.rooms:
            if pin not in reading.chain.release.foreign:
                missing = errors.RoomScheduled(height=height, name=pin.name, version=pin.version)
                yield finding("rooms", "wrong", missing)


# Keys.


def look_at_keys(reading: Reading, member: str, own_key: str, now_ms: int) -> Iterator[Finding]:
    """Do the member's keys expire soon? Is the one that this node uses good?"""
    prefix = encode_key((member,))
    rows = reading.records(KEYS.name, prefix, 1_000)
    end = after_prefix(prefix)
    keys: dict[str, Key] = {
        str(decode_key(key, KEYS.integers)[1]): KEYS.decode(stored) for key, stored in rows if key < end
    }
    good = {name: key for name, key in keys.items() if not _over(key, now_ms)}
    if own_key and own_key not in keys:
        yield finding("keys", "wrong", errors.KeyNotOnLedger(member=member, key=own_key))
    elif own_key and keys[own_key].revoked_ms:
        revoked = date_text(keys[own_key].revoked_ms)
        yield finding("keys", "wrong", errors.KeyRevoked(member=member, key=own_key, date=revoked))
    if not any(key.kind == "person" for key in good.values()):
        yield finding("keys", "wrong", errors.NoKeyLeft(member=member))
    told = [one for name, key in sorted(keys.items()) for one in _expiry(member, name, key, now_ms, own_key)]
    yield from told
    if not told:
        yield fine(
            "keys",
            f"{len(good)} 把有效密钥，60 天内无到期。",
            f"{len(good)} good keys; none ends within 60 days.",
        )


def _over(key: Key, now_ms: int) -> bool:
    return bool(key.revoked_ms) or key.expires_ms <= now_ms


def _expiry(member: str, name: str, key: Key, now_ms: int, own_key: str) -> Iterator[Finding]:
    if key.revoked_ms:
        return
    date = date_text(key.expires_ms)
    if key.expires_ms <= now_ms:
        level: Level = "wrong" if name == own_key else "note"
        yield finding("keys", level, errors.KeyExpired(member=member, key=name, date=date))
        return
    days = (key.expires_ms - now_ms) // limits.DAY_MS
    for within, loud in EXPIRY_DAYS:
        if days < within:
            yield finding("keys", loud, errors.KeyExpires(member=member, key=name, date=date, days=days))
            return


# Backup.


def look_at_backup(directory: Path, height: int, now_ms: int) -> Iterator[Finding]:
    """When was the last one?"""
    note = read_note(directory)
    if note is None:
        yield finding("backup", "warning", errors.NoBackup())
        return
    days = max(0, now_ms - note.at_ms) // limits.DAY_MS
    if days >= BACKUP_DAYS_MAX and height > note.height:
        yield finding("backup", "warning", errors.BackupOld(days=days, height=note.height, now=height))
    else:
        yield fine(
            "backup",
            f"最近备份于 {days} 天前，高度 {note.height}。",
            f"The last one is {days} days old, at height {note.height}.",
        )
