"""Real logs under the six tariffs: each statement equals the second opinion, and the facts of the data
come out.
"""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from independent.compare import Second

from hansa.apps.billing.messages import Statement
from hansa.apps.billing.sheet import parse_sheet
from hansa.edge.gateway import declarations, deliveries, feed_name
from hansa.edge.log_model import Log
from hansa.edge.log_reader import read_log
from hansa.edge.mapping import load_mapping
from hansa.kernel import Refusal, limits
from hansa.simulation.leasing import Play, agreement_time, bind
from tests.apps.ground import Ground

TESTS = Path(__file__).resolve().parents[1]
NOW_MS = 1_780_000_000_000
LOGS = {
    "hurco01": "nist-sms-hurco01",
    "mazak03-counters": "nist-sms-mazak03/counters_15min.csv",
    "mazak03-events": "nist-sms-mazak03/events.csv",
    "mazak03-raw": "nist-sms-mazak03/raw",
    "okuma": "mtconnect-samples/okuma_shdr.txt",
    "steel": "steel-energy/Steel_industry_data.csv",
}
MACHINE_TIME = {"hurco01": "spindle", "mazak03-counters": "auto", "mazak03-raw": "auto", "okuma": "cutting"}
"""Of several counters of time, the one that the parties lease by."""
TARIFFS = sorted(path.stem for path in (TESTS / "tariffs").glob("*.json"))
OTHERS_REFUSED = {
    # PartCountAct of the turn-mill was never wired.
    ("mazak03-events", "1-per-piece"): "billing.feed_not_wired",
    ("mazak03-events", "5-fixed-and-volume"): "billing.feed_not_wired",
    ("mazak03-raw", "1-per-piece"): "billing.feed_not_wired",
    ("mazak03-raw", "5-fixed-and-volume"): "billing.feed_not_wired",
    ("mazak03-raw", "6-every-element-pieces"): "billing.feed_not_wired",
    # A state that the tariff bills never occurs in two days, in one day; load types are no machine states.
    ("mazak03-raw", "3-per-hour-by-state"): "billing.state_unknown",
    ("okuma", "3-per-hour-by-state"): "billing.state_unknown",
    ("okuma", "6-every-element-hours"): "billing.state_unknown",
    ("steel", "3-per-hour-by-state"): "billing.state_unknown",
}
"""All others are refused since the log has no signal that the tariff counts."""
SETTLED = [
    ("hurco01", "1-per-piece"),
    ("hurco01", "2-per-machine-hour"),
    ("hurco01", "5-fixed-and-volume"),
    ("hurco01", "6-every-element-pieces"),
    ("mazak03-counters", "2-per-machine-hour"),
    ("mazak03-events", "3-per-hour-by-state"),
    ("mazak03-raw", "2-per-machine-hour"),
    ("mazak03-raw", "6-every-element-hours"),
    ("okuma", "1-per-piece"),
    ("okuma", "2-per-machine-hour"),
    ("okuma", "5-fixed-and-volume"),
    ("okuma", "6-every-element-pieces"),
    ("steel", "4-per-kwh-time-of-use"),
    ("steel", "4-per-kwh-time-of-use-seoul"),
]
ALL = [(log, tariff) for log in LOGS for tariff in TARIFFS]


@cache
def log_of(shared_data: Path, name: str) -> Log:
    mapping = load_mapping(TESTS / "mappings" / f"{name}.toml")
    return read_log(shared_data / "machine-logs" / LOGS[name], mapping, now_ms=NOW_MS)


@cache
def settled(shared_data: Path, name: str, tariff: str) -> tuple[Ground, Second]:
    """A log played through the rooms as it would have come, day by day, until all periods are closed."""
    log = log_of(shared_data, name)
    mapping = load_mapping(TESTS / "mappings" / f"{name}.toml")
    written = (TESTS / "tariffs" / f"{tariff}.json").read_bytes()
    sheet = parse_sheet(written, TESTS / "tariffs")
    bindings = bind(log, sheet, {"machine_time": MACHINE_TIME.get(name, "machine_time")})
    play = Play(log, mapping, sheet, bindings)
    from_ms, to_ms = agreement_time(play)
    ground = Ground(from_ms)
    for action in declarations(log, mapping, "gateway-1"):
        ground.do("plant", action)
    ground.publish(sheet.tariff, sheet.calendar)
    ground.agree(
        from_ms,
        to_ms,
        *sheet.terms.gaps,
        cut_off_ms=sheet.terms.cut_off_ms,
        feeds={binding.meter: binding.feed for binding in bindings},
    )
    declared = {binding.meter: ground.feed(binding.feed) for binding in bindings}
    second = Second(with_holidays(written), declared, from_ms)
    meters = {binding.feed: binding.meter for binding in bindings}
    checked = 0
    for delivery in deliveries(log, limits.DAY_MS):
        checked = catch_up(ground, second, delivery.last_ms, checked)
        for number, feed in enumerate(log.feeds):
            full_name = feed_name(log.device, feed.spec)
            items = [item for item in delivery.items if item.feed == number and item.record]
            if full_name not in meters or not items:
                continue
            told = [
                (
                    item.at_ms,
                    None if feed.lost[item.reading] else feed.value[item.reading],
                    feed.span_ms[item.reading],
                )
                for item in items
            ]
            for part in range(0, len(told), limits.RECORDS_PER_BATCH_MAX):
                some = told[part : part + limits.RECORDS_PER_BATCH_MAX]
                ground.record(full_name, *some, first=items[part].record)
            second.told[meters[full_name]] += [
                (*reading, item.record) for reading, item in zip(told, items, strict=True)
            ]
    catch_up(ground, second, to_ms + 100 * limits.DAY_MS, checked)
    return ground, second


