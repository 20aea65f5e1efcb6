"""What a report accepts: bad data are refused with their place, never drawn wrong."""

import math

import pytest
from msgspec.structs import replace

from hansa.console.report import ReportData, limits, render
from hansa.console.report import business as b
from hansa.console.report import data as d
from hansa.console.report.errors import ReportDataUnfit, ReportTooLarge
from tests.console.sample import sample, text

SAMPLE = sample()
PIECES, STATES = SAMPLE.feeds[0], SAMPLE.feeds[3]


def with_feed(feed: d.Feed) -> ReportData:
    return replace(SAMPLE, feeds=(feed,))


def with_oee(**factors: d.OeeFactor) -> ReportData:
    return replace(SAMPLE, oee=replace(SAMPLE.oee, **factors))


def with_explanation(node: d.Node) -> ReportData:
    statement = SAMPLE.statements[0]
    line = replace(statement.lines[0], explanation=node)
    return replace(SAMPLE, statements=(replace(statement, lines=(line,)),))


def deep(levels: int) -> d.Node:
    node = d.Node(text=text("底", "ground"))
    for _ in range(levels - 1):
        node = d.Node(text=text("步", "step"), children=(node,))
    return node


def refusal(data: ReportData) -> ReportDataUnfit:
    with pytest.raises(ReportDataUnfit) as caught:
        render(data)
    assert caught.value.code == "report.data_unfit"
    return caught.value


def test_a_wrong_type_is_refused_with_its_place() -> None:
    wrong = replace(SAMPLE, made_at_ms="noon")
    assert "$.made_at_ms" in refusal(wrong).en
    assert "$.made_at_ms" in refusal(wrong).zh


def test_money_beyond_what_a_browser_holds_exactly_is_refused() -> None:
    statement = replace(SAMPLE.statements[0], gross_minor=2**53)
    assert "gross_minor" in refusal(replace(SAMPLE, statements=(statement,))).en
    largest = replace(SAMPLE.statements[0], gross_minor=2**53 - 1)
    assert "9007199254740991" in render(replace(SAMPLE, statements=(largest,)))


def test_oee_is_refused_while_one_of_its_factors_is_not_given() -> None:
    whole = d.OeeFactor(value="1.0000", given=True, how=text("", ""), needs=text("", ""))
    assert "oee.oee" in refusal(with_oee(oee=whole)).en


def test_a_factor_is_given_exactly_when_it_has_a_value() -> None:
    empty = replace(SAMPLE.oee.availability, value=None)
    assert "oee.availability" in refusal(with_oee(availability=empty)).en
    denied = replace(SAMPLE.oee.availability, given=False)
    assert "oee.availability" in refusal(with_oee(availability=denied)).en


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_value_that_is_no_number_is_refused(value: float) -> None:
    assert "packer3.pieces.series" in refusal(with_feed(replace(PIECES, series=((1, value),)))).en


def test_points_out_of_time_order_are_refused() -> None:
    assert "time order" in refusal(with_feed(replace(PIECES, series=((2, 1), (1, 2))))).en


def test_a_band_of_no_state_or_of_negative_length_is_refused() -> None:
    assert "bands" in refusal(with_feed(replace(STATES, bands=((0, 1, 5),)))).en
    assert "bands" in refusal(with_feed(replace(STATES, bands=((0, 1, -1),)))).en
    assert "bands" in refusal(with_feed(replace(STATES, bands=((1, 0, 0),)))).en


def test_each_state_needs_its_time() -> None:
    assert "state_ms" in refusal(with_feed(replace(STATES, state_ms=(1,)))).en


@pytest.mark.parametrize(
    ("changes", "offsets"), [((), ()), ((0,), (60, 120)), ((5, 5), (60, 120)), ((9, 5), (60, 120))]
)
def test_a_zone_needs_ascending_changes_each_with_its_offset(
    changes: tuple[int, ...], offsets: tuple[int, ...]
) -> None:
    zone = d.Zone(name="Europe/Berlin", transition_ms=changes, offset_minutes=offsets)
    assert "zone" in refusal(replace(SAMPLE, zone=zone)).en


