"""What a contract sees: the time of the block, who signed, its tables, and nothing else (protocol, rule 9).

Every use is counted; past a named budget the transaction is refused, so that no action can slow the others.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import msgspec

from hansa.kernel import limits
from hansa.kernel.canonical import decode, encode
from hansa.kernel.messages import Event, Record, Signal
from hansa.kernel.refusal import Refusal
from hansa.kernel.state import Overlay, after_prefix, decode_key, encode_key

if TYPE_CHECKING:
    from hansa.kernel.registry import Registry

R = TypeVar("R", bound=Record)


class OverBudget(Refusal, code="kernel.over_budget", field="actions"):
    zh = "该交易超出预算：{what} 超过 {limit}。请拆成几笔较小的交易。"
    en = "The transaction costs more than one may: {what} beyond {limit}. Split it into smaller ones."


class Exists(Refusal, code="kernel.exists", field="key"):
    zh = "{table} 中已有记录 {key}。请换一个编号，或改用修改操作。"
    en = "{table} already holds {key}. Choose another id, or change the existing one."


class OutOfRange(Refusal, code="kernel.out_of_range", field="actions"):
    zh = "该操作的结果无法记入账本：{what} 的数值超出范围或不合规定（{detail}）。请检查数量与金额。"
    en = "The ledger cannot hold what this leads to: {what} is out of range ({detail}). Check the figures."


class Context:
    """One transaction's view. `member` and `key` are the signer; both are "" for work that fell due."""

    def __init__(
        self,
        registry: "Registry",
        layer: Overlay,
        *,
        time_ms: int,
        height: int,
        chain: str,
        rules: int = 1,
        member: str = "",
        key: str = "",
        transaction: str = "",
        verify: "Callable[[bytes, int, bytes, bytes], bool] | None" = None,
    ) -> None:
        self.registry = registry
        self.layer = layer
        self.time_ms = time_ms
        self.height = height
        self.chain = chain
        self.rules = rules
        self.member = self.account = member
        """The account that due work goes on: in due work, that of its own entry."""
        self.key = key
        self.transaction = transaction
        self.woken = 0
        """Pieces of due work that the block did before its transactions."""
        self._verify = verify
        self.events: list[bytes] = []
        self.touched: dict[str, None] = {}
        """Classes of the records that were read (design, section 5): who asks must be among their readers."""
        self.reads = self.writes = self.scanned = self.bytes = self.work = 0

    def emit(self, event: Event) -> None:
        """Add to the event log, which anyone can be shown a proof of. Canonical bytes are taken now."""
        if len(self.events) >= limits.EVENTS_MAX:
            raise OverBudget(what="events", limit=limits.EVENTS_MAX)
        data = encode(event)
        self.spend_bytes(len(data))
        _check(data, type(event))
        self.events.append(data)

    def signal(self, signal: Signal) -> None:
        """Tell the rooms that listen, within this transaction and its budget."""
        for listener in self.registry.listeners(type(signal)):
            listener(self, signal)

    def perform(self, actions: Sequence[bytes], key: str) -> None:
        """Do what was held back (rule 7): canonical bytes of actions, signed by `key` of the same member."""
        approver, self.key = self.key, key
        for data in actions:
            action = self.registry.decode_action(data)
            self.registry.actions[type(action)](self, action)
        self.key = approver

    def verified(self, public: bytes, suite: int, signature: bytes, message: bytes) -> bool:
        """Whether a signature within an action holds, such as a device's. Counts as a hundred reads."""
        self.spend_read(limits.READS_PER_SIGNATURE)
        return self._verify is not None and self._verify(public, suite, signature, message)

    def spent(self) -> tuple[int, int]:
        """(steps, bytes) so far: a read, a write, a scanned row are a step each, as is some work."""
        work = self.work // limits.WORK_PER_STEP
        return self.reads + self.writes + self.scanned + work, self.bytes

    def spend_bytes(self, count: int) -> None:
        self.bytes += count
        if self.bytes > limits.BYTES_MAX:
            raise OverBudget(what="bytes", limit=limits.BYTES_MAX)

    def spend_read(self, count: int = 1) -> None:
        self.reads += count
        if self.reads > limits.READS_MAX:
            self.reads = limits.READS_MAX + 1  # Those beyond are not made.
            raise OverBudget(what="reads", limit=limits.READS_MAX)

    def spend_write(self, count: int) -> None:
        self.writes += 1
        if self.writes > limits.WRITES_MAX:
            raise OverBudget(what="writes", limit=limits.WRITES_MAX)
        self.spend_bytes(count)

    def spend_work(self, count: int) -> None:
        """What a room from outside does between its reads and writes, which no other budget sees."""
        self.work += count
        if self.work > limits.WORK_MAX:
            self.work = limits.WORK_MAX + 1  # What is beyond is not done.
            raise OverBudget(what="work", limit=limits.WORK_MAX)

    def spend_scanned(self, count: int) -> None:
        self.scanned += count
        if self.scanned > limits.SCANNED_MAX:
            raise OverBudget(what="scanned rows", limit=limits.SCANNED_MAX)


