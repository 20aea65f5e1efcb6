"""A node's data folder: `signed.db`, which holds it for this process, and the ledger beside it."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hansa.engines import errors
from hansa.engines.founding import Founded, found
from hansa.engines.ledger import KEEP, Keep, Ledger, Watch, unwatched
from hansa.engines.operators import contradicts
from hansa.engines.signed import Signed, beside
from hansa.engines.store import Connect, OpenStore, SqliteStore, connect
from hansa.kernel import Release
from hansa.kernel.signatures import VerifiedCache


def begin(path: Path, genesis: bytes, release: Release) -> None:
    """Leave an empty ledger and its record of signatures, durably: what is missing later was there once.

    Raises what `open_folder` does, or a refusal of the genesis file.
    """
    founded = found(genesis, release, VerifiedCache().verify)
    signed, ledger = open_folder(path, founded, cache_records=0, keep=KEEP, connect=connect, watch=unwatched)
    ledger.close()
    signed.close()


def open_folder(
    path: Path,
    founded: Founded,
    *,
    cache_records: int | None,
    keep: Keep,
    connect: Connect,
    watch: Watch,
    open_store: OpenStore = SqliteStore,
) -> tuple[Signed, Ledger]:
    """Hold the folder of a ledger, then open the ledger. Closes all it opened if it raises.

    A ledger beside which nothing is known of what was signed is a copy: it counts as restored, and an
    operator orders on it only after others were asked for later blocks. Raises InUse, FileUnusable,
    WrongGenesis, HistoryBroken; SignedOther if the ledger's last block is not the one that this node signed
    at that height.
    """
    with _usable(path):
        signed = Signed(beside(path), founded.chain.id, connect)
    try:
        with _usable(path):
            ledger = Ledger(
                path,
                founded,
                cache_records=cache_records,
                keep=keep,
                connect=connect,
                watch=watch,
                open_store=open_store,
            )
    except BaseException:
        signed.close()
        raise
    try:
        head = ledger.head()
        network = founded.genesis.is_network  # Nobody signs headers there: the engine knows what comes next.
        if (
            not network
            and head is not None
            and contradicts(signed, head.header, ledger.operator_key(ledger.height))
        ):
            raise errors.SignedOther(height=ledger.height)
        if signed.fresh:
            with _usable(path):
                if ledger.height and not network:
                    ledger.is_copy()
                signed.begin()
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
