"""`hansa claim` as a shift leader types it: what would be signed, what the node says, what is listed."""

import hashlib
from pathlib import Path

import pytest

from hansa.apps.billing.claims import open_claims
from hansa.cli.claim import table_of
from hansa.client.texts import Language
from hansa.kernel import limits
from tests.apps.test_attribution import START_MS, at, contest, lease, run, scrap, stop
from tests.cli.shell import Shell

TIME = ("--from", "2026-01-31T08:00+08:00", "--to", "2026-01-31T10:00+08:00")
ABOUT = ("--reason", "power_cut", "--liable", "neither")


def test_what_would_be_signed_is_shown(quick: Shell, tmp_path: Path) -> None:
    report = tmp_path / "report.pdf"
    report.write_bytes(b"the grid was down")
    shown = quick.do(
        "claim", "stop", "g-1", "execution", *TIME, *ABOUT, "--evidence", report, "--dry-run", "--json"
    )
    (action,) = shown.json["body"]["actions"]
    assert action["_type"] == "billing.claim_stop"
    assert action["to_ms"] - action["from_ms"] == 2 * limits.HOUR_MS
    assert action["evidence"] == hashlib.sha256(b"the grid was down").hexdigest()
    assert action["claim"].startswith("c-")
    pieces = ("--pieces", 5, "--claim", "mine")
    shown = quick.do("claim", "scrap", "g-1", "scrap", *TIME, *ABOUT, *pieces, "--dry-run", "--json")
    (action,) = shown.json["body"]["actions"]
    assert (action["pieces"], action["claim"], action["liable"]) == (5, "mine", "neither")


def test_what_is_wrong_is_told(quick: Shell) -> None:
    quick.refused("billing.agreement_unknown", "claim", "stop", "g-9", "execution", *TIME, *ABOUT, "--yes")
    late = ("--from", "yesterday", "--to", "2026-01-31T10:00+08:00")
    quick.refused("cli.value_wrong", "claim", "stop", "g-9", "execution", *late, *ABOUT, "--yes")
    quick.refused("cli.not_found", "claim", "contest", "g-9", "c-1", "--yes")
    quick.refused("cli.not_found", "claim", "withdraw", "g-9", "c-1", "--yes")
    assert quick.do("claim", "list", "g-9", "--json").json == []
    assert quick("claim", "stop", "g-9", "execution", *TIME, "--reason", "x", "--liable", "them").status == 2


@pytest.mark.parametrize(("lang", "answers"), [("zh", "双方均无责"), ("en", "neither answers for it")])
def test_a_list_names_period_and_who_answers(lang: Language, answers: str) -> None:
    ground = lease()
    run(ground)
    ground.do("maker", stop())
    ground.do("plant", contest())
    ground.do("plant", scrap("c-2"))
    table = table_of(ground.ask(open_claims, "g-1"))
    first, second = table.rows
    assert (first[0], first[1], first[3:6], first[8]) == ("c-1", "maker", (at(8), at(10), None), True)
    assert (first[7], table.texts(first, lang)[7]) == ("neither", answers)
    assert (second[0], second[5], second[8], second[10]) == ("c-2", 5, False, START_MS)
    ground.move_to(START_MS + 9 * limits.DAY_MS)
    assert ground.ask(open_claims, "g-1") == []