def _check(data: bytes, kind: type[Any]) -> None:
    """Read what is to be shown as its reader will, since constructors do not validate. Raises OutOfRange."""
    try:
        decode(data, kind)
    except msgspec.ValidationError as error:
        raise OutOfRange(what=kind.__name__, detail=str(error)) from None


Parts = Sequence[str | int]


class Table(Generic[R]):
    """Records of one type under ordered keys. `integers` names the parts of the key that are integers.

    `older` maps record types of earlier versions to the pure function that brings them up to date when read
    (rule 13): no migration ever runs over a table.
    """

    def __init__(
        self,
        name: str,
        key: Sequence[str],
        record: type[R],
        integers: Sequence[str] = (),
        older: dict[type[Record], Callable[[Any], R]] | None = None,
    ) -> None:
        self.name = name
        self.key = tuple(key)
        self.record = record
        self.integers = tuple(part in integers for part in key)
        self._older = older or {}
        union: Any = record
        for kind in self._older:
            union = union | kind
        self._decoder = msgspec.json.Decoder(union, strict=True)

    def decode(self, stored: bytes) -> R:
        """A stored record in its newest version."""
        record: Any = self._decoder.decode(stored)
        while not isinstance(record, self.record):
            record = self._older[type(record)](record)
        return record

    def get(self, ctx: Context, key: Parts) -> R | None:
        ctx.spend_read()
        ctx.touched[self.record.readers] = None
        entry = ctx.layer.get(self.name, encode_key(key), self.decode)
        return None if entry is None else entry[1]

    def stored(self, ctx: Context, key: Parts) -> bytes | None:
        """The bytes as stored, for attests."""
        ctx.spend_read()
        ctx.touched[self.record.readers] = None
        entry = ctx.layer.get(self.name, encode_key(key), self.decode)
        return None if entry is None else entry[0]

    def put(self, ctx: Context, key: Parts, record: R) -> None:
        """Write a record. Raises OutOfRange if it holds what its type forbids, KeyUnfit for a bad key."""
        assert len(key) == len(self.key)
        data = encode(record)
        at = encode_key(key)
        ctx.spend_write(len(at) + len(data))
        try:
            # Constructors do not validate; and all nodes must hold the same record, cached or read from disk.
            kept = self.decode(data)
        except msgspec.ValidationError as error:
            raise OutOfRange(what=self.name, detail=str(error)) from None
        ctx.layer.set((self.name, at), (data, kept))

    def insert(self, ctx: Context, key: Parts, record: R) -> None:
        """As `put`, but refuses where a record is already."""
        if self.get(ctx, key) is not None:
            raise Exists(table=self.name, key=".".join(str(part) for part in key))
        self.put(ctx, key, record)

    def delete(self, ctx: Context, key: Parts) -> None:
        at = encode_key(key)
        ctx.spend_write(len(at))
        ctx.layer.set((self.name, at), None)

    def scan(
        self,
        ctx: Context,
        prefix: Parts = (),
        *,
        start: Parts | None = None,
        end: Parts | None = None,
        limit: int = limits.SCAN_MAX,
        reverse: bool = False,
    ) -> Iterator[tuple[tuple[str | int, ...], R]]:
        """Rows whose key begins with `prefix`, from `start` (included) to `end` (left out), at most `limit`.

        `start` and `end` are whole or partial keys. Rows are read as they are asked for. Each counts as
        scanned, as does one that this block deleted; the scan itself counts as a read.
        """
        ctx.spend_read()
        ctx.touched[self.record.readers] = None
        low = encode_key(prefix)
        high = after_prefix(low)
        if start is not None:
            low = max(low, encode_key(start))
        if end is not None:
            high = min(high, encode_key(end))
        rows = ctx.layer.rows(self.name, low, high, reverse, self.decode)
        while limit > 0 and (row := next(rows, None)) is not None:
            ctx.spend_scanned(1)
            key, entry = row
            if entry is not None:
                limit -= 1
                yield decode_key(key, self.integers), entry[1]
