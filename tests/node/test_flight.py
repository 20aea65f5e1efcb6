"""Who comes next, and who has how much on the way to the engine."""

from hansa.node.fair import Fair
from hansa.node.flight import Flight


def test_nobody_has_more_bytes_on_the_way_than_are_left_free() -> None:
    flight: Flight[int] = Flight(count_max=100, bytes_max=1_000)
    for number in range(5):
        assert flight.may("maker", 100)
        flight.add(b"%d" % number * 100, number, 0.0, "maker")
    assert not flight.may("maker", 100)
    assert flight.may("plant", 250)
    assert not flight.may("plant", 501)
    flight.remove(b"0" * 100)
    assert flight.may("maker", 100)
    assert flight.size == 400


def test_what_flies_counts_once_and_is_given_back() -> None:
    flight: Flight[int] = Flight(count_max=4, bytes_max=1_000)
    for item in range(3):
        flight.add(b"same", item, 0.0, "maker")
    flight.add(b"other", 3, 0.0, "maker")
    assert not flight.may("maker", 1)
    assert flight.remove(b"same") == [0, 1, 2]
    assert flight.remove(b"same") == []
    assert flight.may("maker", 1)
    assert flight.remove(b"other") == [3]
    assert (flight.size, flight._lines) == (0, {})


def test_lines_take_turns_and_one_that_may_have_none_waits_in_its_place() -> None:
    fair: Fair[str] = Fair()
    for line, items in (("a", "123"), ("b", "45"), ("c", "6")):
        fair.add(line, [(item, 1) for item in items])
    shut = {"c"}

    def may(line: str, size: int) -> bool:
        return line not in shut and size == 1

    found = []
    while one := fair.take_one(may):
        found.append(one)
    assert found == [("a", "1"), ("b", "4"), ("a", "2"), ("b", "5"), ("a", "3")]
    assert fair.count == 1
    shut.clear()
    assert fair.take_one(may) == ("c", "6")
    assert fair.take_one(may) is None
    assert (fair.count, fair.waiting) == (0, {})
