"""Rule 1: one canonical form, that of RFC 8785; what is not in it is refused, and nothing else happens."""

import json

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from hansa.kernel.canonical import Malformed, NotCanonical, decode_strict, encode, pack, unpack
from hansa.kernel.types import INTEGER_MAX, Id, Integer, RegisteredName, Struct

names = st.from_regex(r"[a-z0-9_.:-]{1,8}", fullmatch=True)
text = st.text(st.characters(exclude_categories=("Cs",)), max_size=12)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-INTEGER_MAX, INTEGER_MAX) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=12,
)


class Sample(Struct):
    name: Id
    title: RegisteredName = "x"
    count: Integer = 0
    data: bytes = b""
    parts: tuple[Integer, ...] = ()
    more: dict[str, Integer] = {}


class Plain(Struct):
    text: str


@given(values)
def test_the_encoder_writes_rfc_8785(value: object) -> None:
    assert encode(value) == rfc8785.dumps(value)  # type: ignore[arg-type]
    assert json.loads(encode(value)) == value


def test_every_character_is_escaped_as_rfc_8785_says() -> None:
    every = "".join(chr(code) for code in range(0x3000) if not 0xD800 <= code < 0xE000) + "\U0001f600￿"
    assert encode(every) == rfc8785.dumps(every)


@given(names, st.integers(-INTEGER_MAX, INTEGER_MAX), st.binary(max_size=20), st.lists(st.integers(-9, 9)))
def test_what_was_encoded_decodes_to_the_same(name: str, count: int, data: bytes, parts: list[int]) -> None:
    if not name[0].isalnum():
        name = "a" + name
    sample = Sample(name=name, count=count, data=data, parts=tuple(parts), more={"k": count})
    assert decode_strict(encode(sample), Sample) == sample


NOT_CANONICAL = {
    "a space": b'{"name": "a"}',
    "a line feed at the end": b'{"name":"a"}\n',
    "keys out of order": b'{"name":"a","count":1}',
    "a key twice": b'{"name":"a","name":"a"}',
    "a default written out": b'{"count":0,"name":"a"}',
    "an empty default written out": b'{"name":"a","parts":[]}',
    "an empty map written out": b'{"more":{},"name":"a"}',
    "minus zero": b'{"count":-0,"name":"a"}',
    "a needless escape": b'{"name":"\\u0061"}',
    "an escape in a key": b'{"n\\u0061me":"a"}',
    "base64 with bits left over": b'{"data":"QR==","name":"a"}',
    "map keys out of order": b'{"more":{"b":1,"a":1},"name":"a"}',
}


@pytest.mark.parametrize("data", NOT_CANONICAL.values(), ids=NOT_CANONICAL.keys())
def test_a_second_spelling_is_refused(data: bytes) -> None:
    with pytest.raises((NotCanonical, Malformed)):
        decode_strict(data, Sample)


@pytest.mark.parametrize("data", [b'{"count":1,"name":"a"}', '{"name":"a","title":"沪"}'.encode()])
def test_the_first_spelling_is_taken(data: bytes) -> None:
    assert encode(decode_strict(data, Sample)) == data


MALFORMED = {
    "nothing": b"",
    "no JSON": b"\xff\xfe",
    "half a structure": b'{"name":"a"',
    "two values": b'{"name":"a"}{"name":"a"}',
    "an unknown field": b'{"name":"a","other":1}',
    "a missing field": b"{}",
    "a float": b'{"count":1.5,"name":"a"}',
    "a whole float": b'{"count":1.0,"name":"a"}',
    "an exponent": b'{"count":1e3,"name":"a"}',
    "a number as text": b'{"count":"1","name":"a"}',
    "true for one": b'{"count":true,"name":"a"}',
    "beyond 2^53-1": b'{"count":9007199254740992,"name":"a"}',
    "below -(2^53-1)": b'{"count":-9007199254740992,"name":"a"}',
    "two hundred thousand digits": b'{"count":' + b"9" * 200_000 + b',"name":"a"}',
    "an id that ends in a line feed": b'{"name":"a\\n"}',
    "an id in capitals": b'{"name":"A"}',
    "an empty id": b'{"name":""}',
    "a name that steers a terminal": b'{"name":"a","title":"\\u001b[2J"}',
    "a name that turns the direction": '{"name":"a","title":"a\u202eb"}'.encode(),
    "a lone surrogate": b'{"name":"a","title":"\\ud800"}',
    "a lone low surrogate": b'{"name":"a","title":"\\udc00"}',
    "surrogates in UTF-8": b'{"name":"a","title":"\xed\xa0\x80"}',
    "broken base64": b'{"data":"A","name":"a"}',
    "deep nesting": b'{"count":' + b"[" * 200_000,
    "deep nesting before the end": b'{"parts":' + b"[" * 100_000 + b"]" * 100_000 + b',"name":"a"}',
}


@pytest.mark.parametrize("data", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_does_not_fit_is_refused_by_name_and_shows_little(data: bytes) -> None:
    with pytest.raises(Malformed) as refused:
        decode_strict(data, Sample)
    assert len(refused.value.en) < 300
    assert refused.value.en.isprintable()
    assert refused.value.zh.isprintable()


def test_a_field_name_that_steers_a_terminal_is_not_shown_raw() -> None:
    with pytest.raises(Malformed) as refused:
        decode_strict(b'{"name":"a","\\u001b[2J' + b"x" * 10_000 + b'":1}', Sample)
    assert "\x1b" not in refused.value.en
    assert len(refused.value.en) < 300


@given(st.binary(max_size=60))
def test_any_bytes_are_refused_or_are_canonical(data: bytes) -> None:
    try:
        value = decode_strict(data, Sample)
    except (Malformed, NotCanonical):
        return
    assert encode(value) == data


@given(text, st.integers(0, 200), st.integers(0, 255))
def test_a_changed_byte_never_gives_a_second_spelling(name: str, at: int, byte: int) -> None:
    data = bytearray(encode(Plain(text=name)))
    data[at % len(data)] = byte
    try:
        value = decode_strict(bytes(data), Plain)
    except (Malformed, NotCanonical):
        return
    assert encode(value) == bytes(data)


def test_deep_nesting_while_decoding_is_malformed_not_a_crash() -> None:
    """Rule 3, with a type that does nest: RecursionError in the decoder itself."""
    with pytest.raises(Malformed) as refused:
        decode_strict(b"[" * 100_000 + b"]" * 100_000, list[object])
    assert "deeply" in refused.value.en


@given(st.lists(st.integers(-INTEGER_MAX, INTEGER_MAX), max_size=20))
def test_a_packed_vector_comes_back(numbers: list[int]) -> None:
    assert unpack(pack(numbers)) == tuple(numbers)


@pytest.mark.parametrize(
    "data",
    [
        b"1234567",
        b"\x7f" + b"\xff" * 7,
        (2**53).to_bytes(8, "big"),
        (-(2**53)).to_bytes(8, "big", signed=True),
    ],
)
def test_a_packed_vector_with_a_number_out_of_bounds_is_refused(data: bytes) -> None:
    with pytest.raises(Malformed):
        unpack(data)


def test_the_encoder_leaves_out_defaults_by_identity_so_only_singletons_may_be_defaults() -> None:
    """Why rule 1 allows so few defaults: any other is written by one maker and left out by another."""

    class Forked(Struct):
        size: int = 1_000

    assert encode(Forked(size=int("1000"))) != encode(Forked())
