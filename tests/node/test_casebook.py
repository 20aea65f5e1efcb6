"""Cases on file: none crowds out another, each halts its own member, a member's word puts one aside."""

from pathlib import Path

import pytest

from hansa.apps.consortium.handovers import Handover
from hansa.client.case import Case, Difference
from hansa.client.texts import Text
from hansa.kernel import encode
from hansa.kernel.apply import BlockLeaf
from hansa.kernel.canonical import decode_strict
from hansa.kernel.evidence import Header, Inclusion, Proof, SignedHeader
from hansa.node import casebook as casebooks
from hansa.node import errors_follower as errors
from hansa.node.casebook import Casebook, SetAside
from tests.consortium import VirtualClock

TEXT = Text("文字", "text")


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def book(tmp_path: Path, clock: VirtualClock) -> Casebook:
    return Casebook(tmp_path, "plant", clock)


def again(book: Casebook, clock: VirtualClock) -> Casebook:
    """After a restart."""
    return Casebook(book.folder, "plant", clock)


def signed(height: int, mark: int = 0) -> SignedHeader:
    header = Header(chain="0" * 64, height=height, time_ms=1, app_hash=f"{mark:064x}")
    return SignedHeader(header=header, suite=1, signature=b"s")


def handover() -> Handover:
    block = BlockLeaf(
        height=1, time_ms=1, transactions_root="0" * 64, outcomes_root="0" * 64, events_root="0" * 64,
        state_digest="0" * 64,
    )  # fmt: skip
    one = Inclusion(index=0, size=1)
    event = Proof(kind="event", item=b"", within_block=one, block=block, within_log=one)
    return Handover(event=event, head=signed(1))


def files(book: Casebook) -> list[str]:
    return sorted(path.name for path in book.folder.iterdir())


def test_a_thousand_notes_crowd_out_nothing(book: Casebook, clock: VirtualClock) -> None:
    for height in range(1, 1_100):
        clock.advance(minutes=2)
        book.report("note", height, TEXT, "bank", headers=(signed(height),))
        book.report("clock", height, TEXT, "maker")
    assert files(book) == ["clock-maker.json", "note-bank.json"]
    assert [case.height for _, case in book.all()] == [1_099, 1_099]
    assert book.halt() == ""
    book.report("two_histories", 5, TEXT, against="maker", headers=(signed(5), signed(5, 1)))
    assert book.halt("maker").endswith("two_histories-000000000005.json")
    assert book.halt("bank") == ""


def test_a_note_is_written_at_most_once_a_minute(book: Casebook, clock: VirtualClock) -> None:
    book.report("note", 1, TEXT, "bank")
    clock.advance(ms=casebooks.NOTE_EVERY_MS - 1)
    book.report("note", 2, TEXT, "bank")
    assert [case.height for _, case in book.all()] == [1]
    book.report("note", 3, TEXT, "plant")
    clock.advance(ms=1)
    book.report("note", 4, TEXT, "bank")
    assert sorted(case.height for _, case in book.all()) == [3, 4]
    clock.advance(ms=-600_000)  # Set back: it does not keep the next one out for so long.
    book.report("note", 5, TEXT, "bank")
    assert sorted(case.height for _, case in book.all()) == [3, 5]


def test_accusing_cases_are_bounded_for_each_kind_and_member_and_halt_for_ever(
    book: Casebook, clock: VirtualClock
) -> None:
    for height in range(1, casebooks.CASES_MAX + 11):
        book.report("dropped", height, TEXT, against="maker", headers=(signed(height),))
    assert book.left_out == 10
    book.report("dropped", 1, TEXT, against="plant", headers=(signed(1, 1),))
    book.report("difference", 1, TEXT, against="maker", headers=(signed(1),))
    book.report("own_disk", 1, TEXT)
    kinds = [case.kind for _, case in book.all()]
    assert [kinds.count(kind) for kind in ("dropped", "difference", "own_disk")] == [
        casebooks.CASES_MAX + 1,
        1,
        1,
    ]
    for each in (book, again(book, clock)):
        for member in ("maker", "plant"):
            assert each.accused(member) is not None
            assert each.accused(member).against == member  # type: ignore[union-attr]


def test_each_member_answers_for_itself_and_the_own_disk_for_all(book: Casebook) -> None:
    book.report("difference", 4, TEXT, against="maker", headers=(signed(4),))
    assert (bool(book.halt("maker")), bool(book.halt("plant")), bool(book.halt())) == (True, False, True)
    assert book.accused("plant") is None
    assert book.accused() is not None
    book.report("own_disk", 9, TEXT)
    assert book.halt("plant").endswith("own_disk-000000000009.json")
    assert book.halt("maker").endswith("own_disk-000000000009.json")


