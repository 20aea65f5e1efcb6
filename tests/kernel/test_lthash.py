"""Rule 15: the state digest is the sum of its records, whatever the order in which they came and went."""

import hashlib
import random
import tracemalloc
from itertools import starmap

from blake3 import blake3
from hypothesis import given
from hypothesis import strategies as st

from hansa.kernel import lthash

Record = tuple[str, bytes, bytes]


records = st.lists(
    st.tuples(st.text("abc.", max_size=3), st.binary(max_size=4), st.binary(max_size=4)), max_size=12
)


def naive_element(table: str, key: bytes, stored: bytes) -> list[int]:
    name = table.encode()
    preimage = b"hansa-state-1\x00" + len(name).to_bytes(4, "big") + name
    preimage += len(key).to_bytes(4, "big") + key + stored
    raw = blake3(preimage).digest(2_048)
    return [raw[at] | raw[at + 1] << 8 for at in range(0, 2_048, 2)]


def naive_sum(items: list[Record]) -> bytes:
    lanes = [0] * 1_024
    for item in items:
        lanes = [(a + b) % 65_536 for a, b in zip(lanes, naive_element(*item), strict=True)]
    return b"".join(lane.to_bytes(2, "little") for lane in lanes)


def elements(items: list[Record]) -> list[bytes]:
    return [lthash.element(*item) for item in items]


@given(records)
def test_the_sum_is_that_of_its_definition(items: list[Record]) -> None:
    assert lthash.update(lthash.EMPTY, [], elements(items)) == naive_sum(items)


@given(records, st.randoms(use_true_random=False))
def test_neither_order_nor_grouping_matters_and_what_left_leaves_no_trace(
    items: list[Record], chance: random.Random
) -> None:
    total = lthash.update(lthash.EMPTY, [], elements(items))
    shuffled = elements(items)
    chance.shuffle(shuffled)
    step = lthash.EMPTY
    for item in shuffled:
        step = lthash.update(step, [], [item])
    assert step == total
    assert lthash.update(total, shuffled, []) == lthash.EMPTY
    assert lthash.update(total, shuffled[:1], shuffled[:1]) == total


def test_very_many_are_summed_a_few_at_a_time() -> None:
    """A block may write hundreds of thousands of records: 2 KiB of each at once would be gigabytes."""
    items = [("t", str(number).encode(), b"") for number in range(4 * lthash.AT_ONCE + 1)]
    tracemalloc.start()
    total = lthash.update(lthash.EMPTY, [], starmap(lthash.element, items))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 4 * lthash.AT_ONCE * lthash.BYTES
    first, rest = elements(items[:1]), elements(items[1:])
    assert total == lthash.update(lthash.update(lthash.EMPTY, [], first), [], rest)
    assert lthash.update(total, starmap(lthash.element, items), []) == lthash.EMPTY


def test_table_key_and_bytes_cannot_run_into_each_other() -> None:
    splits = [
        ("ab", b"c", b"d"),
        ("a", b"bc", b"d"),
        ("ab", b"cd", b""),
        ("ab", b"", b"cd"),
        ("abc", b"", b"d"),
    ]
    assert len({lthash.element(*split) for split in splits}) == len(splits)


def test_many_elements_wrap_around_and_come_back() -> None:
    item = lthash.element("t", b"k", b"v")
    total = lthash.update(lthash.EMPTY, [], [item] * 65_536)

    assert total == lthash.EMPTY  # 65,536 times anything is zero in 16 bits.
    assert lthash.update(total, [item], [item, item]) == item


def test_the_leaf_commits_to_the_sum_by_sha_256() -> None:
    assert lthash.digest(lthash.EMPTY) == hashlib.sha256(bytes(2_048)).hexdigest()
