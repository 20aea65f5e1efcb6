"""A member's data in open formats: a folder of JSON Lines and CSV that is read and checked without Hansa.

Layout and meaning of each file stand in the folder's own README; `read_export.py`, copied into it, is the
reader that needs Python only. JSON Lines are exact, to the byte where something is hashed; CSV is for people.
"""

import csv
import hashlib
import io
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path
from threading import Event
from typing import Any

import msgspec

from hansa.apps.billing.messages import Statement
from hansa.apps.consortium.messages import Genesis
from hansa.apps.consortium.messages_validators import ValidatorsChanged
from hansa.client.tables import harmless
from hansa.kernel import encode
from hansa.kernel.canonical import decode
from hansa.kernel.context import Table
from hansa.kernel.state import decode_key
from hansa.kernel.transaction import HEAD_BYTES
from hansa.node import errors_operate as errors
from hansa.node import export_statements as statements
from hansa.node.private import private
from hansa.node.source import Source, Whole

FORMAT = "hansa-export-1"
HERE = Path(__file__).parent
Progress = Callable[[str, str, int, int], None]
"""(zh, en, done, whole): what is being done, and how far it is. What it raises cancels the work."""


def silent(zh: str, en: str, done: int, whole: int) -> None:
    """No progress shown."""


def until(over: Event, progress: Progress = silent) -> Progress:
    """The same progress, which cancels the work once `over` is set: the work then raises Cancelled."""

    def told(zh: str, en: str, done: int, whole: int) -> None:
        if over.is_set():
            raise errors.Cancelled()
        progress(zh, en, done, whole)

    return told


@dataclass(frozen=True)
class Readings:
    """A batch of the owner's own store of readings."""

    batch: str
    secret: bytes
    root: bytes
    items: Sequence[bytes]


@dataclass(frozen=True)
class Extras:
    """What lies outside the ledger and is exported with it."""

    readings: Iterable[Readings] = ()
    evidence: Iterable[tuple[str, bytes]] = ()
    """(file name, bytes) of evidence files."""


class _File:
    """One file of the export; it is hashed as it is written."""

    def __init__(self, folder: Path, name: str) -> None:
        self.name, self.rows, self.bytes = name, 0, 0
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("wb")
        self._hash = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._file.write(data)
        self._hash.update(data)
        self.bytes += len(data)

    def close(self) -> dict[str, Any]:
        """Its line of the manifest."""
        self._file.close()
        entry = {"bytes": self.bytes, "path": self.name, "sha256": self._hash.hexdigest()}
        return {**entry, "rows": self.rows} if self.rows or self.name.endswith(".jsonl") else entry


class Sheet:
    """The same rows twice: exact as JSON Lines, and as CSV for people."""

    def __init__(self, out: "Out", name: str, columns: Sequence[str]) -> None:
        self._lines, self._table = out.file(f"{name}.jsonl"), out.file(f"{name}.csv")
        # With a byte order mark spreadsheets read UTF-8 as UTF-8.
        self._table.write(b"\xef\xbb\xbf" + _csv_line(columns))

    def row(self, exact: Any, cells: Sequence[Any]) -> None:
        self._lines.write(encode(exact) + b"\n")
        self._table.write(_csv_line(cells))
        self._lines.rows += 1
        self._table.rows += 1


@dataclass
class Out:
    """The folder as it grows."""

    folder: Path
    files: dict[str, _File] = field(default_factory=dict)

    def file(self, name: str) -> _File:
        self.files[name] = _File(self.folder, name)
        return self.files[name]

    def whole(self, name: str, data: bytes) -> None:
        self.file(name).write(data)


