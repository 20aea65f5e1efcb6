"""State digest: LtHash, a set hash that a write changes in microseconds (protocol, rule 15).

The sum over all records of 1,024 lanes of 16 bits, each record's lanes drawn by BLAKE3 as an XOF
(Bellare and Micciancio 1997; Lewi et al., "Securing update propagation with homomorphic hashing", 2019).
It shows that two states are equal; it proves no single record.
"""

import hashlib
from collections.abc import Iterable
from itertools import islice
from typing import Any

from blake3 import blake3

LANES = 1_024
BYTES = 2 * LANES
EMPTY = bytes(BYTES)
AT_ONCE = 1_024
"""Elements summed at a time: 2 MiB, however many there are."""
_DOMAIN = b"hansa-state-1\x00"


def element(table: str, key: bytes, stored: bytes) -> bytes:
    """The 2,048 bytes that stand for one record."""
    name = table.encode()
    preimage = b"".join(
        (_DOMAIN, len(name).to_bytes(4, "big"), name, len(key).to_bytes(4, "big"), key, stored)
    )
    return blake3(preimage).digest(BYTES)


def update(total: bytes, removed: Iterable[bytes], added: Iterable[bytes]) -> bytes:
    """The new sum after some elements left and others came; the order does not matter.

    Given as they are made, a few of them are in memory at a time.
    """
    import numpy as np  # Where it is needed: loading it takes longer than all else that a client loads.

    def summed(elements: Iterable[bytes]) -> Any:
        left = iter(elements)
        lanes: Any = 0
        while some := list(islice(left, AT_ONCE)):
            rows = np.frombuffer(b"".join(some), dtype="<u2").reshape(-1, LANES)
            lanes = lanes + np.add.reduce(rows, axis=0, dtype=np.uint16)
        return lanes

    lanes = np.frombuffer(total, dtype="<u2") - summed(removed) + summed(added)
    sum_now: bytes = lanes.astype("<u2").tobytes()
    return sum_now


def digest(total: bytes) -> str:
    """What a block leaf commits to: SHA-256 of the sum, in hexadecimal."""
    return hashlib.sha256(total).hexdigest()