def catch_up(ground: Ground, second: Second, to_ms: int, checked: int) -> int:
    """Let time pass; each statement made on the way equals the second opinion."""
    ground.move_to(max(to_ms, ground.now_ms))
    statements = ground.statements()
    for statement in statements[checked:]:
        second.check_own(statement)
    return len(statements)


def with_holidays(written: bytes) -> dict[str, object]:
    """A sheet as the second opinion wants it: holidays of a file beside it put into its calendar."""
    sheet: dict[str, dict[str, object]] = json.loads(written)
    name = sheet["calendar"].pop("holidays_file", None)
    if name is not None:
        sheet["calendar"]["holidays"] = json.loads((TESTS / "tariffs" / str(name)).read_text())
    return dict(sheet)


def total(statements: list[Statement], *clauses: str) -> int:
    return sum(line.quantity_base for s in statements for line in s.lines if line.clause in clauses)


@pytest.mark.parametrize(("name", "tariff"), SETTLED)
def test_each_statement_of_a_real_log_equals_the_second_opinion(
    shared_data: Path, name: str, tariff: str
) -> None:
    ground, second = settled(shared_data, name, tariff)
    statements = ground.statements()
    assert len(statements) == len(second.billed) > 0
    assert any(line.net_minor for statement in statements for line in statement.lines) or name == "okuma"


@pytest.mark.parametrize(("name", "tariff"), [case for case in ALL if case not in SETTLED])
def test_a_log_without_the_signals_of_a_tariff_is_refused_by_name(
    shared_data: Path, name: str, tariff: str
) -> None:
    with pytest.raises(Refusal) as refused:
        settled(shared_data, name, tariff)
    assert refused.value.code == OTHERS_REFUSED.get((name, tariff), "billing.meter_unbound")
    assert refused.value.clause
    assert refused.value.zh
    assert refused.value.en


def test_the_mill_made_1418_pieces_and_13_false_zeros_bill_nothing(shared_data: Path) -> None:
    statements = settled(shared_data, "hurco01", "1-per-piece")[0].statements()
    assert total(statements, "per_piece") == 1_418
    assert sum(fall.readings for s in statements for fall in s.falls) == 13
    assert {fall.status for s in statements for fall in s.falls} == {"false_reading"}
    assert [s.lines[0].kind for s in statements] == ["included"] * 7


def test_gaps_of_the_mill_are_listed_with_what_the_counter_says(shared_data: Path) -> None:
    statements = settled(shared_data, "hurco01", "1-per-piece")[0].statements()
    closed = [gap for s in statements for gap in s.gaps if gap.state == "closed"]
    assert all(gap.known and gap.quantity_base == gap.difference_base for gap in closed)
    assert max(gap.quantity_base for gap in closed) > 90
    assert all(earlier.to_ms <= later.from_ms for earlier, later in pairwise(closed))


def test_machine_counter_and_observed_hours_of_the_turn_mill_differ_as_they_do(shared_data: Path) -> None:
    by_counter = settled(shared_data, "mazak03-counters", "2-per-machine-hour")[0].statements()
    assert total(by_counter, "machine_hours") == (3_555_418 - 585_975) * 1_000
    by_state = settled(shared_data, "mazak03-events", "3-per-hour-by-state")[0].statements()
    assert round(total(by_state, "hours_active") / limits.HOUR_MS, 2) == 287.83


def test_a_year_of_the_steel_works_is_959_636_kwh(shared_data: Path) -> None:
    for tariff in ("4-per-kwh-time-of-use", "4-per-kwh-time-of-use-seoul"):
        statements = settled(shared_data, "steel", tariff)[0].statements()
        clauses = {line.clause for s in statements for line in s.lines if line.unit == "kWh"}
        # By the clock of Shanghai the log ends an hour before its year: the rule fills it, and says so.
        filled = sum(gap.quantity_base for s in statements for gap in s.gaps)
        assert total(statements, *clauses) - filled == 959_636_710
        assert (filled > 0) == (tariff == "4-per-kwh-time-of-use")
