"""The business story of the first release: a month of a line's log becomes a statement nobody can dispute."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import date, datetime

from hansa.apps.billing.rating import Line
from hansa.client.evidence import gather
from hansa.client.verify import check_bundle
from hansa.kernel import encode
from hansa.simulation import demo as plays
from hansa.simulation import packaging_line as line7

DAY_MS = 86_400_000
SEPTEMBER = date(2026, 9, 1)


def lines_of(demo: plays.Demo, clause: str) -> list[Line]:
    """Of September, its own."""
    stated = demo.statements[-1].lines
    return [line for line in stated if line.clause == clause and line.kind != "correction"]


def counted(demo: plays.Demo, clause: str) -> int:
    return sum(line.quantity_base for line in lines_of(demo, clause))


def test_every_piece_that_the_line_made_is_counted_once_through_reset_and_replacement(
    month: plays.Demo,
) -> None:
    reset, replacement = month.play.occurrences
    good = "line7.pieces_good"
    readings = next(feed for feed in month.play.log.feeds if feed.spec.name == "pieces_good")
    last = readings.value[-1]
    begin_ms = month.statements[-1].period.from_ms
    shown = zip(readings.at_ms, readings.value, strict=True)
    first = [value for at_ms, value in shown if at_ms <= begin_ms][-1]
    to_reset = reset.action.final_value - first  # type: ignore[union-attr]
    to_replacement = next(
        c.final_value
        for c in replacement.action.counters  # type: ignore[union-attr]
        if c.feed == good
    )

    assert counted(month, "per_piece_good") == to_reset + to_replacement + last


def test_a_lost_signal_costs_nobody_a_piece(month: plays.Demo) -> None:
    lost_ms = line7.instant_ms(line7.LOST_FROM + line7.LOSS_NOTICED)
    gaps = {gap.meter: gap for gap in month.statements[-1].gaps if gap.from_ms == lost_ms}

    assert set(gaps) == {"pieces_good", "pieces_scrap", "execution"}
    assert gaps["pieces_good"].quantity_base == gaps["pieces_good"].difference_base > 0
    assert gaps["execution"].rule == "last_rate"


def test_false_zeros_are_listed_and_left_out(month: plays.Demo) -> None:
    falls = month.statements[-1].falls

    assert [(fall.meter, fall.value_base, fall.status) for fall in falls] == [
        ("pieces_good", 0, "false_reading")
    ]
    assert falls[0].from_ms == line7.instant_ms(line7.FALSE_ZEROS_AT + line7.STEP)


def test_a_hole_in_the_energy_meter_is_filled_as_it_went_before_and_named(month: plays.Demo) -> None:
    hole = next(gap for gap in month.statements[-1].gaps if gap.meter == "energy")

    assert hole.rule == "last_rate"
    assert hole.from_ms == line7.instant_ms(line7.ENERGY_HOLE_FROM)
    assert hole.to_ms == line7.instant_ms(line7.ENERGY_HOLE_TO)
    assert hole.quantity_base > 0


def test_rows_of_a_clock_set_wrong_are_refused_by_file_and_line(month: plays.Demo) -> None:
    refused = month.play.log.report.misdated_rows

    assert [(row.file, row.line) for row in refused] == [("line7-20260911.csv", n) for n in (2, 3, 4)]
    assert all(row.zh and row.en for row in refused)


def test_what_arrived_late_and_twice_counts_once(month: plays.Demo) -> None:
    """Without late and repeated deliveries September's own lines are the same; and what August states and
    September corrects is what a punctual August states.
    """
    assert month.play.held_back
    assert month.play.repeated
    folder = plays.prepare(month.folder.parent / "calm")
    other = plays.run(folder, replace(month.play, held_back=(), repeated=()))
    try:
        a, b = month.statements[-1], other.statements[-1]
        assert not of_late_records(other)
        assert (a.gaps, a.falls) == (b.gaps, b.falls)
        assert amounts(own(month)) == amounts(own(other))
        august = (*month.statements[0].lines, *of_late_records(month))
        assert amounts(august) == amounts(other.statements[0].lines)
    finally:
        other.world.close()


def test_the_statement_stands_up_offline_and_a_changed_reading_does_not(month: plays.Demo) -> None:
    assert month.report.ok
    assert not month.tampered.ok
    failed = [check.name for check in month.tampered.checks if not check.ok]
    assert failed == ["readings"]


def test_each_party_and_the_bank_get_the_same_statement_from_its_own_evidence(month: plays.Demo) -> None:
    genesis = month.world.genesis_file.read_bytes()
    stated = month.statements[-1]
    for member in ("maker", "plant", "bank"):
        bundle = gather(month.world.clients[member], stated.agreement, stated.period.from_ms, {})
        report = check_bundle(encode(bundle), genesis)
        assert report.ok
        assert report.closed[-1].totals.lines == stated.lines


def test_the_month_is_closed_at_its_cut_off_and_not_before(month: plays.Demo) -> None:
    cut_offs = [line7.instant_ms(datetime(2026, number, 6)) for number in (9, 10)]

    assert [stated.closed_ms for stated in month.statements] == cut_offs
    begins = [
        line7.instant_ms(datetime.combine(day, datetime.min.time())) for day in (line7.FIRST, SEPTEMBER)
    ]
    assert [stated.period.from_ms for stated in month.statements] == begins


def of_late_records(month: plays.Demo) -> list[Line]:
    return [line for line in month.statements[-1].lines if line.kind == "correction"]


def test_the_late_reading_stands_in_the_next_statement_under_the_month_that_it_is_for(
    month: plays.Demo,
) -> None:
    """What lay at the gateway while August closed is corrected in September's statement."""
    august = month.statements[0]
    found = of_late_records(month)

    assert found
    assert {line.corrects_from_ms for line in found} == {august.period.from_ms}
    assert not [line for line in august.lines if line.kind == "correction"]
    stuck_ms = line7.instant_ms(datetime.combine(line7.STUCK_DAY, datetime.min.time()))
    assert [gap for gap in august.gaps if gap.from_ms // DAY_MS - stuck_ms // DAY_MS in (0, 1)]


def own(month: plays.Demo) -> list[Line]:
    return [line for line in month.statements[-1].lines if line.kind != "correction"]


def amounts(lines: Iterable[Line]) -> dict[str, int]:
    """Net, by clause."""
    found: dict[str, int] = {}
    for line in lines:
        found[line.clause] = found.get(line.clause, 0) + line.net_minor
    return found
