"""RFC 6962 trees against the recursive definition of its section 2.1."""

import hashlib

import pytest

from hansa.kernel import merkle

SIZES = range(41)


def leaves_of(size: int) -> list[bytes]:
    return [merkle.leaf_hash(f"leaf {index}".encode()) for index in range(size)]


LEAVES = leaves_of(max(SIZES))


def sha(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def split(size: int) -> int:
    k = 1
    while 2 * k < size:
        k *= 2
    return k


def naive_root(leaves: list[bytes]) -> bytes:
    """MTH."""
    if not leaves:
        return sha(b"")
    if len(leaves) == 1:
        return leaves[0]
    k = split(len(leaves))
    return sha(b"\x01" + naive_root(leaves[:k]) + naive_root(leaves[k:]))


def naive_path(index: int, leaves: list[bytes]) -> list[bytes]:
    """PATH."""
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    if index < k:
        return [*naive_path(index, leaves[:k]), naive_root(leaves[k:])]
    return [*naive_path(index - k, leaves[k:]), naive_root(leaves[:k])]


def naive_proof(old: int, leaves: list[bytes], whole: bool = True) -> list[bytes]:
    """PROOF and SUBPROOF."""
    if old == len(leaves):
        return [] if whole else [naive_root(leaves)]
    k = split(len(leaves))
    if old <= k:
        return [*naive_proof(old, leaves[:k], whole), naive_root(leaves[k:])]
    return [*naive_proof(old - k, leaves[k:], False), naive_root(leaves[:k])]


def node_of(leaves: list[bytes]) -> merkle.NodeAt:
    tree = merkle.levels(leaves)
    return lambda level, index: tree[level][index]


def test_a_leaf_and_a_node_are_hashed_with_different_prefixes() -> None:
    assert merkle.leaf_hash(b"x") == sha(b"\x00x")
    assert merkle.node_hash(b"a" * 32, b"b" * 32) == sha(b"\x01" + b"a" * 32 + b"b" * 32)


def test_vectors_of_the_certificate_transparency_test_suite() -> None:
    """Roots over "", 00, 10, 2021, … as in the tests of the reference implementation."""
    data = [
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    ]
    leaves = [merkle.leaf_hash(bytes.fromhex(item)) for item in data]

    assert merkle.root([]).hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert merkle.root(leaves[:1]).hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"
    assert merkle.root(leaves).hex() == "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"


@pytest.mark.parametrize("size", SIZES)
def test_roots_are_those_of_the_definition(size: int) -> None:
    assert merkle.root(LEAVES[:size]) == naive_root(LEAVES[:size])


def test_a_tree_that_grows_leaf_by_leaf_has_the_same_roots_and_nodes() -> None:
    nodes: dict[tuple[int, int], bytes] = {}
    for size in range(max(SIZES)):
        root = merkle.append(
            size, LEAVES[size], lambda level, index: nodes[level, index],
            lambda level, index, value: nodes.__setitem__((level, index), value),
        )  # fmt: skip
        assert root == naive_root(LEAVES[: size + 1])
    tree = merkle.levels(LEAVES)
    assert nodes == {(level, at): value for level, row in enumerate(tree) for at, value in enumerate(row)}


@pytest.mark.parametrize("size", SIZES)
def test_every_leaf_is_included_by_its_path_and_by_no_other(size: int) -> None:
    leaves = LEAVES[:size]
    root = naive_root(leaves)
    for index in range(size):
        path = merkle.inclusion_path(index, size, node_of(leaves))
        assert path == naive_path(index, leaves) == merkle.path_in(leaves, index)
        assert merkle.root_from_path(leaves[index], index, size, path) == root
        # Another leaf, place or path does not lead there.
        assert merkle.root_from_path(sha(leaves[index]), index, size, path) != root
        for elsewhere in range(size):
            if elsewhere != index:
                assert merkle.root_from_path(leaves[index], elsewhere, size, path) != root
        for cut in range(len(path)):
            assert merkle.root_from_path(leaves[index], index, size, path[:cut]) is None
            changed = [*path[:cut], sha(path[cut]), *path[cut + 1 :]]
            assert merkle.root_from_path(leaves[index], index, size, changed) != root
        assert merkle.root_from_path(leaves[index], index, size, [*path, root]) is None
        assert merkle.root_from_path(leaves[index], index, size, [*path[:-1], b"short"]) is None or not path


@pytest.mark.parametrize(("index", "size"), [(-1, 4), (4, 4), (0, 0), (2**60, 3)])
def test_a_place_outside_the_tree_proves_nothing(index: int, size: int) -> None:
    assert merkle.root_from_path(LEAVES[0], index, size, []) is None
    with pytest.raises(IndexError):
        merkle.inclusion_path(index, size, node_of(LEAVES))


@pytest.mark.parametrize("new", SIZES)
def test_every_earlier_tree_is_a_prefix_and_a_forged_one_is_not(new: int) -> None:
    new_root = naive_root(LEAVES[:new])
    for old in range(1, new + 1):
        old_root = naive_root(LEAVES[:old])
        path = merkle.consistency_path(old, new, node_of(LEAVES[:new]))
        assert path == naive_proof(old, LEAVES[:new])
        assert merkle.consistent(old, old_root, new, new_root, path)
        forged = sha(old_root)
        assert not merkle.consistent(old, forged, new, new_root, path)
        assert not merkle.consistent(old, old_root, new, forged, path)
        assert not merkle.consistent(old, old_root, new, new_root, [*path, old_root])
        for cut in range(len(path)):
            changed = [*path[:cut], sha(path[cut]), *path[cut + 1 :]]
            assert not merkle.consistent(old, old_root, new, new_root, changed)
            assert not merkle.consistent(old, old_root, new, new_root, path[:cut])
        if old > 1:
            assert not merkle.consistent(old - 1, old_root, new, new_root, path)


def test_rewritten_history_is_not_consistent() -> None:
    rewritten = [*LEAVES[:3], sha(b"other"), *LEAVES[4:20]]
    for old in range(4, 20):
        path = merkle.consistency_path(old, 20, node_of(rewritten))
        assert not merkle.consistent(old, naive_root(LEAVES[:old]), 20, naive_root(rewritten), path)


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 3)])
def test_no_consistency_outside_the_log(old: int, new: int) -> None:
    assert not merkle.consistent(old, LEAVES[0], new, LEAVES[1], [])
    with pytest.raises(IndexError):
        merkle.consistency_path(old, new, node_of(LEAVES[:3]))
