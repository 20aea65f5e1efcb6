"""Rule 4: Ed25519 with every edge pinned, so that two implementations never differ on what is signed."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from hansa.kernel.signatures import ED25519, Signer, VerifiedCache, is_public_key, verify
from tests.kernel import curve
from tests.kernel.curve import BASE, L, P, add, encode_point, multiply, signature

MESSAGE = b"hansa-tx-1\x00{}"
SECRET, NONCE = 2**200 + 12345, 2**190 + 999
KEY = multiply(SECRET, BASE)
PUBLIC = encode_point(KEY)
R = encode_point(multiply(NONCE, BASE))
SMALL = curve.small_order_points()

RFC_8032 = [
    # (seed, public key, message, signature): section 7.1, tests 1, 2, 3 and SHA(abc).
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
        "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
        "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
        "2192992a274fc1a836ba3c23a3feebbd454d4423"
        "643ce80e2a9ac94fa54ca49f",
        "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
        "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704",
    ),
]


@pytest.mark.parametrize(("seed", "public", "message", "signed"), RFC_8032)
def test_the_vectors_of_rfc_8032_hold(seed: str, public: str, message: str, signed: str) -> None:
    signer = Signer(bytes.fromhex(seed))

    assert signer.public.hex() == public
    assert signer.sign(bytes.fromhex(message)).hex() == signed
    assert verify(ED25519, signer.public, bytes.fromhex(signed), bytes.fromhex(message))


def test_an_independent_implementation_agrees_on_honest_signatures() -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"s" * 32)

    assert other.sign(MESSAGE) == Signer(b"s" * 32).sign(MESSAGE)
    assert verify(ED25519, other.public_key().public_bytes_raw(), other.sign(MESSAGE), MESSAGE)


def test_the_curve_of_this_test_makes_signatures_that_hold() -> None:
    assert verify(ED25519, PUBLIC, signature(SECRET, NONCE, R, PUBLIC, MESSAGE), MESSAGE)


def test_s_must_be_below_the_group_order() -> None:
    good = signature(SECRET, NONCE, R, PUBLIC, MESSAGE)
    s = int.from_bytes(good[32:], "little")

    for times in range(1, 9):
        if s + times * L < 2**256:
            assert not verify(ED25519, PUBLIC, R + (s + times * L).to_bytes(32, "little"), MESSAGE)


@pytest.mark.parametrize("small", SMALL)
def test_a_public_key_of_small_order_signs_nothing(small: curve.Point) -> None:
    public = encode_point(small)
    # With secret 0, S·B = R + h·A holds whenever 8 divides h, or A is zero: try many messages.
    for number in range(40):
        message = MESSAGE + bytes([number])
        assert not verify(ED25519, public, signature(0, NONCE, R, public, message), message)
    assert not is_public_key(public)


@pytest.mark.parametrize("small", SMALL)
def test_r_of_small_order_is_refused(small: curve.Point) -> None:
    r = encode_point(small)
    # S = h · secret: holds by the cofactored equation for each of the eight, by the other for zero.
    assert not verify(ED25519, PUBLIC, signature(SECRET, 0, r, PUBLIC, MESSAGE), MESSAGE)


@pytest.mark.parametrize("small", SMALL[1:])
def test_a_signature_that_only_the_cofactored_equation_accepts_is_refused(small: curve.Point) -> None:
    r = encode_point(add(multiply(NONCE, BASE), small))
    assert not verify(ED25519, PUBLIC, signature(SECRET, NONCE, r, PUBLIC, MESSAGE), MESSAGE)


@pytest.mark.parametrize("small", SMALL[1:])
def test_a_key_with_a_part_of_small_order_signs_only_what_the_cofactorless_equation_accepts(
    small: curve.Point,
) -> None:
    public = encode_point(add(KEY, small))
    assert not is_public_key(public)
    for number in range(24):
        message = MESSAGE + bytes([number])
        holds = multiply(curve.challenge(R, public, message), small) == curve.ZERO
        assert verify(ED25519, public, signature(SECRET, NONCE, R, public, message), message) == holds


def _not_canonical() -> list[bytes]:
    """Encodings of points with y ≥ p, and the two points with x = 0 under the wrong sign."""
    high = [y for y in range(19) if curve.x_of(y, 0) is not None]
    return [((y + P) | sign << 255).to_bytes(32, "little") for y in high for sign in (0, 1)] + [
        (1 | 1 << 255).to_bytes(32, "little"),
        (P - 1 | 1 << 255).to_bytes(32, "little"),
    ]


@pytest.mark.parametrize("encoding", _not_canonical())
def test_a_second_encoding_of_a_point_is_neither_key_nor_r(encoding: bytes) -> None:
    assert not is_public_key(encoding)
    for number in range(24):
        message = MESSAGE + bytes([number])
        assert not verify(ED25519, encoding, signature(0, NONCE, R, encoding, message), message)
    assert not verify(ED25519, PUBLIC, signature(SECRET, 0, encoding, PUBLIC, MESSAGE), MESSAGE)


def test_another_suite_a_wrong_length_or_another_message_fail() -> None:
    good = signature(SECRET, NONCE, R, PUBLIC, MESSAGE)

    assert not verify(2, PUBLIC, good, MESSAGE)
    assert not verify(ED25519, PUBLIC + b"\x00", good, MESSAGE)
    assert not verify(ED25519, PUBLIC, good[:-1], MESSAGE)
    assert not verify(ED25519, PUBLIC, good, MESSAGE + b" ")
    assert not verify(ED25519, b"", b"", b"")


def test_the_cache_knows_bytes_not_splits_of_them() -> None:
    """Rule 5: keyed by the public key and all bytes, each of fixed length."""
    good = signature(SECRET, NONCE, R, PUBLIC, MESSAGE)
    cache = VerifiedCache()

    assert cache.verify(PUBLIC, ED25519, good, MESSAGE)
    assert cache.verify(PUBLIC, ED25519, good, MESSAGE)
    # The same bytes in a row, cut elsewhere.
    assert not cache.verify(PUBLIC, ED25519, good + MESSAGE[:1], MESSAGE[1:])
    assert not cache.verify(PUBLIC + bytes([ED25519]), good[0], good[1:] + MESSAGE[:1], MESSAGE[1:])
    assert not cache.verify(PUBLIC, 2, good, MESSAGE)
    assert not cache.verify(Signer(b"x" * 32).public, ED25519, good, MESSAGE)


def test_the_cache_keeps_no_more_than_it_may() -> None:
    signer, cache = Signer(b"s" * 32), VerifiedCache(capacity=3)
    for number in range(10):
        message = bytes([number])
        assert cache.verify(signer.public, ED25519, signer.sign(message), message)

    assert len(cache._known) == 3