def test_other_evidence_of_the_same_place_has_a_file_of_its_own(book: Casebook, clock: VirtualClock) -> None:
    first = book.report("two_histories", 5, TEXT, against="maker", headers=(signed(5), signed(5, 1)))
    clock.advance(minutes=1)
    refined = book.report(
        "two_histories", 5, Text("更", "more"), against="maker", headers=(signed(5), signed(5, 1))
    )
    assert refined.found_ms == first.found_ms
    book.report("two_histories", 5, TEXT, against="maker", headers=(signed(5), signed(5, 2)))
    assert files(book) == ["two_histories-000000000005-2.json", "two_histories-000000000005.json"]
    assert decode_strict((book.folder / files(book)[1]).read_bytes(), Case) == refined


def test_a_difference_that_is_known_better_is_the_same_case(book: Casebook) -> None:
    for what in ("state", "record"):
        found = Difference(height=5, what=what)  # type: ignore[arg-type]
        book.report("difference", 5, TEXT, against="maker", headers=(signed(5),), difference=found)
    assert files(book) == ["difference-000000000005.json"]
    [(_, case)] = book.all()
    assert case.difference is not None
    assert case.difference.what == "record"


# A member's word.


def test_a_case_put_aside_halts_no_more_and_stays(book: Casebook, clock: VirtualClock) -> None:
    both = (signed(5), signed(5, 1))
    book.report("two_histories", 5, TEXT, against="maker", headers=both)
    name = files(book)[0]
    before = (book.folder / name).read_bytes()
    clock.advance(minutes=7)
    book.set_aside(name, "li")
    clock.advance(minutes=1)
    for each in (book, again(book, clock)):
        assert each.halt() == each.halt("maker") == ""
        assert each.accused() is None
        [(path, _)] = each.all()
        word = each.word_on(path)
        assert word is not None
        assert (word.person, word.by, word.at_ms) == ("li", "plant", clock() - 60_000)
        # Shown by the next peer that has it, it is still put aside.
        each.report("two_histories", 5, Text("另", "other"), against="maker", headers=both)
        assert each.halt() == ""
        assert (book.folder / name).read_bytes() == before
    # Also once more is known of how its operator came to operate.
    book.report("two_histories", 5, TEXT, against="maker", headers=both, handovers=(handover(),))
    assert book.halt() == ""
    # Something else of the same place is not.
    book.report("two_histories", 5, TEXT, against="maker", headers=(signed(5), signed(5, 2)))
    assert book.halt("maker")


def test_a_difference_put_aside_and_found_again_counts_again(book: Casebook, clock: VirtualClock) -> None:
    told: list[Case] = []
    book._tell = told.append
    book.report("difference", 5, TEXT, against="maker", headers=(signed(5),))
    name = files(book)[0]
    book.set_aside(name, "li")
    assert book.halt() == ""
    clock.advance(minutes=1)
    book.report("difference", 5, TEXT, against="maker", headers=(signed(5),))
    assert len(told) == 2
    for each in (book, again(book, clock)):
        assert each.halt("maker").endswith(name)
        assert each.word_on(name) is None
    word = decode_strict((book.folder / (name + ".aside")).read_bytes(), SetAside)
    assert (word.person, word.again_ms) == ("li", clock())
    book.set_aside(name, "wang")
    assert again(book, clock).halt() == ""


def test_a_word_on_another_file_does_not_count(book: Casebook, clock: VirtualClock) -> None:
    """Somebody swapped the case below it."""
    case = book.report("dropped", 5, TEXT, against="maker", headers=(signed(5),))
    name = files(book)[0]
    book.set_aside(name, "li")
    (book.folder / name).write_bytes(encode(Case(**{f: getattr(case, f) for f in case.__struct_fields__} | {
        "headers": (signed(5, 1),)})))  # fmt: skip
    assert again(book, clock).halt("maker")


def test_those_put_aside_leave_room_for_new_ones(
    book: Casebook, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(casebooks, "CASES_MAX", 2)
    for height in (1, 2):
        book.report("dropped", height, TEXT, against="maker", headers=(signed(height),))
    for name in files(book):
        book.set_aside(name, "li")
    assert book.halt() == ""
    book.report("dropped", 3, TEXT, against="maker", headers=(signed(3),))
    assert book.halt("maker").endswith("dropped-000000000003.json")


@pytest.mark.parametrize("name", ["nothing.json", "../node.key", "note-bank.json", ""])
def test_only_a_case_that_halts_can_be_put_aside(book: Casebook, name: str) -> None:
    book.report("note", 1, TEXT, "bank")
    book.report("own_disk", 1, TEXT)
    with pytest.raises(errors.CaseUnknown) as refused:
        book.set_aside(name, "li")
    assert "own_disk-000000000001.json" in refused.value.en


def test_a_broken_word_is_named_as_a_broken_case_is(book: Casebook, clock: VirtualClock) -> None:
    book.report("own_disk", 1, TEXT)
    book.set_aside(files(book)[0], "li")
    (book.folder / (files(book)[0] + ".aside")).write_bytes(b"{")
    with pytest.raises(errors.CaseFileBroken):
        again(book, clock)
