"""Which line pays what: every planted case, and that nothing is taken for certain that is not."""

from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hansa.apps.money.names import reference_of
from hansa.client.pay.items import BankLine, OpenItem, folded, named
from hansa.client.pay.likeness import NearReferences, slips_in, sums
from hansa.client.pay.matching import WINDOW_DAYS, Found, Known, match
from hansa.client.pay.reasons import OUTCOMES, REASONS
from hansa.kernel.limits import ALLOCATIONS_MAX, DAY_MS
from tests.client.pay_planted import plant

DAY = 20_500
KNOWN = Known(accounts={"4711": "plant"}, names={folded("Plant AG"): "plant", folded("Rival AG"): "rival"})


def item(name: str = "a", amount: int = 50_000, debtor: str = "plant", **other: object) -> OpenItem:
    found = OpenItem(name, reference_of(name), debtor, "maker", "CNY", amount, DAY * DAY_MS)
    return replace(found, **other)  # type: ignore[arg-type]


def line(text: str = "", amount: int = 50_000, **other: object) -> BankLine:
    found = BankLine("", "1", DAY, amount, "CNY", "in", payer="Plant AG", text=text)
    return replace(found, **other)  # type: ignore[arg-type]


def matched(lines: list[BankLine], items: list[OpenItem], known: Known = KNOWN) -> list[Found]:
    return match(named(lines), items, known)


def reasons(lines: list[BankLine], items: list[OpenItem], known: Known = KNOWN) -> list[str]:
    return [found.reason for found in matched(lines, items, known)]


@pytest.mark.parametrize("seed", range(8))
def test_every_planted_match_is_found_and_nothing_else_is_certain(seed: int) -> None:
    planted = plant(seed, 600)
    found = match(planted.lines, planted.items, planted.known)
    assert [one.line for one in found] == planted.lines
    told = [(one.outcome, one.reason, one.allocations) for one in found]
    wrong = [pair for pair in zip(told, planted.expected, strict=True) if pair[0] != pair[1]]
    assert not wrong
    assert len({reason for _, reason, _ in planted.expected}) > 12


@pytest.mark.parametrize("seed", range(8))
def test_no_obligation_is_paid_beyond_what_is_open(seed: int) -> None:
    planted = plant(seed + 100, 400)
    paid: Counter[str] = Counter()
    for one in match(planted.lines, planted.items, planted.known):
        if one.outcome == "certain":
            assert sum(amount for _, amount in one.allocations) + one.rest_minor == one.line.amount_minor
            for name, amount in one.allocations:
                paid[name] += amount
    assert all(paid[one.name] <= one.open_minor for one in planted.items)


def test_every_reason_has_its_words() -> None:
    planted = plant(1, 1_000)
    found = match(planted.lines, planted.items, planted.known)
    assert {one.reason for one in found} <= set(REASONS)
    assert {one.outcome for one in found} == set(OUTCOMES)


def test_the_same_movement_twice_in_a_file_counts_once() -> None:
    a = item()
    first = line(a.reference, bank_reference="77")
    assert reasons([first, first], [a]) == ["exact", "duplicate"]


def test_two_lines_that_nothing_tells_apart_are_for_a_person() -> None:
    a = item(amount=100_000)
    found = matched([line(a.reference), line(a.reference)], [a])
    assert [one.reason for one in found] == ["part", "alike"]
    assert [one.outcome for one in found] == ["certain", "proposal"]


def test_what_is_recorded_is_not_recorded_again() -> None:
    a = item()
    entry = named([line(a.reference)])[0].entry
    known = replace(KNOWN, receipts={entry: ("CNY", 50_000, "plant")})
    assert reasons([line(a.reference)], [a], known) == ["recorded_before"]


def test_what_the_bank_does_not_book_is_no_payment() -> None:
    a = item()
    assert reasons([line(a.reference, booked=False)], [a]) == ["pending"]


def test_a_value_date_that_lies_ahead_or_is_missing_is_no_payment_yet() -> None:
    a = item()
    known = replace(KNOWN, today=DAY)
    assert reasons([line(a.reference)], [a], known) == ["exact"]
    assert reasons([line(a.reference, value_day=DAY + 1)], [a], known) == ["ahead"]
    assert reasons([line(a.reference, value_day=0)], [a], known) == ["no_date"]


def test_a_reversal_of_what_is_recorded_proposes_to_undo_it() -> None:
    a = item()
    entry = "e" * 64
    known = replace(KNOWN, receipts={entry: ("CNY", 50_000, "plant")}, closed={a.reference: a.name})
    back = line(a.reference, direction="out", reversal=True)
    found = matched([back], [], known)[0]
    assert (found.outcome, found.reason, found.candidates) == ("proposal", "undo_receipt", (entry,))
    assert reasons([replace(back, amount_minor=1)], [], known) == ["reversal_of_unknown"]


def test_a_debit_under_our_reference_takes_the_credit_back_without_a_flag() -> None:
    a = item()
    lines = [line(a.reference, bank_reference="1"), line(a.reference, direction="out", bank_reference="2")]
    assert reasons(lines, [a]) == ["taken_back", "takes_back"]


def test_what_went_out_before_takes_nothing_back_that_came_later() -> None:
    a = item()
    lines = [line(a.reference), line(a.reference, direction="out", value_day=DAY - 1)]
    assert reasons(lines, [a]) == ["exact", "outgoing"]