@private()
def export(
    source: Source, member: str, folder: Path, *, extras: Extras = Extras(), progress: Progress = silent
) -> dict[str, Any]:
    """Write a member's data to a new folder; it appears when it is whole. Returns the manifest.

    `folder` must not exist. Whatever interrupts it, Ctrl-C or what `progress` raises, leaves nothing behind.
    Raises MemberUnknown, ExportTaken, or what the source refuses.
    """
    genesis = decode(source.genesis_bytes, Genesis)
    if folder.exists():
        raise errors.ExportTaken(path=str(folder))
    part = folder.with_name(folder.name + ".part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    try:
        out = Out(part)
        head = _blocks(out, source, member, progress)
        _commits(out, source)
        count = _records(out, source, member, progress)
        if not count:
            raise errors.MemberUnknown(member=member)
        _extras(out, extras, progress)
        out.whole("genesis.json", source.genesis_bytes)
        out.whole("read_export.py", (HERE / "read_export.py").read_bytes())
        out.whole("README.md", _readme(genesis, member, source.height))
        manifest = _manifest(out, source, member, head)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    return manifest


def _manifest(out: Out, source: Source, member: str, head: Any) -> dict[str, Any]:
    made = datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    manifest = {
        "chain": hashlib.sha256(source.genesis_bytes).hexdigest(),
        "files": [file.close() for _, file in sorted(out.files.items())],
        "format": FORMAT,
        "head": head,
        "height": source.height,
        "made": made,
        "member": member,
        "program": metadata.version("hansa"),
    }
    (out.folder / "manifest.json").write_bytes(encode(manifest) + b"\n")
    return manifest


def _readme(genesis: Genesis, member: str, height: int) -> bytes:
    text = (HERE / "export_readme.md").read_text(encoding="utf-8")
    values = {"name_zh": genesis.name_zh, "name_en": genesis.name_en, "member": member, "height": height}
    for name, value in values.items():
        text = text.replace("{" + name + "}", str(value))
    return text.encode()


# Blocks, and of them the member's own transactions and events.

TRANSACTION_COLUMNS = (
    "height", "index", "time", "transaction", "key", "sequence", "code", "field", "clause", "actions",
)  # fmt: skip
EVENT_COLUMNS = ("height", "index", "time", "type", "event")


def _blocks(out: Out, source: Source, member: str, progress: Progress) -> Any:
    """Every block in full; beside it what the member signed, and the events that name it."""
    blocks = out.file("ledger/blocks.jsonl")
    transactions = Sheet(out, "own/transactions", TRANSACTION_COLUMNS)
    events = Sheet(out, "own/events", EVENT_COLUMNS)
    head = None
    for whole in source.blocks():
        blocks.write(encode(_block_line(whole)) + b"\n")
        blocks.rows += 1
        for index, (wire, outcome) in enumerate(zip(whole.wires, whole.outcomes, strict=True)):
            _own_transaction(transactions, member, whole, index, wire, outcome)
        for index, event in enumerate(whole.events):
            _own_event(events, member, whole, index, event)
        head = msgspec.Raw(encode(whole.header))
        progress("区块", "blocks", whole.leaf.height, source.height)
    return head


def _commits(out: Out, source: Source) -> None:
    """Of a network: under whose votes the log stands, in the order of heights."""
    changes, head = source.commits()
    rows: list[dict[str, Any]] = [
        {"head": each.head, "validators": decode(each.event.item, ValidatorsChanged).validators}
        for each in changes
    ]
    if head is not None and all(each.head != head for each in changes):
        rows.append({"head": head})
    if rows:
        file = out.file("ledger/commits.jsonl")
        for row in rows:
            file.write(encode(row) + b"\n")
            file.rows += 1


def _block_line(whole: Whole) -> dict[str, Any]:
    line: dict[str, Any] = {"header": whole.header, "leaf": whole.leaf}
    if whole.kept:
        line["transactions"] = [
            {"body": msgspec.Raw(wire[HEAD_BYTES:]), "signature": wire[1:HEAD_BYTES], "suite": wire[0]}
            for wire in whole.wires
        ]
        line["outcomes"] = [msgspec.Raw(outcome) for outcome in whole.outcomes]
        line["events"] = [msgspec.Raw(event) for event in whole.events]
    return line


def _own_transaction(
    sheet: Sheet, member: str, whole: Whole, index: int, wire: bytes, outcome: bytes
) -> None:
    body = msgspec.json.decode(wire[HEAD_BYTES:])
    if body["member"] != member:
        return
    result, leaf = msgspec.json.decode(outcome), whole.leaf
    exact = {"body": body, "height": leaf.height, "index": index, "outcome": result, "time_ms": leaf.time_ms}
    sheet.row(
        exact,
        (
            leaf.height, index, time_text(leaf.time_ms), result["transaction"], body["key"], body["sequence"],
            result["code"], result.get("field", ""), result.get("clause", ""), body["actions"],
        ),
    )  # fmt: skip


def _own_event(sheet: Sheet, member: str, whole: Whole, index: int, data: bytes) -> None:
    event = msgspec.json.decode(data)
    if not names(event, member):
        return
    leaf = whole.leaf
    exact = {"event": event, "height": leaf.height, "index": index, "time_ms": leaf.time_ms}
    inner = {name: value for name, value in event.items() if name != "_type"}
    sheet.row(exact, (leaf.height, index, time_text(leaf.time_ms), event["_type"], inner))


def names(value: Any, member: str) -> bool:
    """Whether a text equal to the member's id stands anywhere in a value."""
    if isinstance(value, dict):
        return any(names(inner, member) for inner in value.values())
    if isinstance(value, list | tuple):
        return any(names(inner, member) for inner in value)
    return bool(value == member)


# Records.


def _records(out: Out, source: Source, member: str, progress: Progress) -> int:
    """Every record that the member may read, by table. Returns how many name it: they are marked."""
    own_count = 0
    own_statements = []
    tables = [table for table in source.registry.tables.values() if table.record.readers != "owner"]
    for done, table in enumerate(tables, 1):
        for own, decoded in _table(out, source, member, table):
            own_count += own
            if own and isinstance(decoded, Statement):
                own_statements.append(decoded)
        progress("记录表", "tables of records", done, len(tables))
    statements.write(lambda name, columns: Sheet(out, name, columns), own_statements)
    return own_count


def _table(out: Out, source: Source, member: str, table: Table[Any]) -> Iterator[tuple[bool, Any]]:
    """Write a table as it is read, its file only if it has a record."""
    sheet = None
    columns = [info.encode_name for info in msgspec.structs.fields(table.record)]
    for key, stored in source.records(table.name):
        if sheet is None:
            sheet = Sheet(out, f"records/{table.name}", ("own", *table.key, *columns))
        parts = decode_key(key, table.integers)
        plain, decoded = msgspec.json.decode(stored), table.decode(stored)
        own = names(parts, member) or names(plain, member)
        if table.record.readers == "parties" and not own:
            continue
        exact = {"key": dict(zip(table.key, parts, strict=True)), "own": own, "record": plain}
        cells = msgspec.to_builtins(decoded)
        sheet.row(exact, (own, *parts, *(cells.get(column, "") for column in columns)))
        yield own, decoded


# What lies outside the ledger.


def _extras(out: Out, extras: Extras, progress: Progress) -> None:
    for number, (name, data) in enumerate(extras.evidence, 1):
        out.whole(f"evidence/{name}", data)
        progress("证据", "evidence files", number, 0)
    sheets: tuple[Sheet, Sheet] | None = None
    for number, batch in enumerate(extras.readings, 1):
        if sheets is None:
            columns = ("batch", "index", "time", "feed", "number", "value", "span_ms", "lost")
            batches = Sheet(out, "readings/batches", ("batch", "root", "count"))
            sheets = batches, Sheet(out, "readings/readings", columns)
        _readings(*sheets, batch)
        progress("读数批次", "batches of readings", number, 0)


def _readings(batches: Sheet, readings: Sheet, batch: Readings) -> None:
    exact = {
        "batch": batch.batch,
        "count": len(batch.items),
        "root": batch.root.hex(),
        "secret": batch.secret,
    }
    batches.row(exact, (batch.batch, batch.root.hex(), len(batch.items)))
    for index, item in enumerate(batch.items):
        plain = msgspec.json.decode(item)
        told = [plain.get(name, "") for name in ("feed", "number", "value", "span_ms", "lost")]
        cells = (batch.batch, index, time_text(plain["at_ms"]), *told)
        readings.row({"batch": batch.batch, "index": index, "reading": plain}, cells)


# Cells.


def time_text(at_ms: int) -> str:
    """ISO 8601, UTC, with milliseconds."""
    seconds, ms = divmod(at_ms, 1_000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{ms:03d}Z"


def _csv_line(cells: Sequence[Any]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow([cell_text(cell) for cell in cells])
    return line.getvalue().encode()


def cell_text(value: Any) -> str:
    """A cell as text. What a spreadsheet would run as a formula gets an apostrophe in front."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | statements.Number):
        return str(value)
    text = value if isinstance(value, str) else encode(value).decode()
    return harmless(text)
