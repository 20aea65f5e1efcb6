"""A node's data folder: `signed.db`, which holds it for this process, and the ledger beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hansa.engines import errors
from hansa.engines.founding import Founded
from hansa.engines.ledger import Keep, Ledger, Watch
from hansa.engines.signed import Signed, beside
from hansa.engines.store import Connect


def open_folder(
    path: Path, founded: Founded, *, cache_records: int | None, keep: Keep, connect: Connect, watch: Watch
) -> tuple[Signed, Ledger]:
    """Hold the folder of a ledger, then open the ledger. Closes all it opened if it raises.

    Raises InUse, FileUnusable, WrongGenesis, HistoryBroken; SignedOther if the ledger's last block is not the
    one that this node signed at that height.
    """
    with _usable(path):
        signed = Signed(beside(path), founded.chain.id, connect)
    try:
        with _usable(path):
            ledger = Ledger(
                path, founded, cache_records=cache_records, keep=keep, connect=connect, watch=watch
            )
    except BaseException:
        signed.close()
        raise
    try:
        head = ledger.head()
        if head is not None and not signed.allows(head.header):
            raise errors.SignedOther(height=ledger.height)
    except BaseException:
        ledger.close()
        signed.close()
        raise
    return signed, ledger


@contextmanager
def _usable(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise errors.FileUnusable(path=str(path), cause=str(fault)) from fault
