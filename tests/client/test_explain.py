"""Each line of a statement explained down to readings: sums add up, steps that fail say so, in zh and en."""

from collections.abc import Iterator

import pytest

from hansa.apps.metering.readings import StoredReading
from hansa.client.bundle import Bundle
from hansa.client.explain import (
    BIGGEST_SHOWN,
    FIRST_SHOWN,
    LineUnknown,
    Node,
    explain,
    explain_all,
    explain_text,
    holds,
)
from hansa.client.texts import base_text, instant_text, stretch_text
from hansa.client.verify import Report, check_bundle
from hansa.kernel import encode, replace
from hansa.kernel.canonical import decode
from tests.apps.tariffs import calendar_of
from tests.client.evidence_world import EvidenceWorld
from tests.client.forging import attested, nth


@pytest.fixture(scope="module")
def reports(world: EvidenceWorld, bundles: list[bytes]) -> list[Report]:
    return [check_bundle(data, world.genesis) for data in bundles]


def nodes(node: Node) -> Iterator[Node]:
    yield node
    for child in node.children:
        yield from nodes(child)


def of_kind(reports: list[Report], kind: str) -> list[Node]:
    return [
        explain(report, line.number)
        for report in reports
        if report.statement
        for line in report.statement.lines
        if line.kind == kind
    ]


def test_every_kind_of_line_is_explained_and_every_step_comes_out(reports: list[Report]) -> None:
    for kind in ("usage", "included", "fixed", "minimum", "cap", "correction"):
        found = of_kind(reports, kind)
        assert found, kind
        for node in found:
            assert node.ok, kind
            assert holds(node), explain_text(node, "en")


def test_quantities_add_up_at_every_level(reports: list[Report]) -> None:
    sums = 0
    for report in reports:
        for tree in explain_all(report):
            for node in nodes(tree):
                parts = [child.quantity for child in node.children if child.quantity is not None]
                if node.quantity is not None and parts:
                    assert sum(parts) == node.quantity, node.text.en
                    sums += 1
    assert sums > 50


def test_the_quantity_of_a_clause_is_what_its_lines_charge(reports: list[Report]) -> None:
    report = reports[0]
    assert report.statement is not None
    lines = [line for line in report.statement.lines if line.clause == "per_piece"]
    counted = explain(report, lines[0].number).children[1]
    assert counted.quantity == sum(line.quantity_base for line in lines) == 380
    assert counted.detail.en == "included 20 piece, tier 1 100 piece, tier 2 260 piece"
    assert counted.detail.zh == "免费额度 20 件，第 1 档 100 件，第 2 档 260 件"


def test_an_interval_leads_to_its_two_readings_and_their_signatures(reports: list[Report]) -> None:
    text = explain_text(explain(reports[0], 2), "en")
    assert "2026-01-06 00:15:00 – 02:15:00: 50 piece  (50 − 0 = 50)" in text
    assert "Record 1.1 of 2026-01-06 00:15:00: 0" in text
    assert "Signed with the device's own key; sent by maker/k1" in text
    assert "Anchor batch-1: reading 1 of 3" in text
    assert "Reading 1, 2026-01-06 00:15:00: 0  (under its anchor; the record repeats it)" in text


def test_a_gateways_signature_is_never_called_a_devices(reports: list[Report]) -> None:
    trees = [explain(report, 6) for report in reports]  # energy, by the gateway
    for tree in trees:
        assert "device's own key" not in explain_text(tree, "en")
        assert "由读取日志的网关签名：plant/gateway-1（不是设备签名）" in explain_text(tree, "zh")


def test_gaps_and_low_readings_are_named_with_their_rule(reports: list[Report]) -> None:
    text = explain_text(explain(reports[0], 2), "en")
    assert "Gap 2026-01-06 15:00:00 – 20:00:00, by the counter's difference: 80 piece" in text
    assert (
        "Low readings left out, 2026-01-06 14:00:00 – 14:00:00: false readings  (1, from 300 down to 0)"
        in text
    )
    zh = explain_text(explain(reports[0], 2), "zh")
    assert "缺口 2026-01-06 15:00:00 – 20:00:00，按计数器差值：80 件" in zh
    assert "未计入的低读数" in zh


def test_a_reset_and_a_new_device_are_declarations_of_the_owner(reports: list[Report]) -> None:
    reset = explain_text(explain(reports[1], 2), "en")
    assert "2026-01-07 18:00:00, declared: the counter ended at 1330 and began again from 0" in reset
    replaced = explain_text(explain(reports[3], 2), "en")
    assert "2026-01-08 22:00:00, declared: the counter ended at 435 and began again from 7" in replaced
    assert "Signed by the meter's owner: plant/k1" in replaced


