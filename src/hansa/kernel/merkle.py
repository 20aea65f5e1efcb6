"""Merkle trees as in RFC 6962, section 2.1: hashes, inclusion paths, consistency paths, and their checks.

Leaves are hashed with the prefix 0x00, nodes with 0x01. All functions are pure; hashes are 32 bytes.
"""

import hashlib
from collections.abc import Callable, Sequence

EMPTY_ROOT = hashlib.sha256(b"").digest()

NodeAt = Callable[[int, int], bytes]
"""Hash of the complete subtree (level, index): leaves are level 0."""
PutNode = Callable[[int, int, bytes], None]
"""Keep the hash of a complete subtree (level, index)."""


def leaf_hash(data: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """All complete subtrees over leaf hashes: `levels(...)[k][i]` covers leaves i·2ᵏ … (i+1)·2ᵏ−1."""
    out = [list(leaves)]
    sha256 = hashlib.sha256
    while len(out[-1]) > 1:
        below = out[-1]
        out.append([sha256(b"\x01" + below[i] + below[i + 1]).digest() for i in range(0, len(below) - 1, 2)])
    return out


def root(leaves: Sequence[bytes]) -> bytes:
    """MTH over leaf hashes."""
    tree = levels(leaves)
    return root_of(len(leaves), lambda level, index: tree[level][index])


def peaks(size: int) -> list[tuple[int, int]]:
    """The complete subtrees (level, index) that a tree of `size` leaves consists of, largest first."""
    out = []
    start = 0
    for level in range(size.bit_length() - 1, -1, -1):
        if size >> level & 1:
            out.append((level, start >> level))
            start += 1 << level
    return out


def root_of(size: int, node: NodeAt) -> bytes:
    """Root from complete subtrees alone: O(log size) hashes, whatever the size."""
    if size == 0:
        return EMPTY_ROOT
    hashes = [node(level, index) for level, index in peaks(size)]
    total = hashes.pop()
    while hashes:
        total = node_hash(hashes.pop(), total)
    return total


def append(size: int, leaf: bytes, node: NodeAt, put: PutNode) -> bytes:
    """Add a leaf hash to a tree of `size` leaves, put each subtree it completes, return the new root."""
    level, index, total = 0, size, leaf
    while True:
        put(level, index, total)
        if not index & 1:
            return root_of(size + 1, node)
        total = node_hash(node(level, index - 1), total)
        level, index = level + 1, index >> 1


def _range_root(start: int, end: int, node: NodeAt) -> bytes:
    """Root over leaves start … end−1; start is a multiple of the largest power of two up to their number."""
    size = end - start
    level = size.bit_length() - 1
    if size == 1 << level:
        return node(level, start >> level)
    middle = start + (1 << level)
    return node_hash(node(level, start >> level), _range_root(middle, end, node))


def _split(size: int) -> int:
    """Largest power of two smaller than size."""
    return 1 << ((size - 1).bit_length() - 1)


def inclusion_path(index: int, size: int, node: NodeAt) -> list[bytes]:
    """PATH(index, D[size]) of section 2.1.1, leaf side first."""
    if not 0 <= index < size:
        raise IndexError(f"leaf {index} of {size}")
    path: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_root(middle, end, node))
            end = middle
        else:
            path.append(_range_root(start, middle, node))
            start = middle
    return path[::-1]


def path_in(leaves: Sequence[bytes], index: int) -> list[bytes]:
    """Inclusion path within a list of leaf hashes."""
    tree = levels(leaves)
    return inclusion_path(index, len(leaves), lambda level, at: tree[level][at])


def root_from_path(leaf: bytes, index: int, size: int, path: Sequence[bytes]) -> bytes | None:
    """The root that a leaf hash and its path lead to (RFC 9162, 2.1.3.2); None if the path does not fit."""
    if not 0 <= index < size:
        return None
    fn, sn = index, size - 1
    total = leaf
    for step in path:
        if sn == 0 or len(step) != 32:
            return None
        if fn & 1 or fn == sn:
            total = node_hash(step, total)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            total = node_hash(total, step)
        fn >>= 1
        sn >>= 1
    return total if sn == 0 else None


def consistency_path(old: int, new: int, node: NodeAt) -> list[bytes]:
    """PROOF(old, D[new]) of section 2.1.2."""
    if not 0 < old <= new:
        raise IndexError(f"no consistency of {old} with {new}")
    path: list[bytes] = []
    start, end, whole = 0, new, True
    while old != end - start or not whole:
        size = end - start
        if old == size:
            path.append(_range_root(start, end, node))
            break
        middle = _split(size)
        if old <= middle:
            path.append(_range_root(start + middle, end, node))
            end = start + middle
        else:
            path.append(_range_root(start, start + middle, node))
            start += middle
            old -= middle
            whole = False
    return path[::-1]


def consistent(old: int, old_root: bytes, new: int, new_root: bytes, path: Sequence[bytes]) -> bool:
    """Whether the first tree is a prefix of the second (RFC 9162, 2.1.4.2)."""
    if old == new:
        return old_root == new_root and not path
    if not 0 < old < new or any(len(step) != 32 for step in path):
        return False
    steps = list(path) if old & (old - 1) else [old_root, *path]
    if not steps:
        return False
    fn, sn = old - 1, new - 1
    while fn & 1:
        fn >>= 1
        sn >>= 1
    first = second = steps[0]
    for step in steps[1:]:
        if sn == 0:
            return False
        if fn & 1 or fn == sn:
            first = node_hash(step, first)
            second = node_hash(step, second)
            while not fn & 1 and fn:
                fn >>= 1
                sn >>= 1
        else:
            second = node_hash(second, step)
        fn >>= 1
        sn >>= 1
    return first == old_root and second == new_root and sn == 0
