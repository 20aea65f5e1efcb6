"""Lists of the room: whole or refused, never cut off unsaid; open proposals are found however many ended."""

from typing import Any

import pytest

from hansa.apps.consortium import queries
from hansa.apps.consortium.messages_votes import Propose, RecoverMember, SetParameter, Suspend, Vote, Withdraw
from hansa.kernel import Refusal, limits
from tests.apps.ballots import admit, company, decide, status
from tests.consortium import MEMBERS, Consortium, new_key

DAYS = SetParameter(name="ballot_days", value=30)
ASKED: list[tuple[str, dict[str, Any], str]] = [
    ("members", {}, ""),
    ("proposals", {}, "id"),
    ("proposals", {"state": "open"}, "id"),
    ("votes", {"proposal": "p-0"}, "member"),
    ("keys_of", {"member": "plant"}, ""),
    ("keys_expiring", {"days": 400}, "key"),
]


@pytest.fixture
def full(consortium: Consortium) -> Consortium:
    """Four members, four open proposals, three votes on the first, five keys of plant."""
    for n in range(4):
        consortium.do("maker", Propose(proposal=f"p-{n}", subject=DAYS))
    for member, yes in (("maker", True), ("bank", False), ("plant", True)):
        consortium.do(member, Vote(proposal="p-0", yes=yes))
    consortium.do("plant", *(consortium.key("plant", f"a{n}") for n in range(3)))
    return consortium


@pytest.mark.parametrize(("name", "arguments", "by"), ASKED, ids=lambda value: str(value))
def test_a_list_is_whole_or_refused_and_told_in_pages(
    full: Consortium, monkeypatch: pytest.MonkeyPatch, name: str, arguments: dict[str, Any], by: str
) -> None:
    whole = full.query(f"consortium.{name}", **arguments)
    assert len(whole) >= 3
    monkeypatch.setattr(queries, "LISTED_MAX", 2)
    with pytest.raises(Refusal) as refused:
        full.query(f"consortium.{name}", **arguments)
    assert (refused.value.code, refused.value.field) == ("consortium.list_too_long", "limit")
    assert full.query(f"consortium.{name}", limit=2, **arguments) == whole[:2]
    assert len(full.query(f"consortium.{name}", limit=99, **arguments)) == 2
    if name == "keys_expiring":
        return  # In order of time: it has no `after`.
    pages, page = [], whole[:0]
    while not pages or page:
        after = (page[-1][by] if by else page[-1][0]) if page else ""
        page = full.query(f"consortium.{name}", limit=2, after=after, **arguments)
        pages += page or [None]
    assert pages[:-1] == whole


def test_open_proposals_are_found_however_many_have_ended(
    full: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their index, not by looking through all that there ever were."""
    for n in range(30):
        full.do("bank", Propose(proposal=f"done-{n}", subject=DAYS), Withdraw(proposal=f"done-{n}"))
    new = new_key(full.node.chain.id, "bank", "k9")
    decide(full, RecoverMember(member="bank", revoke=("k1",), keys=(new,)), "maker", "plant", proposal="r")
    monkeypatch.setattr(limits, "SCANNED_MAX", 12)
    assert [row["id"] for row in full.query("consortium.proposals", state="open")] == [
        "p-0", "p-1", "p-2", "p-3",
    ]  # fmt: skip
    assert [row["id"] for row in full.query("consortium.proposals", state="notice")] == ["r"]
    with pytest.raises(Refusal) as refused:
        full.query("consortium.proposals", state="withdrawn")
    assert refused.value.code == "kernel.over_budget"


def test_who_is_suspended_counts_among_the_members_that_there_can_be(
    consortium: Consortium, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be reinstated, and then there would be too many."""
    monkeypatch.setattr(limits, "MEMBERS_MAX", len(MEMBERS))
    decide(consortium, Suspend(member="bank"), "maker", "plant", proposal="p-0")
    assert status(consortium, "bank") == "suspended"
    asked = admit(consortium, company=company(8))
    refusal = consortium.refused("maker", Propose(proposal="p-1", subject=asked))
    assert (refusal.code, refusal.field) == ("consortium.members_too_many", "member")