def test_a_correction_shows_what_was_billed_what_it_is_now_and_what_came_late(reports: list[Report]) -> None:
    report = reports[3]
    assert report.statement is not None
    number = next(
        line.number
        for line in report.statement.lines
        if (line.kind, line.clause) == ("correction", "energy_peak")
    )
    tree = explain(report, number)
    text = explain_text(tree, "en")
    assert "Difference 0.38 CNY  (9.11 CNY − 8.73 CNY)" in text
    assert "line 6 of the statement of 2026-01-08" in text
    assert "Records that came after the close of 2026-01-09 " in text
    late = tree.children[2]
    assert len(late.children) == 3
    difference = tree.children[0]
    assert difference.quantity == 38


def test_what_the_owner_did_not_hand_out_is_said_to_be_with_its_owner(world: EvidenceWorld) -> None:
    bundle = replace(world.gather(0), readings=())
    tree = explain(check_bundle(encode(bundle), world.genesis), 2)
    held = [node for node in nodes(tree) if node.text.en.startswith("Reading held by its owner plant")]
    assert held
    assert all(node.ok is None for node in held)
    assert holds(tree)


def test_a_changed_reading_fails_in_the_tree_where_it_lies(
    world: EvidenceWorld, bundles: list[bytes]
) -> None:
    bundle = decode(bundles[0], Bundle)

    def more(held: object) -> object:
        reading = held.reading  # type: ignore[attr-defined]
        stored = decode(reading.data, StoredReading)
        data = encode(replace(stored, value=stored.value + 1))
        return replace(held, reading=replace(reading, data=data))  # type: ignore[type-var]

    forged = encode(replace(bundle, readings=nth(bundle.readings, 0, more)))
    tree = explain(check_bundle(forged, world.genesis), 2)
    assert not holds(tree)
    assert "✗ The reading in the bundle is not under that anchor" in explain_text(tree, "en")


def test_a_changed_amount_fails_at_its_line(world: EvidenceWorld, bundles: list[bytes]) -> None:
    def dearer(statement: object) -> object:
        lines = statement.lines  # type: ignore[attr-defined]
        changed = nth(lines, 2, lambda line: replace(line, amount_minor=line.amount_minor + 1))
        return replace(statement, lines=changed)  # type: ignore[type-var]

    forged = attested(decode(bundles[0], Bundle), "billing.statements", dearer)
    trees = explain_all(check_bundle(encode(forged), world.genesis))
    assert [tree.ok for tree in trees] == [True, True, False, True, True, True, True, True]
    assert not trees[2].children[0].ok


def test_a_bundle_that_cannot_be_read_gives_the_failed_check(world: EvidenceWorld) -> None:
    tree = explain(check_bundle(b"{}", world.genesis), 1)
    assert tree.ok is False
    assert tree.children[0].ok is False
    assert explain_text(tree, "zh").startswith("✗ 证据包不成立")


def test_a_line_that_is_not_there_is_refused(reports: list[Report]) -> None:
    for number in (0, -1, 99):
        with pytest.raises(LineUnknown) as caught:
            explain(reports[0], number)
        assert caught.value.field == "line"
        assert str(number) in caught.value.zh


def test_many_intervals_are_shown_by_the_first_and_the_biggest(reports: list[Report]) -> None:
    """Energy of a day has 24 intervals in the night and the day; what is not shown is added up."""
    tree = explain(reports[0], 6)
    bucket = tree.children[1].children[0]
    shown = [child for child in bucket.children if child.children]
    assert len(shown) <= FIRST_SHOWN + BIGGEST_SHOWN
    states = explain(reports[0], 5)
    assert holds(states)


def test_texts_are_there_in_both_languages_and_hold_no_raw_times(reports: list[Report]) -> None:
    for report in reports:
        for tree in explain_all(report):
            for node in nodes(tree):
                assert node.text.zh
                assert node.text.en
                assert bool(node.detail.zh) == bool(node.detail.en)
                assert "17677" not in node.text.en + node.detail.en, "a time in ms"


def test_times_are_local() -> None:
    calendar = calendar_of("Asia/Shanghai", 2026)
    at_ms = 1_767_571_200_000  # 2026-01-05T00:00:00Z
    assert instant_text(calendar, at_ms) == "2026-01-05 08:00:00"
    assert instant_text(calendar, at_ms + 7) == "2026-01-05 08:00:00.007"
    assert instant_text(calendar, 0).endswith("Z")
    assert stretch_text(calendar, at_ms, at_ms + 60_000) == "2026-01-05 08:00:00 – 08:01:00"
    assert stretch_text(calendar, at_ms, at_ms + 57_600_000) == "2026-01-05 08:00:00 – 2026-01-06 00:00:00"


@pytest.mark.parametrize(
    ("quantity", "unit", "zh", "en"),
    [
        (3, "piece", "3 件", "3 piece"),
        (3_723_004, "ms", "1:02:03.004 h", "1:02:03.004 h"),
        (-1_000, "ms", "-0:00:01 h", "-0:00:01 h"),
        (7, "inspection", "7 次", "7 inspection"),
        (7, "wafer", "7 wafer", "7 wafer"),
    ],
)
def test_quantities_carry_their_unit(quantity: int, unit: str, zh: str, en: str) -> None:
    text = base_text(quantity, unit)
    assert (text.zh, text.en) == (zh, en)