def test_a_payment_for_more_items_than_a_receipt_can_hold_is_for_a_person() -> None:
    items = [item(f"a{number}", 100) for number in range(ALLOCATIONS_MAX + 1)]
    text = " ".join(one.reference for one in items)
    assert reasons([line(text, 100 * len(items))], items) == ["too_many"]
    assert reasons([line(text, 100 * len(items) - 100)], items[1:]) == ["several"]


def test_a_slip_in_the_reference_of_somebody_elses_item_is_no_proposal() -> None:
    a = item(debtor="rival")
    slipped = a.reference[:8] + a.reference[9:]
    assert reasons([line(slipped)], [a]) == ["payer_owes_nothing"]
    assert reasons([line(slipped, payer="Rival AG")], [a]) == ["slip"]


def test_own_payments_and_their_return_pay_nothing() -> None:
    a = item()
    lines = [line("rent", direction="out"), line(a.reference, reversal=True)]
    assert reasons(lines, [a]) == ["outgoing", "own_payment_returned"]


def test_a_reference_that_is_paid_says_so() -> None:
    a = item()
    known = replace(KNOWN, closed={a.reference: a.name})
    assert reasons([line(a.reference)], [], known) == ["reference_not_open"]


def test_a_payer_that_is_not_known_pays_by_reference_alone() -> None:
    a = item()
    found = matched([line(a.reference, payer="Treuhand", payer_account="99")], [a])[0]
    assert (found.outcome, found.payer) == ("certain", "plant")


def test_the_account_says_who_paid_before_the_name_does() -> None:
    a = item()
    lines = [line(a.reference, payer="Rival AG", payer_account="47-11")]
    assert reasons(lines, [a]) == ["exact"]


def test_without_a_reference_several_of_one_amount_are_for_a_person() -> None:
    a, b = item("a"), item("b")
    found = matched([line()], [a, b])[0]
    assert (found.reason, found.candidates, found.allocations) == ("several_candidates", ("a", "b"), ())


def test_two_payments_of_one_amount_for_one_item_are_both_doubtful() -> None:
    lines = [line(bank_reference="1"), line(bank_reference="2")]
    assert reasons(lines, [item()]) == ["several_lines", "several_lines"]


def test_without_a_reference_sums_are_proposed() -> None:
    items = [
        item("a", 100),
        item("b", 250, due_ms=(DAY + 1) * DAY_MS),
        item("c", 900, due_ms=(DAY + 2) * DAY_MS),
    ]
    assert matched([line(amount=350)], items)[0].allocations == (("a", 100), ("b", 250))
    assert matched([line(amount=1_150)], items)[0].allocations == (("b", 250), ("c", 900))
    assert reasons([line(amount=1_151)], items) == ["nothing_alike"]


def test_two_payments_that_make_one_item_are_proposed_together() -> None:
    lines = [line(amount=20_000), line(amount=30_000)]
    found = matched(lines, [item()])
    assert [one.reason for one in found] == ["two_lines", "two_lines"]
    assert [one.allocations for one in found] == [(("a", 20_000),), (("a", 30_000),)]


@pytest.mark.parametrize(
    ("days", "reason"), [(WINDOW_DAYS, "payer_and_amount"), (WINDOW_DAYS + 1, "payer_owes_nothing")]
)
def test_likeness_counts_within_the_window_only(days: int, reason: str) -> None:
    for day in (DAY - days, DAY + days):
        assert reasons([line(value_day=day)], [item()]) == [reason]


def test_a_slip_that_fits_two_references_names_both() -> None:
    near = NearReferences({one.reference: one for one in (item("a"), item("b"))})
    reference = reference_of("a")
    assert [one.name for one in near.search("X" + reference[:9] + reference[10:] + "Y")] == ["a"]
    assert near.search("RF00" + "0" * 16) == []


@given(st.text("AB01", max_size=12), st.text("AB01", min_size=1, max_size=6))
def test_slips_are_the_fewest_edits_to_any_part(text: str, reference: str) -> None:
    def distance(one: str, other: str) -> int:
        row = list(range(len(other) + 1))
        for i, a in enumerate(one, 1):
            row, above = [i], row
            for j, b in enumerate(other, 1):
                row.append(min(above[j - 1] + (a != b), above[j] + 1, row[j - 1] + 1))
        return row[-1]

    parts = [text[i:j] for i in range(len(text) + 1) for j in range(i, len(text) + 1)]
    assert slips_in(reference, text) == min(distance(reference, part) for part in parts)


@given(st.lists(st.integers(0, 30), max_size=8), st.integers(1, 60))
def test_sums_add_up_or_are_not_told(amounts: list[int], wanted: int) -> None:
    named_amounts = [(str(at), amount) for at, amount in enumerate(amounts)]
    found = sums(named_amounts, wanted)
    assert not found or sum(dict(named_amounts)[name] for name in found) == wanted
    assert len(set(found)) == len(found) != 1


@given(
    st.lists(
        st.tuples(st.text(max_size=30), st.integers(1, 10**15), st.sampled_from(["in", "out"]), st.booleans())
    )
)
def test_any_lines_are_listed_once_each_and_none_is_lost(told: list[tuple[str, int, str, bool]]) -> None:
    lines = [line(text, amount, direction=way, reversal=back) for text, amount, way, back in told]
    found = matched(lines, [item("a"), item("b", 7)])
    assert [one.line.text for one in found] == [one.text for one in lines]
    assert {one.reason for one in found} <= set(REASONS)
