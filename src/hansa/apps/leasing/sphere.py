"""Places as points on a sphere, in integers: whose chord is shorter is nearer along the great circle, too.

Pure. Sines by their Taylor series with 18 decimals, so every machine finds the same points.
"""

Point = tuple[int, int, int]

RADIUS = 2**25
"""Of the sphere, in its own units of some 19 cm on the Earth; the square of a chord stays below 2^53."""
ONE_E18 = 10**18
HALF_TURN_E18 = 3_141_592_653_589_793_238
HALF_TURN_E6, QUARTER_TURN_E6 = 180_000_000, 90_000_000
TERMS = 12
"""The next one is below 10^-12 for half a turn."""


def point_of(latitude_e6: int, longitude_e6: int) -> Point:
    """Where a place lies on the sphere; millionths of a degree."""
    across_e18 = _cosine_e18(latitude_e6)
    return (
        _rounded(across_e18 * _cosine_e18(longitude_e6) * RADIUS, ONE_E18**2),
        _rounded(across_e18 * _sine_e18(longitude_e6) * RADIUS, ONE_E18**2),
        _rounded(_sine_e18(latitude_e6) * RADIUS, ONE_E18),
    )


def _rounded(value: int, unit: int) -> int:
    """To the nearest, so that points on either side of a line lie alike."""
    return (2 * value + unit) // (2 * unit)


def square_of_chord(one: Point, other: Point) -> int:
    """The straight distance of two points, squared: 0 … about 2^52."""
    x, y, z = one[0] - other[0], one[1] - other[1], one[2] - other[2]
    return x * x + y * y + z * z


def _cosine_e18(angle_e6: int) -> int:
    return _sine_e18(QUARTER_TURN_E6 - abs(angle_e6))


def _sine_e18(angle_e6: int) -> int:
    """Of −180° … 180°, within 10^-12; of opposite angles opposite ones."""
    if angle_e6 < 0:
        return -_sine_e18(-angle_e6)
    term = total = angle = angle_e6 * HALF_TURN_E18 // HALF_TURN_E6
    for number in range(1, TERMS):
        term = -(term * angle // ONE_E18) * angle // ONE_E18 // (2 * number * (2 * number + 1))
        total += term
    return total
