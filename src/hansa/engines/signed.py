"""What this node has signed: one header per height, for ever (rule 27). The file also holds the folder.

It lies beside the ledger and is no part of a backup: whoever restores an older ledger must still know what
the node's key has signed since.
"""

from pathlib import Path
from threading import Lock

from hansa.engines import errors
from hansa.engines.store import Connect, StoreFault, connect, faults
from hansa.kernel import encode, replace
from hansa.kernel.canonical import decode
from hansa.kernel.evidence import Header, SignedHeader

COLUMNS = 4
_SCHEMA = """
CREATE TABLE IF NOT EXISTS signed (
    height INTEGER PRIMARY KEY, time_ms INTEGER, app_hash BLOB, operators BLOB
);
CREATE TABLE IF NOT EXISTS successions (height INTEGER PRIMARY KEY, operator TEXT);
CREATE TABLE IF NOT EXISTS chain (id TEXT PRIMARY KEY) WITHOUT ROWID;
"""


class Signed:
    """Opened, it is held by this process alone until it is closed or the process ends, however that ends.

    `fresh` until `begin`: it was just made, and knows nothing of what was signed before. May be used by
    several threads. Raises InUse, WrongGenesis (another chain's file), StoreFault.
    """

    fresh: bool

    def __init__(self, path: Path, chain: str, connect: Connect = connect) -> None:
        self._lock = Lock()
        with faults():
            self._db = connect(path)
            try:
                self._prepare(path, chain)
            except BaseException:
                self._db.close()
                raise
            self._handed: dict[int, str] = dict(self._db.execute("SELECT * FROM successions").fetchall())
            self._height: int = self._db.execute("SELECT max(height) FROM signed").fetchone()[0] or 0

    def _prepare(self, path: Path, chain: str) -> None:
        try:
            # SQLite keeps an exclusive lock from the first write on; the system drops it with the process.
            self._db.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.executescript(f"BEGIN EXCLUSIVE;{_SCHEMA}COMMIT;")
            if len(self._db.execute("PRAGMA table_info(signed)").fetchall()) < COLUMNS:
                self._db.execute("ALTER TABLE signed ADD COLUMN operators BLOB")
        except Exception as error:
            if "locked" in str(error):
                raise errors.InUse(path=str(path.parent)) from error
            raise
        known = self._db.execute("SELECT id FROM chain").fetchone()
        self._chain, self.fresh = chain, known is None
        if known is not None and known[0] != chain:
            raise errors.WrongGenesis(chain=str(known[0])[:12])

    def begin(self) -> None:
        """From here on this file knows all that the node signs. On disk when this returns."""
        with self._lock, faults():
            self._db.execute("INSERT OR IGNORE INTO chain VALUES (?)", (self._chain,))
            self.fresh = False

    @property
    def height(self) -> int:
        """The highest height at which this node signed; 0 if it never did."""
        return self._height

    def allows(self, header: Header) -> bool:
        """Whether no other header was signed at this height."""
        with self._lock:
            return self._known(header.height) in (None, _row(header))

    def put(self, header: Header, operators: SignedHeader | None = None) -> None:
        """Keep a header before its signature leaves: on disk when this returns.

        `operators`: the same under its operator's signature, which a cosigner keeps as well. The same again
        is nothing new. Raises SignedOther.
        """
        with self._lock:
            known = self._known(header.height) if header.height <= self._height else None
            if known is None:
                with faults():
                    word = encode(replace(operators, cosignatures=())) if operators else None
                    row = (header.height, *_row(header), word)
                    self._db.execute("INSERT INTO signed VALUES (?, ?, ?, ?)", row)
                self._height = max(self._height, header.height)
            elif known != _row(header):
                raise errors.SignedOther(height=header.height)

    def operators(self, height: int) -> SignedHeader | None:
        """The header signed at a height as its operator signed it; None where that was not kept."""
        with self._lock, faults():
            row = self._db.execute("SELECT operators FROM signed WHERE height = ?", (height,)).fetchone()
        return None if row is None or row[0] is None else decode(row[0], SignedHeader)

    def hand_over(self, height: int, operator: str) -> None:
        """Keep that this node signed or took a succession after a block, before the signature leaves: on disk
        when this returns. Another successor for the same block replaces the one before; whoever may not
        change its word asks `handed` first.
        """
        with self._lock, faults():
            self._db.execute("INSERT OR REPLACE INTO successions VALUES (?, ?)", (height, operator))
            self._handed[height] = operator

    def handed(self, height: int) -> str:
        """The successor after that block for whom this node signed, or whom it took; empty if none."""
        return self._handed.get(height, "")

    def withdraw(self, height: int) -> bool:
        """Forget the successions after that block or a later one: the member's word that they will not be
        carried out. Whether there was any.
        """
        with self._lock, faults():
            self._db.execute("DELETE FROM successions WHERE height >= ?", (height,))
            kept = {at: operator for at, operator in self._handed.items() if at < height}
            some, self._handed = len(kept) < len(self._handed), kept
        return some

    def _known(self, height: int) -> tuple[int, bytes] | None:
        with faults():
            row = self._db.execute(
                "SELECT time_ms, app_hash FROM signed WHERE height = ?", (height,)
            ).fetchone()
        return None if row is None else (row[0], row[1])

    def close(self) -> None:
        with self._lock, faults():
            self._db.close()


def _row(header: Header) -> tuple[int, bytes]:
    return header.time_ms, bytes.fromhex(header.app_hash)


def beside(path: Path) -> Path:
    """Where the signed headers of a ledger lie; in memory with a ledger in memory."""
    return path if str(path) == ":memory:" else path.with_name("signed.db")


__all__ = ["Signed", "StoreFault", "beside"]
