"""Places as points on a sphere, beside the sines and distances of floats."""

import math

from hypothesis import given
from hypothesis import strategies as st

from hansa.apps.leasing.sphere import RADIUS, point_of, square_of_chord
from hansa.client.market import EARTH_RADIUS_M, distance_m
from hansa.kernel.types import INTEGER_MAX

LATITUDES = st.integers(-90_000_000, 90_000_000)
LONGITUDES = st.integers(-180_000_000, 180_000_000)
PLACES = st.tuples(LATITUDES, LONGITUDES)


@given(PLACES)
def test_a_point_is_where_its_angles_say(place: tuple[int, int]) -> None:
    latitude, longitude = (math.radians(angle / 1e6) for angle in place)
    expected = (
        math.cos(latitude) * math.cos(longitude),
        math.cos(latitude) * math.sin(longitude),
        math.sin(latitude),
    )
    for found, share in zip(point_of(*place), expected, strict=True):
        assert abs(found - share * RADIUS) <= 0.51


@given(PLACES, PLACES)
def test_a_chord_tells_the_distance_within_a_metre_and_is_a_number_of_the_ledger(
    one: tuple[int, int], other: tuple[int, int]
) -> None:
    square = square_of_chord(point_of(*one), point_of(*other))
    assert 0 <= square <= INTEGER_MAX
    great_circle_m = distance_m(*one, *other)
    chord_m = math.sqrt(square) / RADIUS * EARTH_RADIUS_M
    assert abs(chord_m - 2 * EARTH_RADIUS_M * math.sin(great_circle_m / EARTH_RADIUS_M / 2)) <= 1


def test_the_corners_of_the_map() -> None:
    assert point_of(0, 0) == (RADIUS, 0, 0)
    assert point_of(0, 90_000_000) == (0, RADIUS, 0)
    assert point_of(0, 180_000_000) == point_of(0, -180_000_000) == (-RADIUS, 0, 0)
    assert point_of(90_000_000, 77) == (0, 0, RADIUS)
    assert point_of(-90_000_000, -5_000_000) == (0, 0, -RADIUS)
    assert square_of_chord(point_of(0, 0), point_of(0, 180_000_000)) == 4 * RADIUS**2