def test_what_a_browser_could_not_open_is_refused_by_number() -> None:
    many = tuple((at, at) for at in range(limits.SERIES_MAX + 1))
    with pytest.raises(ReportTooLarge) as caught:
        render(with_feed(replace(PIECES, series=many)))
    assert "packer3.pieces.series" in caught.value.en
    assert str(limits.SERIES_MAX) in caught.value.zh
    render(with_feed(replace(PIECES, series=many[1:])))


def test_an_explanation_has_a_greatest_depth() -> None:
    render(with_explanation(deep(limits.TREE_DEPTH_MAX)))
    with pytest.raises(ReportTooLarge):
        render(with_explanation(deep(limits.TREE_DEPTH_MAX + 1)))
    with pytest.raises(ReportTooLarge):
        render(with_explanation(deep(5_000)))


def test_all_explanations_together_have_a_greatest_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "TREE_NODES_MAX", 20)
    render(with_explanation(deep(20)))
    with pytest.raises(ReportTooLarge):
        render(with_explanation(deep(21)))


def with_first_item(*cells: b.Cell) -> ReportData:
    """The sample with another first row in the bank's table."""
    assert SAMPLE.business is not None
    (section,) = SAMPLE.business.bank
    items = replace(section.grids[0], rows=(cells, *section.grids[0].rows[1:]))
    bank = (replace(section, grids=(items, *section.grids[1:])),)
    return replace(SAMPLE, business=replace(SAMPLE.business, bank=bank))


def first_item() -> tuple[b.Cell, ...]:
    assert SAMPLE.business is not None
    return SAMPLE.business.bank[0].grids[0].rows[0]


def test_a_row_of_business_has_a_cell_for_each_column() -> None:
    render(with_first_item(*first_item()))
    assert "business.bank[0].grids[0][0]" in refusal(with_first_item(*first_item()[:-1])).en


def test_a_cell_of_business_is_of_its_columns_kind() -> None:
    reference, member, cause, _, *rest = first_item()
    assert "Amount" in refusal(with_first_item(reference, member, cause, "81,609.50", *rest)).en
    assert "Cause" in refusal(with_first_item(reference, member, "statement", 1, *rest)).en
    render(with_first_item(reference, member, cause, None, *rest))


@pytest.mark.parametrize("path", ["../secret", "/etc/passwd", "a//b", "https://x.example/y", ""])
def test_a_file_lies_below_the_reports_folder(path: str) -> None:
    assert SAMPLE.business is not None
    (section,) = SAMPLE.business.bank
    *grids, files = section.grids
    ((quantity, period, _, remark),) = files.rows
    for cell in ("payments/a.xml", path):
        rows = ((quantity, period, cell, remark),)
        bank = (replace(section, grids=(*grids, replace(files, rows=rows))),)
        data = replace(SAMPLE, business=replace(SAMPLE.business, bank=bank))
        if cell != path:
            render(data)
        else:
            assert "File" in refusal(data).en


def test_sums_below_a_table_are_of_its_columns_kinds() -> None:
    assert SAMPLE.business is not None
    (section,) = SAMPLE.business.bank
    items, *others = section.grids
    for foot in ((("Σ",),), (("Σ", None, None, "81,609.49", *[None] * (len(items.columns) - 4)),)):
        bank = (replace(section, grids=(replace(items, foot=foot), *others)),)
        data = replace(SAMPLE, business=replace(SAMPLE.business, bank=bank))
        assert "business.bank[0].grids[0]" in refusal(data).en


def test_a_bar_ends_after_it_begins() -> None:
    assert SAMPLE.business is not None
    (section,) = SAMPLE.business.sales
    assert section.timetable is not None
    lane = section.timetable.lanes[0]
    backwards = replace(lane, bars=(replace(lane.bars[0], to_ms=lane.bars[0].from_ms),))
    sales = (replace(section, timetable=replace(section.timetable, lanes=(backwards,))),)
    assert "timetable" in refusal(replace(SAMPLE, business=replace(SAMPLE.business, sales=sales))).en
