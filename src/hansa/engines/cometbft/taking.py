"""A node that joins takes a snapshot of the others: each chunk checked as it comes, all before it counts.

The engine's light client answers for one thing: the app hash after the snapshot's height. The snapshot's hash
is only what a peer says. So a chunk that does not fit that hash is asked for again and its sender named; a
snapshot that as a whole does not lead to the app hash is refused, whoever offers it. It is laid down in one
commit; until then, and wherever it breaks off, the node holds nothing but its founding.
"""

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from hansa.engines.cometbft import messages as abci
from hansa.engines.cometbft.errors import OtherSnapshot, SnapshotNoRoom
from hansa.engines.cometbft.giving import CHUNK_MESSAGE_BYTES_MAX, FORMAT, parcels
from hansa.engines.cometbft.mark import MARK, Mark
from hansa.engines.cometbft.shelf import Shelf
from hansa.engines.ledger import Ledger
from hansa.engines.restoring import adopt
from hansa.engines.snapshot import Chunk, Manifest, Pair, unpack_chunk
from hansa.kernel import Refusal, encode
from hansa.kernel.apply import Incident
from hansa.kernel.canonical import decode_strict

CHUNKS_MAX = 100_000
HASH_BYTES = 32
TIMES_ON_DISK = 3
"""A snapshot's bytes while it is laid down: its files, the commit's log, the ledger."""
MB = 2**20


class _Offered(NamedTuple):
    snapshot: abci.Snapshot
    app_hash: bytes


class Taking:
    """One snapshot at a time, of an application at height 0."""

    def __init__(self, shelf: Shelf, ledger: Ledger) -> None:
        self._shelf, self._ledger = shelf, ledger
        self._offered: _Offered | None = None
        self._manifest: Manifest | None = None
        self._parcels: list[tuple[Chunk, ...]] = []
        shelf.drop_unfinished()

    def offer(self, asked: abci.OfferSnapshot) -> int:
        """Whether to begin with it."""
        found = asked.snapshot
        self._end()
        if found.format != FORMAT:
            return abci.Offer.REJECT_FORMAT
        sound = (
            found.height > 0
            and 0 < found.chunks <= CHUNKS_MAX
            and len(found.hash) == len(asked.app_hash) == HASH_BYTES
        )
        if not sound:
            return abci.Offer.REJECT
        self._offered = _Offered(found, asked.app_hash)
        return abci.Offer.ACCEPT

    def chunk(self, asked: abci.ApplySnapshotChunk) -> tuple[abci.ApplySnapshotChunkAnswer, bool]:
        """Take a chunk. True: it was the last, and the ledger stands where the snapshot does."""
        offered = self._offered
        if offered is None or (asked.chunk_index and self._manifest is None):
            return abci.ApplySnapshotChunkAnswer(abci.Apply.RETRY_SNAPSHOT), False
        if not self._is_whole(offered, asked):
            again = abci.ApplySnapshotChunkAnswer(abci.Apply.RETRY, (asked.chunk_index,), (asked.sender,))
            return again, False
        try:
            if asked.chunk_index == 0:
                self._manifest = self._read_manifest(offered, asked.chunk)
                self._parcels = parcels(self._manifest)
            self._shelf.put(offered.snapshot.height, _name(asked.chunk_index), asked.chunk)
            if asked.chunk_index + 1 < offered.snapshot.chunks:
                return abci.ApplySnapshotChunkAnswer(abci.Apply.ACCEPT), False
            self._adopt(offered)
        except Refusal as refusal:
            self._ledger.stops.tell(Incident("snapshot", refusal.en, refusal.zh))
            self._end()
            # Only who offered it is asked for chunks: who sent this one lied, and would go on with others.
            no = abci.ApplySnapshotChunkAnswer(abci.Apply.REJECT_SNAPSHOT, reject_senders=(asked.sender,))
            return no, False
        self._end()
        return abci.ApplySnapshotChunkAnswer(abci.Apply.ACCEPT), True

    def _is_whole(self, offered: _Offered, asked: abci.ApplySnapshotChunk) -> bool:
        """Whether these are the bytes that the snapshot's hash stands for."""
        if self._manifest is None or asked.chunk_index == 0:
            return hashlib.sha256(asked.chunk).digest() == offered.snapshot.hash
        if asked.chunk_index > len(self._parcels):
            return False
        at = 0
        for each in self._parcels[asked.chunk_index - 1]:
            if hashlib.sha256(asked.chunk[at : at + each.size]).hexdigest() != each.sha256:
                return False
            at += each.size
        return at == len(asked.chunk)

    def _read_manifest(self, offered: _Offered, data: bytes) -> Manifest:
        """Raises OtherSnapshot or what decoding refuses: whoever offered it lied; or SnapshotNoRoom."""
        manifest = decode_strict(data, Manifest)
        for what, same in (
            ("chain", manifest.chain == self._ledger.chain.id),
            ("app_hash", manifest.app_hash == offered.app_hash.hex()),
            ("engine_height", manifest.engine_height == offered.snapshot.height),
            ("chunks", len(parcels(manifest)) + 1 == offered.snapshot.chunks),
            ("size", all(chunk.size <= CHUNK_MESSAGE_BYTES_MAX for chunk in manifest.chunks)),
        ):
            if not same:
                raise OtherSnapshot(height=offered.snapshot.height, what=what)
        needed, free = TIMES_ON_DISK * sum(chunk.size for chunk in manifest.chunks), self._shelf.free_bytes()
        if needed > free:
            raise SnapshotNoRoom(height=manifest.engine_height, needed_mb=needed // MB, free_mb=free // MB)
        return manifest

    def _adopt(self, offered: _Offered) -> None:
        manifest = self._manifest
        assert manifest is not None
        files = self._files(offered.snapshot.height)

        def read(chunk: Chunk) -> list[Pair]:
            return unpack_chunk(chunk, next(files))

        adopt(self._ledger, manifest, read, {MARK: encode(Mark(height=offered.snapshot.height))})

    def _files(self, height: int) -> Iterator[bytes]:
        """The snapshot's files in the order of its manifest."""
        for number, together in enumerate(self._parcels, 1):
            data, at = self._shelf.get(height, _name(number)), 0
            for each in together:
                yield data[at : at + each.size]
                at += each.size

    def _end(self) -> None:
        if self._offered is not None:
            self._shelf.drop(self._offered.snapshot.height)
        self._offered = self._manifest = None


def _name(number: int) -> str:
    """Never the manifest's: what is on its way does not count as whole."""
    return f"{number:06}.chunk"
