"""Edwards curve 25519 in plain integers (RFC 8032, 5.1): slow, for signatures that no signer makes."""

import hashlib

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
ROOT = pow(2, (P - 1) // 4, P)
"""A square root of −1."""

Point = tuple[int, int]
ZERO: Point = (0, 1)


def add(a: Point, b: Point) -> Point:
    (x1, y1), (x2, y2) = a, b
    product = D * x1 * x2 * y1 * y2 % P
    return (
        (x1 * y2 + x2 * y1) * pow(1 + product, -1, P) % P,
        (y1 * y2 + x1 * x2) * pow(1 - product, -1, P) % P,
    )


def multiply(number: int, point: Point) -> Point:
    total = ZERO
    while number:
        if number & 1:
            total = add(total, point)
        point = add(point, point)
        number >>= 1
    return total


def x_of(y: int, sign: int) -> int | None:
    """The x of a point with this y, or None where there is none."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT % P
    if (x * x - square) % P:
        return None
    return P - x if x and x % 2 != sign else x


def encode_point(point: Point) -> bytes:
    x, y = point
    return (y | (x & 1) << 255).to_bytes(32, "little")


def small_order_points() -> list[Point]:
    """The eight points whose order divides 8."""
    y = 2
    while True:
        x = x_of(y, 0)
        if x is not None:
            torsion = multiply(L, (x, y))
            if multiply(4, torsion) != ZERO:
                return [multiply(times, torsion) for times in range(8)]
        y += 1


_BASE_Y = 4 * pow(5, -1, P) % P
_BASE_X = x_of(_BASE_Y, 0)
assert _BASE_X is not None
BASE: Point = (_BASE_X, _BASE_Y)


def challenge(r: bytes, public: bytes, message: bytes) -> int:
    return int.from_bytes(hashlib.sha512(r + public + message).digest(), "little") % L


def signature(secret: int, nonce: int, r: bytes, public: bytes, message: bytes) -> bytes:
    """R and S = nonce + challenge · secret, whatever R and the public key are said to be."""
    s = (nonce + challenge(r, public, message) * secret) % L
    return r + s.to_bytes(32, "little")
